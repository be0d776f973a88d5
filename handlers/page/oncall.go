package page

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Channel is one way to reach people; its methods are safe for concurrent use.
type Channel interface {
	// Name is what people call it: "Slack", "e-mail".
	Name() string
	// Reaches reports whether the configuration has an address of the person.
	Reaches(p orchestrator.Person) bool
	// Page tells one person; a page that comes twice does no harm.
	Page(ctx context.Context, p orchestrator.Person, text string) error
}

// Options configure OnCall.
type Options struct {
	Channels []Channel
	// Logger gets pages that could not be sent; nil discards.
	Logger *slog.Logger
}

// OnCall is the action page.oncall; it is safe for concurrent use.
type OnCall struct {
	channels []Channel
	log      *slog.Logger
}

// New makes the action. Without a channel it still runs, and says that nobody
// was told. Two channels of one name are an error: a person could not tell them
// apart in the timeline.
func New(o Options) (*OnCall, error) {
	names := map[string]bool{}
	for _, ch := range o.Channels {
		if names[ch.Name()] {
			return nil, fmt.Errorf("page: there are two paging channels named %s", ch.Name())
		}
		names[ch.Name()] = true
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &OnCall{channels: o.Channels, log: o.Logger}, nil
}

// Actions are what playbooks can do with it, by name.
func (o *OnCall) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{orchestrator.PageAction: o}
}

const (
	// atOnce bounds how many messages are on their way at a time.
	atOnce = 8
	// within leaves time to report before the action's own timeout of 20 s.
	within = 18 * time.Second
)

// Spec is page.oncall: no effect on what users see, so it runs in advise too.
func (o *OnCall) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: orchestrator.PageAction, Safety: orchestrator.Repeatable, CallTimeout: 20_000,
		Inputs: []string{"text", "people?", "roles?"},
	}
}

const noChannel = "no paging channel is configured: nobody was told; set providers.slack or providers.sendgrid"

// Do tells everybody by everything. It is done when each person was reached by at
// least one channel, or at least somebody was; the text then says who was not and
// why. Nobody reached is an error, and trying again is fine.
func (o *OnCall) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	var in orchestrator.PageInputs
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	if len(o.channels) == 0 {
		o.log.WarnContext(ctx, "no paging channel is configured", "incident", c.Incident)
		return orchestrator.Output{Text: noChannel, Data: json.RawMessage(`{"reached":[],"missed":[]}`)}, nil
	}
	if len(in.People) == 0 {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("nobody has the role that is paged; give it to somebody under `people` (policies.page.role)"))
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tallies := o.tell(ctx, in)
	for _, t := range tallies {
		if len(t.failed) > 0 {
			o.log.WarnContext(ctx, "page not delivered", "incident", c.Incident, "person", t.person.ID, "reason", strings.Join(t.failed, "; "))
		}
	}
	return report(tallies)
}

// tally is how one person was told.
type tally struct {
	person orchestrator.Person
	by     []string // channels that took the page
	failed []string // "e-mail: why"
}

// tell pages every person by every channel that knows them, at most atOnce at a time.
func (o *OnCall) tell(ctx context.Context, in orchestrator.PageInputs) []tally {
	outcomes := make([][]error, len(in.People))
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, p := range in.People {
		outcomes[i] = make([]error, len(o.channels))
		for j, ch := range o.channels {
			if !ch.Reaches(p) {
				continue
			}
			all.Go(func() {
				select {
				case slots <- struct{}{}:
					defer func() { <-slots }()
					outcomes[i][j] = ch.Page(ctx, p, in.Text)
				case <-ctx.Done():
					outcomes[i][j] = errors.New("no time left")
				}
			})
		}
	}
	all.Wait()
	tallies := make([]tally, len(in.People))
	for i, p := range in.People {
		tallies[i] = o.tallied(p, outcomes[i])
	}
	return tallies
}

func (o *OnCall) tallied(p orchestrator.Person, outcomes []error) tally {
	t := tally{person: p}
	for j, ch := range o.channels {
		switch err := outcomes[j]; {
		case !ch.Reaches(p):
		case err != nil:
			t.failed = append(t.failed, ch.Name()+": "+err.Error())
		default:
			t.by = append(t.by, ch.Name())
		}
	}
	if len(t.by)+len(t.failed) == 0 {
		t.failed = []string{"no channel has an address of theirs"}
	}
	return t
}

// Verify cannot tell: channels do not say whether a person has read a page.
func (o *OnCall) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "nobody can tell whether the page arrived; paging again does no harm"}, nil
}

// Plan tells who would be paged by what.
func (o *OnCall) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	var in orchestrator.PageInputs
	if err := c.Input(&in); err != nil {
		return orchestrator.Preview{}, err
	}
	if len(o.channels) == 0 {
		return orchestrator.Preview{Text: noChannel}, nil
	}
	var who []string
	for _, p := range in.People {
		var by []string
		for _, ch := range o.channels {
			if ch.Reaches(p) {
				by = append(by, ch.Name())
			}
		}
		if len(by) == 0 {
			by = []string{"nothing, no channel has an address of theirs"}
		}
		who = append(who, called(p)+" by "+strings.Join(by, " and "))
	}
	if len(who) == 0 {
		who = []string{"nobody: nobody has the role that is paged"}
	}
	return orchestrator.Preview{Text: fmt.Sprintf("page %s: %q", strings.Join(who, ", "), in.Text)}, nil
}
