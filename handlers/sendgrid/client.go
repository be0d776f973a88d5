package sendgrid

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/sendgrid/rest"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Blobs keeps bytes beside the log by the hash of their content.
type Blobs interface {
	PutBlob(ctx context.Context, data []byte) (hash string, err error)
	Blob(ctx context.Context, hash string) ([]byte, error)
}

// Asker asks a database for an audience: rows of email, name and language. More rows
// than most is a permanent error, and the only one.
type Asker interface {
	Rows(ctx context.Context, from, to time.Time, most int) ([][]string, error)
}

// Options configure a Client.
type Options struct {
	// BaseURL is where the API is; empty means https://api.sendgrid.com.
	BaseURL string
	// APIKey needs the permission Mail Send and nothing else.
	APIKey string
	// From is a verified sender, FromName the product's name as users know it.
	From, FromName string
	// ReplyTo is an address that people read; empty means nobody does.
	ReplyTo string
	// UnsubscribeGroup is SendGrid's asm group id; 0 means none.
	UnsubscribeGroup int
	// Audiences are the only ones a notice can name.
	Audiences []orchestrator.Audience
	// Ask asks the databases of those audiences that are queries, by their ids.
	Ask map[string]Asker
	// Projects give components their titles in the reader's language.
	Projects []orchestrator.Project
	// Location is the time zone of times in mails; nil means UTC.
	Location *time.Location
	// Blobs keep the recipients and texts of a notice until it was sent.
	Blobs Blobs
	// ChunkSize is how many people one request mails: 1 to 1000, 0 means 1000.
	ChunkSize int
	// AllowPrivate lists the private networks (CIDR) the client may reach.
	AllowPrivate []string
	// Logger gets what went wrong, never a key or an address; nil discards.
	Logger *slog.Logger
}

const (
	// maxChunk is SendGrid's limit of recipients per request.
	maxChunk = 1000
	// callTimeout stays below the action's own, so that the answer to "had it
	// left?" is given by the client and not by a cancelled context.
	callTimeout = 15 * time.Second
)

// Client speaks to SendGrid; it is safe for concurrent use.
type Client struct {
	opts  Options
	rest  *rest.Client
	words *wording
}

// New checks the options; it calls nobody.
func New(o Options) (*Client, error) {
	o.BaseURL = strings.TrimSuffix(cmp.Or(o.BaseURL, "https://api.sendgrid.com"), "/")
	o.ChunkSize = cmp.Or(o.ChunkSize, maxChunk)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Location == nil {
		o.Location = time.UTC
	}
	switch {
	case o.APIKey == "":
		return nil, errors.New("sendgrid: the API key is empty; set providers.sendgrid.api_key")
	case !isAddress(o.From):
		return nil, fmt.Errorf("sendgrid: the sender %q is no e-mail address; set providers.sendgrid.from", o.From)
	case o.ReplyTo != "" && !isAddress(o.ReplyTo):
		return nil, fmt.Errorf("sendgrid: %q is no e-mail address; correct providers.sendgrid.reply_to", o.ReplyTo)
	case o.ChunkSize < 1 || o.ChunkSize > maxChunk:
		return nil, fmt.Errorf("sendgrid: a chunk of %d people is not possible; SendGrid takes 1 to %d", o.ChunkSize, maxChunk)
	case o.Blobs == nil:
		return nil, errors.New("sendgrid: there is no place to keep recipients until they are mailed")
	}
	words, err := loadWording()
	if err != nil {
		return nil, err
	}
	client, err := outbound.New(outbound.Options{
		Timeout: callTimeout, AllowPrivate: o.AllowPrivate, MaxBody: 64 << 10, Logger: o.Logger, Redact: []string{o.APIKey},
	})
	if err != nil {
		return nil, fmt.Errorf("sendgrid: %w", err)
	}
	return &Client{opts: o, rest: &rest.Client{HTTPClient: client.HTTP}, words: words}, nil
}

// Actions are what playbooks can do with this client, by name.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{noticeAction: &notice{c}}
}
