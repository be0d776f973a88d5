package prisma

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

// migration is a folder with a migration.sql. Sum is what Prisma writes down as its
// checksum.
type migration struct {
	Name string `json:"name"`
	Sum  string `json:"sum"`
}

// folder reads the migrations of the checkout in the order Prisma applies them.
func (t *target) folder() ([]migration, error) {
	entries, err := os.ReadDir(t.Migrations)
	if err != nil {
		return nil, orchestrator.Permanent(fmt.Errorf("reading the migrations of %s/%s: %w; check prisma.folder", t.Project, t.Environment, err))
	}
	var out []migration
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		body, err := os.ReadFile(filepath.Join(t.Migrations, e.Name(), "migration.sql"))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, orchestrator.Permanent(fmt.Errorf("migration %s has no migration.sql, and Prisma refuses to go on (P3015); restore the file, or remove the folder", e.Name()))
		}
		if err != nil {
			return nil, fmt.Errorf("reading migration %s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(body)
		out = append(out, migration{e.Name(), hex.EncodeToString(sum[:])})
	}
	return out, nil
}

// comparison is the folder against the table.
type comparison struct {
	// Pending are in the folder and not applied.
	Pending []migration `json:"pending"`
	// Missing are applied and not in the folder: the checkout is older than the database.
	Missing []string `json:"missing,omitempty"`
	// Edited were changed after they were applied.
	Edited []string `json:"edited,omitempty"`
	// Failed were begun and neither finished nor rolled back: Prisma applies nothing more.
	Failed []string `json:"failed,omitempty"`
}

func compare(in []migration, at *ledger) comparison {
	c := comparison{Pending: []migration{}, Failed: at.failed()}
	for _, m := range in {
		switch sum, applied := at.applied(m.Name); {
		case !applied:
			c.Pending = append(c.Pending, m)
		case sum != m.Sum:
			c.Edited = append(c.Edited, m.Name)
		}
	}
	for _, r := range at.rows {
		here := slices.ContainsFunc(in, func(m migration) bool { return m.Name == r.Name })
		if r.applied() && !here && !slices.Contains(c.Missing, r.Name) {
			c.Missing = append(c.Missing, r.Name)
		}
	}
	return c
}

func names(ms []migration) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.Name
	}
	return out
}
