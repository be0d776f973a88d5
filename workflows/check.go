package workflows

import (
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// checker goes through one flattened playbook.
type checker struct {
	*report
	flat     *flat
	library  *Library
	specs    map[string]orchestrator.Spec
	config   *orchestrator.Config
	typed    map[string]bool
	names    []string
	before   []map[int]bool
	authored []*step
	language *language
}

// builtIns are the actions that the fold itself carries out, with their inputs.
// status.publish is one too unless a handler of that name exists.
func builtIns() map[string]orchestrator.Spec {
	out := map[string]orchestrator.Spec{}
	for name, inputs := range map[string][]string{
		"deployment.verdict": {"from?"},
		"deployment.hold":    {"reason?"},
		"deployment.unhold":  nil,
		"deployment.clear":   {"text?"},
		"plan.lead":          {"playbook", "chosen_in?"},
		"status.publish":     {"kind", "components?", "text?"},
	} {
		out[name] = orchestrator.Spec{Name: name, Safety: orchestrator.Repeatable, Inputs: inputs}
	}
	return out
}

// spec finds an action and says whether it is built in.
func (c *checker) spec(name string) (spec orchestrator.Spec, own, ok bool) {
	if s, ok := c.specs[name]; ok {
		return s, false, true
	}
	s, ok := builtIns()[name]
	return s, true, ok
}

// run checks everything and fills the specs in.
func (c *checker) run() {
	c.ids()
	c.flat.after(c.report)
	before, cycle := c.flat.upstream()
	if cycle != nil {
		c.cycle(cycle)
		return
	}
	c.before = before
	c.collect()
	for i, s := range c.flat.steps {
		c.node(&c.flat.plan.Nodes[i], s)
	}
	if c.config != nil {
		c.approvals()
	}
}

func (c *checker) ids() {
	seen := map[string]pos{}
	var walk func(steps []*step)
	walk = func(steps []*step) {
		for _, s := range steps {
			if first, ok := seen[s.id]; ok && s.id != "" {
				c.fail(s.pos("id"), "give it another id", "the id %q is taken by the step in line %d", s.id, first.line)
			}
			seen[s.id] = s.pos("id")
			walk(s.children)
		}
	}
	walk(c.authored)
}

func (c *checker) cycle(cycle []int) {
	var ids []string
	at := c.flat.steps[cycle[0]]
	for _, n := range cycle {
		ids = append(ids, c.flat.steps[n].id)
		if len(c.flat.steps[n].after) > 0 {
			at = c.flat.steps[n]
		}
	}
	c.fail(at.pos("after"), "remove one of the after:", "these steps wait for each other: %s", strings.Join(ids, ", "))
}

// collect finds the names that expressions may use.
func (c *checker) collect() {
	c.typed = map[string]bool{}
	for i := range c.flat.plan.Nodes {
		n := &c.flat.plan.Nodes[i]
		c.names = append(c.names, n.ID)
		for _, ask := range []*orchestrator.Ask{n.Ask, n.OnFailure.Ask} {
			if ask == nil {
				continue
			}
			for _, t := range ask.Typed {
				c.typed[t] = true
			}
		}
	}
}

func (c *checker) node(n *orchestrator.Node, s *step) {
	switch n.Kind {
	case orchestrator.NodeAction:
		n.Spec = c.action(n.Action, n.With, s, s.pos("uses"))
		c.approved(n, s)
		c.reset(n, s)
	case orchestrator.NodeGate:
		c.gate(n, s)
	case orchestrator.NodeAsk, orchestrator.NodeJoin:
	}
	for _, x := range c.flat.exprs[n.Ordinal] {
		c.expression(x, n)
	}
	if n.OnFailure.Do == orchestrator.FailOpen && c.library.playbooks[n.OnFailure.Open] == nil {
		c.fail(s.pos("on_failure.open"), nearest(n.OnFailure.Open, c.library.Playbooks()), "step %s: there is no playbook %q", s.id, n.OnFailure.Open)
	}
}

// action checks a name and its inputs and returns the spec to pin.
func (c *checker) action(name string, with map[string]any, s *step, at pos) orchestrator.Spec {
	spec, own, ok := c.spec(name)
	if !ok {
		c.fail(at, nearest(name, c.actions()), "step %s: there is no action %q", s.id, name)
		return orchestrator.Spec{}
	}
	var known []string
	for _, input := range spec.Inputs {
		id, optional := strings.CutSuffix(input, "?")
		known = append(known, id)
		if _, ok := with[id]; !ok && !optional {
			c.fail(at, "add with: {"+id+": …}", "step %s: %s needs the input %q", s.id, name, id)
		}
	}
	for key := range with {
		if !slices.Contains(known, key) {
			c.fail(s.inputs[key], nearest(key, known), "step %s: %s has no input %q", s.id, name, key)
		}
	}
	if own {
		return orchestrator.Spec{Name: name, Safety: orchestrator.Repeatable}
	}
	return spec
}

func (c *checker) actions() []string {
	var out []string
	for name := range builtIns() {
		out = append(out, name)
	}
	for name := range c.specs {
		out = append(out, name)
	}
	return out
}

// approved makes sure that what serves never changes without somebody having
// decided it, here or in policy.
func (c *checker) approved(n *orchestrator.Node, s *step) {
	if n.Spec.Serving && n.Approve == nil {
		c.fail(s.pos("uses"), "add approve: policy, or approve: {roles, within, else}", "step %s: %s changes what serves and nobody approves it", s.id, n.Action)
	}
}

func (c *checker) gate(n *orchestrator.Node, s *step) {
	if _, tried := s.keys["on_failure"]; n.OnFailure.Do == "" && !tried {
		c.fail(s.pos("gate"), "add on_failure: page, continue, stop or {ask: …}", "step %s: the gate does not say what happens when it fails", s.id)
	}
	if n.Gate == nil || n.Gate.Uses == "" {
		return
	}
	at := s.pos("gate.uses")
	n.Gate.Spec = c.action(n.Gate.Uses, n.Gate.With, s, at)
	if n.Gate.Spec.Effect {
		c.fail(at, "measure with a read", "step %s: a gate may only read, and %s has an effect", s.id, n.Gate.Uses)
	}
}
