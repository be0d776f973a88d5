package flag

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// How soon after setting a switch it is looked at, and for how long the site may go on
// showing it as it was.
const (
	firstLook = 200 * time.Millisecond
	nextLook  = 2 * time.Second
	proveFor  = 2 * time.Minute
)

// Switch is what a component is switched by; it is safe for concurrent use.
type Switch interface {
	// Read says orchestrator.SwitchOff or SwitchOn, or "" for neither.
	Read(ctx context.Context) (string, error)
	// Set makes it so; its errors are those of orchestrator.Action.Do.
	Set(ctx context.Context, to string) error
	// Name is what people know it by, without a secret.
	Name() string
}

// Component is a component that can be switched. Proof is nil when the site shows
// nothing of it.
type Component struct {
	Switch Switch
	Proof  *Page
}

// Components are those of all projects, by project and component.
type Components map[[2]string]Component

// Actions answers flag.off and flag.on.
func (c Components) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{
		orchestrator.FlagOff: &action{all: c, name: orchestrator.FlagOff, to: orchestrator.SwitchOff},
		orchestrator.FlagOn:  &action{all: c, name: orchestrator.FlagOn, to: orchestrator.SwitchOn},
	}
}

type action struct {
	all      Components
	name, to string
}

// one is a component of a call.
type one struct {
	id string
	Component
}

// Spec says what the action is.
func (a *action) Spec() orchestrator.Spec { return orchestrator.FlagSpec(a.name) }

func (a *action) input(c orchestrator.Call) ([]one, error) {
	var in struct {
		Components []string `json:"components"`
	}
	if err := c.Input(&in); err != nil {
		return nil, err
	}
	if len(in.Components) == 0 {
		return nil, orchestrator.Permanent(errors.New("step " + c.Step + " names no component to switch"))
	}
	var out []one
	for _, id := range in.Components {
		found, ok := a.all[[2]string{c.Project, id}]
		if !ok {
			return nil, orchestrator.Permanent(fmt.Errorf("component %q of %s has no switch; write one under its components", id, c.Project))
		}
		out = append(out, one{id, found})
	}
	return out, nil
}

// Do sets what is not so yet. Verify then reads it back.
func (a *action) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	list, err := a.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	for _, o := range list {
		is, err := o.Switch.Read(ctx)
		if err != nil {
			return orchestrator.Output{}, fmt.Errorf("looking at the switch of %s: %w", o.id, err)
		}
		if is == a.to {
			continue
		}
		if err := o.Switch.Set(ctx, a.to); err != nil {
			return orchestrator.Output{}, err
		}
	}
	return orchestrator.Output{Text: "asked " + a.names(list) + " to be " + a.to, Accepted: &orchestrator.Accepted{
		Token: a.to, CheckAfter: firstLook.Milliseconds(), Until: proveFor.Milliseconds(),
	}}, nil
}

// Verify reads every switch back and asks the site.
func (a *action) Verify(ctx context.Context, c orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	list, err := a.input(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	var told []string
	for _, o := range list {
		is, err := o.Switch.Read(ctx)
		switch {
		case err != nil:
			return cannotTell(err), nil
		case is != a.to:
			return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: o.Switch.Name() + " says " + orOther(is)}, nil
		}
		text := o.id + " is " + a.to + " (" + o.Switch.Name() + ")"
		if o.Proof != nil {
			shown, err := o.Proof.Read(ctx)
			if err != nil || shown != a.to {
				return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, CheckAfter: nextLook.Milliseconds(), Text: text + ", and " + o.Proof.Name() + " does not show it yet" + because(err)}, nil
			}
			text += ", and " + o.Proof.Name() + " shows it"
		}
		told = append(told, text)
	}
	data, err := json.Marshal(map[string]any{"components": ids(list), "state": a.to})
	if err != nil {
		return orchestrator.Outcome{}, fmt.Errorf("encoding what was switched: %w", err)
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: strings.Join(told, "; "), Data: data}, nil
}

// Plan reads every switch and says what would change.
func (a *action) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	list, err := a.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	was := map[string]string{}
	var parts []string
	for _, o := range list {
		is, err := o.Switch.Read(ctx)
		if err != nil {
			return orchestrator.Preview{}, fmt.Errorf("looking at the switch of %s: %w", o.id, err)
		}
		was[o.id] = orOther(is)
		parts = append(parts, o.id+" ("+o.Switch.Name()+", now "+orOther(is)+")")
	}
	data, err := json.Marshal(map[string]any{"components": ids(list), "to": a.to, "was": was})
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	return orchestrator.Preview{Text: "Switch " + a.to + " " + strings.Join(parts, ", ") + ". Nothing is deployed or rolled back", Data: data}, nil
}

func (a *action) names(list []one) string {
	var out []string
	for _, o := range list {
		out = append(out, o.Switch.Name())
	}
	return strings.Join(out, ", ")
}

func ids(list []one) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.id)
	}
	return out
}

func cannotTell(err error) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: err.Error()}
}

func orOther(state string) string {
	if state == "" {
		return "neither off nor on"
	}
	return state
}

func because(err error) string {
	if err == nil {
		return ""
	}
	return " (" + err.Error() + ")"
}
