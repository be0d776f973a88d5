package migrations

import (
	"slices"
	"strings"
)

func (l look) addConstraint(table string, con Node) []Finding {
	name := con.text("conname")
	does := "add constraint " + ident(name) + " to " + table
	if name != "" {
		defer l.scope.add(aConstraint, table+"."+ident(name))
	}
	isNew := l.scope.isFresh(aTable, table)
	switch kind := con.text("contype"); kind {
	case "CONSTR_FOREIGN":
		return l.foreignKey(table, con, names(con.list("fk_attrs")))
	case "CONSTR_CHECK":
		if isNew {
			return one(fresh(does))
		}
		return one(l.check(does, table, con))
	case "CONSTR_UNIQUE":
		if isNew {
			return one(fresh(does))
		}
		strict := con.flag("nulls_not_distinct") || con.has("indexname")
		return one(l.unique(does, table, names(con.list("keys")), strict).locking(rewriting(table)))
	case "CONSTR_PRIMARY", "CONSTR_EXCLUSION":
		if isNew {
			return one(fresh(does))
		}
		return one(breaks(does, Yes, No, "the old code may write a row that collides with another one").locking(rewriting(table)))
	default:
		return one(notUnderstood(does, kind))
	}
}

func (l look) check(does, table string, con Node) Finding {
	lock := rewriting(table)
	if con.flag("skip_validation") {
		lock.Scans = false
	}
	f := breaks(does, Yes, No, "the old code may write a row that does not meet it").locking(lock)
	condition := l.condition(con.int("location"))
	if condition == "" || expressionOf(con.node("raw_expr")).strange != "" {
		return f
	}
	return f.told(violates(table, condition))
}

// condition is the text of the CHECK that begins at this byte, without its brackets.
func (l look) condition(from int) string {
	depth, start := 0, 0
	for i := max(from, 0); i < len(l.sql); {
		next, _ := skip(l.sql, i)
		switch l.sql[i] {
		case '(':
			if depth++; depth == 1 {
				start = next
			}
		case ')':
			if depth--; depth == 0 {
				return strings.TrimSpace(string(l.sql[start:i]))
			}
		}
		i = next
	}
	return ""
}

// foreignKey judges both ends: what the old code writes into the table has to refer
// to something, and what is referred to cannot be deleted as before.
func (l look) foreignKey(table string, con Node, cols []string) (out []Finding) {
	pk := con.node("pktable")
	parent, keys := relation(pk), names(con.list("pk_attrs"))
	does := "let " + table + " (" + strings.Join(quotedAll(cols), ", ") + ") refer to " + parent
	if part := con.beyond("contype", "conname", "initially_valid", "skip_validation", "pktable", "fk_attrs", "pk_attrs", "fk_matchtype", "fk_upd_action", "fk_del_action", "fk_del_set_cols", "location", "deferrable", "initdeferred"); part != "" {
		return one(notUnderstood(does, part))
	}
	childNew, parentNew := l.scope.isFresh(aTable, table), l.scope.isFresh(aTable, parent)
	scans := !con.flag("skip_validation") && !childNew
	locks := []Lock{shareRow(table, scans), shareRow(parent, false)}
	switch {
	case childNew && parentNew:
		return one(fresh(does))
	case parentNew:
		locks = locks[:1]
	case childNew:
		locks = locks[1:]
	}
	if !childNew && !l.leavesNull(table, cols, con) {
		f := breaks(does, Yes, No, "the old code may write a row that refers to nothing").locking(locks...)
		if len(keys) == len(cols) && len(cols) > 0 {
			f = f.told(orphans(table, quotedAll(cols), parent, quotedAll(keys)))
		}
		return one(f)
	}
	if parentNew || l.follows(table, cols, con) {
		return one(additive(does, "the old code writes no row that refers, and rows that do follow what they refer to").locking(locks...))
	}
	return one(byRows(does, "the old code cannot delete or renumber a row of "+parent+" that a new row refers to", refers(table, quotedAll(cols), parent)).locking(locks...))
}

// leavesNull reports whether the old code leaves a column of the key null, which
// then refers to nothing; not with MATCH FULL.
func (l look) leavesNull(table string, cols []string, con Node) bool {
	return con.text("fk_matchtype") == "s" && slices.ContainsFunc(cols, func(name string) bool {
		c := l.scope.column(table, name)
		return c != nil && !c.notNull && !c.filled
	})
}

// follows reports whether the rows go or change with what they refer to.
func (l look) follows(table string, cols []string, con Node) bool {
	setsNull := func(action string) bool {
		return action == "n" && !slices.ContainsFunc(cols, func(name string) bool {
			c := l.scope.column(table, name)
			return c == nil || c.notNull
		})
	}
	del, upd := con.text("fk_del_action"), con.text("fk_upd_action")
	return (del == "c" || setsNull(del)) && (upd == "c" || setsNull(upd))
}

func (l look) dropConstraint(table string, cmd Node) Finding {
	name := table + "." + ident(cmd.text("name"))
	does := "drop constraint " + ident(cmd.text("name")) + " of " + table
	if l.scope.isFresh(aConstraint, name) || l.scope.isFresh(aTable, table) {
		return fresh(does)
	}
	return breaks(does, Unsure, Unsure, "rows may hold what the constraint kept out, and an upsert of the old code may need it").locking(exclusive(table))
}
