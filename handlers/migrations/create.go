package migrations

import (
	"slices"
	"strings"
)

func createTable(l look, n Node) (out []Finding) {
	rel := n.node("relation")
	table := relation(rel)
	does := "create table " + table
	part := n.beyond("relation", "tableElts", "oncommit", "if_not_exists", "partspec")
	switch {
	case part != "":
		return one(notUnderstood(does, part))
	case rel.text("relpersistence") == "t":
		return one(unknown(does, "a temporary table stands before one of the same name"))
	case rel.beyond("schemaname", "relname", "inh", "relpersistence", "location") != "" || n.text("oncommit") != "ONCOMMIT_NOOP":
		return one(notUnderstood(does, "ON COMMIT or its name"))
	}
	if !n.flag("if_not_exists") {
		l.scope.add(aTable, table)
	}
	out = one(additive(does, "the old code does not know the table"))
	elements := n.list("tableElts")
	for _, e := range elements {
		if kind, def := e.only(); kind == "ColumnDef" {
			out = append(out, l.newTableColumn(table, def)...)
		}
	}
	for _, e := range elements {
		switch kind, def := e.only(); kind {
		case "ColumnDef":
		case "Constraint":
			out = append(out, l.newTableConstraint(table, def)...)
		default:
			out = append(out, notUnderstood(does, kind))
		}
	}
	return out
}

// newTableColumn notes the column and judges what it refers to.
func (l look) newTableColumn(table string, def Node) (out []Finding) {
	col := ident(def.text("colname"))
	does := "create table " + table + " with column " + col
	if part := def.beyond("colname", "typeName", "is_local", "constraints", "location", "collClause"); part != "" {
		out = append(out, notUnderstood(does, part))
	}
	c := &column{filled: typeOf(def.node("typeName")).serial}
	for _, w := range def.list("constraints") {
		con := w.as("Constraint")
		switch con.text("contype") {
		case "CONSTR_NOTNULL", "CONSTR_PRIMARY":
			c.notNull = true
		case "CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED":
			c.filled = true
		case "CONSTR_NULL", "CONSTR_UNIQUE", "CONSTR_CHECK", "CONSTR_ATTR_DEFERRABLE", "CONSTR_ATTR_DEFERRED", "CONSTR_ATTR_NOT_DEFERRABLE", "CONSTR_ATTR_IMMEDIATE":
		case "CONSTR_FOREIGN":
			defer func() { out = append(out, l.foreignKey(table, con, []string{def.text("colname")})...) }()
		default:
			out = append(out, notUnderstood(does, con.text("contype")))
		}
	}
	if l.scope.isFresh(aTable, table) {
		l.scope.columns[table+"."+col] = c
	}
	return out
}

func (l look) newTableConstraint(table string, con Node) []Finding {
	switch con.text("contype") {
	case "CONSTR_PRIMARY", "CONSTR_UNIQUE", "CONSTR_CHECK":
		return nil // the old code writes no row of a table it does not know
	case "CONSTR_FOREIGN":
		return l.foreignKey(table, con, names(con.list("fk_attrs")))
	}
	return one(notUnderstood("create table "+table, con.text("contype")))
}

func createTableAs(l look, n Node) []Finding {
	into := n.node("into")
	table := relation(into.node("rel"))
	does := "create table " + table + " from a query"
	if n.text("objtype") == "OBJECT_MATVIEW" {
		does = "create materialized view " + table
	}
	switch {
	case n.beyond("query", "into", "objtype", "if_not_exists") != "" || into.beyond("rel", "onCommit", "colNames", "skipData") != "":
		return one(notUnderstood(does, "WITH or ON COMMIT"))
	case into.node("rel").text("relpersistence") == "t":
		return one(unknown(does, "a temporary table stands before one of the same name"))
	}
	if strange := queryStrange(n.node("query")); strange != "" {
		return one(notUnderstood(does, strange))
	}
	return one(additive(does, "the old code does not know it"))
}

// queryStrange names a function or statement inside a query that is not known.
func queryStrange(n Node) (strange string) {
	kinds(map[string]any(n), func(kind string, n Node) bool {
		name := strings.Join(names(n.list("funcname")), ".")
		if strange == "" && kind == "FuncCall" && !knownFunction(name) {
			strange = "the function " + name
		}
		return true
	})
	return strange
}

func createEnum(l look, n Node) []Finding {
	name := dotted(names(n.list("typeName"))...)
	if part := n.beyond("typeName", "vals"); part != "" {
		return one(notUnderstood("create enum "+name, part))
	}
	l.scope.add(aType, name)
	l.scope.enums[name] = true
	return one(additive("create enum "+name, "the old code does not know the type"))
}

func createComposite(l look, n Node) []Finding {
	name := relation(n.node("typevar"))
	l.scope.add(aType, name)
	return one(additive("create type "+name, "the old code does not know the type"))
}

// alterEnum adds or renames a value. The shape fits the old code either way; a row
// with a value it does not know is what it cannot read.
func alterEnum(l look, n Node) []Finding {
	enum, value := dotted(names(n.list("typeName"))...), n.text("newVal")
	does := "add value " + literal(value) + " to enum " + enum
	if n.has("oldVal") {
		does = "rename value " + literal(n.text("oldVal")) + " of enum " + enum + " to " + literal(value)
	}
	part := n.beyond("typeName", "newVal", "oldVal", "newValNeighbor", "newValIsAfter", "skipIfNewValExists")
	switch {
	case part != "":
		return one(notUnderstood(does, part))
	case l.scope.isFresh(aType, enum):
		return one(fresh(does))
	case n.has("oldVal"):
		return one(breaks(does, No, No, "the old code writes the former name and cannot read the new one"))
	}
	return one(byRows(does, "the old client cannot read a row that holds a value it does not know", holdsLabel(enum, value)))
}

func createSchema(l look, n Node) []Finding {
	name := ident(n.text("schemaname"))
	if part := n.beyond("schemaname", "if_not_exists"); part != "" {
		return one(notUnderstood("create schema "+name, part))
	}
	if !n.flag("if_not_exists") {
		l.scope.add(aSchema, name)
	}
	return one(additive("create schema "+name, "the old code does not know the schema"))
}

func createSequence(l look, n Node) []Finding {
	name := relation(n.node("sequence"))
	if part := n.beyond("sequence", "options", "if_not_exists"); part != "" || n.node("sequence").text("relpersistence") == "t" {
		return one(notUnderstood("create sequence "+name, part))
	}
	if !n.flag("if_not_exists") {
		l.scope.add(aSequence, name)
	}
	return one(additive("create sequence "+name, "the old code does not know the sequence"))
}

// createExtension knows those that only add types and functions.
func createExtension(_ look, n Node) []Finding {
	name := n.text("extname")
	does := "create extension " + ident(name)
	if !slices.Contains([]string{"pgcrypto", "uuid-ossp", "citext", "pg_trgm", "vector", "postgis", "hstore", "btree_gin", "btree_gist", "unaccent", "ltree", "fuzzystrmatch", "pg_stat_statements"}, name) ||
		n.beyond("extname", "if_not_exists", "options") != "" {
		return one(unknown(does, "what the extension does is not known"))
	}
	return one(additive(does, "it adds types and functions that the old code does not call"))
}

func createView(l look, n Node) []Finding {
	name := relation(n.node("view"))
	does := "create view " + name
	part := n.beyond("view", "aliases", "query", "withCheckOption", "replace", "options")
	switch {
	case part != "" || n.node("view").text("relpersistence") == "t":
		return one(notUnderstood(does, part))
	case n.flag("replace") && !l.scope.isFresh(aView, name):
		return one(breaks("replace view "+name, Unsure, Unsure, "the old code reads what the new query gives"))
	}
	l.scope.add(aView, name)
	return one(additive(does, "the old code does not know the view"))
}

func createPolicy(l look, n Node) []Finding {
	table := relation(n.node("table"))
	does := "create policy " + ident(n.text("policy_name")) + " on " + table
	if l.scope.isFresh(aTable, table) {
		return one(fresh(does))
	}
	return one(breaks(does, Unsure, Unsure, "it decides which rows the old code sees and may write").locking(exclusive(table)))
}

func alterPolicy(_ look, n Node) []Finding {
	table := relation(n.node("table"))
	return one(breaks("alter policy "+ident(n.text("policy_name"))+" on "+table, Unsure, Unsure, "it decides which rows the old code sees and may write").locking(exclusive(table)))
}

func createTrigger(l look, n Node) []Finding {
	table := relation(n.node("relation"))
	does := "create trigger " + ident(n.text("trigname")) + " on " + table
	if l.scope.isFresh(aTable, table) && !n.has("constrrel") {
		return one(fresh(does))
	}
	return one(breaks(does, Yes, Unsure, "the old code's writes run it, and what its function does is not read").locking(shareRow(table, false)))
}
