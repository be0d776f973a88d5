package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/orchestrator"
)

// mine is the condition for schemas an application may have things in.
const mine = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'backout')`

// become lists the roles that one of $1 is or may become.
const become = `select r.oid, r.rolname from pg_roles r where exists (select from pg_roles a where a.rolname = any($1) and pg_has_role(a.oid, r.oid, 'MEMBER'))`

// fit refuses roles from which a right cannot be taken in earnest.
func fit(ctx context.Context, tx pgx.Tx, roles []string) error {
	for _, role := range roles {
		var super, all bool
		err := tx.QueryRow(ctx, `select rolsuper, coalesce((select pg_has_role(r.oid, w.oid, 'MEMBER') from pg_roles w where w.rolname = 'pg_write_all_data'), false)
			from pg_roles r where rolname = $1`, role).Scan(&super, &all)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return refuse(role, "does not exist", "correct app_roles in the configuration")
		case err != nil:
			return err
		case super:
			return refuse(role, "is a superuser, whom no missing right stops", "give the application a role of its own that is none")
		case all:
			return refuse(role, "is a member of pg_write_all_data, which writes without a grant", "revoke that membership and grant on the tables instead")
		}
		if err := noOwner(ctx, tx, role); err != nil {
			return err
		}
	}
	return nil
}

// noOwner refuses a role that owns tables or may become who does: an owner grants
// itself back what was taken.
func noOwner(ctx context.Context, tx pgx.Tx, role string) error {
	var owner, example string
	var n int
	err := tx.QueryRow(ctx, `select o.rolname, min(n.nspname || '.' || c.relname), count(*)
		from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_roles o on o.oid = c.relowner
		where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and `+mine+` and pg_has_role($1::name, c.relowner, 'MEMBER')
		group by 1 order by 3 desc limit 1`, role).Scan(&owner, &example, &n)
	const instead = "give the application a role of its own: `create role NAME login`, grant it select, insert, update, delete on the tables, and let it connect as that. Until then switch the component off instead"
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	case owner == role:
		return refuse(role, fmt.Sprintf("owns %d tables or the like (%s): an owner gives itself every right back, and Backout's own repair would be locked out too", n, example), instead)
	}
	return refuse(role, fmt.Sprintf("may become %s, who owns %s and %d more", owner, example, n-1), instead)
}

func refuse(role, why, do string) error {
	return orchestrator.Permanent(fmt.Errorf("read-only would not hold: role %s %s; %s", role, why, do))
}

// notes tells of ways to write that taking grants does not close.
func notes(ctx context.Context, tx pgx.Tx, roles []string) ([]string, error) {
	var out []string
	for _, q := range []struct{ sql, text string }{
		{
			`select string_agg(p.oid::regprocedure::text, ', ' order by p.oid) from (select p.oid from pg_proc p join pg_namespace n on n.oid = p.pronamespace
			where p.prosecdef and ` + mine + ` and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e')
			and exists (select from unnest($1::text[]) r where has_function_privilege(r::name, p.oid, 'EXECUTE')) order by 1 limit 5) p`,
			"functions that run with their owner's rights can still write: ",
		},
		{
			`select string_agg(distinct coalesce(n.nspname, 'every schema'), ', ') from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace, aclexplode(d.defaclacl) x
			where d.defaclobjtype = 'r' and (x.grantee = 0 or x.grantee in (select oid from (` + become + `) b)) and x.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')`,
			"tables made from now on can be written, by default privileges in ",
		},
		{
			`select string_agg(distinct n.nspname, ', ') from pg_namespace n, unnest($1::text[]) r where ` + mine + ` and has_schema_privilege(r::name, n.oid, 'CREATE')`,
			"new tables can still be made, by a grant to PUBLIC or another role, in ",
		},
	} {
		var found *string
		if err := tx.QueryRow(ctx, q.sql, roles).Scan(&found); err != nil {
			return nil, err
		}
		if found != nil {
			out = append(out, q.text+*found)
		}
	}
	return out, nil
}

// left finds rights to write that taking the roles' own does not take: those of PUBLIC, of
// roles they are members of, and those that another than the owner granted.
func left(ctx context.Context, tx pgx.Tx, roles []string) ([]string, error) {
	rows, err := tx.Query(ctx, `with able as (`+become+`), held as (
		select c.oid, c.relowner, x.grantee, x.grantor, x.privilege_type from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) x
		where c.relkind in ('r', 'p', 'v', 'm', 'f') and `+mine+`
		union all select c.oid, c.relowner, x.grantee, x.grantor, x.privilege_type from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace, aclexplode(a.attacl) x
		where `+mine+`)
		select string_agg(distinct h.privilege_type, ', ') || ' on ' || h.oid::regclass || ' through ' ||
			case when h.grantee = 0 then 'PUBLIC' else pg_get_userbyid(h.grantee) end || ' (granted by ' || pg_get_userbyid(h.grantor) || ')'
		from held h where h.privilege_type in ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE') and (h.grantee = 0 or h.grantee in (select oid from able))
			and not (h.grantor = h.relowner and h.grantee in (select oid from pg_roles where rolname = any($1)))
		group by h.oid, h.grantee, h.grantor order by 1`, roles)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// leftover words what is left as a refusal.
func leftover(found []string) error {
	const shown = 5
	text := strings.Join(found[:min(shown, len(found))], "; ")
	if len(found) > shown {
		text += fmt.Sprintf("; and %d more", len(found)-shown)
	}
	return orchestrator.Permanent(fmt.Errorf("read-only would not hold, nothing was changed: the application could still write, %s. Revoke that by hand, or name the role it comes through in app_roles", text))
}
