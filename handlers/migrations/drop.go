package migrations

import "strings"

// dropped is what DROP does to one kind of object: the kind in a Scope, its word,
// and what is lost.
type dropped struct{ kind, word, why, loss string }

func droppable() map[string]dropped {
	return map[string]dropped{
		"OBJECT_TABLE":    {aTable, "table", "the old code reads and writes it", "all rows of "},
		"OBJECT_INDEX":    {anIndex, "index", "if it was unique, an upsert of the old code needs it and rows may collide by now", ""},
		"OBJECT_TYPE":     {aType, "type", "the old code names it in its queries", ""},
		"OBJECT_VIEW":     {aView, "view", "the old code may read it", ""},
		"OBJECT_MATVIEW":  {aView, "materialized view", "the old code may read it", ""},
		"OBJECT_SCHEMA":   {aSchema, "schema", "the old code may look for objects in it", ""},
		"OBJECT_SEQUENCE": {aSequence, "sequence", "the old code may take numbers from it", ""},
		"OBJECT_POLICY":   {aPolicy, "policy", "it decided which rows the old code sees and may write", ""},
		"OBJECT_TRIGGER":  {aPolicy, "trigger", "the old code may rely on what it did", ""},
		"OBJECT_FUNCTION": {aPolicy, "function", "the old code may call it", ""},
	}
}

func drop(l look, n Node) (out []Finding) {
	d, known := droppable()[n.text("removeType")]
	does := "drop " + strings.ToLower(strings.TrimPrefix(n.text("removeType"), "OBJECT_"))
	part := n.beyond("objects", "removeType", "behavior", "missing_ok", "concurrent")
	if !known || part != "" {
		return one(notUnderstood(does, part))
	}
	for _, o := range n.list("objects") {
		name := objectName(o)
		f := l.dropOne(d, name, n.text("behavior") == "DROP_CASCADE")
		if n.flag("concurrent") {
			f.Does += " " + concurrently
		}
		out = append(out, f)
	}
	return out
}

func (l look) dropOne(d dropped, name string, cascade bool) Finding {
	does := "drop " + d.word + " " + name
	isNew, plain := l.scope.isFresh(d.kind, name), l.scope.plain[name]
	l.scope.remove(d.kind, name)
	switch {
	case cascade:
		return destroys(does+" and what depends on it", "all that depends on "+name, d.why)
	case isNew:
		return fresh(does)
	case d.loss != "":
		return destroys(does, d.loss+name, d.why).told(rowsOf(name)).locking(exclusive(name))
	case d.kind == anIndex && plain:
		return additive(does, "it is not unique, so only the old code's speed depends on it").locking(exclusive(""))
	}
	return breaks(does, Unsure, Unsure, d.why)
}

// objectName is how DROP names an object: a list of strings, a type, a string or a
// function with its arguments.
func objectName(o Node) string {
	switch kind, n := o.only(); kind {
	case "List":
		return dotted(names(n.list("items"))...)
	case "TypeName":
		return dotted(names(n.list("names"))...)
	case "ObjectWithArgs":
		return dotted(names(n.list("objname"))...)
	}
	return ident(o.str())
}

// rename judges a new name: the old code goes on using the old one.
func rename(l look, n Node) []Finding {
	what := strings.ToLower(strings.TrimPrefix(n.text("renameType"), "OBJECT_"))
	name := relation(n.node("relation"))
	if name == "" {
		name = objectName(n.node("object"))
	}
	does := "rename " + what + " " + name + " to " + ident(n.text("newname"))
	switch n.text("renameType") {
	case "OBJECT_TABLE":
		return one(l.renamed(does, aTable, name))
	case "OBJECT_TYPE":
		return one(l.renamed(does, aType, name))
	case "OBJECT_COLUMN":
		does = "rename column " + name + "." + ident(n.text("subname")) + " to " + ident(n.text("newname"))
		if l.scope.column(name, n.text("subname")) != nil || l.scope.isFresh(aTable, name) {
			delete(l.scope.columns, name+"."+ident(n.text("subname")))
			return one(fresh(does))
		}
		return one(breaks(does, No, No, "the old code reads and writes it by its former name").locking(exclusive(name)))
	case "OBJECT_INDEX", "OBJECT_TABCONSTRAINT":
		return one(breaks(does, Yes, Unsure, "a statement of the old code may name it, as ON CONFLICT ON CONSTRAINT does; ALTER INDEX also renames tables"))
	}
	return one(unknown(does, "Backout has no rule for renaming this"))
}

func (l look) renamed(does, kind, name string) Finding {
	isNew := l.scope.isFresh(kind, name)
	l.scope.remove(kind, name)
	if isNew {
		return fresh(does)
	}
	f := breaks(does, No, No, "the old code uses it by its former name")
	if kind == aTable {
		f = f.locking(exclusive(name))
	}
	return f
}
