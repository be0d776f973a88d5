package orchestrator

import "testing"

// TestSeen_remembersForAWeek looks ids up on the days around a week, in a state
// that has looked at the days before and in one that has not.
func TestSeen_remembersForAWeek(t *testing.T) {
	t.Parallel()
	view := &MemoryView{}
	s, err := NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	const now = 100 * dayMS
	for d := range int64(20) {
		_, early := s.Seen("a", "1", now+d*dayMS) // looks at days that are empty still
		if early {
			t.Fatal("seen before it was there")
		}
	}
	s.remember("a", "1", now, &Seen{Why: "first", At: now})
	fresh, err := NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	for d := range int64(10) {
		for name, st := range map[string]*State{"old": s, "fresh": fresh} {
			got, known := st.Seen("a", "1", now+d*dayMS)
			if known != (d <= seenDays) || (known && got.Why != "first") {
				t.Errorf("%s state, %d days later: %v %+v", name, d, known, got)
			}
			if _, other := st.Seen("b", "1", now+d*dayMS); other {
				t.Errorf("%s state: another origin's id is known", name)
			}
		}
	}
}
