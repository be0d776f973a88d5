package workflows

import (
	"github.com/aimarketplace/backout/orchestrator"
)

// ruleFile is rules.yaml as its author wrote it.
type ruleFile struct {
	report
	rules   []writtenRule
	inhibit []writtenInhibition
}

type writtenRule struct {
	rule orchestrator.Rule
	when expression
	keys fieldset
}

// severities are the words an incident's severity can be.
func severities() []string { return []string{"critical", "error", "major", "warning", "info"} }

// parseRules reads the file; problems end up in its report.
func parseRules(file string, src []byte) *ruleFile {
	rf := &ruleFile{report: report{file: file}}
	root := parseYAML(&rf.report, src)
	if root == nil {
		return rf
	}
	f, ok := rf.open(root, "the rules", "rules", "inhibit")
	if !ok {
		return rf
	}
	list, ok := f.value("rules", isList)
	if !ok || len(list.items) == 0 {
		rf.fail(f.pos("rules"), "add rules:", "the file has no rules")
		return rf
	}
	for _, item := range list.items {
		rf.parseRule(item)
	}
	if list, ok := f.value("inhibit", isList); ok {
		for _, item := range list.items {
			rf.parseInhibition(item)
		}
	}
	return rf
}

func (rf *ruleFile) parseRule(v *value) {
	f, ok := rf.open(v, "a rule", "id", "priority", "when", "do", "playbook", "severity", "sure", "why")
	if !ok {
		return
	}
	r := orchestrator.Rule{ID: f.text("id")}
	if rf.checkID(r.ID, f.pos("id"), "rule") {
		f.what = "rule " + r.ID
	}
	r.Priority = f.number("priority", -1000, 1000)
	r.Do = f.oneOf("do", orchestrator.RuleOpen, orchestrator.RuleIgnore)
	r.Playbook = f.text("playbook")
	r.Severity = f.oneOf("severity", severities()...)
	r.Sure = f.truth("sure")
	r.Why = f.text("why")
	when, ok := f.condition("when", inRules)
	if !ok && !f.has("when") {
		rf.fail(f.at, "add when: =…", "%s has no when", f.what)
	}
	r.When = when.text
	if r.Why == "" {
		rf.fail(f.at, "add why: the sentence people read", "%s has no why", f.what)
	}
	if !f.has("do") {
		rf.fail(f.at, "add do: open or do: ignore", "%s does not say what to do", f.what)
	}
	rf.rules = append(rf.rules, writtenRule{rule: r, when: when, keys: f})
}

// checkRules compiles the rules and collects their problems.
func (l *Library) checkRules() (*orchestrator.RuleSet, []Problem) {
	r := &report{file: l.rules.file, problems: append([]Problem(nil), l.rules.problems...)}
	set := &orchestrator.RuleSet{}
	seen := map[string]bool{}
	for _, w := range l.rules.rules {
		if seen[w.rule.ID] {
			r.fail(w.keys.pos("id"), "give it another id", "the rule id %q is taken", w.rule.ID)
		}
		seen[w.rule.ID] = true
		l.checkRulePlaybook(r, w)
		checkRuleWhen(r, l.language, inRules, w.rule.ID, w.when)
		set.Rules = append(set.Rules, w.rule)
	}
	for _, w := range l.rules.inhibit {
		if seen[w.rule.ID] {
			r.fail(w.keys.pos("id"), "give it another id", "the rule id %q is taken", w.rule.ID)
		}
		seen[w.rule.ID] = true
		checkRuleWhen(r, l.language, inRules, w.rule.ID, w.when)
		checkRuleWhen(r, l.language, inInhibition, w.rule.ID, w.by)
		set.Inhibit = append(set.Inhibit, w.rule)
	}
	return set, r.problems
}

func (l *Library) checkRulePlaybook(r *report, w writtenRule) {
	switch {
	case w.rule.Do == orchestrator.RuleIgnore && w.rule.Playbook != "":
		r.fail(w.keys.pos("playbook"), "remove it, or write do: open", "rule %s ignores the signal and names a playbook", w.rule.ID)
	case w.rule.Do == orchestrator.RuleOpen && w.rule.Playbook == "":
		r.fail(w.keys.at, "add playbook:", "rule %s opens an incident without a playbook", w.rule.ID)
	case w.rule.Playbook != "" && l.playbooks[w.rule.Playbook] == nil:
		r.fail(w.keys.pos("playbook"), nearest(w.rule.Playbook, l.Playbooks()), "rule %s: there is no playbook %q", w.rule.ID, w.rule.Playbook)
	}
}

func checkRuleWhen(r *report, lang *language, place where, id string, e expression) {
	if e.text == "" {
		return
	}
	checked := r.compile(lang, e, "rule "+id)
	if checked == nil {
		return
	}
	for _, ref := range references(checked) {
		if message, fix := shapeReference(ref, place); message != "" {
			r.fail(pos{e.at.line, e.at.column + ref.column}, fix, "rule %s: %s", id, message)
		}
	}
}
