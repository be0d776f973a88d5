package orchestrator

import "strings"

// RevertAction opens a pull request that reverts another.
const RevertAction = "github.revert"

// RevertSpec describes RevertAction: what it opened is found again by its text.
func RevertSpec() Spec {
	return Spec{
		Name: RevertAction, Effect: true, Safety: Verifiable, CallTimeout: 30_000, Settle: 15_000,
		Inputs:      []string{"repo", "commit?", "pull?"},
		Permissions: []string{"Contents and Pull requests: read and write on the repository"},
	}
}

// commandRevert asks for a pull request that reverts the one behind the suspect, or the
// one that is named. It is opened, never merged.
func (p *pass) commandRevert(c *Command, l *loaded, who Person) {
	inc := l.inc
	pr, ok := p.s.Config().Project(inc.Project)
	pull := c.Args["pull"]
	switch {
	case !who.HasRole([]string{"on-call", "devops-lead"}):
		p.refuseCommand(c, who.ID+" has none of the roles on-call or devops-lead")
		return
	case inc.State == Closed:
		p.refuseCommand(c, IncidentName(inc.N)+" is closed")
		return
	case !ok || pr.Repository == "":
		p.refuseCommand(c, "project "+inc.Project+" names no repository; write repository: OWNER/NAME")
		return
	case pull == "" && (inc.Suspect == nil || inc.Suspect.Commit == ""):
		p.refuseCommand(c, "no deployment is blamed whose commit is known; name the pull request: `revert "+IncidentName(inc.N)+" 41`")
		return
	}
	with := map[string]any{"repo": pr.Repository, "pull": pull}
	what := "pull request #" + pull
	if pull == "" {
		with["commit"] = inc.Suspect.Commit
		what = "the pull request behind " + clip(inc.Suspect.Commit, 7)
	}
	p.besides(c, l, beside{
		id: strings.TrimSuffix("revert_"+strings.Map(idRune, pull), "_"), title: "Open a pull request that reverts " + what, spec: RevertSpec(), with: with,
	})
}

// beside is a step that a person asks for beside the plan.
type beside struct {
	id, title string
	spec      Spec
	with      map[string]any
}

// besides makes the step: it shows what it would do, and policy says who must agree.
// Nothing of the plan waits for it.
func (p *pass) besides(c *Command, l *loaded, b beside) {
	inc := l.inc
	if st := l.named(b.id); st != nil && (!st.State.Ended() || st.Waiting != "" && st.State == StepFailed) {
		p.refuseCommand(c, b.id+" is "+string(st.State)+" already and waits for "+or(st.Waiting, "its end"))
		return
	}
	st := &Step{StepRef: StepRef{N: inc.N, Ordinal: extraOrdinal + inc.Extra}, ID: b.id, State: StepBlocked, Since: p.now}
	st.Extra = &Node{
		ID: b.id, Path: b.id, Title: b.title, Kind: NodeAction, Action: b.spec.Name, Spec: b.spec, Ordinal: st.Ordinal,
		With: b.with, Approve: &Approve{Policy: true}, OnFailure: OnFailure{Do: FailPage},
	}
	inc.Extra++
	l.add(st)
	p.line(l, c.Person, "asked: "+b.title+suffix(c.Text))
	p.beginAction(l, st, st.Extra)
	p.reply(c, l, true, b.id+" shows first what it would do, then waits for whom policy names: `approve "+IncidentName(inc.N)+" "+b.id+"`")
}
