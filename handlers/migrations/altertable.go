package migrations

import "strings"

// alterTable judges each part by itself.
func alterTable(l look, n Node) (out []Finding) {
	table := relation(n.node("relation"))
	part := n.beyond("relation", "cmds", "objtype", "missing_ok")
	if part == "" && n.text("objtype") != "OBJECT_TABLE" {
		part = strings.ToLower(strings.TrimPrefix(n.text("objtype"), "OBJECT_"))
	}
	if part != "" {
		return one(notUnderstood("alter table "+table, part))
	}
	for _, w := range n.list("cmds") {
		out = append(out, l.alter(table, w.as("AlterTableCmd"))...)
	}
	return out
}

// alter judges one part of an ALTER TABLE.
func (l look) alter(table string, cmd Node) []Finding {
	subtype := cmd.text("subtype")
	does := "alter table " + table + ": " + words(strings.TrimPrefix(subtype, "AT_"))
	if part := cmd.beyond("subtype", "name", "def", "behavior", "missing_ok", "newowner"); part != "" {
		return one(notUnderstood(does, part))
	}
	switch subtype {
	case "AT_AddColumn":
		return l.addColumn(table, cmd.node("def").as("ColumnDef"), cmd.flag("missing_ok"))
	case "AT_DropColumn":
		return one(l.dropColumn(table, cmd))
	case "AT_ColumnDefault":
		return one(l.columnDefault(table, cmd))
	case "AT_SetNotNull":
		return one(l.setNotNull(table, cmd.text("name")))
	case "AT_DropNotNull":
		return one(l.dropNotNull(table, cmd.text("name")))
	case "AT_AlterColumnType":
		return one(l.columnType(table, cmd))
	case "AT_AddConstraint":
		return l.addConstraint(table, cmd.node("def").as("Constraint"))
	case "AT_DropConstraint":
		return one(l.dropConstraint(table, cmd))
	case "AT_ValidateConstraint":
		return one(additive("validate constraint "+ident(cmd.text("name"))+" of "+table, "it checks the rows that are there; new ones are checked already").locking(shareUpdate(table)))
	}
	return one(l.security(table, subtype, does))
}

// security judges who may read and write which rows.
func (l look) security(table, subtype, does string) Finding {
	switch subtype {
	case "AT_EnableRowSecurity", "AT_ForceRowSecurity":
		if l.scope.isFresh(aTable, table) {
			return fresh(does)
		}
		return breaks(does, Unsure, Unsure, "the old code sees and writes only the rows that a policy gives it; without a policy none").locking(exclusive(table))
	case "AT_DisableRowSecurity", "AT_NoForceRowSecurity":
		if l.scope.isFresh(aTable, table) {
			return fresh(does)
		}
		return breaks(does, Unsure, Yes, "the old code sees rows that a policy kept from it").locking(exclusive(table))
	case "AT_ChangeOwner":
		if l.scope.isFresh(aTable, table) {
			return fresh(does)
		}
		return breaks(does, Unsure, Unsure, "the old code's role may have its rights from owning the table").locking(exclusive(table))
	}
	return unknown(does, "Backout has no rule for this change of a table")
}

func (l look) dropColumn(table string, cmd Node) Finding {
	col := ident(cmd.text("name"))
	does := "drop column " + table + "." + col
	if cmd.text("behavior") == "DROP_CASCADE" {
		return destroys(does+" and what depends on it", "the values of "+table+"."+col+" and what depends on them", "the old code reads and writes the column").locking(exclusive(table))
	}
	if l.scope.column(table, cmd.text("name")) != nil {
		delete(l.scope.columns, table+"."+col)
		return fresh(does).locking(exclusive(table))
	}
	return destroys(does, "the values of "+table+"."+col, "the old code reads and writes the column").
		told(rowsOf(table)).locking(exclusive(table))
}

func (l look) columnDefault(table string, cmd Node) Finding {
	col := ident(cmd.text("name"))
	does, e := "drop default of "+table+"."+col, expression{null: true}
	if cmd.has("def") {
		does, e = "set default of "+table+"."+col, expressionOf(cmd.node("def"))
	}
	if e.strange != "" {
		return notUnderstood(does, e.strange)
	}
	if c := l.scope.column(table, cmd.text("name")); c != nil {
		c.filled = !e.null
		return l.settled(does, table, c)
	}
	if l.scope.isFresh(aTable, table) {
		return fresh(does)
	}
	if e.null {
		return breaks(does, Yes, Unsure, "old code that leaves the column out relies on its default").locking(exclusive(table))
	}
	return changesRows(does, Unsure, "rows that the old code writes without the column hold another value from now on").locking(exclusive(table))
}

// settled judges a fresh column by what it is after the change.
func (l look) settled(does, table string, c *column) Finding {
	switch {
	case l.scope.isFresh(aTable, table):
		return fresh(does)
	case !c.omittable():
		return breaks(does, Yes, No, "the old code leaves the column out, and it may be neither null nor has a default").locking(exclusive(table))
	case c.unique && (c.filled || c.notNull):
		return breaks(does, Yes, No, "the old code leaves the column out, so its rows collide in what has to be unique").locking(exclusive(table))
	}
	return fresh(does).locking(exclusive(table))
}

func (l look) setNotNull(table, name string) Finding {
	does := "set not null on " + table + "." + ident(name)
	if c := l.scope.column(table, name); c != nil {
		c.notNull = true
		return l.settled(does, table, c)
	}
	if l.scope.isFresh(aTable, table) {
		return fresh(does)
	}
	return breaks(does, Yes, No, "the old code may write null here").told(holdsNull(table, ident(name), "")).locking(rewriting(table))
}

func (l look) dropNotNull(table, name string) Finding {
	does := "drop not null on " + table + "." + ident(name)
	if c := l.scope.column(table, name); c != nil {
		c.notNull = false
		return l.settled(does, table, c)
	}
	if l.scope.isFresh(aTable, table) {
		return fresh(does)
	}
	return byRows(does, "the old client takes the column for required and cannot read a row that holds null", holdsNull(table, ident(name), decidesReads)).locking(exclusive(table))
}

func (l look) columnType(table string, cmd Node) Finding {
	def := cmd.node("def").as("ColumnDef")
	t := typeOf(def.node("typeName"))
	does := "change type of " + table + "." + ident(cmd.text("name")) + " to " + t.words()
	part := def.beyond("typeName", "raw_default", "location", "collClause")
	if part == "" && def.has("raw_default") {
		part = expressionOf(def.node("raw_default")).strange
	}
	switch {
	case part != "":
		return notUnderstood(does, part)
	case l.scope.column(table, cmd.text("name")) != nil || l.scope.isFresh(aTable, table):
		return fresh(does).locking(rewriting(table))
	}
	return breaks(does, No, Unsure, "the old client reads and writes the column as its former type").
		losing("what the values of " + table + "." + ident(cmd.text("name")) + " held beyond the new type").locking(rewriting(table))
}
