package copies

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres/direct"
)

// readOnlySetting is what postgres.readonly sets as well for the application's roles.
const readOnlySetting = "default_transaction_read_only"

// belt is what Backout has set for roles while the database is read-only: by role what
// was set before, "" for nothing.
type belt map[string]string

// fastened reads the record of it, in schema backout of the database that is replaced.
// The restored one has no record of a read-only that is younger than the copy, so what
// was set must not be carried over: nobody would ever take it back.
func fastened(ctx context.Context, a *direct.Address) (belt, error) {
	conn, err := a.Open(ctx, direct.Limits{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer direct.Close(ctx, conn)
	rows, err := conn.Query(ctx, `select r.role, coalesce(r.was, '') from backout.readonly_role r join backout.readonly o using (key) where o.given_back is null`)
	out := belt{}
	if err == nil {
		var role, was string
		_, err = pgx.ForEachRow(rows, []any{&role, &was}, func() error {
			out[role] = was
			return nil
		})
	}
	// Nothing was ever read-only, or not by this role, which then may not read the record.
	if code := direct.Code(err); code == "42P01" || code == "3F000" || code == "42501" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading whether %s is read-only by Backout: %w", a, err)
	}
	return out, nil
}

// before is what a setting of a role was before Backout set it; keep is false when it was
// not set.
func (b belt) before(role, key, value string) (was string, keep bool) {
	if old, ours := b[role]; ours && key == readOnlySetting {
		return old, old != ""
	}
	return value, true
}
