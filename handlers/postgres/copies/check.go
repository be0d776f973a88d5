package copies

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// Finding is what a look at a database's copies found. Fix is what a person can do; it
// is empty when all is well. Warn is set when it is only worth a look.
type Finding struct {
	Text, Fix string
	Warn      bool
}

// Check looks, for each database that may be changed, for what would fail at a restore.
// Beside trying to write into the folder it only reads.
func (c *Client) Check(ctx context.Context) []Finding {
	var out []Finding
	for _, t := range c.targets {
		for _, f := range t.check(ctx, c.path) {
			f.Text = "database of " + t.Project + "/" + t.Environment + ": " + f.Text
			out = append(out, f)
		}
	}
	return out
}

func (t *target) check(ctx context.Context, path string) []Finding {
	conn, err := t.address.Open(ctx, direct.Limits{ReadOnly: true, Statement: 5 * time.Second})
	if err != nil {
		return []Finding{{Text: "it cannot be reached: " + direct.Said(err), Fix: "look at database.direct_url"}}
	}
	defer direct.Close(ctx, conn)
	out := t.owners(ctx, conn)
	if t.Folder == "" {
		return append(out, Finding{Text: "no copies are taken of it", Fix: "write snapshots: {folder: PATH, every: 6h}", Warn: true})
	}
	out = append(out, t.programs(ctx, conn, path), t.room(ctx, conn))
	out = append(out, t.rights(ctx)...)
	return append(out, t.age(time.Now()))
}

// programs looks for pg_dump and pg_restore.
func (t *target) programs(ctx context.Context, conn *pgx.Conn, path string) Finding {
	major, err := serverMajor(ctx, conn)
	if err != nil {
		return Finding{Text: direct.Said(err), Fix: "look at database.direct_url"}
	}
	tools, err := findTools(ctx, t.Bin, path, major)
	if err != nil {
		what, todo, _ := strings.Cut(err.Error(), "; ")
		return Finding{Text: what, Fix: todo}
	}
	return Finding{Text: fmt.Sprintf("pg_dump and pg_restore are of PostgreSQL %d, the server of %d", tools.major, major)}
}

// room looks whether a copy fits.
func (t *target) room(ctx context.Context, conn *pgx.Conn) Finding {
	var size int64
	if err := conn.QueryRow(ctx, "select pg_database_size(current_database())").Scan(&size); err != nil {
		return Finding{Text: "its size cannot be read: " + direct.Said(err), Fix: "look at database.direct_url"}
	}
	err := os.MkdirAll(t.Folder, folderMode)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(t.Folder, ".doctor.*"); err == nil {
			_ = f.Close()
			err = os.Remove(f.Name())
		}
	}
	if err != nil {
		return Finding{Text: "the folder of its copies cannot be written: " + err.Error(), Fix: "give Backout's user that folder"}
	}
	all, _ := list(t.Folder, t.Project, t.Environment) // One that was just written can be read.
	need := needs(size, newest(all, false))
	have, known := free(t.Folder)
	if known && have < need {
		return Finding{Text: fmt.Sprintf("a copy of its %s may take %s, and %s has %s free", bytesText(size), bytesText(need), t.Folder, bytesText(have)), Fix: "make room there, or lower snapshots.keep"}
	}
	return Finding{Text: fmt.Sprintf("%s can be written, and a copy of its %s fits", t.Folder, bytesText(size))}
}

// rights looks what the role may not do and a restore needs.
func (t *target) rights(ctx context.Context) []Finding {
	admin, err := maintenance(t.address).Open(ctx, direct.Limits{ReadOnly: true, Statement: 5 * time.Second})
	if err != nil {
		return []Finding{{Text: "a restore needs database " + maintenance(t.address).Database() + " of the same server: " + direct.Said(err), Fix: "grant connect on it to " + t.address.User()}}
	}
	defer direct.Close(ctx, admin)
	lacks, err := t.lacks(ctx, admin)
	switch {
	case err != nil:
		return []Finding{{Text: direct.Said(err), Fix: "look at database.direct_url"}}
	case t.address.Database() == "postgres":
		return []Finding{{Text: "it is called postgres, so postgres.restore refuses it; its copies are for looking and repairing", Fix: "restore by the provider's own means, such as supabase.restore_pitr", Warn: true}}
	}
	var out []Finding
	for _, l := range lacks {
		what, todo, _ := strings.Cut(l, "; ")
		out = append(out, Finding{Text: "role " + t.address.User() + " " + what, Fix: todo})
	}
	if len(out) == 0 {
		out = append(out, Finding{Text: "role " + t.address.User() + " may make and rename databases, and end the application's sessions"})
	}
	return out
}

// owners looks whether a role of the application could not be kept from writing: an owner
// keeps its rights, and taking them from it would lock out the repair as well.
func (t *target) owners(ctx context.Context, conn *pgx.Conn) []Finding {
	var out []Finding
	for _, role := range t.AppRoles {
		var there, super bool
		var owns int64
		var example string
		err := conn.QueryRow(ctx, `select count(r.oid) > 0, coalesce(bool_or(r.rolsuper), false), coalesce(max(o.n), 0), coalesce(max(o.example), '')
			from pg_roles r left join lateral (select count(*) n, min(c.oid::regclass::text) example from pg_class c join pg_namespace s on s.oid = c.relnamespace
				where c.relkind in ('r', 'p') and s.nspname !~ '^pg_' and s.nspname <> 'information_schema' and pg_has_role(r.oid, c.relowner, 'usage')) o on true
			where r.rolname = $1`, role).Scan(&there, &super, &owns, &example)
		const todo = "let the application connect as a role that owns nothing, with grants on what it needs"
		switch {
		case err != nil:
			out = append(out, Finding{Text: "what role " + role + " owns cannot be read: " + direct.Said(err), Fix: "look at database.direct_url"})
		case !there:
			out = append(out, Finding{Text: "there is no role " + role, Fix: "look at app_roles"})
		case super:
			out = append(out, Finding{Text: "role " + role + " of the application is a superuser, whom nothing keeps from writing", Fix: todo})
		case owns > 0:
			out = append(out, Finding{Text: fmt.Sprintf("role %s of the application owns %d tables (%s), so read-only would not bar it, or would lock out the repair, too", role, owns, example), Fix: todo})
		default:
			out = append(out, Finding{Text: "role " + role + " of the application owns no table"})
		}
	}
	return out
}

// age looks how old the newest restore point is.
func (t *target) age(now time.Time) Finding {
	all, err := list(t.Folder, t.Project, t.Environment)
	c := newest(all, true)
	switch {
	case err != nil:
		return Finding{Text: err.Error(), Fix: "give Backout's user that folder"}
	case c == nil && t.Every > 0:
		return Finding{Text: "there is no restore point: no copy of it was taken and proven yet", Fix: "start Backout; it takes one at once"}
	case c == nil:
		return Finding{Text: "there is no restore point: no copy of it was taken and proven yet", Fix: "write snapshots.every, or run a plan with postgres.snapshot", Warn: true}
	}
	old := now.Sub(c.at()).Round(time.Minute)
	f := Finding{Text: fmt.Sprintf("the newest restore point shows %s, %s ago", day(c.Manifest.At), old)}
	switch {
	case t.Every > 0 && old > 2*t.Every:
		f.Fix = fmt.Sprintf("one every %s was asked for; look at `backout doctor` of the one that runs, and at its jobs", t.Every)
	case !c.Verified.Owners:
		f.Text += "; it was restored without owners and rights, so postgres.restore refuses it: " + c.Verified.Why
		f.Fix, f.Warn = "give role "+t.address.User()+" what it lacks, for restores", true
	}
	return f
}
