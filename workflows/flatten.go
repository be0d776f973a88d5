package workflows

import (
	"maps"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// flat is a playbook as a plan, with the step each node came from.
type flat struct {
	plan  *orchestrator.Plan
	steps []*step
	// exprs are all expressions that bear on a node, its groups' included.
	exprs [][]expression
	// ends maps the id of a step or group to the nodes that end it.
	ends map[string][]int
}

// inherited is what a group hands to the steps in it.
type inherited struct {
	path      string
	part      int
	title     string
	when      []expression
	timeout   orchestrator.Wait
	onFailure orchestrator.OnFailure
}

// flatten turns nested steps into nodes in reading order: a step needs the last
// nodes of the step before it, the branches of `parallel` need the same nodes
// and end in a join that carries the group's id. Nothing waits for a step that is
// aside, unless it says so by `after`.
func flatten(pb *playbook) *flat {
	f := &flat{
		plan: &orchestrator.Plan{Playbook: pb.name, Title: pb.title, NeedsSuspect: pb.needsSuspect, Lock: pb.lock},
		ends: map[string][]int{},
	}
	f.sequence(pb.steps, inherited{}, nil)
	return f
}

func (f *flat) sequence(steps []*step, in inherited, needs []int) []int {
	for _, s := range steps {
		ends := f.step(s, in, needs)
		f.ends[s.id] = ends
		if !s.aside {
			needs = ends
		}
	}
	return needs
}

// step adds the nodes of s and returns the ones that end it.
func (f *flat) step(s *step, in inherited, needs []int) []int {
	switch s.form {
	case formGroup:
		return f.sequence(s.children, in.within(s), needs)
	case formParallel:
		var ends []int
		inner := in.within(s)
		for _, child := range s.children {
			last := f.step(child, inner, needs)
			f.ends[child.id] = last
			if !child.aside {
				ends = append(ends, last...)
			}
		}
		return f.add(s, nil, orchestrator.Node{
			ID: s.id, Path: inner.path, Part: inner.part, Title: s.node.Title, Kind: orchestrator.NodeJoin, Needs: distinct(ends),
		})
	case formAction, formAsk, formGate, formNone:
	}
	node := s.node
	if node.Gate != nil { // its spec is filled in per plan
		gate := *node.Gate
		node.Gate = &gate
	}
	inner := in.within(s)
	node.Path, node.Part, node.Title = inner.path, inner.part, inner.title
	node.Needs = distinct(needs)
	for _, w := range inner.when {
		node.When = append(node.When, w.text)
	}
	if s.form == formAction && node.Timeout == "" {
		node.Timeout = in.timeout
	}
	if s.form != formAsk && node.OnFailure.Do == "" {
		node.OnFailure = in.onFailure
	}
	own := slices.Clone(s.exprs)
	for i := range own {
		own[i].owner = s.id
	}
	return f.add(s, append(own, inner.when...), node)
}

func (f *flat) add(s *step, exprs []expression, node orchestrator.Node) []int {
	node.Ordinal = len(f.plan.Nodes)
	f.plan.Nodes = append(f.plan.Nodes, node)
	f.steps = append(f.steps, s)
	f.exprs = append(f.exprs, exprs)
	return []int{node.Ordinal}
}

// within is what the steps inside s inherit.
func (in inherited) within(s *step) inherited {
	out := in
	out.path = strings.TrimPrefix(in.path+"."+s.id, ".")
	if s.node.Part != 0 {
		out.part = s.node.Part
	}
	if s.node.Title != "" {
		out.title = s.node.Title
	}
	if s.when != nil {
		when := *s.when
		when.owner = s.id
		out.when = append(slices.Clone(in.when), when)
	}
	if s.node.Timeout != "" {
		out.timeout = s.node.Timeout
	}
	if s.node.OnFailure.Do != "" {
		out.onFailure = s.node.OnFailure
	}
	return out
}

// distinct gives ordinals in ascending order, each once.
func distinct(ordinals []int) []int {
	return slices.Compact(slices.Sorted(slices.Values(ordinals)))
}

// after adds the needs that reach across lanes, once every node is known.
func (f *flat) after(r *report) {
	known := slices.Collect(maps.Keys(f.ends))
	for i, s := range f.steps {
		node := &f.plan.Nodes[i]
		if node.Kind == orchestrator.NodeJoin {
			continue
		}
		for _, a := range s.after {
			ends, ok := f.ends[a.text]
			if !ok {
				r.fail(a.at, nearest(a.text, known), "step %s: after names %q, which is no step here", s.id, a.text)
				continue
			}
			node.Needs = distinct(append(slices.Clone(node.Needs), ends...))
		}
	}
}

// upstream is, for each node, the set of nodes that have ended before it
// starts; cycle names the steps of a circle when there is one.
func (f *flat) upstream() (before []map[int]bool, cycle []int) {
	before = make([]map[int]bool, len(f.plan.Nodes))
	var path []int
	var visit func(n int) bool
	visit = func(n int) bool {
		if before[n] != nil {
			return true
		}
		if at := slices.Index(path, n); at >= 0 {
			cycle = slices.Clone(path[at:])
			return false
		}
		path = append(path, n)
		all := map[int]bool{}
		for _, need := range f.plan.Nodes[n].Needs {
			if !visit(need) {
				return false
			}
			all[need] = true
			maps.Copy(all, before[need])
		}
		path = path[:len(path)-1]
		before[n] = all
		return true
	}
	for n := range before {
		if !visit(n) {
			return nil, cycle
		}
	}
	return before, nil
}
