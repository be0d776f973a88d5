package orchestrator

// Rules evaluates expressions for the fold. An implementation is pure and
// bounded: the same expression and variables always give the same value, no
// clock, no randomness, no doubles, a cost limit, and an error instead of a
// panic. It is safe for use by one goroutine at a time.
type Rules interface {
	// Eval evaluates a CEL expression (without the leading "=") over vars and
	// returns a plain Go value: bool, int64, string, []any, map[string]any or
	// nil.
	Eval(expr string, vars map[string]any) (any, error)
}

// RuleSet is the compiled rules.yaml: what a signal may start.
type RuleSet struct {
	Rules []Rule `json:"rules"`
	// Inhibit says which signals are only the echo of others.
	Inhibit []Inhibition `json:"inhibit,omitempty"`
}

// Rule maps a signal to what is done about it. The matching rule with the
// highest Priority wins, the earlier one of equals. When is CEL over signal,
// deployment, open and now. Do is "open" (open or join an incident with
// Playbook) or "ignore" (remember, do nothing).
type Rule struct {
	ID       string `json:"id"`
	Priority int    `json:"priority,omitempty"`
	When     string `json:"when"`
	Do       string `json:"do"`
	Playbook string `json:"playbook,omitempty"`
	Severity string `json:"severity,omitempty"`
	// Sure is set when one source's word is enough to wake people at once.
	Sure bool `json:"sure,omitempty"`
	// Why is the sentence shown to people when this rule decided.
	Why string `json:"why"`
}

// The values of Rule.Do.
const (
	RuleOpen   = "open"
	RuleIgnore = "ignore"
)
