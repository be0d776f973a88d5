package configs

import "time"

// Policies are what people decided in advance, by daylight.
type Policies struct {
	Autonomy []Autonomy `yaml:"autonomy"`
	Limits   Limits     `yaml:"limits"`
	Ack      Ack        `yaml:"ack"`
	Page     Page       `yaml:"page"`
	// Timings are waiting times that playbooks name as timing.NAME: counts where the
	// name ends in _consecutive, durations elsewhere. What the file leaves out keeps
	// its default; a name of its own is for playbooks of one's own.
	Timings map[string]Timing `yaml:"timings"`
}

// Autonomy says who decides about an action; the first line that fits wins, and a
// playbook may only be stricter. Action "*" fits all. When is CEL with its "=".
type Autonomy struct {
	Action string `yaml:"action"`
	Kind   string `yaml:"kind"`
	When   string `yaml:"when"`
	// Do is auto (after Veto, which anyone on call can stop) or ask.
	Do     string   `yaml:"do"`
	Veto   Duration `yaml:"veto"`
	Roles  []string `yaml:"roles"`
	Quorum int      `yaml:"quorum"`
	// Requester is may_count (default) or excluded.
	Requester string   `yaml:"requester"`
	Within    Duration `yaml:"within"`
	// Else is what follows when nobody answers: escalate, page, stop or skip.
	Else string `yaml:"else"`
}

// Limits bind the machine, not a person with the role. What is left out has the
// fold's default: 20m, 30m, 2, 15m, 3, 2m, 60000.
type Limits struct {
	SignalAge     Duration    `yaml:"signal_age"`
	AutoWindow    Duration    `yaml:"auto_window"`
	AskWindow     Duration    `yaml:"ask_window"`
	AutoPerHour   int         `yaml:"auto_per_hour"`
	ApprovalValid Duration    `yaml:"approval_valid"`
	MinDistinct   MinDistinct `yaml:"min_distinct"`
	// ConfirmBeforePage is how long trouble that one source alone tells of, and
	// no deployment is blamed for, must last before people are woken; 0s for at once.
	ConfirmBeforePage *Duration `yaml:"confirm_before_page"`
	// SourceBudget is how many events a minute of one source are kept one by one;
	// past it those that only add to an open incident are counted.
	SourceBudget int `yaml:"source_budget"`
}

// confirm is ConfirmBeforePage in the fold's words: 0 for its default, negative for
// not at all.
func (l Limits) confirm() int64 {
	switch {
	case l.ConfirmBeforePage == nil:
		return 0
	case *l.ConfirmBeforePage == 0:
		return -1
	}
	return l.ConfirmBeforePage.Milliseconds()
}

// MinDistinct is how many different webhook failures make a signal; a sender's
// retries of one event count once.
type MinDistinct struct {
	Events int `yaml:"events"`
}

// Ack says how long an acknowledgement holds back further pages.
type Ack struct {
	Expires Duration `yaml:"expires"`
}

// Page names the role that is paged; a page goes to everyone who has it.
type Page struct {
	Role string `yaml:"role"`
}

// defaultTimings are the waiting times of the embedded playbooks.
func defaultTimings() map[string]Timing {
	ms := func(d time.Duration) Timing { return Timing{Value: d.Milliseconds()} }
	return map[string]Timing{
		"proven_every":       ms(time.Second),
		"proven_within":      ms(3 * time.Minute),
		"cured_every":        ms(30 * time.Second),
		"cured_consecutive":  {Value: 4, Count: true},
		"cured_within":       ms(15 * time.Minute),
		"mail_after":         ms(15 * time.Minute),
		"mail_every":         ms(15 * time.Second),
		"investigate_within": ms(4 * time.Hour),
		"watch_every":        ms(30 * time.Second),
		"watch_consecutive":  {Value: 60, Count: true},
		"watch_within":       ms(2 * time.Hour),
		"respond_within":     ms(12 * time.Hour),
	}
}
