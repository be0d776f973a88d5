package orchestrator

// SelfProject is the project of incidents about Backout itself: what it finds
// wrong with itself, and events that no project claims. No configuration may use
// the name.
const SelfProject = "backout"

const selfEnvironment = "self"

// The kinds of findings. Each kind pages on its own.
const (
	FindUnrouted = "unrouted"
	FindClock    = "clock"
	FindOverdue  = "overdue"
	FindStuck    = "stuck"
	FindIdle     = "idle"
	FindOwner    = "owner"
	FindPages    = "pages"
	FindPoison   = "poison"
	FindStorm    = "storm"
	FindHold     = "hold"
	FindBlind    = "blind"
	FindSilent   = "silent"
	FindErrored  = "errored"
	FindReadOnly = "read_only"
	FindLoss     = "no_way_back"
)

// How long a kind of finding stays quiet after a page, and after how long
// without a new one its incident ends by itself. Milliseconds.
const (
	unroutedQuiet = dayMS
	findingQuiet  = hourMS
	findingEnds   = dayMS
)

// foldFinding takes in what an instance found wrong with Backout.
func (p *pass) foldFinding(f *Finding) {
	if f.Gone {
		p.findingGone(f)
		return
	}
	p.finding(f)
}

// finding adds to the incident about Backout itself, opens it if there is none,
// and pages once for each kind: a second page for the same thing within the hour
// is how people learn to switch a pager off.
func (p *pass) finding(f *Finding) {
	if !p.v2() {
		return
	}
	l := p.openIncident(SelfProject, selfEnvironment)
	if l == nil || !l.inc.State.Open() {
		l = p.create(&Incident{
			Severity: "warning", Title: clip("Backout needs a look: "+f.Text, 200),
			Project: SelfProject, Environment: selfEnvironment, OpenedBy: "backout", StartedAt: p.now,
		})
	}
	p.countFinding(l, f)
	p.setIncidentTimer(l, p.now+findingEnds)
	quiet := int64(findingQuiet)
	if f.Kind == FindUnrouted {
		quiet = unroutedQuiet
	}
	m := &p.s.meta
	if at, paged := m.Found[f.Kind]; paged && p.now-at < quiet {
		return
	}
	if m.Found == nil {
		m.Found = map[string]int64{}
	}
	m.Found[f.Kind] = p.now
	p.page(l, f.Text)
}

// countFinding notes a finding in the timeline the first time, and counts it.
func (p *pass) countFinding(l *loaded, f *Finding) {
	var sig Signal
	key, found := p.s.findSignal(l.inc, f.sum(), &sig)
	if !found && l.inc.Distinct >= maxSignals {
		return
	}
	if !found {
		sig = Signal{Fingerprint: f.Key, Name: f.Kind, Source: "backout", First: p.now}
		l.inc.Distinct++
	}
	if !sig.Firing {
		p.line(l, "backout", "found: "+f.Text)
	}
	sig.Firing, sig.Last, sig.Summary = true, p.now, clip(f.Text, 300)
	sig.Count++
	p.saveSignal(l, key, &sig)
	p.changed(l)
}

func (p *pass) findingGone(f *Finding) {
	l := p.openIncident(SelfProject, selfEnvironment)
	if l == nil {
		return
	}
	var sig Signal
	key, found := p.s.findSignal(l.inc, f.sum(), &sig)
	if !found || !sig.Firing {
		return
	}
	sig.Firing, sig.Last = false, p.now
	p.saveSignal(l, key, &sig)
	p.line(l, "backout", "gone: "+sig.Summary)
	p.changed(l)
}

// sum tells a finding apart among the signals of its incident.
func (f *Finding) sum() []byte { return signalSum("backout\x00" + f.Kind + "\x00" + f.Key) }

// Findings lists what Backout finds wrong with itself now.
func (s *State) Findings() []Signal {
	b := s.view.Get(BucketCorr, joinKey(SelfProject, selfEnvironment))
	if len(b) != 8 {
		return nil
	}
	var out []Signal
	s.view.Scan(BucketSignal, b, nil, func(_, v []byte) bool {
		var sig Signal
		if readSignal(v, &sig) && sig.Firing {
			out = append(out, sig)
		}
		return len(out) < maxSignals
	})
	return out
}
