package stripe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v85"

	"github.com/aimarketplace/backout/handlers/outbound"
)

const (
	defaultBaseURL = "https://api.stripe.com"
	// maxAnswer holds a page of 100 events, of which some are long.
	maxAnswer = 16 << 20
)

// Options say whom to call and as whom.
type Options struct {
	// BaseURL of the API; empty means https://api.stripe.com.
	BaseURL string
	// Key is a restricted key that may read events and webhook endpoints, or a
	// secret key.
	Key string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Timeout bounds one exchange; 0 means 8 s, at most 15 s.
	Timeout time.Duration
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// Client asks Stripe as one account; it only reads and is safe for concurrent use.
type Client struct {
	key     string
	api     *stripe.Client
	replace *strings.Replacer
}

// New makes a client. It calls nothing; its errors name the option that is wrong.
func New(o Options) (*Client, error) {
	if o.Key == "" {
		return nil, errors.New("stripe: a key is needed; make a restricted one that may read Events and Webhook Endpoints")
	}
	base := strings.TrimSuffix(cmp.Or(o.BaseURL, defaultBaseURL), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("stripe: base address %q is not a URL such as %s", base, defaultBaseURL)
	}
	out, err := outbound.New(outbound.Options{
		Timeout: min(o.Timeout, 15*time.Second), AllowPrivate: o.AllowPrivate, MaxBody: maxAnswer, Logger: o.Logger, Redact: []string{o.Key},
	})
	if err != nil {
		return nil, fmt.Errorf("stripe: %w", err)
	}
	backends := stripe.NewBackendsWithConfig(&stripe.BackendConfig{
		HTTPClient: out.HTTP, URL: stripe.String(base), MaxNetworkRetries: stripe.Int64(1), EnableTelemetry: new(false),
		LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull}, // what went wrong is in the error
	})
	return &Client{
		key: o.Key, api: stripe.NewClient(o.Key, stripe.WithBackends(backends)), replace: strings.NewReplacer(o.Key, "[redacted]"),
	}, nil
}

// Restricted reports whether the key is a restricted one, by its name: what a
// restricted key may do is written nowhere that it could read.
func (c *Client) Restricted() bool { return strings.HasPrefix(c.key, "rk_") }

// Check reads one event and one webhook endpoint, which is all that the key needs
// to be able to do.
func (c *Client) Check(ctx context.Context) error {
	events := &stripe.EventListParams{ListParams: stripe.ListParams{Limit: stripe.Int64(1)}}
	if err := c.api.V1Events.List(ctx, events).Err(); err != nil {
		return c.refused(err, "the events")
	}
	endpoints := &stripe.WebhookEndpointListParams{ListParams: stripe.ListParams{Limit: stripe.Int64(1)}}
	if err := c.api.V1WebhookEndpoints.List(ctx, endpoints).Err(); err != nil {
		return c.refused(err, "the webhook endpoints")
	}
	return nil
}

// refused says in one sentence what could not be read, why, and what a person can
// do. Stripe's own words may hold a part of the key.
func (c *Client) refused(err error, what string) error {
	said, ok := errors.AsType[*stripe.Error](err)
	if !ok {
		cause := err
		if u, isURL := errors.AsType[*url.Error](err); isURL {
			cause = u.Err // the address has the query in it
		}
		return fmt.Errorf("reading %s from Stripe: %w", what, cause)
	}
	advice := ""
	switch said.HTTPStatusCode {
	case http.StatusUnauthorized:
		advice = "; check providers.stripe.key"
	case http.StatusForbidden:
		advice = "; let the restricted key read Events and Webhook Endpoints"
	case http.StatusTooManyRequests:
		advice = "; the next poll asks again"
	}
	text := fmt.Sprintf("Stripe refused to show %s: %s (%d %s)%s", what, c.replace.Replace(said.Msg), said.HTTPStatusCode, said.Code, advice)
	return outbound.Refused(outbound.Answer{Status: said.HTTPStatusCode}, false, text)
}
