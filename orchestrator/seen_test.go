package orchestrator

import (
	"strconv"
	"testing"
)

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

// TestSeen_findsIdsOnEveryShelf remembers ids on three shelves, the first of them before
// there were shelves, and finds each by a state that has just been opened.
func TestSeen_findsIdsOnEveryShelf(t *testing.T) {
	t.Parallel()
	const now, ids = 100 * dayMS, 40
	view := &MemoryView{}
	s, err := NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	for n := range ids {
		switch n {
		case 10:
			s.meta.FoldVersion = 2
		case 20, 30: // as if so many had come in between that five more fill the shelf
			s.ids(now/dayMS, true).N += idShelf - 5 - s.ids(now/dayMS, true).N%idShelf
		}
		s.remember("a", strconv.Itoa(n), now, &Seen{At: now})
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	fresh, err := NewState(view)
	if err != nil {
		t.Fatal(err)
	}
	if shelf := fresh.idShelf(now / dayMS); shelf != 2 {
		t.Errorf("the next id stands on shelf %d, want 2", shelf)
	}
	for n := range ids {
		if _, known := fresh.Seen("a", strconv.Itoa(n), now+seenDays*dayMS); !known {
			t.Errorf("id %d is forgotten", n)
		}
	}
	if _, known := fresh.Seen("a", strconv.Itoa(ids), now); known {
		t.Error("an id that was never there is known")
	}
	p := &pass{s: fresh, now: now + (seenDays+1)*dayMS}
	p.forgetOldIDs()
	left := 0
	view.Scan(BucketSeen, nil, nil, func(_, _ []byte) bool { left++; return true })
	if left != 0 || len(fresh.meta.IDs) != 0 {
		t.Errorf("after eight days %d ids are left, and %d days are counted", left, len(fresh.meta.IDs))
	}
}
