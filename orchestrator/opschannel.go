package orchestrator

import (
	"slices"
	"strconv"
	"strings"
)

// boardN is the number of what is told in the ops channel and belongs to no incident. It
// is past all numbers of incidents, so that no list has it and nobody looks for a gap.
const boardN = 1 << 62

// board carries the messages to the ops channel that belong to no incident: to send one
// is a step like any other. Those that were sent leave it with the next.
func (p *pass) board() *loaded {
	l := p.s.incident(boardN)
	if l == nil {
		return p.s.newIncident(&Incident{
			N: boardN, State: Resolved, Since: p.now, OpenedAt: p.now, OpenedBy: "backout", StartedAt: p.now,
			Severity: "info", Title: "What the ops channel is told", Project: SelfProject, Environment: selfEnvironment,
			Partition: Partition(SelfProject, selfEnvironment, p.s.meta.Partitions),
		})
	}
	l.steps = slices.DeleteFunc(l.steps, func(st *Step) bool {
		if !st.State.Ended() {
			return false
		}
		delete(l.changed, st.StepRef)
		p.s.view.Delete(BucketStep, stepKey(st.StepRef))
		return true
	})
	return l
}

// shownName is the name of an incident, empty for the board.
func (p *pass) shownName(inc *Incident) string {
	if inc.N == boardN {
		return ""
	}
	return IncidentName(inc.N)
}

// toldTimer begins the name of the timer after which the ops channel is told what
// serves, before the place.
const toldTimer = "told/"

// tellAfter is how long after a promotion that is: what is read about a deployment
// (its commit's migrations, its variables) has come in by then.
const tellAfter = 30_000

// tellSoon has the ops channel told whether one could go back from what was promoted
// just now: it is asked at a time when nobody is in a hurry.
func (p *pass) tellSoon(project, env string) {
	e := p.s.Config().environment(project, env)
	if !p.s.Config().Chat || e == nil || e.Kind != KindProduction {
		return
	}
	p.s.view.Put(BucketTimer, timerKey(p.now+tellAfter, 0, 0, toldTimer+project+"/"+env), []byte{1})
}

// tellVerdict tells it, once per deployment, unless an incident does so better, or the
// project is in shadow, where the digest tells all.
func (p *pass) tellVerdict(name string) {
	project, env, _ := strings.Cut(strings.TrimPrefix(name, toldTimer), "/")
	e := p.s.Env(project, env)
	if e.Promoted == "" || e.Told == e.Promoted || p.s.Config().ModeOf(project, AnyAction) == Shadow {
		return
	}
	if l := p.openIncident(project, env); l != nil && l.inc.State.Open() {
		return
	}
	e.Told = e.Promoted
	p.s.saveEnv(project, env, e)
	p.post(p.board(), "What serves, and the way back", p.s.verdictText(project, env, p.now))
}

// verdictText is the verdict for what serves, in a few lines for a chat.
func (s *State) verdictText(project, env string, now int64) string {
	e, v := s.Env(project, env), s.verdictAt(project, env, now)
	text := project + "/" + env + " serves " + e.Promoted + " since " + clock(e.PromotedAt) + ". "
	if v.Target.ID != "" {
		text += "Could go back to " + v.Target.ID + " (" + v.Target.Grade + ", served " + span(v.Target.Served) + "). "
	}
	var also []string
	if n := len(v.Crons); n > 0 {
		also = append(also, plural(n, "cron"))
	}
	if n := len(v.Variables); n > 0 {
		also = append(also, plural(n, "variable"))
	}
	if len(also) > 0 {
		text += "Also reverts: " + list(also, "and") + ". "
	}
	return text + "Answer: " + strings.ToUpper(v.Answer) + ", because " + strings.Join(v.Reasons, "; ") + ". `backout verdict " + project + "` tells the rest"
}

// DigestDue says that the hour of the daily digest has come. Day is the date there,
// such as 2026-11-24; a day is told once.
type DigestDue struct {
	Day string `json:"day"`
}

func (s *State) digestWorth(d *DigestDue) bool { return d.Day > s.meta.DigestDay }

// foldDigest tells the ops channel of the day before, if there is anything to tell. The
// first day of an installation has none before it.
func (p *pass) foldDigest(d *DigestDue) {
	if !p.v2() || !p.s.digestWorth(d) {
		return
	}
	first := p.s.meta.DigestDay == ""
	p.s.meta.DigestDay = d.Day
	if first {
		return
	}
	if text := p.s.digest(p.now); text != "" && p.s.Config().Chat {
		p.post(p.board(), "The last 24 hours", text)
	}
}

// digest is the last day in some sentences: what came, what would have been done in
// shadow, and what waits for an answer. Empty when there was nothing.
func (s *State) digest(now int64) string {
	var parts []string
	if came := s.came(now - dayMS); came != "" {
		parts = append(parts, came)
	}
	if would := s.wouldHaveSince(now - dayMS); would != "" {
		parts = append(parts, would)
	}
	if n := len(s.Findings()); n > 0 {
		parts = append(parts, plural(n, "thing")+" about Backout itself: `backout doctor`")
	}
	return strings.Join(parts, ". ")
}

// maxDigest bounds how many incidents a digest names, maxCame how many it counts.
const (
	maxDigest = 8
	maxCame   = 1000
)

// came tells of the incidents since a time, newest first, and how often each came back.
func (s *State) came(since int64) string {
	var named []string
	n := 0
	for at := s.meta.NextIncident; at > 0 && n < maxCame; at-- {
		inc, _ := s.Incident(at)
		if inc == nil || inc.Project == SelfProject {
			continue
		}
		if inc.OpenedAt < since {
			break
		}
		if n++; n > maxDigest {
			continue
		}
		line := IncidentName(inc.N) + " " + clip(inc.Title, 80) + " (" + string(inc.State)
		if inc.Times > 0 {
			line += ", came back " + plural(inc.Times, "time")
		}
		if inc.Snooze > 0 {
			line += ", snoozed"
		}
		named = append(named, line+")")
	}
	if n == 0 {
		return ""
	}
	more := ""
	if n > len(named) {
		more = " and " + strconv.Itoa(n-len(named)) + " more"
	}
	return plural(n, "incident") + ": " + strings.Join(named, "; ") + more
}

// wouldHaveSince counts what Backout would have done since a time, and asks about what
// nobody has judged.
func (s *State) wouldHaveSince(since int64) string {
	n, open := 0, 0
	last := ""
	for _, w := range s.Shadow("").Entries {
		if w.Decided < since {
			continue
		}
		n++
		if w.Right == "" {
			open++
		}
		last = w.Incident + ": " + clip(w.Text, 200)
	}
	if n == 0 {
		return ""
	}
	text := "would have acted " + plural(n, "time") + ", last " + last
	if open > 0 {
		text += "; " + strconv.Itoa(open) + " wait for your word: `backout shadow report`, then `shadow right|wrong|unclear INC STEP`"
	}
	return text
}
