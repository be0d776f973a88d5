package orchestrator

import "slices"

// ChatAction posts an incident's message to the chat, or edits it.
const ChatAction = "chat.update"

// chatStep is the step outside the plan that keeps the message up to date, and
// chatEvery how long it waits between two edits, so that a busy incident does
// not write more often than the chat allows. Milliseconds.
const (
	chatStep    = "chat"
	chatOrdinal = extraOrdinal - 1
	chatEvery   = 1_000
)

// Card is what the chat shows of an incident: the inputs of ChatAction.
type Card struct {
	Incident CardIncident `json:"incident"`
	Waiting  []CardAsk    `json:"waiting,omitempty"`
	Channel  string       `json:"channel,omitempty"`
	TS       string       `json:"ts,omitempty"`
}

// CardIncident is the head of a card.
type CardIncident struct {
	ID           string   `json:"id"`
	Title        string   `json:"title"`
	State        string   `json:"state"`
	Severity     string   `json:"severity"`
	Summary      []string `json:"summary,omitempty"`
	Acknowledged string   `json:"acknowledged,omitempty"`
}

// CardAsk is something people may answer with a click.
type CardAsk struct {
	Step    string `json:"step"`
	Text    string `json:"text"`
	Preview string `json:"preview,omitempty"`
	// Hint says who is asked, until when, and what to type where no button does.
	Hint    string       `json:"hint,omitempty"`
	Choices []CardChoice `json:"choices,omitempty"`
}

// CardChoice is one button.
type CardChoice struct {
	Key  string `json:"key"`
	Text string `json:"text,omitempty"`
}

// showInChat makes the chat step work again when what it shows has changed. It
// runs at the end of every entry, so however the incident changed, the message
// follows.
func (p *pass) showInChat(n uint64) {
	l := p.s.incident(n)
	if l == nil || n == boardN || !p.s.Config().Chat || p.mode(l.inc, "") == Shadow {
		return
	}
	ref := StepRef{N: n, Ordinal: chatOrdinal}
	st := l.step(ref)
	if st == nil {
		st = &Step{StepRef: ref, ID: chatStep, State: StepBlocked, Since: p.now}
		st.Extra = &Node{
			ID: chatStep, Path: chatStep, Title: "Show the incident in the chat", Kind: NodeAction, Action: ChatAction, Ordinal: chatOrdinal,
			Spec: Spec{Name: ChatAction, Safety: Repeatable, CallTimeout: 20_000},
		}
		l.add(st)
		st.Inputs = encoded(p.card(l, st))
		p.ready(l, st, st.Extra, "")
		return
	}
	if st.State != StepDone && st.State != StepFailed {
		return // it will look again when it has ended
	}
	if p.card(l, st).shows(st.Inputs) || !p.to(l, st, "repeat", "the incident changed") {
		return
	}
	st.anew()
	st.Idle = 0
	p.timer(l, st, p.now+chatEvery)
}

// shows reports whether the inputs of an earlier edit show the same.
func (c Card) shows(earlier []byte) bool {
	var old Card
	if !decode(earlier, &old) {
		return false
	}
	old.Channel, old.TS = c.Channel, c.TS
	return slices.Equal(encoded(old), encoded(c))
}

// card draws the incident as it stands. The message is named by what the first
// post returned.
func (p *pass) card(l *loaded, st *Step) Card {
	inc := l.inc
	c := Card{Incident: CardIncident{ID: IncidentName(inc.N), Title: inc.Title, State: string(inc.State), Severity: inc.Severity}}
	if inc.Ack != nil && inc.Ack.Expires > p.now {
		c.Incident.Acknowledged = inc.Ack.By
	}
	if text := p.s.Pinned(inc, l.steps); text != "" && p.v2() {
		c.Incident.Summary = append(c.Incident.Summary, text)
	}
	if inc.Stopped != "" && inc.State.Open() && p.v2() {
		c.Incident.Summary = append(c.Incident.Summary, "Waits for "+p.s.rests(inc))
	}
	if text := p.s.ReadOnlyText(inc.Project, inc.Environment); text != "" {
		c.Incident.Summary = append(c.Incident.Summary, "Read-only: "+text)
	}
	if s := inc.Suspect; s != nil {
		c.Incident.Summary = append(c.Incident.Summary, "Suspect: deployment "+s.DeploymentID+", score "+score(s.Score)+", because "+join(s.Reasons))
	}
	for _, other := range l.steps {
		if node := p.node(l, other); node != nil && other.Chunk == 0 && (other.Extra == nil || other.byWord()) {
			asked := len(c.Waiting)
			c.add(other, node)
			if len(c.Waiting) > asked && p.v2() {
				c.Waiting[asked].Hint = hint(inc.N, other, node)
			}
		}
	}
	var posted struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	if decode(st.Output, &posted) && posted.TS != "" {
		c.Channel, c.TS = posted.Channel, posted.TS
	}
	return c
}

// add draws one step: a question with its answers, or a line for what went on.
func (c *Card) add(st *Step, node *Node) {
	if st.Parked > 0 && st.State != StepUnknown {
		c.Incident.Summary = append(c.Incident.Summary, titled(node)+": "+string(st.State)+". Waits for "+st.Waiting)
	}
	switch st.State {
	case StepAwaiting:
		if ask := askOf(st, node); ask != nil && st.Approval != nil {
			item := CardAsk{Step: st.ID, Text: titled(node) + failedBecause(st)}
			for _, ch := range ask.Choice {
				item.Choices = append(item.Choices, CardChoice{Key: ch.Key, Text: ch.Text})
			}
			c.Waiting = append(c.Waiting, item)
		} else if st.Preview != nil {
			c.Waiting = append(c.Waiting, CardAsk{Step: st.ID, Text: st.Preview.Text, Preview: st.Preview.Hash})
		}
	case StepUnknown:
		c.Incident.Summary = append(c.Incident.Summary, titled(node)+": unknown. Waits for "+st.Waiting)
	case StepDone, StepFailed:
		if node.Spec.Effect || node.Kind == NodeGate || st.State == StepFailed {
			c.Incident.Summary = append(c.Incident.Summary, titled(node)+": "+string(st.State)+suffix(clip(st.Reason, 160)))
		}
	case StepBlocked, StepReady, StepRunning, StepAccepted, StepWaiting, StepSkipped, StepCancelled:
	}
}

// hint says what an open question waits for and until when, and the words that answer
// it: those who read the chat are to see what those at the command line see.
func hint(n uint64, st *Step, node *Node) string {
	text := "Waits for " + st.Waiting
	if ap := st.Approval; ap != nil && ap.Auto {
		text += ". Say `stop " + IncidentName(n) + "` to prevent it, `now " + IncidentName(n) + " " + st.ID + "` not to wait"
	}
	if ask := askOf(st, node); ask != nil && st.Approval != nil && len(ask.Choice) == 0 {
		return text + ". " + askHelp(n, st.ID, ask)
	}
	if st.Preview != nil && st.Preview.Manual != "" {
		text += ". By hand: `" + st.Preview.Manual + "`"
	}
	return text
}

// failedBecause is why a question about a failure is put.
func failedBecause(st *Step) string {
	if !st.Asked || st.Reason == "" {
		return ""
	}
	return " failed: " + st.Reason
}
