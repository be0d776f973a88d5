package orchestrator

import (
	"strconv"
	"strings"
)

// matchRule finds the rule that decides about a signal. The second value tells
// of rules that could not be evaluated; such a rule did not match.
func (p *pass) matchRule(ev *Event, env *EnvState, distinct int, open *loaded) (*Rule, string) {
	vars := p.ruleVars(ev, env, distinct, open)
	var best *Rule
	var notes strings.Builder
	rules := p.s.RuleSet().Rules
	for i := range rules {
		r := &rules[i]
		if best != nil && r.Priority <= best.Priority {
			continue
		}
		v, err := p.rules.Eval(r.When, vars)
		if err != nil {
			notes.WriteString("; rule " + r.ID + " could not be evaluated: " + clip(err.Error(), 120))
			continue
		}
		if v == true {
			best = r
		}
	}
	return best, notes.String()
}

func (p *pass) ruleVars(ev *Event, env *EnvState, distinct int, open *loaded) map[string]any {
	lim := p.s.Config().Policies.Limits.WithDefaults()
	age := int64(0)
	if ev.StartsAt > 0 {
		age = p.now - ev.StartsAt
	}
	opened := map[string]any{"n": int64(0), "playbook": "", "state": ""}
	if open != nil {
		opened = map[string]any{"n": int64(open.inc.N), "playbook": open.inc.Run().Playbook, "state": string(open.inc.State)}
	}
	return map[string]any{
		"signal": map[string]any{
			"type": ev.Type, "severity": ev.Severity, "source": ev.Source, "name": ev.Name,
			"project": ev.Project, "environment": ev.Environment, "component": ev.Component,
			"release": ev.Release, "provider": ev.Provider, "age_ms": age, "distinct": int64(distinct),
			"has_time": ev.StartsAt > 0, "auth": !ev.Unsigned,
		},
		"deployment": map[string]any{
			"id": env.Promoted, "commit": env.Commit, "promoted_ms_ago": p.now - env.PromotedAt,
			"rolled_back": env.RolledBack, "known": env.Promoted != "",
		},
		"open": opened,
		"limit": map[string]any{
			"signal_age": lim.SignalAge, "auto_window": lim.AutoWindow, "min_distinct": int64(lim.MinDistinct),
		},
		"now": p.now,
	}
}

// vars is what the expressions of a plan see.
func (p *pass) vars(l *loaded) map[string]any {
	inc := l.inc
	steps := map[string]any{}
	verdict := map[string]any{"answer": "", "target": map[string]any{"id": "", "url": "", "commit": "", "grade": ""}, "reasons": []any{}}
	if plan := p.s.PlanByHash(inc.Run().Plan); plan != nil {
		for i := range plan.Nodes {
			id := plan.Nodes[i].ID
			steps[id] = stepVars(l.now(i))
			if id == "verdict" {
				if out, ok := steps[id].(map[string]any)["output"].(map[string]any); ok && out["answer"] != nil {
					verdict = out
				}
			}
		}
	}
	answers := map[string]any{}
	for k, v := range inc.Answers {
		answers[k] = v
	}
	timing := map[string]any{}
	for k, v := range p.s.Config().Policies.Timings {
		timing[k] = v
	}
	return map[string]any{
		"steps": steps, "answers": answers, "verdict": verdict, "timing": timing,
		"incident": incidentVars(inc), "suspect": suspectVars(inc.Suspect),
		"env": p.envVars(inc), "project": p.projectVars(inc), "failing": int64(inc.Firing),
	}
}

func stepVars(st *Step) map[string]any {
	m := map[string]any{"state": "", "answer": "", "reason": "", "output": map[string]any{}}
	if st == nil {
		return m
	}
	m["state"], m["answer"], m["reason"] = string(st.State), st.Answer, st.Reason
	if out, ok := plainJSON(st.Output).(map[string]any); ok {
		m["output"] = out
	}
	return m
}

func incidentVars(inc *Incident) map[string]any {
	return map[string]any{
		"id": IncidentName(inc.N), "title": inc.Title, "severity": inc.Severity, "state": string(inc.State),
		"project": inc.Project, "environment": inc.Environment, "component": inc.Component,
		"started_at": inc.StartedAt, "failing": int64(inc.Firing), "distinct": int64(inc.Distinct),
		"requested_by": inc.Requester,
	}
}

func suspectVars(s *Suspect) map[string]any {
	if s == nil {
		return map[string]any{"deployment_id": "", "commit": "", "score": int64(0), "sources": int64(0), "promoted_at": int64(0), "reasons": []any{}}
	}
	reasons := make([]any, len(s.Reasons))
	for i, r := range s.Reasons {
		reasons[i] = r
	}
	return map[string]any{
		"deployment_id": s.DeploymentID, "commit": s.Commit, "score": int64(s.Score),
		"sources": int64(s.Sources), "promoted_at": s.PromotedAt, "reasons": reasons,
	}
}

func (p *pass) envVars(inc *Incident) map[string]any {
	m := map[string]any{"id": inc.Environment, "kind": "", "domains": []any{}, "probes": []any{}, "marker_path": "", "marker_json": ""}
	pr, ok := p.s.Config().Project(inc.Project)
	if !ok {
		return m
	}
	e, ok := pr.Environment(inc.Environment)
	if !ok {
		return m
	}
	domains := []any{}
	for _, d := range e.Domains {
		if d.RedirectsTo == "" {
			domains = append(domains, d.Host)
		}
	}
	probes := []any{}
	for _, pb := range e.Probes {
		probes = append(probes, map[string]any{"id": pb.ID, "url": pb.URL, "status": int64(pb.Status)})
	}
	m["probes"] = probes
	m["kind"], m["domains"], m["marker_path"], m["marker_json"] = e.Kind, domains, e.MarkerPath, e.MarkerJSON
	return m
}

func (p *pass) projectVars(inc *Incident) map[string]any {
	m := map[string]any{
		"id": inc.Project, "vercel": "", "audience": "", "components": []any{},
		"hotfix": map[string]any{"repo": "", "staging": "", "tests": ""},
	}
	pr, ok := p.s.Config().Project(inc.Project)
	if !ok {
		return m
	}
	components := []any{}
	for _, c := range pr.Components {
		components = append(components, c.ID)
	}
	m["vercel"], m["audience"], m["components"] = pr.Vercel, pr.Audience, components
	m["hotfix"] = map[string]any{"repo": pr.Hotfix.Repo, "staging": pr.Hotfix.Staging, "tests": pr.Hotfix.Tests}
	return m
}

// wait reads a duration of a plan in milliseconds: a literal, or CEL.
func (p *pass) wait(l *loaded, w Wait, otherwise int64) int64 {
	if w == "" {
		return otherwise
	}
	if w[0] != '=' {
		if v, ok := parseWait(string(w)); ok {
			return v
		}
		return otherwise
	}
	v, err := p.rules.Eval(string(w[1:]), p.vars(l))
	if n, ok := v.(int64); ok && err == nil && n > 0 {
		return n
	}
	return otherwise
}

// parseWait reads 90s, 5m, 2h, 14d, 1w, 500ms or a plain number.
func parseWait(s string) (int64, bool) {
	units := []struct {
		suffix string
		ms     int64
	}{{"ms", 1}, {"s", 1000}, {"m", 60_000}, {"h", 3_600_000}, {"d", dayMS}, {"w", 7 * dayMS}, {"", 1}}
	for _, u := range units {
		if len(s) > len(u.suffix) && s[len(s)-len(u.suffix):] == u.suffix {
			n, err := strconv.ParseInt(s[:len(s)-len(u.suffix)], 10, 64)
			if err != nil {
				continue
			}
			return n * u.ms, true
		}
	}
	return 0, false
}
