package migrations

import (
	"encoding/json"
	"fmt"
)

// Class is what a statement, a migration or several of them do to the code from
// before. The larger one is the worse one, so the worst of many is their maximum.
type Class int

// The classes. Unknown counts as breaking; it is kept apart to say that nobody read it.
const (
	// Additive: the old code reads and writes as before, whatever the rows hold.
	Additive Class = iota + 1
	// Data: rows are changed, or the rows decide; then there is a query that tells.
	Data
	// Unknown: not understood, so it counts as breaking.
	Unknown
	// Breaking: the old code cannot read or cannot write the new schema.
	Breaking
	// Destructive: what it removes does not come back without a restore.
	Destructive
)

// String is the word in texts and JSON.
func (c Class) String() string {
	switch c {
	case Additive:
		return "additive"
	case Data:
		return "data"
	case Unknown:
		return "unknown"
	case Breaking:
		return "breaking"
	case Destructive:
		return "destructive"
	}
	return "unjudged"
}

// MarshalJSON writes the word.
func (c Class) MarshalJSON() ([]byte, error) { return json.Marshal(c.String()) }

// UnmarshalJSON reads the word.
func (c *Class) UnmarshalJSON(src []byte) error {
	var word string
	if err := json.Unmarshal(src, &word); err != nil {
		return fmt.Errorf("reading a class: %w", err)
	}
	for k := Additive; k <= Destructive; k++ {
		if k.String() == word {
			*c = k
			return nil
		}
	}
	return fmt.Errorf("reading a class: %q is none; they are additive, data, unknown, breaking, destructive", word)
}

// Stops reports whether the class needs a waiver before it is shipped: the old code
// cannot be gone back to without more ado.
func (c Class) Stops() bool { return c == 0 || c >= Unknown }

// Answer is whether the old code can do one thing, read or write.
type Answer string

// The answers.
const (
	Yes Answer = "yes"
	No  Answer = "no"
	// ByRows: yes when the evidence counts 0, otherwise no.
	ByRows Answer = "by-rows"
	// Unsure: nobody can tell from the statement, so it counts as no.
	Unsure Answer = "unknown"
)

// Evidence is a read-only query that returns one row with one number.
type Evidence struct {
	// Counts says what the number counts, in words that follow "how many".
	Counts string `json:"counts"`
	SQL    string `json:"sql"`
	// Decides is "reads", "writes" or "". With a word, that answer is ByRows, and 0
	// makes it Yes; without, the number only tells how bad it is.
	Decides string `json:"decides,omitempty"`
	// Short is Counts in a few words after the number, where there are some: "rows use it".
	Short string `json:"-"`
}

// Lock is what a statement keeps others from doing while it runs.
type Lock struct {
	// Mode is PostgreSQL's name of the lock, such as ACCESS EXCLUSIVE.
	Mode string `json:"mode"`
	// Table is locked, as it is written in the statement.
	Table string `json:"table,omitempty"`
	// Blocks is "reads and writes", "writes" or "schema changes".
	Blocks string `json:"blocks"`
	// Scans: it is held while every row is read or written.
	Scans bool `json:"scans,omitempty"`
}

// Finding is one effect of a statement; an ALTER TABLE has one for each of its parts.
type Finding struct {
	// Does names the effect and its object, such as `drop column "Order"."note"`.
	Does   string `json:"does"`
	Class  Class  `json:"class"`
	Reads  Answer `json:"old_code_reads"`
	Writes Answer `json:"old_code_writes"`
	Why    string `json:"why"`
	// Loss is what cannot be brought back; "" is nothing.
	Loss     string     `json:"data_loss,omitempty"`
	Locks    []Lock     `json:"locks,omitempty"`
	Evidence []Evidence `json:"evidence,omitempty"`
}

// Statement is one statement of a script with what it does. Class is the worst of
// its findings, of which there is at least one.
type Statement struct {
	// Line is where it begins in its file, from 1.
	Line int `json:"line"`
	// Text is its beginning on one line, at most 160 bytes.
	Text     string    `json:"text"`
	Class    Class     `json:"class"`
	Findings []Finding `json:"findings"`
}

// Worst is the worst class of some statements; nothing at all is additive.
func Worst(statements []Statement) Class {
	worst := Additive
	for _, s := range statements {
		worst = max(worst, s.Class)
	}
	return worst
}
