package slack

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Options configure a Client.
type Options struct {
	// BaseURL is where the Web API is; empty means https://slack.com/api.
	BaseURL string
	// BotToken needs chat:write, im:write and channels:history.
	BotToken string
	// SigningSecret proves that a command or a click came from Slack; without it
	// none is let in.
	SigningSecret string
	// Team is the id of the one workspace that commands and clicks are taken from; "" takes
	// them from every one that the app is installed in.
	Team string
	// Channel is the id of the channel for incidents; the bot must be in it.
	Channel string
	// AllowPrivate lists the private networks the client may reach.
	AllowPrivate []string
	// Logger gets what went wrong, never a token or a text; nil discards.
	Logger *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Client speaks to one Slack workspace; it is safe for concurrent use.
type Client struct {
	opts Options
	api  *api.Client
	http *outbound.Client
}

// callTimeout stays below the 20 s of the actions, with room for a look-up before
// a post.
const callTimeout = 8 * time.Second

// New checks the options; it calls nobody.
func New(o Options) (*Client, error) {
	o.BaseURL = strings.TrimSuffix(cmp.Or(o.BaseURL, "https://slack.com/api"), "/") + "/"
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BotToken == "" {
		return nil, errors.New("slack: the bot token is empty; set providers.slack.bot_token")
	}
	client, err := outbound.New(outbound.Options{
		Timeout: callTimeout, AllowPrivate: o.AllowPrivate, Logger: o.Logger, Redact: []string{o.BotToken, o.SigningSecret},
	})
	if err != nil {
		return nil, fmt.Errorf("slack: %w", err)
	}
	// slack-go repeats nothing by itself, and a post must never be repeated blindly.
	return &Client{
		opts: o, http: client,
		api: api.New(o.BotToken, api.OptionAPIURL(o.BaseURL), api.OptionHTTPClient(client.HTTP)),
	}, nil
}

// Actions are what playbooks and the fold can do with this client, by name.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{updateAction: &update{c}}
}
