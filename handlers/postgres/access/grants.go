package access

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// grant is one privilege on one object. Object and Col are quoted as SQL needs them; Was
// is the whole list of the object's privileges before.
type grant struct {
	Kind, Object, Col, Role, Privilege string
	Grantable                          bool
	Was                                string
}

// what is the privilege as GRANT and REVOKE write it.
func (g grant) what() string {
	if g.Col != "" {
		return g.Privilege + " (" + g.Col + ")"
	}
	return g.Privilege
}

func (g grant) on() string {
	kind := g.Kind
	if kind == "column" {
		kind = "table"
	}
	return kind + " " + g.Object
}

// each calls fn once per object, role and grant option, with the privileges together.
func each(all []grant, fn func(first grant, privileges string)) {
	same := func(a, b grant) bool {
		return a.Kind == b.Kind && a.Object == b.Object && a.Col == b.Col && a.Role == b.Role && a.Grantable == b.Grantable
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b grant) int {
		return strings.Compare(a.place()+a.Role+fmt.Sprint(a.Grantable), b.place()+b.Role+fmt.Sprint(b.Grantable))
	})
	for len(all) > 0 {
		n := 1
		for n < len(all) && same(all[0], all[n]) {
			n++
		}
		var list []string
		for _, g := range all[:n] {
			list = append(list, g.what())
		}
		fn(all[0], strings.Join(list, ", "))
		all = all[n:]
	}
}

// place is what has a list of privileges of its own.
func (g grant) place() string { return g.Kind + "\x00" + g.Object + "\x00" + g.Col + "\x00" }

// revoke takes the privileges.
func revoke(ctx context.Context, tx pgx.Tx, all []grant) error {
	var sql strings.Builder
	each(all, func(g grant, privileges string) {
		fmt.Fprintf(&sql, "revoke %s on %s from %s;\n", privileges, g.on(), ident(g.Role))
	})
	return run(ctx, tx, sql.String())
}

// giveBack grants what was taken. Objects that are gone meanwhile are told.
func giveBack(ctx context.Context, tx pgx.Tx, all []grant) (gone []string, err error) {
	there := all[:0:0]
	for _, g := range all {
		ok, err := exists(ctx, tx, g)
		if err != nil {
			return nil, err
		}
		if !ok {
			gone = append(gone, strings.TrimSuffix(g.Object+"."+g.Col, "."))
			continue
		}
		there = append(there, g)
	}
	var sql strings.Builder
	each(there, func(g grant, privileges string) {
		fmt.Fprintf(&sql, "grant %s on %s to %s%s;\n", privileges, g.on(), ident(g.Role), option(g.Grantable))
	})
	return slices.Compact(gone), run(ctx, tx, sql.String())
}

func option(grantable bool) string {
	if grantable {
		return " with grant option"
	}
	return ""
}

// list reads the privileges of an object as they are; false when it is gone.
func list(ctx context.Context, tx pgx.Tx, g grant) (acl string, ok bool, err error) {
	sql := map[string]string{
		"table": "select relacl::text from pg_class where oid = to_regclass($1)", "sequence": "select relacl::text from pg_class where oid = to_regclass($1)",
		"column":   "select attacl::text from pg_attribute where attrelid = to_regclass($1) and quote_ident(attname) = $2 and not attisdropped",
		"schema":   "select nspacl::text from pg_namespace where quote_ident(nspname) = $1",
		"database": "select datacl::text from pg_database where quote_ident(datname) = $1",
	}[g.Kind]
	args := []any{g.Object}
	if g.Kind == "column" {
		args = append(args, g.Col)
	}
	var text *string
	err = tx.QueryRow(ctx, sql, args...).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, nil
	}
	if text != nil {
		acl = *text
	}
	return acl, err == nil, err
}

func exists(ctx context.Context, tx pgx.Tx, g grant) (bool, error) {
	_, ok, err := list(ctx, tx, g)
	return ok, err
}

// exactly makes the list of privileges what it was, to the byte: what was taken away as a
// whole comes back at the end of the list. A list that somebody changed meanwhile is left
// as it is, and told.
func exactly(ctx context.Context, tx pgx.Tx, all []grant) (differ []string, err error) {
	var last string
	for _, g := range all {
		if g.place() == last {
			continue
		}
		last = g.place()
		acl, ok, err := list(ctx, tx, g)
		if err != nil {
			return nil, err
		}
		if !ok || acl == g.Was {
			continue
		}
		if sorted(acl) == sorted(g.Was) {
			if err := reorder(ctx, tx, g); err != nil {
				return nil, err
			}
			if acl, _, err = list(ctx, tx, g); err != nil {
				return nil, err
			}
		}
		if acl != g.Was {
			differ = append(differ, strings.TrimSuffix(g.Object+"."+g.Col, "."))
		}
	}
	return differ, nil
}

func sorted(acl string) string {
	parts := strings.Split(strings.Trim(acl, "{}"), ",")
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

// reorder grants everything of an object anew in the order it was in, when its owner
// granted all of it. It is one transaction: nobody sees it without.
func reorder(ctx context.Context, tx pgx.Tx, g grant) error {
	rows, err := tx.Query(ctx, `select case when x.grantee = 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end, x.privilege_type, x.is_grantable, x.grantor = x.grantee
		from unnest($1::text::aclitem[]) with ordinality i(item, n), aclexplode(array[i.item]) x
		where not exists (select from aclexplode($1::text::aclitem[]) o group by o.grantor having count(distinct o.grantor) > 1)
		order by i.n`, g.Was)
	if err != nil {
		return err
	}
	type item struct {
		Grantee, Privilege string
		Grantable, Owner   bool
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[item])
	if err != nil {
		return err
	}
	var away, back strings.Builder
	for _, i := range items {
		if i.Owner {
			continue
		}
		one := grant{Kind: g.Kind, Object: g.Object, Col: g.Col, Privilege: i.Privilege}
		fmt.Fprintf(&away, "revoke %s on %s from %s;\n", one.what(), one.on(), i.Grantee)
		fmt.Fprintf(&back, "grant %s on %s to %s%s;\n", one.what(), one.on(), i.Grantee, option(i.Grantable))
	}
	return run(ctx, tx, away.String()+back.String())
}

// run sends several statements at once.
func run(ctx context.Context, tx pgx.Tx, sql string) error {
	if sql == "" {
		return nil
	}
	_, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	return err
}

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

// denied reports whether the database refused for want of a right.
func denied(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42501"
}
