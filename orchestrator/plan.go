package orchestrator

// Plan is a playbook compiled and pinned: a flat list of nodes in the order a
// person reads them. Its canonical JSON is what incidents pin by hash.
type Plan struct {
	Playbook string `json:"playbook"`
	Title    string `json:"title"`
	// NeedsSuspect is set when the playbook cannot start without a deployment
	// to blame.
	NeedsSuspect bool `json:"needs_suspect,omitempty"`
	// Lock is set when one plan at a time may change the environment.
	Lock  bool   `json:"lock,omitempty"`
	Nodes []Node `json:"nodes"`
}

// NodeKind says what a node does when its turn comes.
type NodeKind string

// The node kinds. A join only waits for its needs; parallel branches end in one.
const (
	NodeAction NodeKind = "action"
	NodeAsk    NodeKind = "ask"
	NodeGate   NodeKind = "gate"
	NodeJoin   NodeKind = "join"
)

// Node is one step of a plan. Ordinal is its index in Plan.Nodes; ID is unique
// within the plan and is the name expressions use (`steps.ID`); Path is the
// dotted path of ids from the top.
type Node struct {
	Ordinal int      `json:"ordinal"`
	ID      string   `json:"id"`
	Path    string   `json:"path"`
	Part    int      `json:"part,omitempty"`
	Title   string   `json:"title,omitempty"`
	Kind    NodeKind `json:"kind"`
	// Needs are the ordinals that must have ended before this node starts.
	Needs []int `json:"needs,omitempty"`
	// When lists CEL expressions, outermost first; the node is skipped unless
	// all are true.
	When []string `json:"when,omitempty"`

	// Action nodes. With maps an input name to a literal JSON value, or to a
	// string starting with "=" that is CEL.
	Action  string         `json:"action,omitempty"`
	With    map[string]any `json:"with,omitempty"`
	Spec    Spec           `json:"spec,omitzero"`
	Approve *Approve       `json:"approve,omitempty"`
	Timeout Wait           `json:"timeout,omitempty"`
	Retry   Retry          `json:"retry,omitzero"`

	Ask  *Ask  `json:"ask,omitempty"`
	Gate *Gate `json:"gate,omitempty"`

	OnFailure OnFailure `json:"on_failure,omitzero"`
	// Then is the incident state that the end of this node leads to:
	// "monitoring" or "resolved"; empty for none.
	Then string `json:"then,omitempty"`
}

// Wait is a duration in a plan: a literal such as "90s", or "=" and CEL that
// gives milliseconds (for example "=timing.cured_within").
type Wait string

// Retry bounds the attempts of an action. Zero means 5 attempts in 10 minutes.
type Retry struct {
	Max int  `json:"max,omitempty"`
	For Wait `json:"for,omitempty"`
}

// Approve says who must agree before the action runs.
type Approve struct {
	// Policy looks the decision up in policies.autonomy; Roles and Quorum, when
	// given as well, can only make it stricter.
	Policy    bool     `json:"policy,omitempty"`
	Roles     []string `json:"roles,omitempty"`
	Quorum    int      `json:"quorum,omitempty"`
	Requester string   `json:"requester,omitempty"`
	Within    Wait     `json:"within,omitempty"`
	Else      string   `json:"else,omitempty"`
	// Reason is set when an approval must carry a reason.
	Reason bool `json:"reason,omitempty"`
	// Confirm is ConfirmName when each approval must carry the name of what is changed.
	Confirm string `json:"confirm,omitempty"`
}

// What happens when nobody answers in time (Approve.Else, Ask.Else).
const (
	ElseDefault  = "default"
	ElseEscalate = "escalate"
	ElsePage     = "page"
	ElseStop     = "stop"
	ElseSkip     = "skip"
)

// Ask is a question to people: one of a few choices, a checklist to confirm, or
// typed answers (names of values such as root_cause), or several of them.
type Ask struct {
	Roles     []string `json:"roles,omitempty"`
	Within    Wait     `json:"within,omitempty"`
	Default   string   `json:"default,omitempty"`
	Else      string   `json:"else,omitempty"`
	Choice    []Choice `json:"choice,omitempty"`
	Checklist []string `json:"checklist,omitempty"`
	Typed     []string `json:"typed,omitempty"`
}

// Choice is one answer of an Ask. Refused, when set, is the plain reason why
// this answer cannot be taken; choosing it is refused with that line, unless Needs, which
// is CEL, holds at that moment.
type Choice struct {
	Key     string `json:"key"`
	Text    string `json:"text"`
	Refused string `json:"refused,omitempty"`
	Needs   string `json:"needs,omitempty"`
}

// Gate measures until it has passed Consecutive times in a row, or fails when
// Within is over. Uses names a read action whose output the Pass expression
// sees as `out`; without Uses the gate looks at the incident's signals, which
// Pass sees as `failing` (how many fire now).
type Gate struct {
	Uses        string         `json:"uses,omitempty"`
	With        map[string]any `json:"with,omitempty"`
	Spec        Spec           `json:"spec,omitzero"`
	Signals     bool           `json:"signals,omitempty"`
	Pass        string         `json:"pass"`
	Every       Wait           `json:"every"`
	Consecutive Wait           `json:"consecutive"`
	Within      Wait           `json:"within"`
	// MinSample is how much a reading must have seen, as `sample` of its output says, to
	// be more than no data; empty for nothing.
	MinSample Wait `json:"min_sample,omitempty"`
	// NoData is what a measurement without data counts as when the time is
	// over: "errored" fails the gate, "inconclusive" asks a person.
	NoData string `json:"no_data,omitempty"`
}

// OnFailure says what follows a failed node. Do is stop, continue, page, ask or
// open; empty means stop. Ask holds the question, Open the playbook.
type OnFailure struct {
	Do   string `json:"do,omitempty"`
	Ask  *Ask   `json:"ask,omitempty"`
	Open string `json:"open,omitempty"`
}

// The values of OnFailure.Do.
const (
	FailStop     = "stop"
	FailContinue = "continue"
	FailPage     = "page"
	FailAsk      = "ask"
	FailOpen     = "open"
)
