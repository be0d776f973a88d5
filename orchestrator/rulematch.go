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

// ruleScratch is what rules see, made once and filled anew for each signal.
type ruleScratch struct {
	all, signal, deployment, open, limit map[string]any
}

func newRuleScratch() *ruleScratch {
	r := &ruleScratch{signal: map[string]any{}, deployment: map[string]any{}, open: map[string]any{}, limit: map[string]any{}}
	r.all = map[string]any{"signal": r.signal, "deployment": r.deployment, "open": r.open, "limit": r.limit}
	return r
}

func (p *pass) ruleVars(ev *Event, env *EnvState, distinct int, open *loaded) map[string]any {
	r := p.ruleScratch
	r.fillSignal(ev, p.now, distinct)
	r.signal["data_at_risk"] = p.tellsOfRisk(ev)
	d := r.deployment
	d["id"], d["commit"], d["promoted_ms_ago"] = env.Promoted, env.Commit, p.now-env.PromotedAt
	d["rolled_back"], d["known"] = env.RolledBack, env.Promoted != ""
	d["named"] = ev.Release != "" && env.Promoted != "" && namesServing(ev.Release, env)
	r.signal["new"] = ev.FirstSeen > 0 && ev.FirstSeen >= env.PromotedAt
	o := r.open
	o["n"], o["playbook"], o["state"] = int64(0), "", ""
	if open != nil {
		o["n"], o["playbook"], o["state"] = int64(open.inc.N), open.inc.Run().Playbook, string(open.inc.State)
	}
	lim := p.s.Config().Policies.Limits.WithDefaults()
	r.limit["signal_age"], r.limit["auto_window"], r.limit["min_distinct"] = lim.SignalAge, lim.AutoWindow, int64(lim.MinDistinct)
	r.limit["ask_window"] = lim.AskWindow
	r.all["now"] = p.now
	return r.all
}

func (r *ruleScratch) fillSignal(ev *Event, now int64, distinct int) {
	age := int64(0)
	if ev.StartsAt > 0 {
		age = now - ev.StartsAt
	}
	s := r.signal
	s["type"], s["severity"], s["source"], s["name"] = ev.Type, ev.Severity, ev.Source, ev.Name
	s["project"], s["environment"], s["component"] = ev.Project, ev.Environment, ev.Component
	s["release"], s["provider"], s["age_ms"], s["distinct"] = ev.Release, ev.Provider, age, int64(distinct)
	s["counted"] = ev.Type == WebhookFailed || len(ev.EventIDs) > 0
	s["has_time"], s["auth"] = ev.StartsAt > 0, !ev.Unsigned
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
	incident := incidentVars(inc, p.now)
	incident["data_at_risk"], incident["switchable"] = p.dataAtRisk(inc), p.s.switchOf(inc.Project, inc.Component) != ""
	return map[string]any{
		"target": map[string]any{"probe": p.targetProbe(l)},
		"steps":  steps, "answers": answers, "verdict": verdict, "timing": timing,
		"incident": incident, "suspect": suspectVars(inc.Suspect),
		"env": p.envVars(inc), "project": p.projectVars(inc), "failing": int64(inc.Firing),
	}
}

// targetProbe is what the step named target found on the own address of the
// deployment to go back to: good, bad, unknown, blind (no probe sees the trouble), or
// "" when it was not asked. One that failed is unknown.
func (p *pass) targetProbe(l *loaded) string {
	plan := p.s.PlanByHash(l.inc.Run().Plan)
	if plan == nil {
		return ""
	}
	for i := range plan.Nodes {
		st := l.now(i)
		if plan.Nodes[i].ID != "target" || st == nil {
			continue
		}
		switch st.State {
		case StepFailed, StepUnknown:
			return "unknown"
		case StepDone:
			out, _ := stepVars(st)["output"].(map[string]any)
			answer, _ := out["answer"].(string)
			return answer
		case StepBlocked, StepAwaiting, StepReady, StepRunning, StepAccepted, StepWaiting, StepSkipped, StepCancelled:
		}
	}
	return ""
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

func incidentVars(inc *Incident, now int64) map[string]any {
	from, to := inc.Impact(now)
	return map[string]any{
		"id": IncidentName(inc.N), "title": inc.Title, "severity": inc.Severity, "state": string(inc.State),
		"project": inc.Project, "environment": inc.Environment, "component": inc.Component,
		"started_at": inc.StartedAt, "failing": int64(inc.Firing), "distinct": int64(inc.Distinct),
		"requested_by": inc.Requester, "switched_off": texts(inc.offList()),
		"impact_from": from, "impact_to": to, "impact_ms": to - from,
	}
}

func texts(in []string) []any {
	out := make([]any, len(in))
	for i, s := range in {
		out[i] = s
	}
	return out
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
	m := map[string]any{"id": inc.Environment, "kind": "", "domains": []any{}, "probes": []any{}, "marker_path": "", "marker_json": "", "evidence": false, "database": Database{}.values(), "read_only": p.s.Settings(inc.Project, inc.Environment).ReadOnly != nil}
	e := p.s.Config().environment(inc.Project, inc.Environment)
	if e == nil {
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
	m["probes"], m["evidence"], m["database"] = probes, e.Evidence, e.Database.values()
	m["kind"], m["domains"], m["marker_path"], m["marker_json"] = e.Kind, domains, e.MarkerPath, e.MarkerJSON
	return m
}

func (p *pass) projectVars(inc *Incident) map[string]any {
	m := map[string]any{
		"id": inc.Project, "vercel": "", "audience": "", "affected": "", "maintenance": "", "reconciles": false, "components": []any{}, "repository": "",
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
	m["affected"], m["maintenance"], m["reconciles"] = pr.Affected, pr.Maintenance, pr.Reconciles
	m["vercel"], m["audience"], m["components"], m["repository"] = pr.Vercel, pr.Audience, components, pr.Repository
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

// values is the database in a playbook: env.database.
func (d Database) values() map[string]any {
	return map[string]any{"direct": d.Direct, "prisma": d.Prisma, "roles": len(d.AppRoles), "snapshots": d.Snapshots, "checks": len(d.Checks), "allow_data_loss": d.AllowDataLoss}
}
