package orchestrator

import (
	"encoding/binary"
	"slices"
	"strings"
)

// sharedWindow is how close together the troubles of two projects must begin to
// be taken for one behind a common upstream. Milliseconds.
const sharedWindow = 10 * 60_000

// signalOf tells a signal apart from the others of an incident. Two projects of one
// incident may send the same fingerprint.
func signalOf(inc *Incident, ev *Event) []byte {
	text := ev.Source + "\x00" + ev.Fingerprint
	if elsewhere(inc, ev) {
		text += "\x00" + ev.Project + "\x00" + ev.Environment
	}
	return signalSum(text)
}

// elsewhere reports whether an event is about another environment than the
// incident's own.
func elsewhere(inc *Incident, ev *Event) bool {
	return inc.Project != ev.Project || inc.Environment != ev.Environment
}

// openOnes are the open incidents, oldest first, at most maxOpenListed.
func (p *pass) openOnes() []*loaded {
	if p.s.open == nil {
		p.s.open = p.findOpen()
	}
	out := make([]*loaded, 0, len(p.s.open))
	for _, n := range p.s.open {
		if l := p.s.incident(n); l != nil {
			out = append(out, l)
		}
	}
	return out
}

// findOpen goes through what environments have; whatever changes that, or the state
// of an incident, clears State.open.
func (p *pass) findOpen() []uint64 {
	var numbers []uint64
	p.s.view.Scan(BucketCorr, nil, nil, func(_, v []byte) bool {
		if len(v) == 8 {
			numbers = append(numbers, binary.BigEndian.Uint64(v))
		}
		return len(numbers) < 4*maxOpenListed
	})
	slices.Sort(numbers)
	open := []uint64{}
	for _, n := range slices.Compact(numbers) {
		if l := p.s.incident(n); l != nil && l.inc.State.Open() && l.inc.Project != SelfProject && len(open) < maxOpenListed {
			open = append(open, n)
		}
	}
	return open
}

// nodes are what an environment cannot work without: what its project depends on
// and, when the component is known, the upstream of that.
func (p *pass) nodes(project, component string) []string {
	pr, ok := p.s.Config().Project(project)
	if !ok {
		return nil
	}
	out := slices.Clone(pr.DependsOn)
	for _, c := range pr.Components {
		if c.ID == component && c.Upstream != "" && !slices.Contains(out, c.Upstream) {
			out = append(out, c.Upstream)
		}
	}
	return out
}

// behindTheSame looks for an open incident of another project that a new trouble
// belongs to, and names the node they have in common: the other project itself, or
// an upstream of both. Only what no deployment is blamed for is joined.
func (p *pass) behindTheSame(ev *Event, rule *Rule) (*loaded, string) {
	if !p.v2() || p.blames(rule.Playbook) {
		return nil, ""
	}
	mine := p.nodes(ev.Project, ev.Component)
	if len(mine) == 0 {
		return nil, ""
	}
	for _, l := range p.openOnes() {
		if l.inc.Project == ev.Project || !leadable(l.inc) || l.inc.Suspect != nil {
			continue
		}
		if node := p.common(l.inc, mine); node != "" {
			return l, node
		}
	}
	return nil, ""
}

// common is the node that an incident shares with what a project depends on.
func (p *pass) common(inc *Incident, mine []string) string {
	if inc.Upstream != "" && slices.Contains(mine, inc.Upstream) {
		return inc.Upstream
	}
	if slices.Contains(mine, inc.Project) {
		return inc.Project
	}
	if p.now-inc.OpenedAt > sharedWindow {
		return ""
	}
	shared := ""
	for _, node := range p.nodes(inc.Project, inc.Component) {
		switch {
		case !slices.Contains(mine, node):
		case p.upstreamOut(node):
			return node
		case shared == "":
			shared = node
		}
	}
	return shared
}

// blames reports whether a playbook needs a deployment to blame.
func (p *pass) blames(playbook string) bool {
	plan := p.s.PlanByHash(p.s.meta.Playbooks[playbook])
	return plan != nil && plan.NeedsSuspect
}

// ownTrouble reports whether a signal of an environment that was joined to the
// incident of another project needs an incident of its own: its own deployment is
// to blame, or the other one is over.
func (p *pass) ownTrouble(l *loaded, ev *Event, rule *Rule) bool {
	if !elsewhere(l.inc, ev) {
		return false
	}
	if !l.inc.State.Open() {
		return l.inc.State != Resolved || p.now-l.inc.Since >= reopenWindow
	}
	return rule != nil && rule.Do == RuleOpen && p.blames(rule.Playbook) && p.s.Env(ev.Project, ev.Environment).Promoted != ""
}

// leave takes a place off an incident; the next one opened there is its own.
func (p *pass) leave(l *loaded, at Place) {
	l.inc.Also = slices.DeleteFunc(l.inc.Also, func(x Place) bool { return x == at })
	p.s.view.Delete(BucketCorr, joinKey(at.Project, at.Environment))
	p.s.open = nil
	if l.inc.State.Open() {
		p.line(l, "backout", at.Project+"/"+at.Environment+" has trouble of its own: a deployment there is the suspect")
	}
	p.changed(l)
}

// joinFrom takes a signal of another project into an incident.
func (p *pass) joinFrom(l *loaded, ev *Event, node string) {
	p.addPlace(l, Place{ev.Project, ev.Environment})
	if l.inc.Upstream == "" && node != l.inc.Project {
		l.inc.Upstream = node
	}
	p.line(l, "backout", ev.Project+"/"+ev.Environment+" fails too; both depend on "+node+", so this is one incident")
	p.join(l, ev)
}

// addPlace makes the incident the one that an environment's signals join.
func (p *pass) addPlace(l *loaded, at Place) {
	if !slices.Contains(l.inc.Also, at) && (at.Project != l.inc.Project || at.Environment != l.inc.Environment) {
		l.inc.Also = append(l.inc.Also, at)
	}
	p.s.view.Put(BucketCorr, joinKey(at.Project, at.Environment), incidentKey(l.inc.N))
	p.s.open = nil
	p.changed(l)
}

// places are all environments of an incident.
func (inc *Incident) places() []Place {
	return append([]Place{{inc.Project, inc.Environment}}, inc.Also...)
}

// commandMerge makes one incident of two: the signals of the first move to the
// second, which goes on.
func (p *pass) commandMerge(c *Command, l *loaded, who Person) {
	into := p.s.incident(ParseIncidentName(c.Args["into"]))
	switch {
	case into == nil && ParseIncidentName(c.Args["into"]) > 0:
		p.refuseCommand(c, "there is no "+IncidentName(ParseIncidentName(c.Args["into"])))
	case into == nil || into == l:
		p.refuseCommand(c, "say into which one: `merge "+IncidentName(l.inc.N)+" INC-n`")
	case !into.inc.State.Open() || !l.inc.State.Open():
		p.refuseCommand(c, "both must be open; "+IncidentName(l.inc.N)+" is "+string(l.inc.State)+" and "+IncidentName(into.inc.N)+" is "+string(into.inc.State))
	case p.halfDone(l) || l.inc.Effects > 0:
		p.refuseCommand(c, IncidentName(l.inc.N)+" has changed something outside; end it by itself, so that what was done stays with its plan")
	default:
		p.merge(l, into, who.ID, "by "+who.ID+suffix(c.Text))
		p.reply(c, into, true, IncidentName(l.inc.N)+" is part of "+IncidentName(into.inc.N)+" now")
	}
}

// merge moves the signals and places of an incident into another one and closes it.
func (p *pass) merge(from, into *loaded, who, why string) {
	for _, sig := range p.s.Signals(from.inc.N, maxSignals) {
		ev := sig.event(from.inc)
		var there Signal
		key, found := p.s.findSignal(into.inc, signalOf(into.inc, &ev), &there)
		if found {
			sig.Count += there.Count
			sig.Raw = addRaw(there.Raw, sig.Raw...)
			sig.Firing = sig.Firing || there.Firing
			into.inc.Firing -= count(there.Firing)
			into.inc.Distinct--
		}
		sig.Project, sig.Environment = "", ""
		if elsewhere(into.inc, &ev) {
			sig.Project, sig.Environment = ev.Project, ev.Environment
		}
		into.inc.Firing += count(sig.Firing)
		into.inc.Distinct++
		p.saveSignal(into, key, &sig)
	}
	into.tally = nil // what was there may count for less now
	if severityRank(from.inc.Severity) > severityRank(into.inc.Severity) {
		into.inc.Severity = from.inc.Severity
	}
	p.moveAlerts(from.inc, into.inc.N)
	p.line(into, who, IncidentName(from.inc.N)+" ("+from.inc.Project+") is part of this: "+why)
	p.handPage(from.inc, into.inc)
	p.move(from, "merge", "part of "+IncidentName(into.inc.N)+", "+why)
	for _, at := range from.inc.places() {
		p.addPlace(into, at)
	}
	p.news(into, &Signal{})
}

// event is what a signal was made of, as far as its identity goes.
func (sig *Signal) event(inc *Incident) Event {
	return Event{
		Source: sig.Source, Fingerprint: sig.Fingerprint, Name: sig.Name, Summary: sig.Summary, Component: sig.Component,
		Project: or(sig.Project, inc.Project), Environment: or(sig.Environment, inc.Environment),
	}
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// moveAlerts hands the alerts of an incident to another one.
func (p *pass) moveAlerts(from *Incident, to uint64) {
	for _, at := range from.places() {
		p.moveAlertsOf(at, from.N, to, func([]byte) bool { return true })
	}
}

func (p *pass) moveAlertsOf(at Place, from, to uint64, which func(key []byte) bool) {
	var keys [][]byte
	p.s.view.Scan(BucketAlert, append(joinKey(at.Project, at.Environment), 0), nil, func(k, v []byte) bool {
		var st alertState
		if decode(v, &st) && st.N == from && which(k) {
			keys = append(keys, append([]byte(nil), k...))
		}
		return true
	})
	for _, k := range keys {
		var st alertState
		if p.s.load(BucketAlert, k, &st) {
			st.N = to
			p.s.save(BucketAlert, k, &st)
		}
	}
}

// takeOut drops a signal of an incident.
func (p *pass) takeOut(l *loaded, ev *Event, sig *Signal) {
	if key, found := p.s.findSignal(l.inc, signalOf(l.inc, ev), &Signal{}); found {
		p.s.view.Delete(BucketSignal, key)
	}
	l.inc.Firing, l.inc.Distinct = l.inc.Firing-count(sig.Firing), l.inc.Distinct-1
	if p.v2() {
		l.inc.Left++
	}
}

// commandSplit takes a project out of an incident it was joined to.
func (p *pass) commandSplit(c *Command, l *loaded, who Person) {
	project, env, _ := strings.Cut(c.Args["project"], "/")
	i := slices.IndexFunc(l.inc.Also, func(at Place) bool {
		return at.Project == project && (env == "" || at.Environment == env)
	})
	if i < 0 {
		var also []string
		for _, at := range l.inc.Also {
			also = append(also, at.Project)
		}
		p.refuseCommand(c, "say which project to take out of "+IncidentName(l.inc.N)+"; it was joined by: "+orNothing(also))
		return
	}
	n := p.split(l, l.inc.Also[i], who.ID, suffix(c.Text))
	p.reply(c, n, true, project+" has "+IncidentName(n.inc.N)+" of its own now")
}

// split makes an incident of what one place has of another incident.
func (p *pass) split(l *loaded, at Place, who, why string) *loaded {
	n := p.create(&Incident{
		Severity: l.inc.Severity, Title: clip("taken out of "+IncidentName(l.inc.N)+": "+l.inc.Title, 200), Project: at.Project, Environment: at.Environment,
		OpenedBy: who, StartedAt: l.inc.StartedAt,
	})
	p.line(n, who, "taken out of "+IncidentName(l.inc.N)+why)
	p.line(l, who, at.Project+" was taken out: "+IncidentName(n.inc.N)+why)
	for _, sig := range p.s.Signals(l.inc.N, maxSignals) {
		if sig.Project != at.Project || sig.Environment != at.Environment {
			continue
		}
		ev := sig.event(l.inc)
		p.takeOut(l, &ev, &sig)
		sig.Project, sig.Environment = "", ""
		key, _ := p.s.findSignal(n.inc, signalOf(n.inc, &ev), &Signal{})
		n.inc.Firing, n.inc.Distinct = n.inc.Firing+count(sig.Firing), n.inc.Distinct+1
		p.saveSignal(n, key, &sig)
	}
	l.tally = nil
	p.moveAlertsOf(at, l.inc.N, n.inc.N, func([]byte) bool { return true })
	l.inc.Also = slices.DeleteFunc(l.inc.Also, func(x Place) bool { return x == at })
	p.changed(l)
	p.lead(n, "respond")
	return n
}

// forgetPlaces takes a closed incident away from the environments it had.
func (p *pass) forgetPlaces(inc *Incident) {
	for _, at := range inc.places() {
		key := joinKey(at.Project, at.Environment)
		if b := p.s.view.Get(BucketCorr, key); len(b) == 8 && binary.BigEndian.Uint64(b) == inc.N {
			p.s.view.Delete(BucketCorr, key)
			p.s.open = nil
		}
	}
}

// upstreamOut reports whether an upstream says of itself that it is out.
func (p *pass) upstreamOut(node string) bool {
	u, ok := p.s.Upstream(node)
	return ok && u.Out
}

// outageSeen makes one incident of those that an upstream's outage explains: the
// oldest goes on, and what a deployment is blamed for stays by itself.
func (p *pass) outageSeen(upstream string) {
	var first *loaded
	for _, l := range p.openOnes() {
		if !leadable(l.inc) || l.inc.Suspect != nil || !slices.Contains(p.nodes(l.inc.Project, l.inc.Component), upstream) {
			continue
		}
		if first == nil {
			first = l
			l.inc.Upstream = upstream
			p.changed(l)
			continue
		}
		p.merge(l, first, "backout", upstream+" is out, and both depend on it")
	}
}
