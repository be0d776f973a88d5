package orchestrator

import (
	"strconv"
	"strings"

	"github.com/goccy/go-json"
)

// builtIn reports whether the fold itself carries the action out.
func builtIn(action string) bool {
	switch action {
	case "deployment.verdict", "deployment.hold", "deployment.unhold", "status.publish", "plan.lead", "deployment.clear":
		return true
	}
	return false
}

// runBuiltIn carries an action out whose whole effect is in the state.
func (p *pass) runBuiltIn(l *loaded, st *Step, node *Node) {
	var in struct {
		From       string   `json:"from"`
		Reason     string   `json:"reason"`
		Kind       string   `json:"kind"`
		Text       string   `json:"text"`
		Components []string `json:"components"`
		Playbook   string   `json:"playbook"`
		ChosenIn   string   `json:"chosen_in"`
	}
	if len(st.Inputs) > 0 && !decode(st.Inputs, &in) {
		p.fail(l, st, node, "its inputs have the wrong types")
		return
	}
	inc := l.inc
	switch node.Action {
	case "deployment.verdict":
		v := p.s.verdict(inc.Project, inc.Environment, in.From, p.now)
		v.Weighed = nil // the reasons hold it
		st.Output = encoded(v)
		p.finish(l, st, node, "answer "+v.Answer+targetText(v)+", because "+join(v.Reasons))
	case "deployment.hold":
		env := p.s.Env(inc.Project, inc.Environment)
		if in.Reason == "" {
			in.Reason = inc.Title
		}
		env.Hold = &Hold{N: inc.N, By: IncidentName(inc.N), Reason: in.Reason, Since: p.now, Owner: p.ownerOf(inc)}
		p.s.saveEnv(inc.Project, inc.Environment, env)
		p.finish(l, st, node, "pushes will build and stay staged until this hold is lifted")
		p.sayPinned(l)
	case "deployment.unhold":
		env := p.s.Env(inc.Project, inc.Environment)
		env.Hold = nil
		p.s.saveEnv(inc.Project, inc.Environment, env)
		p.finish(l, st, node, "the hold is lifted")
	case "status.publish":
		p.publish(l, in.Kind, in.Text, in.Components)
		p.finish(l, st, node, in.Kind)
	case "deployment.clear":
		p.clearSuspect(l, st, in.Text)
	case "plan.lead":
		p.leadByStep(l, st, node, in.Playbook, in.ChosenIn)
	}
}

// clearSuspect takes the blame off the suspect: going back would not help. The
// incident goes on without one.
func (p *pass) clearSuspect(l *loaded, st *Step, why string) {
	inc := l.inc
	p.to(l, st, "done", "it is not the cause")
	if inc.Suspect != nil {
		inc.Cleared = inc.Suspect.DeploymentID
		p.line(l, "backout", "I am not rolling back: the deployment to go back to fails in the same way, so "+inc.Cleared+" is not the cause"+suffix(why)+". Nothing has been changed")
	}
	inc.Suspect, inc.PagedAt = nil, 0
	p.cancelSteps(l, "the suspect is not the cause")
	p.lead(l, "respond")
}

// leadByStep lets another playbook lead because a step of this one says so. Who
// chose it counts as having asked for it.
func (p *pass) leadByStep(l *loaded, st *Step, node *Node, playbook, chosenIn string) {
	if p.s.meta.Playbooks[playbook] == "" {
		p.fail(l, st, node, "there is no playbook "+strconv.Quote(playbook))
		return
	}
	p.to(l, st, "done", playbook+" leads")
	for _, asked := range l.steps {
		if asked.ID == chosenIn && asked.Round == st.Round && asked.Approval != nil && len(asked.Approval.Votes) > 0 {
			v := asked.Approval.Votes[len(asked.Approval.Votes)-1]
			l.inc.Requester, l.inc.Reason = v.By, clip(or(v.Reason, "chosen in "+chosenIn), 300)
		}
	}
	p.cancelSteps(l, "playbook "+playbook+" leads now")
	l.inc.PagedAt = 0
	p.lead(l, playbook)
}

func targetText(v Verdict) string {
	if v.Target.ID == "" {
		return ""
	}
	return ", target " + v.Target.ID + " (" + v.Target.Grade + ")"
}

// publish changes what the public page says.
func (p *pass) publish(l *loaded, kind, text string, components []string) {
	inc := l.inc
	p.usersTold(l, kind)
	if len(components) == 0 {
		components = []string{inc.Component}
	}
	for _, c := range components {
		if c == "" {
			c = "all"
		}
		if text == "" {
			text = p.publicWords(kind)
		}
		p.s.save(BucketStatus, joinKey(inc.Project, c), &StatusPost{
			Project: inc.Project, Component: c, Incident: IncidentName(inc.N), Kind: kind, Text: text, At: p.now,
		})
	}
}

func publicText(kind string) string {
	switch kind {
	case "investigating":
		return "We are looking into a problem. The next update comes within 20 minutes."
	case "identified":
		return "We know what is wrong and are putting it right."
	case "monitoring":
		return "It works again. We are watching it."
	case "resolved":
		return "This has been resolved."
	}
	return kind
}

// Status lists what the public page says.
func (s *State) Status() []StatusPost {
	var out []StatusPost
	s.view.Scan(BucketStatus, nil, nil, func(_, v []byte) bool {
		var post StatusPost
		if decode(v, &post) {
			out = append(out, post)
		}
		return true
	})
	return out
}

func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return b
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// attemptKey is the step key: constant over attempts, the idempotency key
// outside.
func attemptKey(logID string, inc *Incident, st *Step) string {
	parts := []string{logID, IncidentName(inc.N), st.ID, strconv.Itoa(st.Round), strconv.Itoa(st.Chunk)}
	if st.Extra != nil { // several of one name: pages, messages to the ops channel
		parts = append(parts, strconv.Itoa(st.Ordinal))
	}
	return hashHex(strings.Join(parts, "\x00"))
}
