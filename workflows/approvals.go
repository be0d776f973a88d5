package workflows

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// demand is a number of people who must say yes, or answer.
type demand struct {
	what     string
	at       pos
	roles    []string
	quorum   int
	excluded bool
}

// approvals looks whether the people of the configuration can meet every
// approval and question, also with one of them away.
func (c *checker) approvals() {
	for i := range c.flat.plan.Nodes {
		n, s := &c.flat.plan.Nodes[i], c.flat.steps[i]
		if a := n.Approve; a != nil && !c.idle(n) {
			c.approval(n, s)
		}
		for _, ask := range []*orchestrator.Ask{n.Ask, n.OnFailure.Ask} {
			if ask != nil {
				c.demand(demand{what: "the question of step " + n.ID, at: s.pos(askKey(n, ask)), roles: ask.Roles, quorum: 1})
			}
		}
	}
}

func askKey(n *orchestrator.Node, ask *orchestrator.Ask) string {
	if ask == n.Ask {
		return "ask"
	}
	return "on_failure"
}

func (c *checker) approval(n *orchestrator.Node, s *step) {
	a, at := n.Approve, s.pos("approve")
	if len(a.Roles) > 0 {
		c.demand(demand{what: "the approval of step " + n.ID, at: at, roles: a.Roles, quorum: a.Quorum, excluded: a.Requester == "excluded"})
	}
	if !a.Policy {
		return
	}
	found := false
	for i, line := range c.config.Policies.Autonomy {
		if line.Action != "*" && line.Action != n.Action {
			continue
		}
		found = true
		if line.Do != orchestrator.DoAsk {
			continue
		}
		what := fmt.Sprintf("the approval of step %s by policies.autonomy[%d]", n.ID, i)
		c.demand(demand{what: what, at: at, roles: line.Roles, quorum: max(1, line.Quorum), excluded: line.Requester == "excluded"})
	}
	if !found {
		c.warn(at, `add a line with action: "*" to policies.autonomy`, "no line of policies.autonomy speaks of %s", n.Action)
	}
}

// demand reports what nobody can meet as an error, and what hangs on a single
// person as a warning that names the person.
func (c *checker) demand(d demand) {
	var able []string
	for _, p := range c.config.People {
		if p.HasRole(d.roles) {
			able = append(able, p.ID)
		}
	}
	slices.Sort(able)
	needs := fmt.Sprintf("%s needs %d of %s", d.what, d.quorum, strings.Join(d.roles, ", "))
	if d.excluded {
		needs += " without the requester"
	}
	spare := len(able) - d.quorum
	switch {
	case spare < 0:
		c.fail(d.at, "give somebody one of these roles, or ask for fewer people", "%s: %s", needs, onlyLeft(able))
	case spare == 0 && d.excluded:
		c.warn(d.at, "give one more person one of these roles", "%s: it fails when %s asks for it or is away", needs, strings.Join(able, " or "))
	case spare == 0:
		c.warn(d.at, "give one more person one of these roles", "%s: it fails when %s is away", needs, strings.Join(able, " or "))
	case spare == 1 && d.excluded:
		c.warn(d.at, "give one more person one of these roles", "%s: it fails when one of %s asks for it and another is away", needs, strings.Join(able, ", "))
	}
}

func onlyLeft(able []string) string {
	if len(able) == 0 {
		return "there is nobody"
	}
	return "there is only " + strings.Join(able, ", ")
}
