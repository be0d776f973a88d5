package sentry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// The limits of a call, and what a page of issues holds.
const (
	defaultBase = "https://sentry.io"
	timeout     = 8 * time.Second
	maxBody     = 2 << 20
	perPage     = 100
	// allProjects is what Sentry takes for every project the token may read.
	allProjects = "-1"
	// longest is how far back is asked: plans keep errors for 30 to 90 days.
	longest = 30 * 24 * time.Hour
)

// Options say whose organization is asked.
type Options struct {
	// BaseURL is https://sentry.io when empty; name the region or your own server.
	BaseURL string
	Token   string
	Org     string
	// Project is its numeric id; empty means all that the token may read.
	Project string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// Stats is the action sentry.stats; it is safe for concurrent use.
type Stats struct {
	o   Options
	web *outbound.Client
}

// New makes the action. It connects to nothing.
func New(o Options) (*Stats, error) {
	if o.Token == "" || o.Org == "" {
		return nil, errors.New("sentry: a token and the organization's slug are needed")
	}
	o.BaseURL = strings.TrimSuffix(cmp.Or(o.BaseURL, defaultBase), "/")
	o.Project = cmp.Or(o.Project, allProjects)
	web, err := outbound.New(outbound.Options{Timeout: timeout, AllowPrivate: o.AllowPrivate, MaxBody: maxBody, Logger: o.Logger, Redact: []string{o.Token}})
	if err != nil {
		return nil, fmt.Errorf("sentry: %w", err)
	}
	return &Stats{o: o, web: web}, nil
}

// Actions answers the action by name.
func (s *Stats) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{"sentry.stats": s}
}

// Spec implements orchestrator.Action.
func (s *Stats) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "sentry.stats", Safety: orchestrator.Repeatable, CallTimeout: 30_000,
		Inputs:      []string{"release", "environment?", "since?", "now?"},
		Permissions: []string{"org:read", "project:read", "event:read"},
	}
}

// input is what a call asks for. Times are Unix milliseconds.
type input struct {
	Release     string `json:"release"`
	Environment string `json:"environment"`
	Since       int64  `json:"since"`
	Now         int64  `json:"now"`
}

// output is what Sentry knows: error events of the release since the time, and issues
// that were first seen in it. Value is the number of new issues.
type output struct {
	Events    int64 `json:"events"`
	NewIssues int64 `json:"new_issues"`
	Value     int64 `json:"value"`
	Sample    int64 `json:"sample"`
}

// Do counts once.
func (s *Stats) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in := input{Now: time.Now().UnixMilli()}
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	if !queryable(in.Release) || in.Environment != "" && !queryable(in.Environment) {
		return orchestrator.Output{}, orchestrator.Permanent(fmt.Errorf("sentry.stats: %.100q cannot be a release", in.Release))
	}
	known, err := s.knows(ctx, in.Release)
	switch {
	case err != nil:
		return orchestrator.Output{Errored: true, Text: err.Error()}, nil //nolint:nilerr // What could not be asked is the reading.
	case !known:
		return orchestrator.Output{NoData: true, Text: "Sentry knows no release " + in.Release + "; its SDK must send the same name"}, nil
	}
	out, err := s.count(ctx, in)
	if err != nil {
		return orchestrator.Output{Errored: true, Text: err.Error()}, nil //nolint:nilerr // What could not be asked is the reading.
	}
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the answer of Sentry: %w", err)
	}
	return orchestrator.Output{Data: data, Text: fmt.Sprintf("%d events and %d new issues of release %s", out.Events, out.NewIssues, in.Release)}, nil
}

// queryable keeps a name from changing the search it stands in.
func queryable(name string) bool {
	return name != "" && len(name) <= 250 && !strings.ContainsAny(name, "\"\\\n\r\t*")
}

func (s *Stats) knows(ctx context.Context, release string) (bool, error) {
	a, err := s.get(ctx, "/releases/"+url.PathEscape(release)+"/", nil)
	if err == nil && a.Status == http.StatusNotFound {
		return false, s.orgExists(ctx)
	}
	return err == nil, refused(a, err)
}

// orgExists tells a release that is not known from an organization that is not.
func (s *Stats) orgExists(ctx context.Context) error {
	a, err := s.get(ctx, "/releases/", url.Values{"per_page": {"1"}})
	if err == nil && a.Status == http.StatusNotFound {
		return fmt.Errorf("asking Sentry: it knows no organization %s, or the token may not read it; look at providers.sentry", s.o.Org)
	}
	return refused(a, err)
}

func (s *Stats) count(ctx context.Context, in input) (output, error) {
	out := output{Sample: 1}
	var err error
	if out.Events, err = s.events(ctx, in); err != nil {
		return out, err
	}
	out.NewIssues, err = s.newIssues(ctx, in)
	out.Value = out.NewIssues
	return out, err
}

// within are the project, environment and time of a search.
func (s *Stats) within(in input, search string) url.Values {
	end := time.UnixMilli(in.Now).UTC()
	start := time.UnixMilli(in.Since).UTC()
	if end.Sub(start) > longest {
		start = end.Add(-longest)
	}
	q := url.Values{"project": {s.o.Project}, "query": {search}, "start": {start.Format("2006-01-02T15:04:05")}, "end": {end.Format("2006-01-02T15:04:05")}, "utc": {"true"}}
	if in.Environment != "" {
		q.Set("environment", in.Environment)
	}
	return q
}

// events counts the error events of the release.
func (s *Stats) events(ctx context.Context, in input) (int64, error) {
	q := s.within(in, `release:"`+in.Release+`"`)
	q.Set("field", "count()")
	q.Set("dataset", "errors")
	a, err := s.get(ctx, "/events/", q)
	if err := refused(a, err); err != nil {
		return 0, err
	}
	var body struct {
		Data []map[string]json.Number `json:"data"`
	}
	if json.Unmarshal(a.Body, &body) != nil || body.Data == nil {
		return 0, errors.New("asking Sentry: the table of events cannot be read")
	}
	if len(body.Data) == 0 {
		return 0, nil
	}
	n, err := body.Data[0]["count()"].Int64()
	if err != nil {
		return 0, errors.New("asking Sentry: the table of events has no count")
	}
	return n, nil
}

// newIssues counts the issues that were first seen in the release. X-Hits has the whole
// number; the list ends at a page.
func (s *Stats) newIssues(ctx context.Context, in input) (int64, error) {
	q := s.within(in, `firstRelease:"`+in.Release+`"`)
	q.Set("limit", strconv.Itoa(perPage))
	a, err := s.get(ctx, "/issues/", q)
	if err := refused(a, err); err != nil {
		return 0, err
	}
	var issues []struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(a.Body, &issues) != nil {
		return 0, errors.New("asking Sentry: the list of issues cannot be read")
	}
	n := int64(len(issues))
	if hits, err := strconv.ParseInt(a.Header.Get("X-Hits"), 10, 64); err == nil {
		n = max(n, hits)
	}
	return n, nil
}

func (s *Stats) get(ctx context.Context, path string, q url.Values) (outbound.Answer, error) {
	u := s.o.BaseURL + "/api/0/organizations/" + url.PathEscape(s.o.Org) + path
	if len(q) > 0 {
		u += "?" + q.Encode()
	}
	a, err := s.web.Do(ctx, outbound.Request{Method: http.MethodGet, URL: u, Header: http.Header{
		"Authorization": {"Bearer " + s.o.Token}, "Accept": {"application/json"},
	}})
	if err != nil {
		return a, fmt.Errorf("asking Sentry: %w", err)
	}
	return a, nil
}

// refused says why an answer is none, in Sentry's own words. It says with every answer
// when its limits begin anew, and not always with Retry-After.
func refused(a outbound.Answer, err error) error {
	if err != nil || a.Status == http.StatusOK {
		return err
	}
	var body struct {
		Detail any `json:"detail"`
	}
	_ = json.Unmarshal(a.Body, &body) // A proxy's page has no detail.
	detail := ""
	if body.Detail != nil {
		detail = fmt.Sprintf(": %.200v", body.Detail)
	}
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Errorf("asking Sentry: it answered %d%s; the token needs org:read, project:read and event:read", a.Status, detail)
	case http.StatusTooManyRequests:
		if reset, err := strconv.ParseFloat(a.Header.Get("X-Sentry-Rate-Limit-Reset"), 64); err == nil {
			detail = "; its limit begins anew at " + time.Unix(int64(reset), 0).UTC().Format("15:04:05 UTC")
		}
		return errors.New("asking Sentry: it puts us off, 429" + detail)
	}
	return fmt.Errorf("asking Sentry: it answered %d%s", a.Status, detail)
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (s *Stats) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "counting only looks"}, nil
}

// Plan implements orchestrator.Action.
func (s *Stats) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	var in input
	if err := c.Input(&in); err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Count events and new issues of release " + in.Release + " at Sentry"}, nil
}
