package workflows

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"

	"github.com/aimarketplace/backout/orchestrator"
)

// expression compiles x and checks every name in it.
func (c *checker) expression(x expression, n *orchestrator.Node) {
	checked := c.compile(c.language, x, "step "+x.owner)
	if checked == nil {
		return
	}
	for _, ref := range references(checked) {
		at := pos{x.at.line, x.at.column + ref.column}
		if message, fix := c.reference(ref, x.where, n); message != "" {
			c.fail(at, fix, "step %s: %s", x.owner, message)
		}
	}
}

// compile reports an expression that does not compile or has the wrong type.
func (r *report) compile(l *language, x expression, what string) *cel.Ast {
	checked, err := l.compile(x.text)
	if err != nil {
		r.fail(pos{x.at.line, x.at.column + column(err)}, "correct the expression (workflows/expressions.go lists what is allowed)", "%s: %s", what, err.Error())
		return nil
	}
	got := checked.OutputType().String()
	if x.wants != "" && got != x.wants && got != "dyn" {
		r.fail(x.at, fmt.Sprintf("make it give %s", x.wants), "%s: the expression gives %s, not %s", what, got, x.wants)
		return nil
	}
	return checked
}

// reference says what is wrong with a name an expression reads, or nothing.
func (c *checker) reference(ref reference, at where, n *orchestrator.Node) (message, fix string) {
	switch root := ref.path[0]; {
	case root == "steps":
		return c.stepReference(ref, n)
	case root == "verdict":
		if message, fix := c.stepReference(reference{path: []string{"steps", "verdict"}}, n); message != "" {
			return message, fix
		}
		return shapeReference(ref, at)
	case root == "answers" && len(ref.path) > 1:
		if !c.typed[ref.path[1]] {
			return fmt.Sprintf("no question asks for answers.%s", ref.path[1]), nearest(ref.path[1], slices.Collect(maps.Keys(c.typed)))
		}
	case root == "timing" && len(ref.path) > 1 && c.config != nil:
		if _, ok := c.config.Policies.Timings[ref.path[1]]; !ok {
			return fmt.Sprintf("the configuration has no timing %q", ref.path[1]), "add it under policies.timings"
		}
	default:
		return shapeReference(ref, at)
	}
	return "", ""
}

// shapeReference checks a path against what is known of its variable.
func shapeReference(ref reference, at where) (message, fix string) {
	known := visible(at)
	shape, ok := known[ref.path[0]]
	if !ok {
		return fmt.Sprintf("%s cannot be read here", ref.path[0]), nearest(ref.path[0], slices.Collect(maps.Keys(known)))
	}
	for i, name := range ref.path[1:] {
		if shape.open {
			return "", ""
		}
		inner, ok := shape.fields[name]
		if !ok {
			return fmt.Sprintf("%s has no %q", strings.Join(ref.path[:i+1], "."), name), nearest(name, shape.names())
		}
		shape = inner
	}
	return "", ""
}

// stepReference checks steps.ID.FIELD: the step must exist and have ended, the
// field must exist, and an answer can only equal one of the choices.
func (c *checker) stepReference(ref reference, n *orchestrator.Node) (message, fix string) {
	if len(ref.path) < 2 {
		return "", ""
	}
	id := ref.path[1]
	i := slices.Index(c.names, id)
	if i < 0 {
		return fmt.Sprintf("there is no step %q", id), nearest(id, c.names)
	}
	if !c.before[n.Ordinal][i] {
		return fmt.Sprintf("step %q has not ended when this one starts", id), fmt.Sprintf("add after: [%s], or look at an earlier step", id)
	}
	if len(ref.path) < 3 {
		return "", ""
	}
	if !slices.Contains(stepFields(), ref.path[2]) {
		return fmt.Sprintf("a step has no %q", ref.path[2]), nearest(ref.path[2], stepFields())
	}
	if ref.path[2] != "answer" || ref.equals == "" {
		return "", ""
	}
	return answerReference(&c.flat.plan.Nodes[i], ref.equals)
}

func answerReference(asked *orchestrator.Node, answer string) (message, fix string) {
	var keys []string
	for _, ask := range []*orchestrator.Ask{asked.Ask, asked.OnFailure.Ask} {
		if ask == nil {
			continue
		}
		for _, choice := range ask.Choice {
			keys = append(keys, choice.Key)
		}
	}
	if slices.Contains(keys, answer) {
		return "", ""
	}
	return fmt.Sprintf("step %q never answers %q", asked.ID, answer), nearest(answer, keys)
}
