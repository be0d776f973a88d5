package sendgrid_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sendgrid"
	"github.com/aimarketplace/backout/orchestrator"
)

// database answers rows for every window, or an error; more than most is one, as at
// PostgreSQL.
type database struct {
	rows     [][]string
	err      error
	from, to time.Time
}

func (d *database) Rows(_ context.Context, from, to time.Time, most int) ([][]string, error) {
	d.from, d.to = from, to
	if len(d.rows) > most {
		return nil, orchestrator.Permanent(fmt.Errorf("it gave more than %d rows", most))
	}
	return d.rows, d.err
}

// An audience that is a query is asked for the window of the incident, and refused
// where it grew or names no window.
func TestPlan_asksTheDatabase(t *testing.T) {
	t.Parallel()
	db := &database{rows: [][]string{{"ann@x.test", "Ann", "ko"}, {"bob@x.test"}, {"ANN@x.test", "Twin", "en"}}}
	p := start(t, func(o *sendgrid.Options) {
		o.Audiences = []orchestrator.Audience{{ID: "touched", SQL: "select", DB: "shop/production", Max: 3}, {ID: "small", SQL: "select", DB: "shop/production", Max: 1}, {ID: "lost", SQL: "select", DB: "x/y", Max: 1}}
		o.Ask = map[string]sendgrid.Asker{"touched": db, "small": db}
	})
	order := func(audience string, from, to int64) orchestrator.Call {
		return call(map[string]any{"kind": "affected", "audience": audience, "from": from, "to": to})
	}
	preview := p.plan(order("touched", 1000, 5000))
	if !strings.HasPrefix(preview.Text, "mail 2 people (en 1, ko 1) in audience touched") || db.from.UnixMilli() != 1000 || db.to.UnixMilli() != 5000 {
		t.Errorf("%s, asked from %s to %s", preview.Text, db.from, db.to)
	}
	for _, c := range []struct {
		order orchestrator.Call
		says  string
	}{
		{order("touched", 0, 5000), "names none"},
		{order("touched", 5000, 1000), "names none"},
		{order("small", 1000, 5000), "it gave more than 1 rows, and its max is 1; nobody was mailed"},
		{order("lost", 1000, 5000), "its database is not configured"},
	} {
		if _, err := p.action.Plan(t.Context(), c.order); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want a permanent error with %q", err, c.says)
		}
	}
	db.err = errors.New("the database is gone")
	if _, err := p.action.Plan(t.Context(), order("touched", 1000, 5000)); err == nil || orchestrator.IsPermanent(err) {
		t.Errorf("a database that is away for a moment: %v", err)
	}
	if n := len(p.calls()); n != 0 {
		t.Errorf("planning made %d calls", n)
	}
}
