package copies

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

const (
	scratchPrefix = "backout_verify_"
	// proveLock is the advisory lock of whoever proves a copy on a server.
	proveLock = 0x6261636b6f7574
	lockLook  = 500 * time.Millisecond
)

// maintenance is the database that others are made and renamed from.
func maintenance(a *direct.Address) *direct.Address {
	if a.Database() == "postgres" {
		return a.On("template1")
	}
	return a.On("postgres")
}

// prove restores a copy into a scratch database and compares it with its manifest. Only
// then it is a restore point.
func (w *work) prove(ctx context.Context, c *Copy) error {
	use, err := hold(c.Path, false)
	if err != nil {
		return fmt.Errorf("keeping copy %s from being removed: %w", c.Name, err)
	}
	defer func() { _ = use.Close() }()
	if err := c.sound(ctx); err != nil {
		return never{err}
	}
	admin, err := maintenance(w.address).Open(ctx, direct.Limits{})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, admin)
	if err := advisory(ctx, admin, proveLock); err != nil {
		return fmt.Errorf("waiting for another verification on this server: %w", err)
	}
	if err := dropScratch(ctx, admin); err != nil {
		return err
	}
	v := Verified{Manifest: c.Sum, Server: c.Manifest.Server, Owners: true}
	began := time.Now()
	err = w.tryOut(ctx, admin, c, true)
	if lacksRights(err) {
		v.Owners, v.Why = false, say(err)
		err = w.tryOut(ctx, admin, c, false)
	}
	if err != nil {
		return err
	}
	v.At, v.Took = time.Now().UnixMilli(), time.Since(began).Milliseconds()
	if err := put(c.Path, verifiedFile, v); err != nil {
		return fmt.Errorf("writing that it was verified: %w", err)
	}
	c.Verified = &v
	w.out.of(c)
	return nil
}

// tryOut restores into a scratch database, with owners and rights as a restore would or
// without, compares, and drops it.
func (w *work) tryOut(ctx context.Context, admin *pgx.Conn, c *Copy, owners bool) error {
	random := make([]byte, 6)
	if _, err := rand.Read(random); err != nil {
		return err
	}
	name := scratchPrefix + hex.EncodeToString(random)
	if _, err := admin.Exec(ctx, c.Manifest.Layout.create(name)); err != nil {
		return fmt.Errorf("making the scratch database: %w", err)
	}
	w.stop("scratch")
	args := []string{"--no-publications", "--no-subscriptions"}
	if !owners {
		args = append(args, "--no-owner", "--no-privileges")
	}
	err := w.load(ctx, c, name, args...)
	if err == nil {
		err = w.same(ctx, c, name)
	}
	if err == nil && owners {
		err = w.finish(ctx, admin, name)
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if _, drop := admin.Exec(within, "drop database if exists "+ident(name)+" with (force)"); drop != nil {
		err = errors.Join(err, fmt.Errorf("dropping the scratch database: %w", drop))
	}
	return err
}

// programError is an error of pg_restore.
type programError struct {
	error
	said string
}

func (p *programError) Unwrap() error { return p.error }

// lacksRights reports whether owners, rights or settings were what could not be restored.
func lacksRights(err error) bool {
	var p *programError
	if !errors.As(err, &p) {
		return direct.Code(err) == "42501"
	}
	for _, word := range []string{"must be member of role", "must be able to SET ROLE", "permission denied", "must be owner", "must be superuser", "does not exist"} {
		if strings.Contains(p.said, word) {
			return true
		}
	}
	return false
}

// load restores a copy into an empty database.
func (w *work) load(ctx context.Context, c *Copy, name string, more ...string) error {
	args := append([]string{"--format=directory", "--jobs=" + strconv.Itoa(w.Jobs), "--exit-on-error", "--no-password", "--dbname=" + name}, more...)
	cmd, said := w.tools.command(ctx, w.address, "pg_restore", append(args, filepath.Join(c.Path, dataFolder))...)
	if err := failed(ctx, "pg_restore", cmd.Run(), said); err != nil {
		return &programError{err, said.String()}
	}
	return nil
}

// same counts a restored database and compares.
func (w *work) same(ctx context.Context, c *Copy, name string) error {
	conn, err := w.address.On(name).Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return err
	}
	defer direct.Close(ctx, conn)
	got, err := count(ctx, conn)
	if err != nil {
		return err
	}
	if wrong := compare(c.Manifest.Tables, got); wrong != "" {
		return never{fmt.Errorf("what was restored is not what was copied: %s", wrong)}
	}
	return nil
}

// dropScratch drops what runs before this one left behind: the lock says that none of
// them is at work.
func dropScratch(ctx context.Context, admin *pgx.Conn) error {
	rows, err := admin.Query(ctx, "select datname from pg_database where datname like 'backout\\_verify\\_%' and pg_has_role(datdba, 'member')")
	if err != nil {
		return fmt.Errorf("looking for scratch databases: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("looking for scratch databases: %w", err)
	}
	for _, name := range names {
		if _, err := admin.Exec(ctx, "drop database if exists "+ident(name)+" with (force)"); err != nil {
			return fmt.Errorf("dropping scratch database %s: %w", name, err)
		}
	}
	return nil
}

// advisory takes a lock of the session, waiting as long as ctx lets it.
func advisory(ctx context.Context, conn *pgx.Conn, key int64) error {
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for {
		var got bool
		if err := conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", key).Scan(&got); err != nil || got {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
