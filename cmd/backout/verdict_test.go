package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestVerdict_screen(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	v := verdictShown{
		Project: "shop", Serving: "dpl_new", Commit: "9f3c2e1aaaa", Since: since, Now: since.Add(3 * time.Minute),
		Verdict: orchestrator.Verdict{
			Answer: "ask", Target: orchestrator.Target{ID: "dpl_old", Commit: "4b1d77affff", Grade: "proven", Served: (6*24 + 2) * 3_600_000},
			Reasons: []string{"1 migration since, whose class is not known: 20261124_toss"}, Migrations: &[]string{"20261124_toss"},
			Variables: []string{"A", "B"}, Crons: []string{"* * * * * /new"},
		},
	}
	var out bytes.Buffer
	if err := v.print(&out); err != nil {
		t.Fatal(err)
	}
	want := `Serving   9f3c2e1 (dpl_new)  since 2026-11-24 18:00:00 UTC (` + spanned(3*time.Minute) + `)
Could go back to  4b1d77a (dpl_old)  proven, served ` + spanned(146*time.Hour) + `
Schema    1 migration between, class not known: 20261124_toss
Also reverts: 1 cron (* * * * * /new), 2 environment variables (A, B)    Restore point  none known
Answer    ASK: 1 migration since, whose class is not known: 20261124_toss
`
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
	v.Weighed = []orchestrator.MigrationWeighed{{
		Name: "20261124_toss", State: "applied", AppliedAt: since.Add(41 * time.Second).UnixMilli(), Class: "data", Says: "ask", Effects: []orchestrator.EffectWeighed{
			{MigrationEffect: orchestrator.MigrationEffect{Does: "ADD COLUMN"}, Text: "fine"},
			{MigrationEffect: orchestrator.MigrationEffect{Does: "ADD COLUMN"}, Text: "fine"},
			{MigrationEffect: orchestrator.MigrationEffect{Does: "ADD VALUE 'TOSS_PAY'"}, Text: "9 rows use it: old code cannot read them"},
		},
	}}
	v.Restore = &orchestrator.RestorePoint{At: since.Add(-2 * time.Minute).UnixMilli()}
	screenHas(t, &v, "Schema    1 migration since, applied 18:00:41: ADD COLUMN (fine), ADD VALUE 'TOSS_PAY' (9 rows use it: old code cannot read them)\n", "    Restore point  17:58, verified\n")
	v.Migrations = &[]string{"20261120_pay", "20261124_toss", "20261125_drop"}
	v.Weighed = append(v.Weighed, orchestrator.MigrationWeighed{Name: "20261120_pay", State: "applied"}, orchestrator.MigrationWeighed{Name: "20261125_drop", State: "pending", Class: "destructive"})
	v.Restore.At -= aDay
	screenHas(t, &v, "Schema    3 migrations between:\n          20261124_toss, applied 18:00:41: ADD COLUMN (fine)", "\n          20261125_drop, not applied: destructive\n          class not known: 20261120_pay\n",
		"Restore point  2026-11-23 17:58:00 UTC, verified\n")
	out.Reset()
	blind := verdictShown{Project: "shop", BlindSince: since.UnixMilli(), Hold: &orchestrator.Hold{By: "INC-1", Reason: "careful"}, Verdict: orchestrator.Verdict{Answer: "impossible", Reasons: []string{"what serves is not known"}}}
	if err := blind.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"Serving   not known\n", "Hold      by INC-1: careful, until it is lifted\n", "I cannot see the provider since 2026-11-24 18:00:00 UTC; automatic actions on shop are off", "Answer    IMPOSSIBLE: what serves is not known\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in\n%s", line, out.String())
		}
	}
}

// aDay in milliseconds.
const aDay = 24 * 60 * 60 * 1000

func screenHas(t *testing.T, v *verdictShown, parts ...string) {
	t.Helper()
	var out bytes.Buffer
	if err := v.print(&out); err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%q is not in\n%s", part, out.String())
		}
	}
}

func TestDeployments_lines(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC).UnixMilli()
	var b strings.Builder
	printDeployment(&b, &orchestrator.LedgerLine{
		Deployment: orchestrator.Deployment{
			ID: "dpl_old", Commit: "4b1d77affff", At: at, Ready: true, Candidate: true, Served: []orchestrator.Span{{From: at, To: at + 60_000}},
			Domains: []orchestrator.DomainSpan{
				{Host: "shop.test", Span: orchestrator.Span{From: at, To: at + 60_000}}, {Host: "www.shop.test", Span: orchestrator.Span{From: at + 1000, To: at + 90_000}},
			},
			Migrations: &orchestrator.Migrations{Names: []string{"1_init", "2_pay"}, All: 2},
		},
		Grade: "served", VariablesSince: []string{"A"}, CronsSince: []string{"* * * * * /new"},
	})
	want := `dpl_old              4b1d77a  built 2026-11-24 18:00:00 UTC  served   candidate
    served 2026-11-24 18:00:00 UTC to 2026-11-24 18:01:00 UTC (www.shop.test 2026-11-24 18:00:01 UTC to 2026-11-24 18:01:30 UTC)
    2 migrations, newest 2_pay
    different since: variables A; crons * * * * * /new
`
	if b.String() != want {
		t.Errorf("printed\n%swant\n%s", b.String(), want)
	}
	for want, d := range map[string]orchestrator.Deployment{"known bad: x": {Bad: "x"}, "deleted at the provider": {Gone: true}, "not ready": {}, "not offered for a rollback": {Ready: true}} {
		if got := standing(&orchestrator.LedgerLine{Deployment: d}); got != want {
			t.Errorf("%+v: %s", d, got)
		}
	}
}

// repository is a reader of commits that counts and can fail.
type repository struct {
	have  map[string][]string
	fails bool
	asked int
}

func (r *repository) Known(commit string) ([]string, bool) { f, ok := r.have[commit]; return f, ok }

func (r *repository) Folders(_ context.Context, commit string) ([]string, error) {
	r.asked++
	if r.fails {
		return nil, errors.New("503")
	}
	r.have[commit] = []string{"1_init"}
	return r.have[commit], nil
}

func (r *repository) Script(_ context.Context, _, folder string) ([]byte, error) {
	r.asked++
	if r.fails {
		return nil, errors.New("503")
	}
	return []byte("ALTER TABLE \"" + folder + "\" ADD COLUMN \"x\" TEXT;\n"), nil
}

// TestVercelSource_migrations asks for a few commits each time, and leaves alone what
// does not answer.
func TestVercelSource_migrations(t *testing.T) {
	t.Parallel()
	var list []orchestrator.DeploymentAt
	for _, c := range []string{"a", "b", "c", "d", "a", ""} {
		list = append(list, orchestrator.DeploymentAt{Commit: strings.Repeat(c, 40)})
	}
	list = append(list, orchestrator.DeploymentAt{Commit: "c0ffee"}, orchestrator.DeploymentAt{Commit: strings.Repeat("g", 40)})
	r := &repository{have: map[string][]string{}}
	v := &vercelSource{migrations: r, logger: slog.New(slog.DiscardHandler)}
	for i, want := range []struct{ told, asked int }{{3, 3}, {4, 4}, {4, 4}} {
		if got := v.read(t.Context(), list); len(got) != want.told || r.asked != want.asked || got[0].Migrations.All != 1 {
			t.Errorf("poll %d told %d after asking %d times", i, len(got), r.asked)
		}
	}
	broken := &repository{have: map[string][]string{strings.Repeat("d", 40): nil}, fails: true}
	v = &vercelSource{migrations: broken, logger: slog.New(slog.DiscardHandler)}
	for range 3 {
		if got := v.read(t.Context(), list); len(got) != 1 || broken.asked != 1 {
			t.Errorf("told %d after asking %d times", len(got), broken.asked)
		}
	}
}
