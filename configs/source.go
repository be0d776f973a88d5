package configs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// source remembers where a Config came from: the place of every value by its
// path, such as projects[0].environments.production.kind, and the environment
// that its secrets are read from.
type source struct {
	file string
	env  func(string) (string, bool)
	at   map[string]place
}

type place struct {
	file         string
	line, column int
}

// problem is placed at the path, or at the nearest thing around it that stands in a file.
func (s *source) problem(path, message, fix string) Problem {
	where := place{file: s.file}
	for p := path; p != ""; p = parent(p) {
		if found, ok := s.at[p]; ok {
			where = found
			break
		}
	}
	return Problem{File: where.file, Line: where.line, Column: where.column, Message: message, Fix: fix}
}

// sort puts the problems in the order a person meets them, the main file first.
func (s *source) sort(problems Problems) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(boolInt(a.File != s.file), boolInt(b.File != s.file)),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Message, b.Message),
		)
	})
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}
