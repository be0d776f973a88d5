package vercel

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/aimarketplace/backout/orchestrator"
)

// serving is vercel.serving: which deployment each production domain serves.
type serving struct{ client *Client }

type servingInput struct {
	Project    string   `json:"project"`
	Domains    []string `json:"domains"`
	MarkerPath string   `json:"marker_path"`
	MarkerJSON string   `json:"marker_json"`
}

// How a domain's deployment is known: its build said so, or Vercel did.
const (
	byMarker = "marker"
	byAlias  = "alias"
)

// seen is the data of the output.
type seen struct {
	Deployment string            `json:"deployment"`
	Domains    map[string]string `json:"domains"`
	AutoAssign bool              `json:"auto_assign"`
	// Proven: every domain answered, and its build or Vercel's record names its deployment.
	Proven bool              `json:"proven"`
	By     map[string]string `json:"by"`
	// Via has the host a domain leads visitors to; Cached the sign by which its answer
	// came from another cache, so that it proves nothing.
	Via    map[string]string `json:"via,omitempty"`
	Cached map[string]string `json:"cached,omitempty"`
}

// Spec says what the read needs.
func (a *serving) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "vercel.serving", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(),
		Inputs:      []string{"project", "domains", "marker_path?", "marker_json?"},
		Permissions: []string{"a token that may read the project"},
	}
}

// Do looks at Vercel's records and at every domain at once. A domain of which
// neither says anything makes the whole answer errored: not seeing is no verdict.
func (a *serving) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	var in servingInput
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	s, err := a.client.look(ctx, in.Project, in.Domains)
	if err != nil {
		return orchestrator.Output{}, err
	}
	out, unseen, silent := merge(s, in.Domains, a.client.probes(ctx, in))
	if len(unseen) > 0 {
		return orchestrator.Output{Errored: true, Text: "cannot see what serves " + strings.Join(unseen, ", ") +
			": no build marker answers and the project has no alias record; is the domain assigned to it?"}, nil
	}
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what serves %s: %w", in.Project, err)
	}
	return orchestrator.Output{Data: data, Text: tell(out, silent)}, nil
}

// probes asks every domain, at most eight at a time.
func (c *Client) probes(ctx context.Context, in servingInput) []probe {
	found := make([]probe, len(in.Domains))
	var all sync.WaitGroup
	free := make(chan struct{}, 8)
	for i, host := range in.Domains {
		all.Go(func() {
			free <- struct{}{}
			defer func() { <-free }()
			found[i] = c.probe(ctx, host, in.MarkerPath, in.MarkerJSON)
		})
	}
	all.Wait()
	return found
}

// merge prefers what a build says of itself over what Vercel says of it. unseen are
// domains nothing is known of, silent those that do not answer.
func merge(s sight, domains []string, found []probe) (out seen, unseen, silent []string) {
	out = seen{Domains: map[string]string{}, By: map[string]string{}, AutoAssign: s.project.AutoAssign, Proven: len(domains) > 0}
	for i, host := range domains {
		record, recorded := s.domains[host]
		if !recorded {
			record, recorded = s.domains[found[i].via]
		}
		out.note(host, found[i])
		switch {
		case found[i].deployment != "":
			out.Domains[host], out.By[host] = s.base(found[i].deployment), byMarker
		case recorded:
			out.Domains[host], out.By[host] = record, byAlias
		default:
			unseen = append(unseen, host)
		}
		switch {
		case found[i].cached != "":
			out.Proven = false
		case !found[i].reached:
			out.Proven = false
			silent = append(silent, host)
		}
	}
	out.Deployment = same(out.Domains)
	if len(domains) == 0 {
		out.Deployment = s.live
	}
	return out, unseen, silent
}

// note remembers how a domain answered.
func (out *seen) note(host string, p probe) {
	if p.via != "" {
		if out.Via == nil {
			out.Via = map[string]string{}
		}
		out.Via[host] = p.via
	}
	if p.cached != "" {
		if out.Cached == nil {
			out.Cached = map[string]string{}
		}
		out.Cached[host] = p.cached
	}
}

func tell(out seen, silent []string) string {
	text := out.Deployment + " serves every domain"
	if out.Deployment == "" {
		text = "the domains differ: " + sight{domains: out.Domains}.list()
	}
	var word []string
	for host, by := range out.By {
		if by == byAlias {
			word = append(word, host)
		}
	}
	if len(word) > 0 {
		slices.Sort(word)
		text += "; by Vercel's word: " + strings.Join(word, ", ")
	}
	for _, host := range slices.Sorted(maps.Keys(out.Via)) {
		text += "; " + host + " leads to " + out.Via[host]
	}
	for _, host := range slices.Sorted(maps.Keys(out.Cached)) {
		text += "; " + host + " answers from another cache (" + out.Cached[host] + "), which proves nothing: purge it there, and exempt the build marker's path"
	}
	if len(silent) > 0 {
		text += "; no answer from " + strings.Join(silent, ", ")
	}
	return text
}

// Verify is never needed: a read is repeated.
func (a *serving) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "a read changes nothing"}, nil
}

// Plan says what is read.
func (a *serving) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	var in servingInput
	if err := c.Input(&in); err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Read which deployment serves " + strings.Join(in.Domains, ", ")}, nil
}
