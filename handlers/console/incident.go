package console

import (
	"encoding/json"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Incident is an incident as the API, the CLI and the chat show it.
type Incident struct {
	ID           string                `json:"id"`
	State        string                `json:"state"`
	Since        time.Time             `json:"since"`
	Severity     string                `json:"severity"`
	Title        string                `json:"title"`
	Project      string                `json:"project"`
	Environment  string                `json:"environment"`
	Component    string                `json:"component"`
	OpenedAt     time.Time             `json:"opened_at"`
	OpenedBy     string                `json:"opened_by"`
	Acknowledged *Acknowledged         `json:"acknowledged"`
	Suspect      *orchestrator.Suspect `json:"suspect"`
	Playbook     string                `json:"playbook"`
	PlanHash     string                `json:"plan_hash,omitempty"`
	Firing       int                   `json:"firing"`
	Stopped      string                `json:"stopped,omitempty"`
	WaitingOn    []string              `json:"waiting_on"`
	Waits        []Wait                `json:"waits"`
	// Also are the other projects it has, Upstream what they all depend on; Times is
	// how often it came back, Overflow what was past the budget of its senders.
	Also     []Place `json:"also,omitempty"`
	Upstream string  `json:"upstream,omitempty"`
	Times    int     `json:"times,omitempty"`
	Overflow int     `json:"overflow,omitempty"`
	// Pending is the playbook that leads at ConfirmUntil, or once a second source tells
	// of it.
	Pending      string    `json:"pending,omitempty"`
	ConfirmUntil time.Time `json:"confirm_until,omitzero"`
	SnoozedUntil time.Time `json:"snoozed_until,omitzero"`
	// Clocks are the three times that decisions look at, ClocksText tells them with
	// their limits.
	Clocks     orchestrator.Clocks `json:"clocks"`
	ClocksText string              `json:"clocks_text"`
	// Pinned is what must not be forgotten after a rollback.
	Pinned string `json:"pinned,omitempty"`
	// ReadOnly says that the application may not write, since when and how that ends.
	ReadOnly string `json:"read_only,omitempty"`
	// Changes are the last ones in its environment, since a day before it began.
	Changes []orchestrator.Change `json:"changes,omitempty"`
	// SwitchedOff are the components that are off by it; Offer says how its own could be.
	SwitchedOff []orchestrator.SwitchedOff `json:"switched_off,omitempty"`
	Offer       string                     `json:"switch_offer,omitempty"`
	// Evidence is what was kept of it, the senders' own bodies left out.
	Evidence []Evidence            `json:"evidence,omitempty"`
	Steps    []Step                `json:"steps,omitempty"`
	Signals  []orchestrator.Signal `json:"signals,omitempty"`
	Timeline []Line                `json:"timeline,omitempty"`
}

// Wait is something an incident waits on, since when; Step is empty when it is the
// incident itself that waits.
type Wait struct {
	Step  string    `json:"step,omitempty"`
	For   string    `json:"for"`
	Since time.Time `json:"since"`
}

// Acknowledged says who has it and until when.
type Acknowledged struct {
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires"`
}

// Step is a step as people see it.
type Step struct {
	ID        string          `json:"id"`
	Title     string          `json:"title"`
	Part      int             `json:"part,omitempty"`
	Round     int             `json:"round"`
	State     string          `json:"state"`
	Attempts  int             `json:"attempts"`
	Reason    string          `json:"reason,omitempty"`
	WaitingOn string          `json:"waiting_on,omitempty"`
	Since     time.Time       `json:"since"`
	Answer    string          `json:"answer,omitempty"`
	Preview   *Preview        `json:"preview,omitempty"`
	Ask       *Ask            `json:"ask,omitempty"`
	Output    json.RawMessage `json:"output,omitempty"`
}

// Ask is a question that waits for an answer.
type Ask struct {
	Roles     []string              `json:"roles,omitempty"`
	Choices   []orchestrator.Choice `json:"choices,omitempty"`
	Checklist []string              `json:"checklist,omitempty"`
	Typed     []string              `json:"typed,omitempty"`
}

// Preview is what an approval is bound to.
type Preview struct {
	Hash   string `json:"hash"`
	Text   string `json:"text"`
	Manual string `json:"manual,omitempty"`
}

// Line is a line of the timeline.
type Line struct {
	At    time.Time `json:"at"`
	Actor string    `json:"actor"`
	Text  string    `json:"text"`
}

func at(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// Load reads an incident with its steps and timeline; false when there is none.
func Load(s *orchestrator.State, n uint64) (Incident, bool) {
	inc, steps := s.Incident(n)
	if inc == nil {
		return Incident{}, false
	}
	out := brief(s, inc, steps)
	for _, st := range steps {
		if st.Chunk == 0 {
			out.Steps = append(out.Steps, step(s, inc, st))
		}
	}
	out.Evidence = withoutBodies(keptOf(inc, steps))
	out.Signals = s.Signals(n, 100)
	out.Changes = lastChanges(s, inc)
	out.Timeline = Lines(s, n, 0, 2000)
	return out, true
}

// Lines reads a timeline from line from on.
func Lines(s *orchestrator.State, n uint64, from uint32, limit int) []Line {
	lines := []Line{}
	for _, l := range s.Timeline(n, from, limit) {
		lines = append(lines, Line{At: at(l.At), Actor: l.Actor, Text: l.Text})
	}
	return lines
}

// brief is an incident without its details.
func brief(s *orchestrator.State, inc *orchestrator.Incident, steps []*orchestrator.Step) Incident {
	out := Incident{
		ID: orchestrator.IncidentName(inc.N), State: string(inc.State), Since: at(inc.Since), Severity: inc.Severity,
		Title: inc.Title, Project: inc.Project, Environment: inc.Environment, Component: inc.Component,
		OpenedAt: at(inc.OpenedAt), OpenedBy: inc.OpenedBy, Suspect: inc.Suspect, Playbook: inc.Run().Playbook,
		PlanHash: inc.Run().Plan, Firing: inc.Firing, Stopped: inc.Stopped, WaitingOn: []string{},
	}
	out.known(s, inc)
	out.Clocks = s.Clocks(inc, s.Meta().Now)
	out.ClocksText = out.Clocks.Sentence(s.Config().Policies.Limits.WithDefaults())
	out.Pinned = s.Pinned(inc, steps)
	out.ReadOnly = s.ReadOnlyText(inc.Project, inc.Environment)
	out.SwitchedOff, out.Offer = inc.Off, s.OfferSwitch(inc)
	if a := inc.Ack; a != nil && a.Expires > s.Meta().Now {
		out.Acknowledged = &Acknowledged{By: a.By, At: at(a.At), Expires: at(a.Expires)}
	}
	for _, w := range s.WaitsOn(inc, steps) {
		text := w.For
		if w.Step != "" {
			text = w.Step + ": " + w.For
		}
		out.WaitingOn = append(out.WaitingOn, text)
		out.Waits = append(out.Waits, Wait{Step: w.Step, For: w.For, Since: at(w.Since)})
	}
	return out
}

func step(s *orchestrator.State, inc *orchestrator.Incident, st *orchestrator.Step) Step {
	out := Step{
		ID: st.ID, State: string(st.State), Attempts: st.Tries, Reason: st.Reason, WaitingOn: st.Waiting,
		Since: at(st.Since), Answer: st.Answer, Output: st.Output, Round: st.Round,
	}
	if p := st.Preview; p != nil {
		out.Preview = &Preview{Hash: p.Hash, Text: p.Text, Manual: p.Manual}
	}
	node := s.Node(inc, st)
	if node == nil {
		return out
	}
	out.Title, out.Part = node.Title, node.Part
	if st.State == orchestrator.StepAwaiting {
		out.Ask = question(st, node)
	}
	return out
}

func question(st *orchestrator.Step, node *orchestrator.Node) *Ask {
	ask := node.Ask
	if st.Asked {
		ask = node.OnFailure.Ask
	}
	if ask == nil {
		return nil
	}
	return &Ask{Roles: ask.Roles, Choices: ask.Choice, Checklist: ask.Checklist, Typed: ask.Typed}
}

// List reads the newest incidents, newest first.
func List(s *orchestrator.State, limit int, open bool) []Incident {
	out := []Incident{}
	for n := s.Meta().NextIncident; n > 0 && len(out) < limit; n-- {
		inc, steps := s.Incident(n)
		if inc == nil || (open && !inc.State.Open()) {
			continue
		}
		out = append(out, brief(s, inc, steps))
	}
	return out
}
