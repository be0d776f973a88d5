package configs

import (
	"fmt"
	"strings"
)

// Problem is one thing that is wrong in a file, with its place and the fix. Line
// and Column count from 1; they are 0 for what stands in no file.
type Problem struct {
	File    string
	Line    int
	Column  int
	Message string
	Fix     string
}

// String is one line: FILE:LINE:COLUMN: message; fix.
func (p Problem) String() string {
	text := p.Message
	if p.Fix != "" {
		text += "; " + p.Fix
	}
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, text)
}

// Problems is every problem found in one pass, in the order of the files.
type Problems []Problem

// Error lists the problems, one on a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}
