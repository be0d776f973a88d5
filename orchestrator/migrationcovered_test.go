package orchestrator

import "testing"

// TestMigration_covered: only a verified copy from the quarter of an hour before counts.
func TestMigration_covered(t *testing.T) {
	t.Parallel()
	const applied = 100 * 60_000
	for name, c := range map[string]struct {
		restore *RestorePoint
		want    bool
	}{
		"none":           {nil, false},
		"two minutes":    {&RestorePoint{At: applied - 2*60_000}, true},
		"a quarter":      {&RestorePoint{At: applied - 15*60_000}, true},
		"too old":        {&RestorePoint{At: applied - 15*60_000 - 1}, false},
		"after the fact": {&RestorePoint{At: applied + 1}, false},
	} {
		if m := (migrationMark{Applied: applied, Restore: c.restore}); m.covered() != c.want {
			t.Errorf("%s: covered is %v", name, m.covered())
		}
	}
}

// TestMigration_restorePointAtItsApplication: it is the copy of then that counts, and
// the page names the newest.
func TestMigration_restorePointAtItsApplication(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   int64
		paged bool
	}{"new": {60_000, false}, "old": {30 * 60_000, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := passOf(t)
			set := p.s.Settings("shop", "production")
			set.RestorePoint = &RestorePoint{At: p.now - c.age, Name: "copy"}
			p.saveSettings("shop", "production", &set)
			p.foldSchema(&SchemaRead{Project: "shop", Environment: "production", At: p.now, Applied: []string{"1_init"}, All: 1})
			p.foldClass(&MigrationClass{Project: "shop", Name: "2_drop", Sum: "s", Class: ClassDestructive})
			p.foldSchema(&SchemaRead{Project: "shop", Environment: "production", At: p.now, Applied: []string{"1_init", "2_drop"}, All: 2})
			if m := p.s.mark("shop", "production", "2_drop"); m.Paged != c.paged || m.Applied != p.now {
				t.Errorf("%+v", m)
			}
			if inc, _ := p.s.Incident(1); (inc != nil) != c.paged {
				t.Errorf("incident %+v", inc)
			}
		})
	}
}

// passOf is an entry in a log of fold version 2 with one project.
func passOf(t *testing.T) *pass {
	t.Helper()
	s, err := NewState(&MemoryView{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFold(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.meta.FoldVersion, s.meta.ConfigHash = 2, "c"
	s.config = &Config{Projects: []Project{{ID: "shop", Environments: []Environment{{ID: "production", Kind: KindProduction}}}}}
	return &pass{Fold: f, s: s, now: 1_000 * dayMS, seq: 2, out: &Folded{}, seen: map[uint64]bool{}}
}

// TestVerdict_waysOn: where going back does harm there is something else to do.
func TestVerdict_waysOn(t *testing.T) {
	t.Parallel()
	const ways = "read-only or maintenance), then leave the database, revert the migration, repair rows, restore or reset"
	for _, c := range []struct {
		says     string
		switches []string
		want     string
	}{
		{"", []string{"toss"}, ""},
		{VerdictAsk, nil, ""},
		{VerdictAsk, []string{"toss"}, "safer than going back: switch off toss"},
		{VerdictRefuse, nil, "contain it first (" + ways},
		{VerdictRefuse, []string{"toss", "card"}, "contain it first (switch off toss, card, " + ways},
	} {
		if got := waysOn(c.says, c.switches); got != c.want {
			t.Errorf("%s, %v: %s", c.says, c.switches, got)
		}
	}
}
