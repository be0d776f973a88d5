package workflows

import (
	"fmt"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// Graph draws a plan as a Mermaid flowchart: actions are boxes, questions are
// rhombi, gates hexagons, joins circles; dotted edges reach a step only when
// its condition holds.
func Graph(plan *orchestrator.Plan) string {
	var b strings.Builder
	b.WriteString("flowchart TD\n")
	for i := range plan.Nodes {
		n := &plan.Nodes[i]
		left, right := outline(n.Kind)
		fmt.Fprintf(&b, "  %s%s\"%s\"%s\n", n.ID, left, label(n), right)
	}
	for i := range plan.Nodes {
		n := &plan.Nodes[i]
		arrow := "-->"
		if len(n.When) > 0 {
			arrow = "-.->"
		}
		for _, need := range n.Needs {
			fmt.Fprintf(&b, "  %s %s %s\n", plan.Nodes[need].ID, arrow, n.ID)
		}
	}
	return b.String()
}

func outline(k orchestrator.NodeKind) (left, right string) {
	switch k {
	case orchestrator.NodeAsk:
		return "{", "}"
	case orchestrator.NodeGate:
		return "{{", "}}"
	case orchestrator.NodeJoin:
		return "((", "))"
	case orchestrator.NodeAction:
	}
	return "[", "]"
}

// label is what stands in the shape, free of what Mermaid would read as syntax.
func label(n *orchestrator.Node) string {
	text := n.ID
	if n.Part > 0 {
		text = fmt.Sprintf("%d %s", n.Part, n.ID)
	}
	if n.Title != "" {
		text += "<br/>" + escape(n.Title)
	}
	if n.Action != "" {
		text += "<br/>" + escape(n.Action)
	}
	return text
}

func escape(s string) string {
	return strings.NewReplacer("&", "#amp;", `"`, "#quot;", "<", "#lt;", ">", "#gt;", "\n", " ").Replace(s)
}
