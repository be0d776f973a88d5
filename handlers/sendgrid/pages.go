package sendgrid

import (
	"context"
	"fmt"

	"github.com/sendgrid/sendgrid-go/helpers/mail"

	"github.com/aimarketplace/backout/orchestrator"
)

// Mail sends a plain text to one person. Sending it twice is harmless, so a
// caller may repeat after any error that is not permanent.
func (c *Client) Mail(ctx context.Context, to orchestrator.Person, subject, text string) error {
	if !isAddress(to.Email) {
		return orchestrator.Permanent(fmt.Errorf("%s has no e-mail address in the configuration", to.ID))
	}
	m := c.envelope(oneLine(subject, 150))
	p := mail.NewPersonalization()
	p.AddTos(mail.NewEmail(plainName(to.Name), to.Email))
	m.AddPersonalizations(p)
	m.AddContent(mail.NewContent("text/plain", text))
	_, err := c.post(ctx, m)
	return err
}

// PageChannel pages people by e-mail.
type PageChannel struct{ client *Client }

// Pages is this client as a way to page people; it fits page.Channel.
func (c *Client) Pages() PageChannel { return PageChannel{c} }

// Name is what people call this channel.
func (PageChannel) Name() string { return "e-mail" }

// Reaches reports whether the person has an address.
func (PageChannel) Reaches(p orchestrator.Person) bool { return p.Email != "" }

// Page mails the text; its beginning is the subject.
func (ch PageChannel) Page(ctx context.Context, p orchestrator.Person, text string) error {
	return ch.client.Mail(ctx, p, "[page] "+oneLine(text, 120), text+"\n")
}
