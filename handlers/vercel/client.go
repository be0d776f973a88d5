package vercel

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	defaultBaseURL = "https://api.vercel.com"
	probeTimeout   = 4 * time.Second
)

// Options say whom to call and as whom.
type Options struct {
	// BaseURL of the REST API; empty means https://api.vercel.com.
	BaseURL string
	// Token is a Vercel access token; it is sent to BaseURL only.
	Token string
	// Team is a team id (team_…) or a slug; empty means the token's own account.
	Team string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// ProbeBase, when set, is asked instead of the domains themselves, with the
	// domain as Host: for a stand-in whose domains resolve nowhere.
	ProbeBase string
	// Timeout bounds one exchange with the API; 0 means 8 s, at most 15 s.
	Timeout time.Duration
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
	// Now is the clock that alias requests are compared with; nil is time.Now.
	Now func() time.Time
	// Keep puts evidence aside, secrets masked, and says under which hash and how long
	// it then is; nil keeps none.
	Keep func(ctx context.Context, data []byte) (hash string, bytes int, err error)
}

// Client talks to Vercel as one team; it is safe for concurrent use.
type Client struct {
	base, probeBase string
	team            string
	token           string
	api, web        *outbound.Client
	now             func() time.Time
	keep            func(ctx context.Context, data []byte) (hash string, bytes int, err error)
}

// New makes a client. It calls nothing; its errors name the option that is wrong.
func New(o Options) (*Client, error) {
	if o.Token == "" {
		return nil, errors.New("vercel: a token is needed; make one under Account Settings, Tokens")
	}
	base := strings.TrimSuffix(cmp.Or(o.BaseURL, defaultBaseURL), "/")
	if u, err := url.Parse(base); err != nil || u.Host == "" {
		return nil, fmt.Errorf("vercel: base address %q is not a URL such as %s", base, defaultBaseURL)
	}
	client := outbound.Options{
		Timeout: min(o.Timeout, 15*time.Second), AllowPrivate: o.AllowPrivate, Logger: o.Logger, Redact: []string{o.Token},
	}
	api, err := outbound.New(client)
	if err != nil {
		return nil, fmt.Errorf("vercel: %w", err)
	}
	client.Timeout = min(cmp.Or(o.Timeout, probeTimeout), probeTimeout)
	web, err := outbound.New(client)
	if err != nil {
		return nil, fmt.Errorf("vercel: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Client{
		base: base, probeBase: strings.TrimSuffix(o.ProbeBase, "/"), team: o.Team, token: o.Token,
		api: api, web: web, now: o.Now, keep: o.Keep,
	}, nil
}

// Actions answers the actions by name: vercel.serving, vercel.evidence,
// vercel.rollback, vercel.promote and vercel.redeploy.
func (c *Client) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		"vercel.serving":  &serving{client: c},
		"vercel.evidence": &evidence{client: c},
		"vercel.rollback": &change{client: c, kind: kindRollback},
		"vercel.promote":  &change{client: c, kind: kindPromote},
		"vercel.redeploy": &redeploy{client: c},
	}
}

// call makes a request of the API with the team and the token.
func (c *Client) call(ctx context.Context, method, path string, query url.Values) (outbound.Answer, error) {
	var body []byte
	if method != http.MethodGet {
		body = []byte("{}") // Vercel's CLI sends this literally, with the comment "required".
	}
	return c.send(ctx, outbound.Request{Method: method, URL: path, Body: body}, query)
}

// send completes a request whose URL is a path and makes it.
func (c *Client) send(ctx context.Context, r outbound.Request, query url.Values) (outbound.Answer, error) {
	c.complete(&r, query)
	return c.api.Do(ctx, r)
}

// complete adds address, team and token to a request whose URL is a path.
func (c *Client) complete(r *outbound.Request, query url.Values) {
	if query == nil {
		query = url.Values{}
	}
	switch {
	case strings.HasPrefix(c.team, "team_"):
		query.Set("teamId", c.team)
	case c.team != "":
		query.Set("slug", c.team)
	}
	r.URL = c.base + r.URL
	if len(query) > 0 {
		r.URL += "?" + query.Encode()
	}
	r.Header = http.Header{"Authorization": {"Bearer " + c.token}}
	if len(r.Body) > 0 {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
}

// ErrDenied is that the token is valid and may not do this.
var ErrDenied = errors.New("the token may not do this")

// denied marks a refusal that is about the token's reach.
type denied struct{ error }

// Is makes errors.Is find ErrDenied.
func (denied) Is(target error) bool { return target == ErrDenied }

// Unwrap keeps what kind of refusal it is.
func (d denied) Unwrap() error { return d.error }

// read gets a resource into v; what says what it is, for errors.
func (c *Client) read(ctx context.Context, what, path string, query url.Values, v any) error {
	a, err := c.call(ctx, http.MethodGet, path, query)
	if err != nil {
		return fmt.Errorf("reading %s from Vercel: %w", what, err)
	}
	if a.Status != http.StatusOK {
		return refused(a, false, "to show "+what)
	}
	if err := json.Unmarshal(a.Body, v); err != nil {
		return fmt.Errorf("reading %s from Vercel: the answer is not what its API describes: %w", what, err)
	}
	return nil
}

// refused says in one sentence what Vercel would not do and what a person can do.
func refused(a outbound.Answer, effect bool, todo string) error {
	said := errorOf(a.Body)
	text := fmt.Sprintf("Vercel refused %s: %s (%d %s)", todo, said.Message, a.Status, said.Code)
	if a.Status >= http.StatusInternalServerError {
		text = fmt.Sprintf("Vercel broke when asked %s: %s (%d %s)", todo, said.Message, a.Status, said.Code)
	}
	err := outbound.Refused(a, effect, text+advice(a.Status))
	if a.Status == http.StatusForbidden && !said.Invalid && !said.Missing {
		return denied{err}
	}
	return err
}

func advice(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; check that the token is valid and belongs to the configured team, and make a new one if it was revoked"
	case http.StatusPaymentRequired:
		return "; the plan does not allow it: on Hobby only the previous deployment can be gone back to, so choose that one, or upgrade"
	case http.StatusNotFound:
		return "; check the project and the deployment in the configured team"
	case http.StatusGone:
		return "; the deployment was deleted: choose another target"
	case http.StatusConflict:
		return "; something else is under way there: look at the project in the dashboard"
	case http.StatusUnprocessableEntity:
		return "; choose a ready production deployment that has served before"
	}
	return ""
}
