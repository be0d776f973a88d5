package orchestrator

import "strings"

// schemaSays is what the migrations between two deployments answer now; Answer is empty
// where nothing speaks against it.
func (s *State) schemaSays(project, env, from, to string, now int64) Verdict {
	v := Verdict{Reasons: []string{}}
	var a, b *Deployment
	for _, d := range s.newestFirst(project, env) {
		switch d.ID {
		case from:
			a = d
		case to:
			b = d
		}
	}
	if a == nil || b == nil {
		return v
	}
	set := s.Settings(project, env)
	c := crossing{s: s, v: &v, project: project, env: env, from: a, to: b, set: &set, now: now}
	c.migrations()
	return v
}

// schemaNow is that for a step that changes what serves back; empty for any other.
func (p *pass) schemaNow(l *loaded, st *Step, node *Node) Verdict {
	var in struct {
		Expect string `json:"expect_serving"`
		Target string `json:"target"`
	}
	if !p.v2() || !node.Spec.Serving || node.Spec.Forward || !decode(st.Inputs, &in) || in.Target == "" {
		return Verdict{}
	}
	return p.s.schemaSays(l.inc.Project, l.inc.Environment, in.Expect, in.Target, p.now)
}

// noLongerBack refuses an attempt when the old code cannot run on the database by now: a
// migration may have come, or been read, after the verdict was given and approved.
func (p *pass) noLongerBack(l *loaded, st *Step, node *Node) *refusal {
	v := p.schemaNow(l, st, node)
	if v.Answer != VerdictRefuse {
		return nil
	}
	return &refusal{reason: "the verdict is refuse now: " + clip(join(v.Reasons), 600), then: "fail"}
}

// lessSafe says that the verdict the plan went by was safe and no longer is, so that the
// machine must not go by it; "" while it stands.
func (p *pass) lessSafe(l *loaded) string {
	if !p.v2() || l.inc.Suspect == nil {
		return ""
	}
	given := p.verdictGiven(l)
	if given.Answer != VerdictSafe {
		return ""
	}
	v := p.s.schemaSays(l.inc.Project, l.inc.Environment, l.inc.Suspect.DeploymentID, given.Target.ID, p.now)
	if v.Answer == "" || v.Answer == VerdictSafe {
		return ""
	}
	return "the verdict is no longer safe: " + clip(join(v.Reasons), 600)
}

// verdictGiven is the verdict that the plan went by.
func (p *pass) verdictGiven(l *loaded) (v Verdict) {
	for _, st := range l.steps {
		if node := p.node(l, st); node != nil && node.Action == "deployment.verdict" && st.State == StepDone {
			v = Verdict{}
			decode(st.Output, &v)
		}
	}
	return v
}

// hearing takes down what the database has to say about going back before a fact comes
// in; what it returns says in the open incident what changed. Another number alone is
// no news.
func (p *pass) hearing(project, env string) (heard func()) {
	l := p.openIncident(project, env)
	if l == nil || !l.inc.State.Open() || l.inc.Suspect == nil {
		return func() {}
	}
	before := p.schemaReasons(project, env, l.inc.Suspect.DeploymentID)
	return func() {
		after := p.schemaReasons(project, env, l.inc.Suspect.DeploymentID)
		if withoutNumbers(before) != withoutNumbers(after) && after != "" {
			p.line(l, "backout", "going back, the database has this to say now: "+clip(after, 600))
		}
	}
}

func (p *pass) schemaReasons(project, env, from string) string {
	if p.s.Env(project, env).Promoted != from {
		return "" // gone back already
	}
	v := p.s.verdict(project, env, from, p.now)
	var out []string
	for _, r := range v.Because {
		if r.Kind == "migrations" || r.Kind == "ahead" {
			out = append(out, r.Text)
		}
	}
	return join(out)
}

func withoutNumbers(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, text)
}
