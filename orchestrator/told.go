package orchestrator

import (
	"bytes"
	"strconv"
	"strings"
)

// toldAlready is the earlier step of the incident that wrote, or is writing, just this
// to the same people, with nothing said to them since. A plan that leads anew must not
// write to everybody a second time.
func (p *pass) toldAlready(l *loaded, st *Step, node *Node) *Step {
	if !p.v2() || !node.Spec.Chunked {
		return nil
	}
	var last *Step
	for _, other := range l.steps {
		if other == st || other.Chunk > 0 || !other.reached() || audienceOf(other) != audienceOf(st) {
			continue
		}
		if n := p.node(l, other); n == nil || n.Action != node.Action {
			continue
		}
		if last == nil || other.Since >= last.Since {
			last = other
		}
	}
	if last == nil || !bytes.Equal(last.Inputs, st.Inputs) {
		return nil
	}
	return last
}

// reached reports whether anything of the step may have gone out.
func (st *Step) reached() bool {
	switch st.State {
	case StepDone, StepAccepted, StepRunning, StepUnknown:
		return true
	case StepBlocked, StepAwaiting, StepReady, StepWaiting, StepFailed, StepSkipped, StepCancelled:
	}
	return false
}

func audienceOf(st *Step) string {
	var in struct {
		Audience string `json:"audience"`
	}
	_ = decode(st.Inputs, &in)
	return in.Audience
}

// saidBefore ends a step as the earlier one that told the same people the same; what
// comes later, such as the mail that it is over, goes to exactly those.
func (p *pass) saidBefore(l *loaded, st *Step, node *Node, earlier *Step) {
	st.Output = earlier.Output
	when := "is under way"
	if earlier.State == StepDone {
		when = "went out at " + clock(earlier.Since)
	}
	p.finish(l, st, node, "the same "+when+" already, nobody is written to twice")
}

// shownText is what a step that the fold carries out itself would do: of the public
// page, the words that everybody would read.
func (p *pass) shownText(l *loaded, st *Step, node *Node) string {
	var in struct {
		Kind string `json:"kind"`
		Text string `json:"text"`
	}
	if !p.v2() || node.Action != "status.publish" || !decode(st.Inputs, &in) {
		return titled(node)
	}
	return titled(node) + ": " + strconv.Quote(strings.TrimSuffix(or(in.Text, p.publicWords(in.Kind)), "."))
}

// publicWords are what the public page says; the next update is promised for when it is
// really asked of people.
func (p *pass) publicWords(kind string) string {
	text := publicText(kind)
	every := max(1_000, p.timing("update_every", updateEvery))
	if !p.v2() || every == updateEvery {
		return text
	}
	within := plural(int(max(1, every/60_000)), "minute")
	return strings.Replace(text, "20 minutes", within, 1)
}
