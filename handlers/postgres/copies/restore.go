package copies

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// restoreLock is the advisory lock of whoever restores on a server.
const restoreLock = proveLock + 1

// carryLock bounds the wait for a lock in a database that nobody else uses.
const carryLock = 5 * time.Second

// restore puts a copy in the place of the database. Each step finds out what was done
// before, so that it goes on where an earlier run was ended.
func (w *work) restore(ctx context.Context) error {
	c, err := open(w.Folder, w.Copy)
	switch {
	case err != nil:
		return never{err}
	case w.Sum != "" && c.Sum != w.Sum:
		return never{fmt.Errorf("copy %s is not the one that was approved", c.Name)}
	}
	w.out.of(c)
	use, err := hold(c.Path, false)
	if err != nil {
		return fmt.Errorf("keeping copy %s from being removed: %w", c.Name, err)
	}
	defer func() { _ = use.Close() }()
	admin, err := maintenance(w.address).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, admin)
	if err := advisory(ctx, admin, restoreLock); err != nil {
		return fmt.Errorf("waiting for another restore on this server: %w", err)
	}
	return w.goOn(ctx, admin, c)
}

// goOn does what is still to be done.
func (w *work) goOn(ctx context.Context, admin *pgx.Conn, c *Copy) error {
	name := w.address.Database()
	s, err := stands(ctx, admin, name, w.Key)
	switch {
	case err != nil:
		return err
	case s.Switched:
		w.out.Before = s.Before
		return nil
	}
	if s.State != stateLoaded {
		if err := w.build(ctx, admin, c, s); err != nil {
			return err
		}
	}
	w.stop("loaded")
	if err := w.carried(ctx); err != nil {
		return err
	}
	w.out.Before, err = w.swap(ctx, c)
	return err
}

// carried brings over what stands now, right before the switch: it may have come or gone
// while the copy was loaded.
func (w *work) carried(ctx context.Context) error {
	if w.carry == nil {
		return nil
	}
	now, err := w.address.Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, now)
	restored, err := w.address.On(beside(w.address.Database(), w.Key)).Open(ctx, direct.Limits{Lock: carryLock})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, restored)
	if err := w.carry(ctx, now, restored); err != nil {
		return fmt.Errorf("nothing was switched: %w", err)
	}
	return nil
}

// build restores beside the database and proves what came of it.
func (w *work) build(ctx context.Context, admin *pgx.Conn, c *Copy, s standing) error {
	if err := c.sound(ctx); err != nil {
		return never{err}
	}
	name := w.address.Database()
	target := beside(name, w.Key)
	if err := foreign(ctx, w.address, s, target); err != nil {
		return never{err}
	}
	if s.Target { // What an earlier run of this restore did not finish.
		if err := run(ctx, admin, "drop database "+ident(target)+" with (force)"); err != nil {
			return err
		}
	}
	if err := run(ctx, admin, c.Manifest.Layout.create(target)); err != nil {
		return err
	}
	w.stop("created")
	if err := comment(ctx, admin, target, mark(w.Key, stateLoading, c.Name, "")); err != nil {
		return err
	}
	err := w.load(ctx, c, target)
	if err == nil {
		err = w.same(ctx, c, target)
	}
	if err == nil {
		err = w.finish(ctx, admin, target)
	}
	if err != nil {
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
		defer cancel()
		return errors.Join(err, run(within, admin, "drop database if exists "+ident(target)+" with (force)"))
	}
	w.stop("restored")
	return comment(ctx, admin, target, mark(w.Key, stateLoaded, c.Name, ""))
}

// finish gives the restored database what a dump does not hold: statistics, and the
// owner, rights and settings of the database itself.
func (w *work) finish(ctx context.Context, admin *pgx.Conn, target string) error {
	conn, err := w.address.On(target).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	err = run(ctx, conn, "analyze")
	direct.Close(ctx, conn)
	if err != nil {
		return err
	}
	set, err := fastened(ctx, w.address)
	if err != nil {
		return err
	}
	todo, err := ownStatements(ctx, admin, set, w.address.Database(), target)
	if err != nil {
		return err
	}
	for _, sql := range todo {
		if err := run(ctx, admin, sql); err != nil {
			return err
		}
	}
	return nil
}

// ownStatements are what makes target like name: limit, settings, rights and, last since
// the others need it, the owner.
func ownStatements(ctx context.Context, admin *pgx.Conn, set belt, name, target string) ([]string, error) {
	var owner string
	var limit int
	var rights bool
	err := admin.QueryRow(ctx, "select pg_get_userbyid(datdba), datconnlimit, datacl is not null from pg_database where datname = $1", name).Scan(&owner, &limit, &rights)
	if err != nil {
		return nil, fmt.Errorf("reading what database %s is like: %w", name, err)
	}
	on := ident(target)
	out := []string{fmt.Sprintf("alter database %s connection limit %d", on, limit)}
	settings, err := pairs(ctx, admin, `select case when setrole = 0 then '' else pg_get_userbyid(setrole) end, unnest(setconfig)
		from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = $1)`, name)
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		who := "alter database " + on
		if s[0] != "" {
			who = "alter role " + ident(s[0]) + " in database " + on
		}
		key, value, _ := strings.Cut(s[1], "=")
		value, keep := set.before(s[0], key, value)
		if !keep {
			continue
		}
		if key != "search_path" && key != "temp_tablespaces" && !strings.HasSuffix(key, "_preload_libraries") {
			value = quote(value) // Those are lists whose members are quoted already.
		}
		out = append(out, who+" set "+pgx.Identifier(strings.Split(key, ".")).Sanitize()+" = "+value)
	}
	if rights {
		grants, err := pairs(ctx, admin, `select case when a.grantee = 0 then '' else pg_get_userbyid(a.grantee) end, a.privilege_type || case when a.is_grantable then '*' else '' end
			from pg_database d, aclexplode(d.datacl) a where d.datname = $1 and a.grantee <> d.datdba`, name)
		if err != nil {
			return nil, err
		}
		out = append(out, "revoke all on database "+on+" from public")
		for _, g := range grants {
			out = append(out, grant(on, g[0], g[1]))
		}
	}
	return append(out, "alter database "+on+" owner to "+ident(owner)), nil
}

func grant(on, to, privilege string) string {
	who := "public"
	if to != "" {
		who = ident(to)
	}
	what, option := strings.CutSuffix(privilege, "*")
	sql := "grant " + what + " on database " + on + " to " + who
	if option {
		sql += " with grant option"
	}
	return sql
}

func pairs(ctx context.Context, admin *pgx.Conn, sql, name string) ([][2]string, error) {
	rows, err := admin.Query(ctx, sql, name)
	if err != nil {
		return nil, fmt.Errorf("reading settings and rights of database %s: %w", name, err)
	}
	out, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (p [2]string, err error) {
		return p, r.Scan(&p[0], &p[1])
	})
	if err != nil {
		return nil, fmt.Errorf("reading settings and rights of database %s: %w", name, err)
	}
	return out, nil
}
