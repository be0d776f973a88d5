package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Level says how bad a problem is.
type Level string

// The levels: an error keeps a playbook from being used, a warning does not.
const (
	Error   Level = "error"
	Warning Level = "warning"
)

// Problem is something wrong in a file, with what to do about it. Line and
// Column count from 1.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Level   Level  `json:"level"`
	Message string `json:"message"`
	Fix     string `json:"fix,omitempty"`
}

// String gives the problem as one line, as compilers do.
func (p Problem) String() string {
	s := fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Column, p.Level, p.Message)
	if p.Fix != "" {
		s += "; " + p.Fix
	}
	return s
}

// pos is a place in a file, counted from 1.
type pos struct{ line, column int }

// report collects the problems of one file.
type report struct {
	file     string
	problems []Problem
}

func (r *report) fail(at pos, fix, format string, args ...any) {
	r.add(Error, at, fix, fmt.Sprintf(format, args...))
}

func (r *report) warn(at pos, fix, format string, args ...any) {
	r.add(Warning, at, fix, fmt.Sprintf(format, args...))
}

func (r *report) add(level Level, at pos, fix, message string) {
	r.problems = append(r.problems, Problem{File: r.file, Line: at.line, Column: at.column, Level: level, Message: message, Fix: fix})
}

// sorted gives the problems in reading order, each once.
func sorted(problems []Problem) []Problem {
	out := slices.Clone(problems)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(out)
}

// failure joins the errors among problems, or is nil when there are none.
func failure(problems []Problem) error {
	var lines []string
	for _, p := range sorted(problems) {
		if p.Level == Error {
			lines = append(lines, p.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "\n"))
}

// nearest suggests the known name that name was probably meant to be.
func nearest(name string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	sortedNames := slices.Sorted(slices.Values(known))
	if len(sortedNames) == 0 {
		return "there are none here"
	}
	return "known are " + strings.Join(sortedNames, ", ")
}

// editDistance counts inserted, removed and changed bytes, up to a limit that
// is enough to tell a slip from another word.
func editDistance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
