package workflows

import (
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

type writtenInhibition struct {
	rule     orchestrator.Inhibition
	when, by expression
	keys     fieldset
}

// parseInhibition reads one rule of `inhibit`: which signal is only the echo of
// which other one.
func (rf *ruleFile) parseInhibition(v *value) {
	f, ok := rf.open(v, "a rule of inhibit", "id", "when", "by", "equal", "why")
	if !ok {
		return
	}
	r := orchestrator.Inhibition{ID: f.text("id"), Why: f.text("why")}
	if rf.checkID(r.ID, f.pos("id"), "rule") {
		f.what = "rule " + r.ID
	}
	w := writtenInhibition{keys: f}
	w.when, _ = f.condition("when", inRules)
	w.by, _ = f.condition("by", inInhibition)
	r.When, r.By = w.when.text, w.by.text
	for _, name := range []string{"when", "by", "why"} {
		if !f.has(name) {
			rf.fail(f.at, "add "+name+":", "%s has no %s", f.what, name)
		}
	}
	known := []string{"project", "environment", "component"}
	for _, word := range f.words("equal") {
		r.Equal = append(r.Equal, word.text)
		if !slices.Contains(known, word.text) {
			rf.fail(word.at, nearest(word.text, known), "%s: signals cannot be compared by %q", f.what, word.text)
		}
	}
	w.rule = r
	rf.inhibit = append(rf.inhibit, w)
}
