package orchestrator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxPassed bounds how many deployments that are no target are told of.
const maxPassed = 10

// planHobby goes back to the previous production deployment only.
const planHobby = "hobby"

// judged is the verdict with everything that is known of the way back.
func (s *State) judged(project, env, from string, now int64) Verdict {
	v := Verdict{Reasons: []string{}}
	e, set := s.Env(project, env), s.Settings(project, env)
	ds := s.newestFirst(project, env)
	start := slices.IndexFunc(ds, func(d *Deployment) bool { return d.ID == from })
	if start < 0 {
		v.add(Reason{Kind: "ledger", Says: VerdictImpossible, Text: notInLedger(from), Evidence: "the ledger"})
		return v
	}
	served := ds[start]
	to := s.base(e, from, ds)
	if to == nil {
		to = v.choose(ds[start+1:], &set, now)
	}
	if to == nil {
		return v
	}
	target, grade := s.grade(project, env, to, now)
	v.Target = target
	grade.Evidence = "the ledger, " + plural(len(to.Served), "time") + " in production"
	v.add(grade)
	c := crossing{s: s, v: &v, project: project, env: env, from: served, to: to, set: &set, now: now}
	c.migrations()
	v.reverts(served, to, &set)
	v.situation(e, &set, ahead(served, &set, now), now)
	if days := int64(set.RetentionDays); days > 0 && to.At > 0 && to.At+days*dayMS-now < dayMS {
		v.add(Reason{Kind: "retention", Text: to.ID + " is deleted within a day", Evidence: fmt.Sprintf("production deployments are kept for %d days", days)})
	}
	return v
}

// base is where a rolling release falls back to when it is aborted; nil when none is
// active for what is gone back from.
func (s *State) base(e *EnvState, from string, ds []*Deployment) *Deployment {
	if e.Serving == nil || e.Serving.Serving.Rolling == nil {
		return nil
	}
	r := e.Serving.Serving.Rolling
	if from != r.Base && from != r.Canary {
		return nil
	}
	i := slices.IndexFunc(ds, func(d *Deployment) bool { return d.ID == r.Base })
	if i < 0 {
		return nil
	}
	return ds[i]
}

// choose takes the newest deployment that can be gone back to, and says of every
// newer one why it is none.
func (v *Verdict) choose(older []*Deployment, set *Settings, now int64) *Deployment {
	var refused *Deployment
	var first string
	passed := 0
	for _, d := range older {
		why := unfitNow(d, set, now)
		offered := d.Ready && d.Candidate && !d.Gone
		if offered && set.Plan == planHobby && first != "" {
			v.add(Reason{Kind: "plan", Says: VerdictImpossible, Text: "the plan hobby goes back one step only, to " + first, Evidence: "the provider says plan " + set.Plan})
			return v.refuse(refused, set)
		}
		if offered && first == "" {
			first = d.ID
		}
		if why == nil {
			return d
		}
		if passed++; passed <= maxPassed {
			v.Because = append(v.Because, *why)
			v.Reasons = append(v.Reasons, why.Text)
		}
		if why.Kind == "secret" && refused == nil {
			refused = d
		}
	}
	if refused == nil {
		v.add(Reason{Kind: "target", Says: VerdictImpossible, Text: "no earlier deployment can be gone back to", Evidence: "the ledger"})
		return nil
	}
	return v.refuse(refused, set)
}

// refuse answers that there is a deployment to go back to and that one must not.
func (v *Verdict) refuse(d *Deployment, set *Settings) *Deployment {
	if d == nil {
		return nil
	}
	v.Answer = VerdictRefuse
	v.Target = Target{ID: d.ID, URL: d.URL, Commit: d.Commit, Grade: GradeUnknown}
	v.Reasons = append(v.Reasons, "every deployment that could be gone back to was built before a secret was rotated: fix forward, or build one of them anew")
	v.Because = append(v.Because, Reason{Kind: "secret", Says: VerdictRefuse, Text: "a secret was rotated: " + set.Rotated.Title, Evidence: "told at " + day(set.Rotated.At)})
	return nil
}

// unfitNow says why a deployment is no target, nil when it is one.
func unfitNow(d *Deployment, set *Settings, now int64) *Reason {
	no := func(kind, why, evidence string) *Reason {
		return &Reason{Kind: kind, Text: d.ID + " is not a target: " + why, Evidence: evidence}
	}
	switch days := int64(set.RetentionDays); {
	case d.Bad != "":
		return no("bad", "known bad, "+d.Bad, "the ledger")
	case !d.Ready:
		return no("build", "it is not READY", "the provider's list")
	case d.Gone:
		return no("retention", "the provider has deleted it", "its list does not have it any more")
	case days > 0 && d.At > 0 && now-d.At > days*dayMS:
		return no("retention", fmt.Sprintf("it is older than the %d days for which the provider keeps them", days), "the project's retention")
	case !d.Candidate:
		return no("candidate", "the provider does not offer it for a rollback", "the provider's list")
	case set.Rotated != nil && d.At <= set.Rotated.At:
		return no("secret", "it was built before a secret was rotated ("+set.Rotated.Title+")", "told at "+day(set.Rotated.At))
	}
	return nil
}

func day(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02 15:04 UTC") }

// reverts says which variables and crons would be as they were.
func (v *Verdict) reverts(from, to *Deployment, set *Settings) {
	v.Variables = variablesSince(to, set)
	if len(v.Variables) > 0 {
		v.add(Reason{
			Kind: "variables", Says: VerdictAsk, Evidence: "changed after " + to.ID + " was built at " + day(to.At),
			Text: plural(len(v.Variables), "variable") + " would have the value of before: " + several(v.Variables),
		})
	}
	if from.Crons == nil || to.Crons == nil {
		return
	}
	v.Crons = append(only(*from.Crons, *to.Crons), only(*to.Crons, *from.Crons)...)
	if len(v.Crons) > 0 {
		v.add(Reason{Kind: "crons", Text: "crons revert: " + several(v.Crons), Evidence: "the crons of both deployments"})
	}
}

// variablesSince are the variables that were changed after a deployment was built.
func variablesSince(d *Deployment, set *Settings) []string {
	var out []string
	for _, x := range set.Variables {
		if x.At > d.At {
			out = append(out, x.Key)
		}
	}
	return out
}

// several names a few and counts the rest.
func several(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:shown], ", ") + fmt.Sprintf(" and %d more", len(names)-shown)
}

// situation adds what goes on in the environment at this moment.
func (v *Verdict) situation(e *EnvState, set *Settings, ahead []string, now int64) {
	if len(ahead) > 0 {
		v.add(Reason{Kind: "ahead", Says: VerdictAsk, Text: "the code is ahead of the database: " + several(ahead) + " not applied yet", Evidence: "_prisma_migrations"})
	}
	if r := set.Schema; r != nil && r.Lock != nil && now-r.At <= schemaFresh {
		v.add(Reason{Kind: "migrating", Says: VerdictAsk, Text: "a migration is running since " + day(r.Lock.Since), Evidence: fmt.Sprintf("process %d of the database holds Prisma's lock", r.Lock.PID)})
	}
	if e.Serving != nil && e.Serving.Serving.Rolling != nil {
		r := e.Serving.Serving.Rolling
		v.add(Reason{
			Kind: "rolling", Says: VerdictAsk, Evidence: "seen at " + day(e.Serving.At),
			Text: "a rolling release is active, " + r.Canary + " takes a part of the traffic: going back to " + r.Base + " aborts it",
		})
	}
	if e.BlindSince > 0 {
		v.add(Reason{Kind: "blind", Says: VerdictAsk, Text: "the provider cannot be read since " + day(e.BlindSince), Evidence: span(max(0, now-e.BlindSince)) + " without an answer"})
	}
	if e.Hold != nil {
		v.add(Reason{Kind: "hold", Text: "held by " + e.Hold.By + suffix(e.Hold.Reason), Evidence: "since " + day(e.Hold.Since)})
	}
	v.Restore = set.RestorePoint
}
