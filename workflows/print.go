package workflows

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// Print writes a plan as text for people: every step with its part number, what
// it does, who approves, and how each wait ends.
func Print(w io.Writer, plan *orchestrator.Plan) error {
	p := &printer{plan: plan, out: &bytes.Buffer{}}
	p.linef("%s: %s", plan.Playbook, plan.Title)
	if plan.NeedsSuspect {
		p.linef("starts only with a deployment to blame")
	}
	if plan.Lock {
		p.linef("holds the lock of its environment")
	}
	for i := range plan.Nodes {
		p.node(&plan.Nodes[i])
	}
	if _, err := w.Write(p.out.Bytes()); err != nil {
		return fmt.Errorf("printing the plan %s: %w", plan.Playbook, err)
	}
	return nil
}

type printer struct {
	plan *orchestrator.Plan
	out  *bytes.Buffer
}

// linef adds one line.
func (p *printer) linef(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	p.out.WriteString(strings.TrimRight(text, " ") + "\n")
}

func (p *printer) detail(label, text string) {
	if text != "" {
		p.linef("        %-10s %s", label, text)
	}
}

func (p *printer) node(n *orchestrator.Node) {
	part := " "
	if n.Part > 0 {
		part = strconv.Itoa(n.Part)
	}
	p.linef("")
	p.linef("%3d  %s  %s  %s", n.Ordinal+1, part, n.Path, n.Title)
	p.detail("after", p.names(n.Needs))
	for _, when := range n.When {
		p.detail("when", oneLine(when))
	}
	switch n.Kind {
	case orchestrator.NodeAction:
		p.action(n)
	case orchestrator.NodeAsk:
		p.ask("asks", n.Ask)
	case orchestrator.NodeGate:
		p.gate(n.Gate)
	case orchestrator.NodeJoin:
		p.detail("waits", "for all of them")
	}
	p.failure(n.OnFailure)
	if n.Then != "" {
		p.detail("then", "the incident is "+n.Then)
	}
}

func (p *printer) names(ordinals []int) string {
	var ids []string
	for _, o := range ordinals {
		ids = append(ids, p.plan.Nodes[o].ID)
	}
	return strings.Join(ids, ", ")
}

func (p *printer) action(n *orchestrator.Node) {
	p.detail(actionLabel(n), n.Action+inputs(n.With))
	if n.Spec.Effect {
		p.detail("safety", string(n.Spec.Safety))
	}
	p.detail("approval", approvalText(n.Approve))
	p.detail("timeout", string(n.Timeout))
	if n.Retry.Max > 0 || n.Retry.For != "" {
		p.detail("retries", fmt.Sprintf("%d times in %s", n.Retry.Max, n.Retry.For))
	}
}

// actionLabel tells effects from reads and from what only changes Backout's own
// state.
func actionLabel(n *orchestrator.Node) string {
	switch {
	case n.Spec.Effect:
		return "does"
	case strings.HasPrefix(n.Action, "deployment."):
		return "built in"
	default:
		return "reads"
	}
}

func approvalText(a *orchestrator.Approve) string {
	if a == nil {
		return ""
	}
	var parts []string
	if a.Policy {
		parts = append(parts, "as policy decides")
	}
	if len(a.Roles) > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s", max(1, a.Quorum), strings.Join(a.Roles, ", ")))
	}
	if a.Requester == "excluded" {
		parts = append(parts, "not by the requester")
	}
	if a.Reason {
		parts = append(parts, "with a reason")
	}
	if a.Confirm != "" {
		parts = append(parts, "the name typed back")
	}
	if a.Within != "" {
		parts = append(parts, "within "+string(a.Within))
	}
	if a.Else != "" {
		parts = append(parts, "else "+a.Else)
	}
	return strings.Join(parts, ", ")
}

func (p *printer) ask(label string, a *orchestrator.Ask) {
	end := "else " + a.Else
	if a.Default != "" {
		end += " (" + a.Default + ")"
	}
	p.detail(label, fmt.Sprintf("%s, within %s, %s", strings.Join(a.Roles, ", "), a.Within, end))
	for _, c := range a.Choice {
		text := c.Key + ": " + c.Text
		switch {
		case c.Needs != "":
			text += " [only if " + oneLine(c.Needs) + ": " + c.Refused + "]"
		case c.Refused != "":
			text += " [not available: " + c.Refused + "]"
		}
		p.detail("choice", text)
	}
	for _, c := range a.Checklist {
		p.detail("tick", c)
	}
	if len(a.Typed) > 0 {
		p.detail("typed", strings.Join(a.Typed, ", "))
	}
}

func (p *printer) gate(g *orchestrator.Gate) {
	looksAt := "the signals of the incident"
	if g.Uses != "" {
		looksAt = g.Uses + inputs(g.With)
	}
	p.detail("measures", looksAt)
	p.detail("passes if", oneLine(g.Pass))
	if g.MinSample != "" {
		p.detail("has seen", "at least "+string(g.MinSample))
	}
	p.detail("waits", fmt.Sprintf("every %s, %s in a row, within %s, no data counts as %s", g.Every, g.Consecutive, g.Within, g.NoData))
}

func (p *printer) failure(f orchestrator.OnFailure) {
	switch f.Do {
	case orchestrator.FailAsk:
		p.ask("if failed", f.Ask)
	case orchestrator.FailOpen:
		p.detail("if failed", "open "+f.Open)
	default:
		p.detail("if failed", f.Do)
	}
}

// inputs writes a With in one line.
func inputs(with map[string]any) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(with)) {
		text, ok := with[name].(string)
		if !ok {
			raw, err := json.Marshal(with[name])
			if err != nil {
				raw = []byte("?")
			}
			text = string(raw)
		}
		parts = append(parts, name+" "+oneLine(text))
	}
	if len(parts) == 0 {
		return ""
	}
	return " {" + strings.Join(parts, ", ") + "}"
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
