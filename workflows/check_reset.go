package workflows

import (
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// disposableOnly is the condition under which a database may be emptied with less.
const disposableOnly = "env.kind == 'disposable'"

// reset refuses a step that would empty a database without every guard. The code checks
// them again; here they are seen before a night.
func (c *checker) reset(n *orchestrator.Node, s *step) {
	if n.Action != orchestrator.ResetAction {
		return
	}
	at, a := s.pos("uses"), n.Approve
	if a == nil {
		c.fail(at, "add approve: {roles, quorum: 2, requester: excluded, confirm: typed_name, within, else}", "step %s: %s drops everything and nobody approves it", s.id, n.Action)
		return
	}
	if slices.ContainsFunc(n.When, func(w string) bool { return strings.TrimSpace(w) == disposableOnly }) {
		return
	}
	at = s.pos("approve")
	if len(a.Roles) == 0 {
		c.fail(at, "add roles: [dba, ceo] to approve", "step %s: policy alone must not decide to drop everything", s.id)
	}
	if a.Quorum < 2 {
		c.fail(at, "add quorum: 2 to approve", "step %s: dropping everything needs two people", s.id)
	}
	if a.Requester != "excluded" {
		c.fail(at, "add requester: excluded to approve", "step %s: who asks for dropping everything must not approve it", s.id)
	}
	if a.Confirm != orchestrator.ConfirmName {
		c.fail(at, "add confirm: typed_name to approve", "step %s: nobody types the name of the database back", s.id)
	}
	c.snapshotBefore(n, s)
}

// snapshotBefore wants the copy of a step that stands before.
func (c *checker) snapshotBefore(n *orchestrator.Node, s *step) {
	at := s.pos("uses")
	if p, ok := s.inputs["snapshot"]; ok {
		at = p
	}
	const fix = "take one before with uses: postgres.snapshot, and give it as snapshot: =steps.ID.output"
	id := orchestrator.SnapshotStep(n.With["snapshot"])
	i := slices.IndexFunc(c.flat.plan.Nodes, func(o orchestrator.Node) bool { return o.ID == id })
	switch {
	case id == "" || i < 0:
		c.fail(at, fix, "step %s: its snapshot is not the output of a step", s.id)
	case c.flat.plan.Nodes[i].Action != orchestrator.SnapshotAction && c.flat.plan.Nodes[i].Action != orchestrator.VerifySnapshot:
		c.fail(at, fix, "step %s: step %s takes no snapshot", s.id, id)
	case !c.before[n.Ordinal][i]:
		c.fail(at, fix, "step %s: step %s does not stand before it", s.id, id)
	}
}

// idle reports whether no environment of the configuration lets a step do anything, so
// that it does not matter who could approve it.
func (c *checker) idle(n *orchestrator.Node) bool {
	needs := map[string]func(orchestrator.Database) bool{
		orchestrator.ResetAction: func(d orchestrator.Database) bool { return d.Prisma && d.AllowDataLoss },
		"prisma.revert":          func(d orchestrator.Database) bool { return d.Prisma },
		orchestrator.ReadWrite:   func(d orchestrator.Database) bool { return len(d.AppRoles) > 0 },
		"postgres.repair":        func(d orchestrator.Database) bool { return d.Direct && d.Snapshots },
		"postgres.restore":       func(d orchestrator.Database) bool { return d.Direct && d.Snapshots },
	}[n.Action]
	if needs == nil {
		return false
	}
	for _, p := range c.config.Projects {
		for _, e := range p.Environments {
			if needs(e.Database) {
				return false
			}
		}
	}
	return true
}
