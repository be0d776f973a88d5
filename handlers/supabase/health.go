package supabase

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	defaultBase = "https://api.supabase.com"
	healthEvery = time.Minute
	timeout     = 12 * time.Second
	// askFor is how long Supabase itself may take, in milliseconds.
	askFor  = 5000
	maxBody = 256 << 10
)

// Options say whom to ask and as whom.
type Options struct {
	// BaseURL of a stand-in; empty means api.supabase.com.
	BaseURL string
	Token   string
	// Services are what is asked for; empty means db, auth and rest.
	Services []string
	// Every is the pause between two polls; 0 means a minute.
	Every time.Duration
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// Client asks with one token; it is safe for concurrent use.
type Client struct {
	o   Options
	web *outbound.Client
}

// New makes a client. It calls nothing.
func New(o Options) (*Client, error) {
	if o.Token == "" {
		return nil, errors.New("supabase: a token is needed; make an access token that may read projects")
	}
	o.BaseURL = strings.TrimSuffix(cmp.Or(o.BaseURL, defaultBase), "/")
	if len(o.Services) == 0 {
		o.Services = []string{"db", "auth", "rest"}
	}
	web, err := outbound.New(outbound.Options{Timeout: timeout, AllowPrivate: o.AllowPrivate, MaxBody: maxBody, Logger: o.Logger, Redact: []string{o.Token}})
	if err != nil {
		return nil, fmt.Errorf("supabase: %w", err)
	}
	return &Client{o: o, web: web}, nil
}

// Health is the health of one project, read for one environment; it implements
// orchestrator.Source.
type Health struct {
	client            *Client
	project, env, ref string
}

// Health makes the source.
func (c *Client) Health(project, env, ref string) *Health {
	return &Health{client: c, project: project, env: env, ref: ref}
}

// Name implements orchestrator.Source.
func (h *Health) Name() string { return "supabase/" + h.project + "/" + h.env + "/" + h.ref }

// Every is how often it is asked.
func (h *Health) Every() time.Duration { return cmp.Or(h.client.o.Every, healthEvery) }

// Poll implements orchestrator.Source.
func (h *Health) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	r := orchestrator.Reading{
		Kind: orchestrator.ReadSupabase, ID: h.ref, Project: h.project, Environment: h.env,
		Verdict: orchestrator.ReadOK, At: time.Now().UnixMilli(),
	}
	unwell, err := h.client.unwell(ctx, h.ref)
	var no *refused
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		r.Verdict, r.Text, r.Denied = orchestrator.ReadErrored, err.Error(), errors.As(err, &no)
	case unwell != "":
		r.Verdict, r.Text = orchestrator.ReadFailed, unwell
	}
	return []orchestrator.Record{{Reading: &r}}, nil
}

// refused is a token that may not read the project.
type refused struct{ status int }

func (r *refused) Error() string {
	return "Supabase answered " + strconv.Itoa(r.status) + ": the token may not read this project; look at providers.supabase"
}

// service is one line of the answer. Healthy is what Supabase said before Status.
type service struct {
	Name    string `json:"name"`
	Healthy *bool  `json:"healthy"`
	Status  string `json:"status"`
	Error   string `json:"error"`
}

func (s *service) well() bool {
	if s.Status == "" {
		return s.Healthy != nil && *s.Healthy
	}
	return s.Status == "ACTIVE_HEALTHY"
}

// unwell says what is not well, "" when all is; an error when that was not told.
func (c *Client) unwell(ctx context.Context, ref string) (string, error) {
	query := url.Values{"services": c.o.Services, "timeout_ms": {strconv.Itoa(askFor)}}
	a, err := c.web.Do(ctx, outbound.Request{
		Method: http.MethodGet, URL: c.o.BaseURL + "/v1/projects/" + url.PathEscape(ref) + "/health?" + query.Encode(),
		Header: http.Header{"Authorization": {"Bearer " + c.o.Token}, "Accept": {"application/json"}},
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("asking Supabase: %w", err)
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		return "", &refused{a.Status}
	case a.Status != http.StatusOK:
		return "", fmt.Errorf("asking Supabase: it answered %d", a.Status)
	}
	return unwellOf(a.Body, c.o.Services)
}

// unwellOf reads an answer; a service that was asked for and is not in it is no answer.
func unwellOf(body []byte, asked []string) (string, error) {
	var all []service
	if err := json.Unmarshal(body, &all); err != nil {
		return "", errors.New("what Supabase answers is not a list of services")
	}
	var bad []string
	for _, name := range asked {
		i := slices.IndexFunc(all, func(s service) bool { return s.Name == name })
		if i < 0 {
			return "", fmt.Errorf("the service %s is not in what Supabase answers", name)
		}
		if s := &all[i]; !s.well() {
			text := s.Name + " is " + cmp.Or(strings.ToLower(s.Status), "unhealthy")
			if s.Error != "" {
				text += fmt.Sprintf(" (%.100s)", s.Error)
			}
			bad = append(bad, text)
		}
	}
	return strings.ToValidUTF8(strings.Join(bad, ", "), ""), nil
}
