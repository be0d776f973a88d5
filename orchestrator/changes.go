package orchestrator

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// DeployChanged is a change that is no deployment: a migration, a variable of the
// environment, a cron job, a grant, a flag.
const DeployChanged = "backout.deploy.changed"

// changesKept is how long changes are remembered; changesTold how long before an
// incident they are told of; maxChanges how many are kept of an environment and
// changesShown how many are told. Milliseconds.
const (
	changesKept  = 30 * dayMS
	changesTold  = dayMS
	maxChanges   = 200
	changesShown = 5
)

// Change is one change of an environment.
type Change struct {
	At int64 `json:"at"`
	// Kind is a word such as deployment, migration, environment, cron, grant, flag.
	Kind  string `json:"kind"`
	Title string `json:"title"`
	By    string `json:"by,omitempty"`
}

func changePrefix(project, env string) []byte { return append(joinKey(project, env), 0) }

// changeEvent notes a change that was told.
func (p *pass) changeEvent(ev *Event) (uint64, string) {
	at := ev.Time
	if at == 0 || at > p.now {
		at = p.now
	}
	c := Change{At: at, Kind: or(ev.Labels["kind"], "change"), Title: clip(or(ev.Name, ev.Summary), 200), By: clip(ev.Labels["by"], 60)}
	p.noteChange(ev.Project, ev.Environment, &c)
	return 0, "noted as a change: " + c.sentence(p.now)
}

// noteChange remembers a change, and a rotated secret for good: what was built before
// has the old one.
func (p *pass) noteChange(project, env string, c *Change) {
	key := binary.BigEndian.AppendUint64(changePrefix(project, env), uint64(c.At))
	key = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint64(key, p.seq), uint16(p.idx))
	p.s.save(BucketChange, key, c)
	p.forgetChanges(project, env)
	p.whileOpen(project, env, c.sentence(p.now))
	set := p.s.Settings(project, env)
	switch kind := plainKind(c.Kind); {
	case rotates(kind) && (set.Rotated == nil || set.Rotated.At <= c.At):
		set.Rotated = c
	case kind == "secret kept" && set.Rotated != nil: // it was told by mistake
		set.Rotated = nil
	default:
		return
	}
	p.saveSettings(project, env, &set)
}

// plainKind is a kind however its words are joined.
func plainKind(kind string) string {
	return strings.ToLower(strings.NewReplacer("-", " ", "_", " ").Replace(kind))
}

// rotates reports whether a kind of change is the rotation of a secret.
func rotates(kind string) bool {
	switch kind {
	case "secret", "secret rotation", "secret rotated", "rotation":
		return true
	}
	return false
}

// whileOpen tells an open incident of a change: whoever looks for the cause must
// see it, and whoever makes changes now should not.
func (p *pass) whileOpen(project, env, what string) {
	l := p.openIncident(project, env)
	if l == nil || !l.inc.State.Open() {
		return
	}
	p.line(l, "backout", "changed while this is open: "+what)
	if p.v2() && l.inc.Run().Playbook == "respond" && l.inc.Firing > 0 && l.inc.Confirm == 0 && (l.inc.Ack == nil || l.inc.Ack.Expires <= p.now) {
		p.page(l, what+" while users are failing and nobody has said that this is the fix; `ack "+IncidentName(l.inc.N)+"` says so")
	}
}

// forgetChanges drops what is old or too much.
func (p *pass) forgetChanges(project, env string) {
	var keys [][]byte
	var at []int64
	p.s.view.Scan(BucketChange, changePrefix(project, env), nil, func(k, v []byte) bool {
		var c Change
		if decode(v, &c) {
			keys, at = append(keys, append([]byte(nil), k...)), append(at, c.At)
		}
		return true
	})
	for i, k := range keys {
		if len(keys)-i > maxChanges || p.now-at[i] > changesKept {
			p.s.view.Delete(BucketChange, k)
		}
	}
}

// Changes lists what changed in an environment since a time, newest first,
// deployments that took over among them.
func (s *State) Changes(project, env string, since int64) []Change {
	var out []Change
	s.view.Scan(BucketChange, changePrefix(project, env), nil, func(_, v []byte) bool {
		var c Change
		if decode(v, &c) && c.At >= since {
			out = append(out, c)
		}
		return true
	})
	for _, d := range s.Deployments(project, env) {
		for _, span := range d.Served {
			if span.From >= since {
				out = append(out, Change{At: span.From, Kind: "deployment", Title: strings.TrimSpace(d.ID + " " + shortened(d.Commit))})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Change) int { return cmp.Compare(b.At, a.At) })
	return out
}

func (c *Change) sentence(now int64) string {
	text := c.Kind + " " + c.Title
	if c.By != "" {
		text += " by " + c.By
	}
	return text + " " + span(max(0, now-c.At)) + " ago"
}

// lastChanges says in a sentence what changed before an incident began, or since
// when nothing did.
func (p *pass) lastChanges(inc *Incident) string {
	all := p.s.Changes(inc.Project, inc.Environment, inc.StartedAt-changesTold)
	var told []string
	deployed := false
	for i := range all {
		deployed = deployed || all[i].Kind == "deployment"
		if len(told) < changesShown {
			told = append(told, all[i].sentence(p.now))
		}
	}
	text := "last changes: " + strings.Join(told, "; ")
	if len(told) == 0 {
		text = "nothing is known to have changed in the day before"
	}
	if e := p.s.Env(inc.Project, inc.Environment); !deployed && e.PromotedAt > 0 {
		text += "; no deployment since " + time.UnixMilli(e.PromotedAt).UTC().Format("Mon 2 Jan 15:04 UTC") + ", so there is none to roll back"
	}
	return text
}

// likelyCause tells those who look for it what is known: what changed, what is out,
// what the signals have in common.
func (p *pass) likelyCause(l *loaded) {
	inc := l.inc
	if inc.Run().Playbook != EmergencyPlaybook { // there the way back is no matter of limits
		p.whyNotBack(l)
	}
	p.line(l, "backout", p.lastChanges(inc))
	for _, node := range p.nodes(inc.Project, inc.Component) {
		if text := p.upstreamSays(node); text != "" {
			p.line(l, "backout", text)
		}
	}
	for _, other := range p.openOnes() {
		if other.inc.N != inc.N {
			p.line(l, "backout", IncidentName(other.inc.N)+" is open too: "+other.inc.Project+"/"+other.inc.Environment+" "+other.inc.Title)
		}
	}
}

// upstreamSays is what an upstream says of itself, "" when it has no page.
func (p *pass) upstreamSays(node string) string {
	u, ok := p.s.Upstream(node)
	if !ok || u.At == 0 && u.BlindSince == 0 {
		return ""
	}
	return u.Says()
}

// shortened is a commit as people write it.
func shortened(commit string) string {
	if len(commit) < 40 {
		return commit
	}
	return commit[:shortCommit]
}
