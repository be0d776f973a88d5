package copies

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	tablesShown = 8
	countWait   = 15 * time.Second
)

// preview says in minutes, rows and the configuration's own words what a restore loses.
func (t *target) preview(ctx context.Context, c *Copy, call orchestrator.Call) (orchestrator.Preview, error) {
	n := restoreNote{
		Database: t.address.Database(), Copy: c.Name, Manifest: c.Sum, At: c.Manifest.At,
	}
	now := time.Now()
	since := now.Sub(c.at())
	n.Minutes = int64(since.Round(time.Minute).Minutes())
	parts := []string{lasted(since)}
	within, cancel := context.WithTimeout(ctx, countWait)
	defer cancel()
	rows, err := t.rowsSince(within, c)
	if err != nil {
		parts = append(parts, "rows that could not be counted in time")
	}
	n.Rows = rows
	parts = append(parts, rowsText(rows)...)
	n.Loss = map[string]int64{}
	for _, q := range t.Loss {
		count, err := t.one(within, t.reader, q.SQL, c.at())
		if err != nil {
			parts = append(parts, q.ID+": not known ("+direct.Said(err)+")")
			continue
		}
		n.Loss[q.ID] = count
		parts = append(parts, fmt.Sprintf("%d %s", count, strings.ReplaceAll(q.ID, "_", " ")))
	}
	data, err := json.Marshal(n)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", call.Step, err)
	}
	text := fmt.Sprintf("Restoring database %s to %s deletes everything written since, as counted at %s: %s. Rows that were changed in place are not among them. "+
		"Copy %s, proven at %s, is restored beside it (the proof took %s), counted, and takes its name; sessions are ended for that. "+
		"The database of now is kept under another name, so the server needs %s more",
		t.address, day(c.Manifest.At), now.UTC().Format(time.TimeOnly+" UTC"), strings.Join(parts, ", "), c.Name, day(c.Verified.At),
		(time.Duration(c.Verified.Took) * time.Millisecond).Round(time.Second), bytesText(c.Manifest.DatabaseSize))
	return orchestrator.Preview{Text: text, Data: data, Manual: fmt.Sprintf(
		"createdb -T template0 %[1]s_restore && pg_restore --exit-on-error --dbname=%[1]s_restore %[2]s/%[3]s, then rename both", n.Database, c.Path, dataFolder)}, nil
}

// lasted is a time to the second, in words.
func lasted(d time.Duration) string {
	n := int64(d.Round(time.Second) / time.Second)
	text := counted(n%60, "second")
	if n >= 60 {
		text = counted(n/60, "minute") + " " + text
	}
	return text
}

func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}

// rowsSince is by how many rows each table differs from the copy, only where it does.
func (t *target) rowsSince(ctx context.Context, c *Copy) (map[string]int64, error) {
	conn, err := t.address.Open(ctx, direct.Limits{ReadOnly: true, Statement: countWait})
	if err != nil {
		return nil, err
	}
	defer direct.Close(ctx, conn)
	now, err := countRows(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := map[string]int64{}
	for _, table := range c.Manifest.Tables {
		if d := now[table.Name] - table.Rows; d != 0 {
			out[table.Name] = d
		}
		delete(now, table.Name)
	}
	maps.Copy(out, now) // Tables that are newer than the copy.
	return out, nil
}

func rowsText(rows map[string]int64) []string {
	names := make([]string, 0, len(rows))
	for name := range rows {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := max(rows[b], -rows[b]) - max(rows[a], -rows[a]); d != 0 {
			return int(min(max(d, -1), 1))
		}
		return strings.Compare(a, b)
	})
	var out []string
	for i, name := range names {
		if i == tablesShown {
			return append(out, fmt.Sprintf("rows of %d more tables", len(names)-i))
		}
		if n := rows[name]; n >= 0 {
			out = append(out, fmt.Sprintf("%d rows of %s", n, name))
		} else {
			out = append(out, fmt.Sprintf("that %d rows of %s were deleted", -n, name))
		}
	}
	return out
}

// one asks a query for its number.
func (t *target) one(ctx context.Context, a *direct.Address, sql string, args ...any) (int64, error) {
	conn, err := a.Open(ctx, direct.Limits{ReadOnly: true, Statement: countWait})
	if err != nil {
		return 0, err
	}
	defer direct.Close(ctx, conn)
	var n int64
	return n, conn.QueryRow(ctx, sql, args...).Scan(&n)
}

// lacks says what the role may not do and a restore needs.
func (t *target) lacks(ctx context.Context, admin *pgx.Conn) ([]string, error) {
	var create, super, signal, owner bool
	err := admin.QueryRow(ctx, `select rolcreatedb or rolsuper, rolsuper, rolsuper or pg_has_role('pg_signal_backend', 'usage'),
		coalesce((select pg_has_role(datdba, 'usage') from pg_database where datname = $1), false) from pg_roles where rolname = current_user`,
		t.address.Database()).Scan(&create, &super, &signal, &owner)
	if err != nil {
		return nil, fmt.Errorf("reading what role %s may do: %s", t.address.User(), direct.Said(err))
	}
	var out []string
	if !create {
		out = append(out, "may not make databases; alter role "+ident(t.address.User())+" createdb")
	}
	if !owner {
		out = append(out, "does not own database "+t.address.Database()+", so it may not rename it; alter database … owner to it")
	}
	if super {
		return out, nil
	}
	rows, err := admin.Query(ctx, `select r.rolname from pg_roles r where (r.rolname = any($1) or r.oid in (select usesysid from pg_stat_activity where datname = $2))
		and (r.rolsuper or not ($3 or pg_has_role(r.oid, 'usage'))) order by 1`, t.AppRoles, t.address.Database(), signal)
	if err != nil {
		return nil, fmt.Errorf("reading whose sessions may be ended: %s", direct.Said(err))
	}
	others, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("reading whose sessions may be ended: %s", direct.Said(err))
	}
	if len(others) > 0 {
		out = append(out, "may not end the sessions of "+strings.Join(others, ", ")+"; grant pg_signal_backend to it (sessions of superusers need a superuser)")
	}
	return out, nil
}

// serverRoom is what is free where the server keeps its data, when it is this machine and
// tells where that is.
func serverRoom(ctx context.Context, admin *pgx.Conn, a *direct.Address) (int64, bool) {
	ip, err := netip.ParseAddr(a.Config().Host)
	if a.Config().Host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return 0, false
	}
	var dir string
	if err := admin.QueryRow(ctx, "select current_setting('data_directory')").Scan(&dir); err != nil {
		return 0, false
	}
	return free(dir)
}
