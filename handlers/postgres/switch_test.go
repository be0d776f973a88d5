package postgres_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestSwitch_atPostgreSQL: the row as it is read is the proof.
func TestSwitch_atPostgreSQL(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	run(t, url, "create table flags (id text primary key, enabled boolean)", "insert into flags values ('toss', true)")
	o := postgres.SwitchOptions{
		URL: url, AllowPrivate: []string{"127.0.0.0/8"}, Off: "update flags set enabled = false where id = 'toss'",
		On: "update flags set enabled = true where id = 'toss'", Read: "select enabled from flags where id = 'toss'",
	}
	s, err := postgres.NewSwitch(o)
	if err != nil {
		t.Fatal(err)
	}
	wants := func(want string) {
		t.Helper()
		if got, err := s.Read(t.Context()); err != nil || got != want {
			t.Fatalf("it says %q, want %q: %v", got, want, err)
		}
	}
	wants(orchestrator.SwitchOn)
	for _, to := range []string{orchestrator.SwitchOff, orchestrator.SwitchOn, orchestrator.SwitchOff} {
		if err := s.Set(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		wants(to)
	}
	run(t, url, "delete from flags")
	wants("")
	if err := s.Set(t.Context(), orchestrator.SwitchOn); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "changed no row") {
		t.Errorf("a row that is not there: %v", err)
	}
	o.Read = "delete from flags returning true"
	writes, err := postgres.NewSwitch(o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writes.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("reading may not write: %v", err)
	}
	o.URL = "nonsense://very-secret"
	if _, err := postgres.NewSwitch(o); err == nil || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("an address that is none: %v", err)
	}
}
