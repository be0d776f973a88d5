package github

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// lookBack is how far back a poll looks. It is shorter than the 7 days for which
	// the fold knows an id, and longer than Backout is usually down.
	lookBack = 24 * time.Hour
	// pollEvery is how often GitHub is asked, for it counts calls.
	pollEvery = time.Minute
	// maxDeployments bounds how many deployments are asked for their statuses.
	maxDeployments = 5
)

// SourceOptions say which repository a Source reads.
type SourceOptions struct {
	// Repo is owner/name.
	Repo   string
	Places Places
	// Clean makes an event's texts fit for the log; nil leaves them as they are.
	Clean func(*orchestrator.Event)
	// Logger is told once what the token may not read; nil is silence.
	Logger *slog.Logger
}

// Source reads one repository, because GitHub sends a webhook once and never
// again: the newest deployments' statuses, the last run of each workflow on the
// default branch, the alerts of secret scanning. It looks back a day. Poll must
// not run twice at once.
type Source struct {
	o           SourceOptions
	client      *Client
	owner, name string
	branch      string
	// refused is what the token may not read.
	refused map[string]bool
}

// Source makes a source of a repository; it calls nothing.
func (c *Client) Source(o SourceOptions) *Source {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{o: o, client: c, refused: map[string]bool{}}
	s.owner, s.name, _ = strings.Cut(o.Repo, "/")
	return s
}

// Name implements orchestrator.Source.
func (s *Source) Name() string { return "github/" + s.o.Repo }

// Every implements orchestrator.Paced.
func (s *Source) Every() time.Duration { return pollEvery }

// Poll implements orchestrator.Source. It makes at most ten calls and answers all of
// the last day each time, under the same ids: what is known already costs no entry,
// and what could not be appended, because another instance owned the work, is not
// lost. What the token may not read is left out, with one line of the log; any other
// error comes with what could be read.
func (s *Source) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	if err := s.lookRepo(ctx); err != nil {
		return nil, err
	}
	since := s.client.now().Add(-lookBack)
	var events []*orchestrator.Event
	var errs []error
	for _, read := range []struct {
		what, needs string
		look        func(context.Context, time.Time) ([]*orchestrator.Event, error)
	}{
		{"deployments", "Deployments: read", s.deployments},
		{"workflow runs", "Actions: read", s.runs},
		{"secret scanning alerts", "Secret scanning alerts: read, and secret scanning switched on", s.leaks},
	} {
		found, err := read.look(ctx, since)
		events = append(events, found...)
		errs = append(errs, s.allowed(ctx, read.what, read.needs, err))
	}
	return s.records(events), errors.Join(errs...)
}

// allowed takes a permission that is missing out of the errors and says it once.
func (s *Source) allowed(ctx context.Context, what, needs string, err error) error {
	if err == nil {
		delete(s.refused, what)
		return nil
	}
	var refused *github.ErrorResponse
	if !errors.As(err, &refused) || refused.Response == nil ||
		refused.Response.StatusCode != http.StatusForbidden && refused.Response.StatusCode != http.StatusNotFound {
		return failed(err, false, "list the "+what+" of "+s.o.Repo)
	}
	if !s.refused[what] {
		s.o.Logger.WarnContext(ctx, "GitHub does not show this to the token; it is not watched until the permission is there",
			"repository", s.o.Repo, "what", what, "needs", needs, "status", refused.Response.StatusCode)
	}
	s.refused[what] = true
	return nil
}

func (s *Source) records(events []*orchestrator.Event) []orchestrator.Record {
	var out []orchestrator.Record
	for _, ev := range events {
		if ev == nil {
			continue
		}
		ev.Origin = "poll/" + source
		if s.o.Clean != nil {
			s.o.Clean(ev)
		}
		out = append(out, orchestrator.Record{Event: ev})
	}
	return out
}

// lookRepo learns the default branch once.
func (s *Source) lookRepo(ctx context.Context) error {
	if s.branch != "" {
		return nil
	}
	repo, _, err := s.client.rest.Repositories.Get(ctx, s.owner, s.name)
	if err != nil {
		return failed(err, false, "show the repository "+s.o.Repo)
	}
	s.branch = repo.GetDefaultBranch()
	return nil
}
