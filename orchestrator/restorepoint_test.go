package orchestrator_test

import (
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestRestorePoint: the newest verified copy is kept as the folder has it, and only
// what is new is an entry.
func TestRestorePoint(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	told := func(r orchestrator.RestorePointSeen) bool {
		t.Helper()
		if r.Project == "" {
			r.Project, r.Environment = "shop", "production"
		}
		rec := orchestrator.Record{Restore: &r}
		worth := b.fold.Worth(b.state, &rec, b.now)
		b.act(rec)
		return worth
	}
	expect := func(name string) {
		t.Helper()
		got := b.state.Settings("shop", "production").RestorePoint
		if (got == nil) != (name == "") || (got != nil && got.Name != name) {
			t.Errorf("the restore point is %+v, want %q", got, name)
		}
	}
	one := orchestrator.RestorePointSeen{At: 10, Name: "one", Verified: true, VerifiedAt: 11, Size: 5, Rows: 7}
	if told(orchestrator.RestorePointSeen{At: 10, Name: "one"}) {
		t.Error("a copy that nobody tried counts")
	}
	expect("")
	if !told(one) || told(one) {
		t.Error("a new one is an entry, and only once")
	}
	expect("one")
	if !told(orchestrator.RestorePointSeen{At: 20, Name: "two", Verified: true, VerifiedAt: 21}) {
		t.Error("a newer one is no entry")
	}
	expect("two")
	if !told(one) { // the newer one went
		t.Error("an older one that stands in is no entry")
	}
	expect("one")
	told(orchestrator.RestorePointSeen{Project: "other", Environment: "production", At: 30, Name: "three", Verified: true})
	told(orchestrator.RestorePointSeen{Project: "shop", Environment: "nowhere", At: 30, Name: "three", Verified: true})
	expect("one")
	none := orchestrator.RestorePointSeen{None: true}
	if !told(none) || told(none) {
		t.Error("that none is left is an entry, and only once")
	}
	expect("")
}

// TestCopies_cannotBeTaken: a failure that a person must put right is a finding at once,
// and over with the next copy.
func TestCopies_cannotBeTaken(t *testing.T) {
	t.Parallel()
	b := quietBook(t)
	cfg := testConfig(orchestrator.Advise)
	r := b.reading(orchestrator.ReadCopies, orchestrator.ReadCopies, orchestrator.ReadErrored)
	r.Denied, r.Text = true, "there is no room"
	b.config(cfg)
	if b.read(r); len(b.state.Findings()) != 0 {
		t.Error("a reading of what is not configured counts")
	}
	cfg.Projects[0].Environments[0].Database.Snapshots = true
	b.config(cfg)
	b.read(r)
	if f := b.state.Findings(); len(f) != 1 {
		t.Errorf("findings: %+v", f)
	}
	b.after(minute)
	b.read(b.reading(orchestrator.ReadCopies, orchestrator.ReadCopies, orchestrator.ReadOK))
	if f := b.state.Findings(); len(f) != 0 {
		t.Errorf("findings: %+v", f)
	}
}
