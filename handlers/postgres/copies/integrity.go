package copies

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// integrityWait bounds the whole look; a look that ends early says what it left out.
	integrityWait = 25 * time.Second
	statementMost = 15 * time.Second
	wrongShown    = 5
)

// integrity is postgres.integrity: numbers of what is wrong with the data.
type integrity struct{ client *Client }

// findings are the output. Problems adds up all that is wrong; Unknown is how many looks
// did not come to an end, so that 0 problems with some unknown proves nothing.
type findings struct {
	Problems int64 `json:"problems"`
	Unknown  int64 `json:"unknown"`
	// Violations are rows that break a foreign key or a check, NotValid the constraints
	// that nobody has validated; those alone are no problem.
	Violations int64 `json:"violations"`
	NotValid   int64 `json:"not_valid"`
	// Corrupt counts indexes that amcheck or the server itself says are broken, and pages
	// with a wrong checksum.
	Corrupt int64 `json:"corrupt"`
	// Amcheck is how many indexes were checked by it, 0 where it is not installed.
	Amcheck int64            `json:"amcheck"`
	Checks  map[string]int64 `json:"checks"`
	// Missing are tables that the newest copy has and the database has not; Fewer by how
	// many rows tables shrank since.
	Missing int64  `json:"missing"`
	Fewer   int64  `json:"fewer"`
	Copy    string `json:"copy,omitempty"`

	wrong []string
}

func (f *findings) found(n int64, format string, args ...any) {
	if n == 0 {
		return
	}
	f.Problems += n
	f.wrong = append(f.wrong, fmt.Sprintf(format, args...))
}

func (f *findings) unseen(what string, err error) {
	f.Unknown++
	f.wrong = append(f.wrong, what+" was not seen: "+direct.Said(err))
}

// Spec implements orchestrator.Action.
func (i *integrity) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.integrity", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(),
		Permissions: []string{"reading every table; execute on the functions of amcheck, where it is installed"},
	}
}

// Do looks. What could not be looked at in time makes the reading errored, unless
// something is wrong already.
func (i *integrity) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	t, err := i.client.find(c, false)
	if err != nil {
		return orchestrator.Output{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, integrityWait)
	defer cancel()
	conn, err := t.address.Open(ctx, direct.Limits{ReadOnly: true, Statement: statementMost})
	if err != nil {
		return orchestrator.Output{Errored: true, Text: "the database cannot be asked: " + direct.Said(err)}, nil
	}
	defer direct.Close(ctx, conn)
	f := &findings{Checks: map[string]int64{}}
	for _, q := range t.Checks {
		n, err := t.one(ctx, t.reader, q.SQL)
		if err != nil {
			f.unseen("check "+q.ID, err)
			continue
		}
		f.Checks[q.ID] = n
		f.found(n, "check %s: %d", q.ID, n)
	}
	for _, look := range []func(context.Context, *pgx.Conn, *findings) error{constraints, indexes, amcheck, pages} {
		if err := look(ctx, conn, f); err != nil {
			f.unseen("a part", err)
		}
	}
	t.sinceCopy(ctx, conn, f)
	data, err := json.Marshal(f)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the integrity of %s: %w", t.address, err)
	}
	return orchestrator.Output{Data: data, Text: f.text(), Errored: f.Unknown > 0 && f.Problems == 0}, nil
}

func (f *findings) text() string {
	if len(f.wrong) == 0 {
		return fmt.Sprintf("the data is sound: foreign keys, checks, indexes (%d by amcheck) and %d queries", f.Amcheck, len(f.Checks))
	}
	text := strings.Join(f.wrong[:min(len(f.wrong), wrongShown)], "; ")
	if n := len(f.wrong) - wrongShown; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return text
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (i *integrity) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a query only looks"}, nil
}

// Plan implements orchestrator.Action.
func (i *integrity) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: "Read whether the data of " + c.Project + "/" + c.Environment + " is sound: foreign keys, checks, indexes, and counts against the newest copy"}, nil
}

// constraint is a foreign key or a check with the query that counts what breaks it.
type constraint struct {
	name, table, sql string
	validated        bool
}

// constraintQueries writes them in the server: names are quoted there. A foreign key with
// a null in it holds (match simple), and so does a check that is null.
const constraintQueries = `select c.conname, c.conrelid::regclass::text, c.convalidated, case c.contype
	when 'c' then 'select count(*) from ' || c.conrelid::regclass || ' where not (' || pg_get_expr(c.conbin, c.conrelid) || ')'
	else 'select count(*) from ' || c.conrelid::regclass || ' backout_c where ' ||
		(select string_agg('backout_c.' || quote_ident(a.attname) || ' is not null', ' and ') from unnest(c.conkey) k join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k) ||
		' and not exists (select 1 from ' || c.confrelid::regclass || ' backout_p where ' ||
		(select string_agg('backout_p.' || quote_ident(p.attname) || ' = backout_c.' || quote_ident(a.attname), ' and ')
			from unnest(c.conkey, c.confkey) as k(child, parent) join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.child
			join pg_attribute p on p.attrelid = c.confrelid and p.attnum = k.parent) || ')' end
	from pg_constraint c join pg_class r on r.oid = c.conrelid join pg_namespace n on n.oid = r.relnamespace
	where c.contype in ('f', 'c') and c.conparentid = 0 and c.conislocal and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
	order by c.convalidated, 2, 1`

// constraints counts the rows that break one. Those that nobody validated come first.
func constraints(ctx context.Context, conn *pgx.Conn, f *findings) error {
	rows, err := conn.Query(ctx, constraintQueries)
	if err != nil {
		return err
	}
	all, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (c constraint, err error) {
		return c, r.Scan(&c.name, &c.table, &c.validated, &c.sql)
	})
	if err != nil {
		return err
	}
	for _, c := range all {
		how := ""
		if !c.validated {
			f.NotValid++
			how = ", which is NOT VALID"
		}
		var n int64
		if err := conn.QueryRow(ctx, c.sql).Scan(&n); err != nil {
			f.unseen("constraint "+c.name+" of "+c.table, err)
			continue
		}
		f.Violations += n
		f.found(n, "%d rows of %s break %s%s", n, c.table, c.name, how)
	}
	return nil
}

// indexes that the server itself calls invalid: it does not use them, and a unique one
// does not guard.
func indexes(ctx context.Context, conn *pgx.Conn, f *findings) error {
	rows, err := conn.Query(ctx, "select indexrelid::regclass::text from pg_index where not indisvalid order by 1")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	f.Corrupt += int64(len(names))
	f.found(int64(len(names)), "invalid indexes: %s", strings.Join(names, ", "))
	return err
}

// amcheck is what pg_amcheck runs, where the extension is installed and may be used; it
// is not installed for that.
func amcheck(ctx context.Context, conn *pgx.Conn, f *findings) error {
	var schema string
	var may bool
	err := conn.QueryRow(ctx, `select coalesce(quote_ident(max(n.nspname)), ''), coalesce(bool_or(has_function_privilege(p.oid, 'execute')), false)
		from pg_extension e join pg_namespace n on n.oid = e.extnamespace join pg_proc p on p.pronamespace = n.oid
		where e.extname = 'amcheck' and p.proname = 'bt_index_check'`).Scan(&schema, &may)
	if err != nil || !may {
		return err
	}
	rows, err := conn.Query(ctx, `select i.indexrelid::regclass::text from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
		join pg_namespace n on n.oid = c.relnamespace where a.amname = 'btree' and i.indisvalid and i.indisready and c.relpersistence = 'p' and c.relkind = 'i'
		and n.nspname !~ '^pg_toast' order by c.relpages, 1`)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for i, name := range names {
		_, err := conn.Exec(ctx, "select "+schema+".bt_index_check($1::text::regclass)", name)
		switch {
		case err == nil:
			f.Amcheck++
		case strings.HasPrefix(direct.Code(err), "XX"):
			f.Corrupt++
			f.found(1, "index %s is corrupt", name)
		case ctx.Err() != nil:
			return fmt.Errorf("%d of %d indexes were checked in time", i, len(names))
		default:
			f.unseen("index "+name, err)
		}
	}
	return nil
}

// pages with a wrong checksum, as the server has met them since its statistics began.
func pages(ctx context.Context, conn *pgx.Conn, f *findings) error {
	var n int64
	err := conn.QueryRow(ctx, "select coalesce(sum(checksum_failures), 0)::bigint from pg_stat_database where datname = current_database() or datid = 0").Scan(&n)
	f.Corrupt += n
	f.found(n, "%d pages had a wrong checksum", n)
	return err
}

// sinceCopy holds tables and rows against the newest copy. Rows may well be fewer; tables
// that went are a problem.
func (t *target) sinceCopy(ctx context.Context, conn *pgx.Conn, f *findings) {
	if t.Folder == "" {
		return
	}
	all, err := list(t.Folder, t.Project, t.Environment)
	c := newest(all, false)
	if err != nil || c == nil {
		return
	}
	f.Copy = c.Name
	now, err := countRows(ctx, conn)
	if err != nil {
		f.unseen("rows against copy "+c.Name, err)
		return
	}
	for _, table := range c.Manifest.Tables {
		n, there := now[table.Name]
		if !there {
			f.Missing++
			f.found(1, "table %s of copy %s is not there any more", table.Name, c.Name)
			continue
		}
		f.Fewer += max(0, table.Rows-n)
	}
}
