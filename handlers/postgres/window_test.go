package postgres_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

// A query over a window gives its rows as texts, is bounded, and may only read.
func TestWindow_atPostgreSQL(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	run(t, url, "create table orders (id int, email text, at timestamptz)",
		"insert into orders values (1, 'a@x.test', '2026-11-24 18:00+00'), (2, null, '2026-11-24 18:05+00'), (3, 'c@x.test', '2026-11-24 19:00+00')")
	from, to := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 18, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		sql, want, why string
		most           int
	}{
		{"select email, id::text from orders where at between $from and $to order by id", "a@x.test,1|,2", "", 10},
		{"select email from orders where at > $to", "c@x.test", "", 10},
		{"select email from orders order by id", "a@x.test||c@x.test", "", 3},
		{"select email from orders", "", "more than 2 rows", 2},
		{"delete from orders where at between $from and $to returning email", "", "only reading is allowed", 10},
		{"select nothing from orders", "", "does not exist", 10},
	} {
		w, err := postgres.NewWindow(postgres.Database{Project: "shop", Environment: "production", URL: url, AllowPrivate: []string{"127.0.0.0/8"}}, c.sql)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := w.Rows(t.Context(), from, to, c.most)
		var lines []string
		for _, r := range rows {
			lines = append(lines, strings.Join(r, ","))
		}
		if got := strings.Join(lines, "|"); got != c.want || (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %q, %v; want %q, %q", c.sql, got, err, c.want, c.why)
		}
		if grown := strings.HasPrefix(c.why, "more than"); orchestrator.IsPermanent(err) != grown {
			t.Errorf("%s: %v, permanent: %t; only a list that grew is for a person to cure", c.sql, err, !grown)
		}
	}
}
