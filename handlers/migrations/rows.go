package migrations

import (
	"slices"
	"strings"
)

func insertRows(l look, n Node) []Finding {
	table := relation(n.node("relation"))
	does := "insert rows into " + table
	part := n.beyond("relation", "cols", "selectStmt", "onConflictClause", "override", "withClause", "returningList")
	if part == "" {
		part = queryStrange(n)
	}
	switch {
	case part != "":
		return one(notUnderstood(does, part))
	case l.scope.isFresh(aTable, table):
		return one(fresh(does))
	}
	f := changesRows(does, Unsure, "the old code finds rows that it did not write")
	if n.node("onConflictClause").text("action") == "ONCONFLICT_UPDATE" {
		f = f.losing("the values of " + table + " that rows already there had")
	}
	return one(f)
}

func updateRows(l look, n Node) []Finding {
	table := relation(n.node("relation"))
	does := "update rows of " + table
	part := n.beyond("relation", "targetList", "whereClause", "fromClause", "withClause", "returningList")
	if part == "" {
		part = queryStrange(n)
	}
	switch {
	case part != "":
		return one(notUnderstood(does, part))
	case l.scope.isFresh(aTable, table):
		return one(fresh(does))
	}
	old := l.oldColumns(table, n.list("targetList"))
	if len(old) == 0 {
		return one(changesRows(does, Yes, "only columns change that the old code does not know; triggers of the table run"))
	}
	return one(changesRows(does, Unsure, "the old code reads the new values as it read the old ones").
		losing("the values that stood in " + strings.Join(old, ", ")))
}

// oldColumns are the columns set that the old code knows.
func (l look) oldColumns(table string, targets []Node) (old []string) {
	for _, w := range targets {
		name := w.as("ResTarget").text("name")
		if l.scope.column(table, name) == nil && !slices.Contains(old, table+"."+ident(name)) {
			old = append(old, table+"."+ident(name))
		}
	}
	return old
}

func deleteRows(l look, n Node) []Finding {
	table := relation(n.node("relation"))
	does := "delete rows of " + table
	if strange := queryStrange(n); strange != "" {
		return one(notUnderstood(does, strange))
	}
	if l.scope.isFresh(aTable, table) {
		return one(fresh(does))
	}
	return one(destroys(does, "the deleted rows of "+table, "the old code may need them"))
}

func truncate(l look, n Node) (out []Finding) {
	for _, w := range n.list("relations") {
		table := relation(w.as("RangeVar"))
		does := "empty table " + table
		if n.text("behavior") != "DROP_CASCADE" && l.scope.isFresh(aTable, table) {
			out = append(out, fresh(does))
			continue
		}
		out = append(out, destroys(does, "all rows of "+table, "the old code may need them").told(rowsOf(table)).locking(exclusive(table)))
	}
	return out
}

func comment(look, Node) []Finding {
	return one(additive("comment on an object", "a comment changes nothing else"))
}

func grant(_ look, n Node) []Finding {
	if n.flag("is_grant") && n.text("targtype") == "ACL_TARGET_OBJECT" {
		return one(additive("grant rights", "it takes none away"))
	}
	return one(breaks("revoke rights", Unsure, Unsure, "the old code may work with the role that loses them"))
}

func transaction(_ look, n Node) []Finding {
	switch n.text("kind") {
	case "TRANS_STMT_BEGIN", "TRANS_STMT_START", "TRANS_STMT_COMMIT":
		return one(additive("begin or end a transaction", "it changes nothing by itself"))
	}
	return one(unknown("take back part of a transaction", "what stays of the statements before is not followed"))
}

// set knows the settings that bound a migration and change nothing for others.
func set(_ look, n Node) []Finding {
	does := "set " + n.text("name")
	known := []string{"lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "client_min_messages", "application_name"}
	if n.text("kind") == "VAR_SET_VALUE" && slices.Contains(known, n.text("name")) {
		return one(additive(does, "it holds for the migration's own connection"))
	}
	return one(unknown(does, "the setting can change what the statements after it mean"))
}
