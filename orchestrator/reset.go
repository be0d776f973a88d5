package orchestrator

import (
	"strconv"
	"strings"
)

// The action that empties a database, those that take and prove a copy of one, and what
// an approval asks to be typed back.
const (
	ResetAction    = "prisma.reset"
	SnapshotAction = "postgres.snapshot"
	VerifySnapshot = "postgres.verify_snapshot"
	ConfirmName    = "typed_name"
)

// resetPeople is how many must agree to emptying a production database.
const resetPeople = 2

// asked reports whether a person asked for what a step does: for the rollback, or by
// choosing it in a question that the step stands behind.
func (p *pass) asked(l *loaded, st *Step, who string) bool {
	if who == "" || l.inc.Requester == who {
		return who != ""
	}
	node := p.node(l, st)
	if node == nil || node.Action != ResetAction {
		return false
	}
	for _, other := range l.steps {
		if other.Round != st.Round || other.Answer != "reset" || other.Approval == nil {
			continue
		}
		for _, v := range other.Approval.Votes {
			if v.By == who {
				return true
			}
		}
	}
	return false
}

// namedIn is the database that a preview is about.
func namedIn(st *Step) string {
	var about struct {
		Database string `json:"database"`
	}
	if st.Preview == nil || !decode(st.Preview.Data, &about) {
		return ""
	}
	return about.Database
}

// misnamed says why an approval that needs a name lacks it; "" when it needs none.
func misnamed(st *Step, typed string) string {
	if st.Approval.Confirm != ConfirmName {
		return ""
	}
	name := namedIn(st)
	switch {
	case name == "":
		return "the preview names no database that could be typed back"
	case typed != name:
		return "this approval needs the name of the database typed back, as the preview shows it: add confirm=NAME"
	}
	return ""
}

func confirmHelp(ap *Approval, st *Step) string {
	if ap.Confirm != ConfirmName || namedIn(st) == "" {
		return ""
	}
	return ", with confirm=NAME of the database that is meant"
}

// resetGuard says what keeps a database from being emptied; "" when nothing does. On
// production that is everything but a plan with a verified copy, a configuration that
// allows the loss, and two people who did not ask for it and typed the name. It holds for
// every attempt, whatever the playbook says.
func (p *pass) resetGuard(l *loaded, st *Step, node *Node) string {
	if node.Action != ResetAction {
		return ""
	}
	env := p.s.Config().environment(l.inc.Project, l.inc.Environment)
	const never = "the database is not emptied: "
	ap := st.Approval
	switch {
	case env == nil:
		return never + "the configuration does not know " + l.inc.Project + "/" + l.inc.Environment
	case ap == nil || st.Preview == nil || len(ap.Votes) == 0:
		return never + "nobody has approved it, and policy alone never does"
	case env.Kind == KindDisposable:
		return ""
	case !env.Database.AllowDataLoss:
		return never + "database.allow_data_loss is not true in the configuration of " + l.inc.Project + "/" + l.inc.Environment
	}
	if why := p.resetVotes(l, st); why != "" {
		return never + why
	}
	if why := p.snapshotGuard(l, st, node); why != "" {
		return never + why
	}
	return ""
}

// resetVotes wants distinct people who did not ask for it, each with the name typed back.
func (p *pass) resetVotes(l *loaded, st *Step) string {
	people := map[string]bool{}
	name := namedIn(st)
	for _, v := range st.Approval.Votes {
		if _, known := p.s.Config().Person(v.By); !known || p.asked(l, st, v.By) {
			continue
		}
		if name == "" || v.Typed != name {
			return v.By + " has not typed the name of the database back"
		}
		people[v.By] = true
	}
	if len(people) < resetPeople {
		return "it needs " + strconv.Itoa(resetPeople) + " people who did not ask for it, and has " + strconv.Itoa(len(people))
	}
	return ""
}

// SnapshotStep is the step whose output an input is, as `=steps.ID.output`; "" when it is
// anything else.
func SnapshotStep(input any) string {
	text, _ := input.(string)
	id, ok := strings.CutPrefix(text, "=steps.")
	if !ok {
		return ""
	}
	id, ok = strings.CutSuffix(id, ".output")
	if !ok || id == "" || strings.ContainsAny(id, ". ()[]") {
		return ""
	}
	return id
}

// snapshotGuard wants a copy that was taken and proven by a step of the same plan.
func (p *pass) snapshotGuard(l *loaded, st *Step, node *Node) string {
	id := SnapshotStep(node.With["snapshot"])
	plan := p.s.PlanByHash(l.inc.Run().Plan)
	if id == "" || plan == nil || st.Extra != nil {
		return "its input snapshot is not the output of a step of this plan"
	}
	for i := range plan.Nodes {
		if plan.Nodes[i].ID != id {
			continue
		}
		took := l.now(i)
		if a := plan.Nodes[i].Action; a != SnapshotAction && a != VerifySnapshot || took == nil || took.State != StepDone {
			return "step " + id + " has not taken a copy in this plan"
		}
		var out struct {
			Name     string `json:"copy"`
			Verified bool   `json:"verified"`
		}
		if !decode(took.Output, &out) || !out.Verified || out.Name == "" {
			return "the copy of step " + id + " was not verified"
		}
		return ""
	}
	return "there is no step " + id + " in this plan"
}
