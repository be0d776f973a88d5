package slack

import (
	"context"
	"slices"
	"strings"

	api "github.com/slack-go/slack"
)

// Scopes are those the bot token needs, and no others.
func Scopes() []string { return []string{"commands", "chat:write", "im:write", "channels:history"} }

// Granted is what a bot token turned out to be.
type Granted struct {
	// Team and Bot are names, TeamID is the id of the workspace.
	Team, Bot, TeamID string
	// Missing are scopes that are needed and not granted, Extra granted and not needed.
	// Both are empty when Slack did not tell.
	Missing, Extra []string
}

// Check asks whether the token works, what it may do, and whether the bot is in the
// channel for incidents, whose reading is the last thing tried; it posts nothing.
func (c *Client) Check(ctx context.Context) (Granted, error) {
	who, err := c.api.AuthTestContext(ctx)
	if err != nil {
		return Granted{}, refused("trying the bot token", err)
	}
	g := Granted{Team: who.Team, Bot: who.User, TeamID: who.TeamID}
	if told := who.Header.Get("X-OAuth-Scopes"); told != "" {
		has := strings.FieldsFunc(told, func(r rune) bool { return r == ',' || r == ' ' })
		g.Missing, g.Extra = without(Scopes(), has), without(has, Scopes())
	}
	if c.opts.Channel == "" || slices.Contains(g.Missing, "channels:history") {
		return g, nil
	}
	_, err = c.api.GetConversationHistoryContext(ctx, &api.GetConversationHistoryParameters{ChannelID: c.opts.Channel, Limit: 1})
	return g, refused("reading channel "+c.opts.Channel, err)
}

// without are those of all that are not among some.
func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}
