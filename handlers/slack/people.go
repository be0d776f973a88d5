package slack

import (
	"context"
	"fmt"

	api "github.com/slack-go/slack"

	"github.com/aimarketplace/backout/orchestrator"
)

// Name is what people call this channel; with Reaches and Page a Client fits
// page.Channel.
func (c *Client) Name() string { return "Slack" }

// Reaches reports whether the configuration has the person's Slack id.
func (c *Client) Reaches(p orchestrator.Person) bool { return p.Slack != "" }

// Page sends a direct message. A page that comes twice does no harm.
func (c *Client) Page(ctx context.Context, p orchestrator.Person, text string) error {
	if p.Slack == "" {
		return orchestrator.Permanent(fmt.Errorf("%s has no Slack id in the configuration", p.ID))
	}
	dm, _, _, err := c.api.OpenConversationContext(ctx, &api.OpenConversationParameters{Users: []string{p.Slack}})
	if err != nil {
		return refused("opening a direct message with "+p.ID, err)
	}
	_, _, err = c.api.PostMessageContext(ctx, dm.ID, plainText(text)...)
	return refused("paging "+p.ID, err)
}

// plainText shows text as it is: nothing in it is a mention or opens a preview.
func plainText(text string) []api.MsgOption {
	return []api.MsgOption{
		api.MsgOptionText(fitted(text, 3000), false), api.MsgOptionParse(false),
		api.MsgOptionDisableLinkUnfurl(), api.MsgOptionDisableMediaUnfurl(),
	}
}
