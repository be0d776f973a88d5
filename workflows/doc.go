// Package workflows owns what an on-call engineer would review: the playbooks
// and rules in YAML. It loads them (embedded, or overridden by a folder),
// checks them, compiles them to orchestrator.Plan and orchestrator.RuleSet,
// prints and draws them. It also owns the expression language they are written
// in: Evaluator implements orchestrator.Rules with CEL.
//
// It must not do anything: it starts nothing, calls nobody, knows no clock and
// reads no file by itself (a folder arrives as an fs.FS). Compiling the same
// files with the same action specs gives the same bytes.
//
// Start reading at library.go: Load reads the files, Compile and RuleSet turn
// them into what the fold works with, Lint lists what is wrong with them. A
// file becomes a tree of values with positions (tree.go), the tree a playbook
// (playbook.go), the playbook a flat plan (flatten.go), and the plan is checked
// (check*.go). expressions.go says which CEL is allowed; evaluator.go runs it.
package workflows
