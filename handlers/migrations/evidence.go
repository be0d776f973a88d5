package migrations

import (
	"fmt"
	"strings"
)

// Each query reads only, takes no parameters and returns one row with one number.
// Where the object it asks about is not there it fails, so that "cannot tell" is
// never taken for 0.

const (
	decidesReads  = "reads"
	decidesWrites = "writes"
)

// holdsNull counts what an old client cannot read in a column it takes for required.
func holdsNull(table, col, decides string) Evidence {
	return Evidence{
		Counts:  fmt.Sprintf("rows of %s hold null in %s", table, col),
		SQL:     fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NULL", table, col),
		Decides: decides,
	}
}

func rowsOf(table string) Evidence {
	return Evidence{Counts: "rows " + table + " has", SQL: "SELECT count(*) FROM " + table}
}

// duplicates counts values that stand in more than one row.
func duplicates(table string, cols []string) Evidence {
	list := strings.Join(cols, ", ")
	return Evidence{
		Counts: fmt.Sprintf("values of %s stand in more than one row of %s", list, table),
		SQL: fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %s WHERE %s IS NOT NULL GROUP BY %s HAVING count(*) > 1) AS d",
			table, strings.Join(cols, " IS NOT NULL AND "), list),
	}
}

func violates(table, condition string) Evidence {
	return Evidence{
		Counts: fmt.Sprintf("rows of %s do not meet it", table),
		SQL:    fmt.Sprintf("SELECT count(*) FROM %s WHERE NOT (%s\n)", table, condition),
	}
}

// refers counts the rows that keep what they refer to from being deleted.
func refers(table string, cols []string, parent string) Evidence {
	return Evidence{
		Counts:  fmt.Sprintf("rows of %s refer to %s", table, parent),
		SQL:     fmt.Sprintf("SELECT count(*) FROM %s WHERE %s IS NOT NULL", table, strings.Join(cols, " IS NOT NULL AND ")),
		Decides: decidesWrites,
	}
}

// orphans counts the rows that refer to nothing.
func orphans(table string, cols []string, parent string, keys []string) Evidence {
	var same []string
	for i := range cols {
		same = append(same, fmt.Sprintf("p.%s = c.%s", keys[i], cols[i]))
	}
	return Evidence{
		Counts: fmt.Sprintf("rows of %s refer to no row of %s", table, parent),
		SQL: fmt.Sprintf("SELECT count(*) FROM %s AS c WHERE c.%s IS NOT NULL AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s)",
			table, strings.Join(cols, " IS NOT NULL AND c."), parent, strings.Join(same, " AND ")),
	}
}

// holdsLabel counts, in every column of the enum, of an array of it and of a domain
// over it, the rows with the label. Labels are compared as text: an enum that does
// not have the label yet holds no row with it.
func holdsLabel(enum, label string) Evidence {
	return Evidence{
		Counts: fmt.Sprintf("rows hold the value %s of %s", literal(label), enum),
		SQL: fmt.Sprintf(`SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml(format(
  CASE WHEN t.typelem <> 0 THEN 'SELECT count(*) AS n FROM %%I.%%I WHERE %%L = ANY (%%I::text[])' ELSE 'SELECT count(*) AS n FROM %%I.%%I WHERE %%L = %%I::text' END,
  n.nspname, c.relname, %[2]s, a.attname), false, true, '')))[1]::text::bigint), 0)::bigint
FROM pg_catalog.pg_type e
JOIN pg_catalog.pg_type t ON t.oid = e.oid OR t.oid = e.typarray OR t.typbasetype = e.oid
JOIN pg_catalog.pg_attribute a ON a.atttypid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE e.oid = %[1]s::regtype`, literal(enum), literal(label)),
		Decides: decidesReads, Short: "rows use it",
	}
}

// needsValue tells whether a type refuses null by itself, as a domain can.
func needsValue(typ string) Evidence {
	return Evidence{
		Counts:  fmt.Sprintf("times %s is a domain that refuses null or has a condition", typ),
		SQL:     fmt.Sprintf("SELECT count(*) FROM pg_catalog.pg_type t WHERE t.oid = %s::regtype AND t.typtype = 'd'", literal(typ)),
		Decides: decidesWrites,
	}
}
