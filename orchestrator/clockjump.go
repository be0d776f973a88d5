package orchestrator

import (
	"maps"
	"slices"
	"strings"
)

// foldClock notes that the clock of an instance jumped. Until a person accepts
// it, nothing acts by itself: every limit that is a time may be wrong.
func (p *pass) foldClock(c *ClockJump) {
	m := &p.s.meta
	if m.Jumped == nil {
		m.Jumped = map[string]int64{}
	}
	m.Jumped[c.Instance] = c.Delta
	p.finding(&Finding{Kind: FindClock, Key: c.Instance, Text: "the clock of instance " + c.Instance + " jumped " + jumpText(c.Delta) +
		". Timers and automatic actions of that instance stand still. Put the clock right and restart it, or say `clock accept` if the new time is right"})
}

func jumpText(delta int64) string {
	if delta < 0 {
		return "back by " + span(-delta)
	}
	return "forward by " + span(delta)
}

// commandClock lets a person say that the clocks are right as they are.
func (p *pass) commandClock(c *Command, who Person) {
	m := &p.s.meta
	if c.Args["action"] != "accept" {
		p.refuseCommand(c, "say `clock accept`")
		return
	}
	if len(m.Jumped) == 0 {
		p.reply(c, nil, true, "no clock has jumped; nothing was done")
		return
	}
	names := slices.Sorted(maps.Keys(m.Jumped))
	for _, name := range names {
		p.findingGone(&Finding{Kind: FindClock, Key: name})
	}
	m.Jumped = nil
	if l := p.openIncident(SelfProject, selfEnvironment); l != nil {
		p.line(l, who.ID, "accepted the clock of "+strings.Join(names, ", "))
	}
	p.reply(c, nil, true, "the clock of "+strings.Join(names, ", ")+" counts as it is; timers and automatic actions go on")
}

// jumped says whose clock stands in the way of acting alone.
func (m *Meta) jumped() string {
	return strings.Join(slices.Sorted(maps.Keys(m.Jumped)), ", ")
}
