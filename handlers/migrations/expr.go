package migrations

import (
	"slices"
	"strings"
)

// expression is what the rules need to know about one.
type expression struct {
	// strange names the first part that no rule knows; "" if all is known.
	strange string
	// volatile: another value for every row, so a table is written anew for it.
	volatile bool
	null     bool
}

// expressionOf reads v, a wrapped node.
func expressionOf(v Node) (e expression) {
	if kind, inner := v.only(); kind == "A_Const" && inner.flag("isnull") {
		e.null = true
	} else if kind == "TypeCast" {
		if k, arg := inner.node("arg").only(); k == "A_Const" && arg.flag("isnull") {
			e.null = true
		}
	}
	kinds(map[string]any(v), func(kind string, n Node) bool {
		switch {
		case kind == "FuncCall":
			name := strings.Join(names(n.list("funcname")), ".")
			e.volatile = e.volatile || slices.Contains(volatileFunctions(), strings.TrimPrefix(name, "pg_catalog."))
			if !knownFunction(name) || n.beyond("funcname", "args", "funcformat", "location") != "" {
				e.note("the function " + name)
			}
		case kind == "A_Expr" && !knownOperator(n):
			e.note("the operator " + strings.Join(names(n.list("name")), "."))
		case !slices.Contains(expressionKinds(), kind):
			e.note(kind)
		}
		return true
	})
	return e
}

func (e *expression) note(strange string) {
	if e.strange == "" {
		e.strange = strange
	}
}

func expressionKinds() []string {
	return []string{
		"A_Const", "TypeCast", "TypeName", "String", "Integer", "List", "SQLValueFunction", "FuncCall", "A_ArrayExpr", "CoalesceExpr",
		"A_Expr", "BoolExpr", "NullTest", "BooleanTest", "ColumnRef", "CaseExpr", "CaseWhen", "MinMaxExpr",
	}
}

func volatileFunctions() []string {
	return []string{"gen_random_uuid", "uuid_generate_v4", "clock_timestamp", "nextval", "random", "gen_random_bytes"}
}

// knownFunction lists functions that change nothing but, with nextval, a sequence.
func knownFunction(name string) bool {
	name = strings.TrimPrefix(name, "pg_catalog.")
	return slices.Contains(volatileFunctions(), name) || slices.Contains([]string{
		"now", "timezone", "date_trunc", "to_timestamp", "make_interval",
		"lower", "upper", "btrim", "ltrim", "rtrim", "concat", "replace", "substring", "length", "char_length", "left", "right", "md5", "initcap", "split_part",
		"abs", "round", "floor", "ceil", "mod", "count", "sum", "min", "max", "avg", "row_number", "array_length", "cardinality",
		"jsonb_build_object", "json_build_object", "jsonb_build_array", "to_jsonb", "to_json", "jsonb_set", "array_agg", "string_agg",
	}, name)
}

func knownOperator(n Node) bool {
	name := names(n.list("name"))
	switch n.text("kind") {
	case "AEXPR_OP", "AEXPR_IN", "AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_OP_ANY", "AEXPR_OP_ALL", "AEXPR_DISTINCT", "AEXPR_NOT_DISTINCT", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_NULLIF":
	default:
		return false
	}
	return len(name) == 1 && slices.Contains([]string{
		"+", "-", "*", "/", "%", "||", "=", "<>", "!=", "<", ">", "<=", ">=", "~~", "~~*", "!~~", "!~~*", "~", "!~", "~*", "->", "->>", "#>", "#>>", "@>", "<@", "?",
		"BETWEEN", "NOT BETWEEN",
	}, name[0])
}
