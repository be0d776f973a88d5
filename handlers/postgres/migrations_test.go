package postgres_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestEvidence_counts: the queries with which handlers/migrations asks whether the rows
// stand in the way run here, read only, and count right.
func TestEvidence_counts(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join("..", "migrations", "testdata", "evidence.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Before, Migration, After string
		Refused                        bool
		Evidence                       []struct {
			SQL  string
			Want int64
		}
	}
	if err := json.Unmarshal(body, &cases); err != nil {
		t.Fatal(err)
	}
	url := cluster(t)
	for i, c := range cases {
		name := "evidence" + strconv.Itoa(i)
		run(t, url, "CREATE DATABASE "+name)
		own := strings.Replace(url, "/postgres?", "/"+name+"?", 1)
		run(t, own, c.Before)
		if c.Refused {
			refuses(t, own, c.Migration)
		} else {
			run(t, own, c.Migration)
		}
		run(t, own, c.After)
		for _, e := range c.Evidence {
			if got := counts(t, own, e.SQL); got != e.Want {
				t.Errorf("%s: %d, want %d, by\n%s", c.Name, got, e.Want, e.SQL)
			}
		}
	}
	if len(cases) < 10 {
		t.Errorf("only %d cases", len(cases))
	}
}

// refuses runs a migration that the rows do not let through.
func refuses(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), sql); err == nil {
		t.Errorf("PostgreSQL takes %s", sql)
	}
}

// counts takes the one number of a query in a read-only transaction.
func counts(t *testing.T, url, sql string) (n int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Errorf("%s: %v", sql, err)
	}
	return n
}
