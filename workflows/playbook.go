package workflows

import (
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// playbook is a file as its author wrote it, before it becomes a flat plan.
type playbook struct {
	report
	name         string
	title        string
	needsSuspect bool
	lock         bool
	// otherwise is what ends a wait without an `else` of its own.
	otherwise string
	steps     []*step
}

// form says which of its keys makes a step what it is.
type form int

const (
	formNone form = iota
	formGroup
	formParallel
	formAction
	formAsk
	formGate
)

// step is one entry under `steps` or `parallel`. node holds what the step says
// about itself; ordinal, path, needs and inherited values come from flattening.
type step struct {
	id       string
	at       pos
	form     form
	children []*step
	after    []located
	// aside: what follows does not wait for it.
	aside bool
	when  *expression
	exprs []expression
	node  orchestrator.Node
	// keys and inputs say where the keys of the step and of its `with` stand.
	keys   map[string]pos
	inputs map[string]pos
}

// pos is where key stands, or the step itself.
func (s *step) pos(key string) pos {
	if at, ok := s.keys[key]; ok {
		return at
	}
	return s.at
}

// parsePlaybook reads a file; problems end up in the playbook's report.
func parsePlaybook(file string, src []byte) *playbook {
	pb := &playbook{report: report{file: file}}
	pb.name = strings.TrimSuffix(file, ".yaml")
	root := parseYAML(&pb.report, src)
	if root == nil {
		return pb
	}
	f, ok := pb.open(root, "a playbook", "playbook", "title", "for", "lock", "else", "steps")
	if !ok {
		return pb
	}
	pb.header(f)
	steps, ok := f.value("steps", isList)
	if !ok || len(steps.items) == 0 {
		pb.fail(f.pos("steps"), "add steps:", "the playbook has no steps")
		return pb
	}
	pb.steps = pb.parseSteps(steps.items)
	return pb
}

func (pb *playbook) header(f fieldset) {
	name := f.text("playbook")
	// No expression reads a playbook's name as a variable, so a hyphen is fine in it.
	plain := strings.ReplaceAll(name, "-", "_")
	if !isID(plain) {
		plain = name
	}
	if pb.checkID(plain, f.pos("playbook"), "playbook") && name != pb.name {
		pb.fail(f.pos("playbook"), "name the file "+name+".yaml", "the playbook %q is in the file %s", name, pb.file)
	}
	pb.title = f.text("title")
	if pb.title == "" {
		pb.fail(f.pos("title"), "add title: what it does, in one line", "the playbook has no title")
	}
	if v, ok := f.value("for", isMap); ok {
		if inner, ok := pb.open(v, "for", "needs"); ok {
			pb.needsSuspect = inner.oneOf("needs", "suspect_deployment") != ""
		}
	}
	pb.lock = f.oneOf("lock", "project+environment") != ""
	pb.otherwise = f.oneOf("else", orchestrator.ElseEscalate, orchestrator.ElsePage, orchestrator.ElseStop, orchestrator.ElseSkip)
}

func (pb *playbook) parseSteps(items []*value) []*step {
	var out []*step
	for _, item := range items {
		if s := pb.parseStep(item); s != nil {
			out = append(out, s)
		}
	}
	return out
}

func (pb *playbook) parseStep(v *value) *step {
	f, ok := pb.open(v, "a step", "id", "title", "part", "when", "after", "aside", "steps", "parallel", "uses", "with",
		"ask", "gate", "approve", "timeout", "retry", "on_failure", "then")
	if !ok {
		return nil
	}
	s := &step{at: v.at, keys: map[string]pos{}}
	for key, e := range f.byKey {
		s.keys[key] = e.at
	}
	s.id = f.text("id")
	if !f.has("id") {
		pb.fail(s.at, "add id: a short name", "the step has no id")
	} else if pb.checkID(s.id, s.pos("id"), "step") {
		f.what = "step " + s.id
	}
	s.node = orchestrator.Node{ID: s.id, Title: f.text("title"), Part: f.number("part", 1, 9)}
	if x, ok := f.condition("when", inPlan); ok {
		s.when = &x
	}
	s.after = f.ids("after")
	s.aside = f.truth("aside")
	s.node.Timeout = f.wait("timeout", &s.exprs)
	pb.parseOnFailure(s, f)
	pb.parseForm(s, f)
	return s
}

// parseForm reads what the step does, by the one key that says so.
func (pb *playbook) parseForm(s *step, f fieldset) {
	forms := map[string]form{"steps": formGroup, "parallel": formParallel, "uses": formAction, "ask": formAsk, "gate": formGate}
	found := 0
	for _, key := range []string{"steps", "parallel", "uses", "ask", "gate"} {
		if f.has(key) {
			s.form = forms[key]
			found++
		}
	}
	if found != 1 {
		s.form = formNone
		pb.fail(s.at, "give it exactly one of uses, ask, gate, steps, parallel", "%s says %s what it does", f.what, plural(found, "time"))
		return
	}
	switch s.form {
	case formGroup:
		pb.parseGroup(s, f, "steps")
	case formParallel:
		pb.parseGroup(s, f, "parallel")
	case formAction:
		pb.parseAction(s, f)
	case formAsk:
		s.node.Kind = orchestrator.NodeAsk
		s.node.Ask = pb.parseAsk(f.byKey["ask"].val, f.what, &s.exprs)
	case formGate:
		pb.parseGate(s, f)
	case formNone:
	}
	pb.refuseForeignKeys(s, f)
}

func (pb *playbook) parseGroup(s *step, f fieldset, key string) {
	v, ok := f.value(key, isList)
	if !ok {
		return
	}
	if len(v.items) == 0 {
		pb.fail(s.pos(key), "add steps or remove it", "%s holds no steps", f.what)
	}
	s.children = pb.parseSteps(v.items)
}

// refuseForeignKeys reports keys that say nothing on this kind of step.
func (pb *playbook) refuseForeignKeys(s *step, f fieldset) {
	meant := map[string][]form{
		"with":    {formAction},
		"approve": {formAction},
		"retry":   {formAction},
		"timeout": {formAction, formGroup, formParallel},
		"then":    {formAction, formGate, formAsk},
		"after":   {formAction, formGate, formAsk},
		"aside":   {formAction},
	}
	for _, key := range []string{"with", "approve", "retry", "timeout", "then", "after", "aside"} {
		if !f.has(key) || slices.Contains(meant[key], s.form) {
			continue
		}
		pb.fail(s.pos(key), "move it to a step that can have it", "%s: %q has no meaning here", f.what, key)
	}
	if f.has("on_failure") && s.form == formAsk {
		pb.fail(s.pos("on_failure"), "use else: inside ask", "%s: a question does not fail, it ends by its else", f.what)
	}
	s.node.Then = f.oneOf("then", "monitoring", "resolved")
}
