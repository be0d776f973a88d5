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

// Name is what people call this channel; with Reaches and Page a Client fits
// page.Channel.
func (c *Client) Name() string { return "e-mail" }

// Reaches reports whether the configuration has the person's address.
func (c *Client) Reaches(p orchestrator.Person) bool { return p.Email != "" }

// Page mails the text; its beginning is the subject.
func (c *Client) Page(ctx context.Context, p orchestrator.Person, text string) error {
	return c.Mail(ctx, p, "[page] "+oneLine(text, 120), text+"\n")
}
