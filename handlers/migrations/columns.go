package migrations

// added is a column that ALTER TABLE adds, as its constraints are read.
type added struct {
	column
	does    string
	strange string
	// generated values can fail for a row that the old code writes.
	generated, check, primary bool
	volatile                  bool
	foreign                   []Node
	typ                       columnType
}

func (l look) addColumn(table string, def Node, ifNotExists bool) (out []Finding) {
	name := def.text("colname")
	a := readColumn(def)
	a.does = "add column " + table + "." + ident(name)
	if a.strange != "" {
		return one(notUnderstood(a.does, a.strange))
	}
	isNew := l.scope.isFresh(aTable, table)
	if !ifNotExists {
		l.scope.columns[table+"."+ident(name)] = &a.column
	}
	if isNew {
		out = one(fresh(a.does))
	} else {
		out = one(l.judgeColumn(table, &a))
	}
	for _, con := range a.foreign {
		out = append(out, l.foreignKey(table, con, []string{name})...)
	}
	return out
}

func readColumn(def Node) (a added) {
	a.typ = typeOf(def.node("typeName"))
	a.strange = def.beyond("colname", "typeName", "is_local", "constraints", "location", "collClause")
	if a.strange == "" {
		a.strange = a.typ.strange
	}
	if a.typ.serial {
		a.notNull, a.filled, a.volatile = true, true, true
	}
	for _, w := range def.list("constraints") {
		a.constraint(w.as("Constraint"))
	}
	return a
}

func (a *added) constraint(con Node) {
	switch kind := con.text("contype"); kind {
	case "CONSTR_NOTNULL":
		a.notNull = true
	case "CONSTR_NULL":
	case "CONSTR_DEFAULT":
		e := expressionOf(con.node("raw_expr"))
		a.filled, a.volatile = !e.null, a.volatile || e.volatile
		if e.strange != "" {
			a.strange = e.strange
		}
	case "CONSTR_IDENTITY":
		a.notNull, a.filled, a.volatile = true, true, true
	case "CONSTR_GENERATED":
		a.generated, a.filled, a.volatile = true, true, true
	case "CONSTR_UNIQUE":
		a.unique = true
	case "CONSTR_PRIMARY":
		a.primary, a.notNull = true, true
	case "CONSTR_CHECK":
		a.check = true
	case "CONSTR_FOREIGN":
		a.foreign = append(a.foreign, con)
	default:
		a.strange = kind
	}
}

// judgeColumn judges a new column of a table the old code writes to: it names the
// columns it knows and leaves this one out.
func (l look) judgeColumn(table string, a *added) Finding {
	lock := exclusive(table)
	if a.volatile {
		lock = rewriting(table)
	}
	switch {
	case !a.omittable():
		return breaks(a.does, Yes, No, "the old code leaves the column out, and it may be neither null nor has a default").told(rowsOf(table)).locking(lock)
	case a.primary, a.check, a.generated:
		return breaks(a.does, Yes, Unsure, "a row that the old code writes without the column may not meet its condition").locking(lock)
	case a.unique && (a.filled || a.notNull):
		return breaks(a.does, Yes, No, "the old code leaves the column out, so its rows collide in what has to be unique").locking(lock)
	case !a.typ.builtin && !a.typ.serial && !a.typ.array && !l.scope.enums[a.typ.name]:
		return byRows(a.does, "the old code leaves the column out, which its type allows unless it is a domain", needsValue(a.typ.name)).locking(lock)
	case a.filled:
		return additive(a.does, "the old code leaves the column out and gets its default").locking(lock)
	}
	return additive(a.does, "the old code leaves the column out, and it may be null").locking(lock)
}
