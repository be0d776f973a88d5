package migrations

import "strings"

// Scope is what is known about the schema when a statement is judged: what earlier
// migrations said, and what is fresh, that is made since the old code was built. The
// old code does not know fresh objects, so what is done to them cannot break it.
// A Scope serves one goroutine. Names are SQL, every part quoted; one written with a
// schema and one without are two, which only makes the judgement stricter.
type Scope struct {
	fresh   map[string]bool // kind and name
	gone    map[string]bool // removed or renamed old objects: their name is never fresh again
	columns map[string]*column
	enums   map[string]bool
	plain   map[string]bool // indexes that are not unique
}

// column is a fresh column of an old or a fresh table.
type column struct{ notNull, filled, unique bool }

// omittable reports whether old code, which does not name it, can still insert.
func (c *column) omittable() bool { return c.filled || !c.notNull }

// NewScope knows nothing.
func NewScope() *Scope {
	s := &Scope{enums: map[string]bool{}, plain: map[string]bool{}}
	s.Begin()
	return s
}

// Begin declares everything seen so far to be known by the old code.
func (s *Scope) Begin() {
	s.fresh, s.gone, s.columns = map[string]bool{}, map[string]bool{}, map[string]*column{}
}

func (s *Scope) add(kind, name string) {
	if !s.gone[kind+name] {
		s.fresh[kind+name] = true
	}
}

func (s *Scope) isFresh(kind, name string) bool { return s.fresh[kind+name] }

// remove forgets an object and, of a table, its fresh columns.
func (s *Scope) remove(kind, name string) {
	if !s.fresh[kind+name] {
		s.gone[kind+name] = true
	}
	delete(s.fresh, kind+name)
	for key := range s.columns {
		if kind == aTable && strings.HasPrefix(key, name+".") {
			delete(s.columns, key)
		}
	}
	if kind == aType {
		delete(s.enums, name)
	}
	if kind == anIndex {
		delete(s.plain, name)
	}
}

// column is the fresh column; nil when the old code knows it.
func (s *Scope) column(table, name string) *column { return s.columns[table+"."+ident(name)] }

// The kinds of objects a Scope tells apart.
const (
	aTable      = "table "
	aType       = "type "
	anIndex     = "index "
	aView       = "view "
	aSchema     = "schema "
	aSequence   = "sequence "
	aConstraint = "constraint "
	aPolicy     = "policy "
)
