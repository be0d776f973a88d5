package copies

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// spareRoom is what is left free on a disk whatever a copy takes, in bytes.
const spareRoom = 64 << 20

// take copies the database. Until it is whole it is called .partial; the lock is held.
func (w *work) take(ctx context.Context) (*Copy, error) {
	w.leftovers()
	conn, err := w.address.Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer direct.Close(ctx, conn)
	m := Manifest{Project: w.Project, Environment: w.Environment, Database: w.address.Database(), Tool: "pg_dump " + strconv.Itoa(w.tools.major)}
	if err := w.measure(ctx, conn, &m); err != nil {
		return nil, err
	}
	name := w.newName(time.Now().UTC())
	dir := filepath.Join(w.Folder, name+partialSuffix)
	if err := os.Mkdir(dir, folderMode); err != nil {
		return nil, fmt.Errorf("making its folder: %w", err)
	}
	if err := w.fill(ctx, conn, dir, &m); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	w.stop("dumped")
	if err := os.Rename(dir, filepath.Join(w.Folder, name)); err != nil {
		return nil, errors.Join(fmt.Errorf("giving it its name: %w", err), os.RemoveAll(dir))
	}
	if err := syncFolder(w.Folder); err != nil {
		return nil, err
	}
	return open(w.Folder, name)
}

// fill writes the copy and then its manifest.
func (w *work) fill(ctx context.Context, conn *pgx.Conn, dir string, m *Manifest) error {
	if err := w.dump(ctx, conn, filepath.Join(dir, dataFolder), m); err != nil {
		return err
	}
	var err error
	if m.Files, err = hashAll(ctx, filepath.Join(dir, dataFolder)); err != nil {
		return fmt.Errorf("reading what pg_dump wrote: %w", err)
	}
	for _, f := range m.Files {
		m.Size += f.Size
	}
	m.Rows, m.Ended = total(m.Tables), time.Now().UnixMilli()
	return put(dir, manifestFile, m)
}

// dump runs pg_dump on a snapshot and counts within the same one meanwhile.
func (w *work) dump(ctx context.Context, conn *pgx.Conn, to string, m *Manifest) error {
	if _, err := conn.Exec(ctx, "set idle_in_transaction_session_timeout = 0"); err != nil {
		return fmt.Errorf("setting idle_in_transaction_session_timeout: %w", err)
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fmt.Errorf("beginning the snapshot: %w", err)
	}
	defer func() { _ = tx.Rollback(ctx) }() // It only read.
	var id string
	var at time.Time
	// The time of the statement is before its snapshot: all that was committed by then is in it.
	if err := tx.QueryRow(ctx, "select statement_timestamp(), pg_export_snapshot()").Scan(&at, &id); err != nil {
		return fmt.Errorf("exporting the snapshot: %w", err)
	}
	m.At = at.UnixMilli()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd, said := w.tools.command(ctx, w.address, "pg_dump", "--format=directory", "--jobs="+strconv.Itoa(w.Jobs), "--compress=6",
		"--lock-wait-timeout=30s", "--no-password", "--snapshot="+id, "--file="+to)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting pg_dump: %w", err)
	}
	w.stop("dumping")
	m.Tables, err = count(ctx, conn)
	if err != nil {
		cancel() // pg_dump is of no use then.
		_ = cmd.Wait()
		return err
	}
	return failed(ctx, "pg_dump", cmd.Wait(), said)
}

// measure looks how large the database is, and whether a copy of it fits.
func (w *work) measure(ctx context.Context, conn *pgx.Conn, m *Manifest) error {
	var err error
	if m.Layout, err = layoutOf(ctx, conn, m.Database); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, "select pg_database_size(current_database()), current_setting('server_version')").Scan(&m.DatabaseSize, &m.Server); err != nil {
		return fmt.Errorf("reading the size of the database: %w", err)
	}
	all, err := list(w.Folder, w.Project, w.Environment)
	if err != nil {
		return err
	}
	need := needs(m.DatabaseSize, newest(all, false))
	if have, known := free(w.Folder); known && have < need {
		return fmt.Errorf("there is no room in %s: %s are free, and a copy of a database of %s may take %s; make room, or lower snapshots.keep", w.Folder, bytesText(have), bytesText(m.DatabaseSize), bytesText(need))
	}
	return nil
}

// needs is how much room a copy may take: the database's size, or by what the last copy
// took of it, and a quarter more.
func needs(size int64, last *Copy) int64 {
	if last != nil && last.Manifest.DatabaseSize > 0 {
		part := float64(last.Manifest.Size) / float64(last.Manifest.DatabaseSize) * 1.25
		size = min(size, int64(part*float64(size)))
	}
	return size + spareRoom
}

// newName is a name that no copy has.
func (w *work) newName(now time.Time) string {
	for n := 0; ; n++ {
		name := w.Project + "-" + w.Environment + "-" + now.Format(stamp)
		if n > 0 {
			name += "-" + strconv.Itoa(n)
		}
		if _, err := os.Stat(filepath.Join(w.Folder, name)); errors.Is(err, os.ErrNotExist) {
			return name
		}
	}
}

// leftovers removes what runs before this one did not finish: the lock says that none
// of them is at work.
func (w *work) leftovers() {
	entries, _ := os.ReadDir(w.Folder) // What cannot be listed cannot be written either; that is told then.
	for _, e := range entries {
		middle, ok := strings.CutPrefix(strings.TrimSuffix(e.Name(), partialSuffix), w.Project+"-"+w.Environment+"-")
		if !ok || !strings.HasSuffix(e.Name(), partialSuffix) || len(middle) < len(stamp) {
			continue
		}
		if _, err := time.Parse(stamp, middle[:len(stamp)]); err == nil {
			_ = os.RemoveAll(filepath.Join(w.Folder, e.Name())) // Tried again next time.
		}
	}
}

// prune removes copies that are older than they are kept. The newest verified one stays,
// the newest of all too, and one that is in use.
func prune(folder, project, env string, before int64) ([]string, error) {
	all, err := list(folder, project, env)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, c := range all {
		if c.Manifest.At >= before || c == newest(all, true) || c == newest(all, false) {
			continue
		}
		lock, err := hold(c.Path, true)
		if err != nil {
			continue
		}
		// First its name: half a copy must never look whole.
		away := c.Path + partialSuffix
		err = os.Rename(c.Path, away)
		if err == nil {
			err = os.RemoveAll(away)
		}
		_ = lock.Close()
		if err != nil {
			return gone, fmt.Errorf("removing copy %s: %w", c.Name, err)
		}
		gone = append(gone, c.Name)
	}
	return gone, nil
}

// bytesText is a size as people read it.
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	return strconv.FormatFloat(f, 'f', min(i, 1), 64) + " " + units[i]
}
