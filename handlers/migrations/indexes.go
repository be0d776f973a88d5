package migrations

import "slices"

// concurrently is in the words of what must be alone in its migration.
const concurrently = "concurrently"

func createIndex(l look, n Node) []Finding {
	table := relation(n.node("relation"))
	does := "create index " + ident(n.text("idxname")) + " on " + table
	if n.flag("unique") {
		does = "create unique index " + ident(n.text("idxname")) + " on " + table
	}
	lock := share(table)
	if n.flag("concurrent") {
		does, lock = does+" "+concurrently, shareUpdate(table)
	}
	part := n.beyond("idxname", "relation", "accessMethod", "indexParams", "indexIncludingParams", "whereClause", "unique", "concurrent", "if_not_exists", "nulls_not_distinct", "options")
	if part != "" || !slices.Contains([]string{"btree", "gin", "gist", "hash", "brin", "spgist", "hnsw", "ivfflat"}, n.text("accessMethod")) {
		return one(notUnderstood(does, part+" "+n.text("accessMethod")))
	}
	if !n.flag("if_not_exists") && n.text("idxname") != "" {
		name := dotted(n.node("relation").text("schemaname"), n.text("idxname"))
		l.scope.add(anIndex, name)
		l.scope.plain[name] = !n.flag("unique")
	}
	cols, plain := indexColumns(n)
	switch {
	case l.scope.isFresh(aTable, table):
		return one(fresh(does))
	case n.flag("unique"):
		return one(l.unique(does, table, cols, n.flag("nulls_not_distinct") || !plain).locking(lock))
	case !plain:
		return one(breaks(does, Yes, Unsure, "its expression is computed for every row the old code writes, and may fail for one").locking(lock))
	}
	return one(additive(does, "an index changes how fast rows are found, not what they hold").locking(lock))
}

// indexColumns are the columns; plain is whether it is of columns alone, or of
// expressions that cannot fail.
func indexColumns(n Node) (cols []string, plain bool) {
	plain = true
	for _, w := range n.list("indexParams") {
		e := w.as("IndexElem")
		if e.has("expr") {
			plain = plain && cannotFail(e.node("expr"))
			continue
		}
		cols = append(cols, e.text("name"))
	}
	if n.has("whereClause") {
		plain = plain && cannotFail(n.node("whereClause"))
	}
	return cols, plain
}

// cannotFail is an expression of columns, constants, tests and comparisons, lower
// and upper. A cast, arithmetic or another function may fail for a value.
func cannotFail(v Node) bool {
	ok := expressionOf(v).strange == ""
	kinds(map[string]any(v), func(kind string, n Node) bool {
		switch kind {
		case "TypeCast":
			k, arg := n.node("arg").only()
			ok = ok && k == "A_Const" && arg != nil
		case "FuncCall":
			name := names(n.list("funcname"))
			ok = ok && len(name) == 1 && (name[0] == "lower" || name[0] == "upper")
		case "A_Expr":
			name := names(n.list("name"))
			ok = ok && len(name) == 1 && slices.Contains([]string{"=", "<>", "<", ">", "<=", ">="}, name[0])
		}
		return true
	})
	return ok
}

// unique judges that some columns of an old table must now be unique. One that the
// old code leaves null never collides.
func (l look) unique(does, table string, cols []string, strict bool) Finding {
	for _, name := range cols {
		c := l.scope.column(table, name)
		if c == nil || strict || c.filled || c.notNull {
			continue
		}
		c.unique = true
		return additive(does, "the old code leaves "+ident(name)+" null, and nulls do not collide")
	}
	f := breaks(does, Yes, No, "the old code may write a row that another one like it is there for")
	if len(cols) == 0 || strict {
		return f
	}
	return f.told(duplicates(table, quotedAll(cols)))
}

func quotedAll(list []string) (out []string) {
	for _, s := range list {
		out = append(out, ident(s))
	}
	return out
}
