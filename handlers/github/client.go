package github

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Options say whom to call and as whom.
type Options struct {
	// BaseURL of a GitHub Enterprise Server, whose API is under /api/v3/; empty
	// means api.github.com.
	BaseURL string
	// Token is a fine-grained token with Actions: read and write.
	Token string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Timeout bounds one exchange; 0 means 8 s, at most 15 s.
	Timeout time.Duration
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
	// Now is the clock that ages of runs are told by; nil is time.Now.
	Now func() time.Time
	// Keep puts evidence aside, secrets masked, and says under which hash and how long
	// it then is; nil keeps none.
	Keep func(ctx context.Context, data []byte) (hash string, bytes int, err error)
}

// Client talks to GitHub with one token; it is safe for concurrent use.
type Client struct {
	rest *github.Client
	now  func() time.Time
	keep func(ctx context.Context, data []byte) (hash string, bytes int, err error)
}

// New makes a client. It calls nothing; its errors name the option that is wrong.
func New(o Options) (*Client, error) {
	if o.Token == "" {
		return nil, errors.New("github: a token is needed; make a fine-grained one with Actions: read and write")
	}
	out, err := outbound.New(outbound.Options{
		Timeout: min(o.Timeout, 15*time.Second), AllowPrivate: o.AllowPrivate, Logger: o.Logger, Redact: []string{o.Token},
	})
	if err != nil {
		return nil, fmt.Errorf("github: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	bounded := *out.HTTP
	bounded.Transport = &limits{next: out.HTTP.Transport, now: o.Now}
	options := []github.ClientOptionsFunc{github.WithHTTPClient(&bounded), github.WithAuthToken(o.Token)}
	if o.BaseURL != "" {
		if u, err := url.Parse(o.BaseURL); err != nil || u.Host == "" {
			return nil, fmt.Errorf("github: base address %q is not a URL", o.BaseURL)
		}
		options = append(options, github.WithEnterpriseURLs(o.BaseURL, o.BaseURL))
	}
	rest, err := github.NewClient(options...)
	if err != nil {
		return nil, fmt.Errorf("github: making the client: %w", err)
	}
	return &Client{rest: rest, now: o.Now, keep: o.Keep}, nil
}

// Actions answers the actions by name: github.workflow, github.evidence,
// github.migrations and github.revert.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		"github.workflow": &workflow{client: c},
		"github.evidence": &evidence{client: c},

		"github.migrations": &keeps{client: c},
		"github.revert":     &revert{client: c},
	}
}
