package migrations

import (
	"slices"
	"strings"
)

// columnType is the type of a column.
type columnType struct {
	name     string // as SQL, without [] and precision
	array    bool
	builtin  bool
	serial   bool
	strange  string
	basename string
}

func typeOf(n Node) (t columnType) {
	parts := names(n.list("names"))
	t.strange = n.beyond("names", "typmods", "typemod", "arrayBounds", "location")
	if len(parts) == 0 {
		t.strange = "a type without a name"
		return t
	}
	t.name, t.basename, t.array = dotted(parts...), parts[len(parts)-1], n.has("arrayBounds")
	t.serial = len(parts) == 1 && slices.Contains([]string{"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}, t.basename)
	t.builtin = parts[0] == "pg_catalog" || (len(parts) == 1 && slices.Contains(builtinTypes(), t.basename))
	return t
}

// words is the type as it is told.
func (t columnType) words() string {
	if t.builtin {
		return strings.ToUpper(t.basename)
	}
	return t.name
}

// builtinTypes are those that the grammar itself does not put into pg_catalog, and
// the types of well-known extensions.
func builtinTypes() []string {
	return []string{
		"text", "uuid", "json", "jsonb", "bytea", "date", "oid", "name", "money", "inet", "cidr", "macaddr", "macaddr8", "xml", "tsvector", "tsquery", "int2", "int4", "int8",
		"float4", "float8", "bool", "varchar", "bpchar", "timestamptz", "timestamp", "timetz", "time", "numeric", "interval", "point", "line", "box", "path", "polygon", "circle", "lseg",
		"int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange", "citext", "hstore", "vector", "geometry", "geography", "ltree",
	}
}
