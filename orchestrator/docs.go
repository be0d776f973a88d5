package orchestrator

import (
	"fmt"
	"strconv"

	"github.com/goccy/go-json"
)

// brokenDoc says why the fold cannot work with a document, "" if it can. One that
// cannot be worked with is never made the current one: every later entry would
// break on it. It needs no fold version: the first entry that used such a document
// ended the process.
func brokenDoc(d *Doc) string {
	var err error
	switch d.Kind {
	case DocConfig:
		err = json.Unmarshal(d.Body, &Config{})
	case DocRules:
		err = json.Unmarshal(d.Body, &RuleSet{})
	case DocPlaybook:
		var plan Plan
		if err = json.Unmarshal(d.Body, &plan); err == nil {
			return brokenPlan(&plan)
		}
	}
	if err != nil {
		return "the document " + d.Kind + suffix(d.Name) + " cannot be read: " + err.Error()
	}
	return ""
}

// brokenPlan finds what no compiled playbook has and what the fold relies on.
func brokenPlan(plan *Plan) string {
	if len(plan.Nodes) >= chatOrdinal {
		return "playbook " + plan.Playbook + " has " + plural(len(plan.Nodes), "node") + ", more than " + strconv.Itoa(chatOrdinal-1)
	}
	for i := range plan.Nodes {
		if why := brokenNode(plan, i); why != "" {
			return fmt.Sprintf("playbook %s, node %d (%s): %s", plan.Playbook, i, plan.Nodes[i].ID, why)
		}
	}
	return ""
}

func brokenNode(plan *Plan, i int) string {
	node := &plan.Nodes[i]
	if node.Ordinal != i {
		return "its ordinal is " + strconv.Itoa(node.Ordinal)
	}
	for _, need := range node.Needs {
		if need < 0 || need >= len(plan.Nodes) || need == i {
			return "it needs node " + strconv.Itoa(need)
		}
	}
	switch node.Kind {
	case NodeAction, NodeJoin:
		return ""
	case NodeAsk:
		if node.Ask == nil {
			return "it asks nothing"
		}
		return ""
	case NodeGate:
		if node.Gate == nil {
			return "it measures nothing"
		}
		return ""
	}
	return "its kind " + strconv.Quote(string(node.Kind)) + " is not known"
}
