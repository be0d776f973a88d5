package orchestrator

import (
	"slices"
	"testing"
)

func TestStanding(t *testing.T) {
	t.Parallel()
	s, err := NewState(&MemoryView{})
	if err != nil {
		t.Fatal(err)
	}
	put := func(env, source, fingerprint string, starts int64, firing bool) {
		ev := &Event{Type: AlertFiring, Project: "shop", Environment: env, Source: source, Fingerprint: fingerprint, StartsAt: starts}
		s.save(BucketAlert, alertKey(ev), &alertState{Firing: firing})
	}
	put("production", "toss", "missed/a/DONE", 5, true)
	put("production", "toss", "missed/b/DONE", 0, true)
	put("production", "toss", "missed/c/DONE", 0, false)
	put("production", "toss", "payment/ABORTED", 7, true)
	put("production", "tossed", "missed/d/DONE", 0, true)
	put("staging", "toss", "missed/e/DONE", 0, true)
	for _, c := range []struct {
		want Standing
		out  []string
	}{
		{Standing{"shop", "production", "toss", "missed/"}, []string{"missed/a/DONE", "missed/b/DONE"}},
		{Standing{"shop", "staging", "toss", ""}, []string{"missed/e/DONE"}},
		{Standing{"bakery", "", "toss", ""}, nil},
	} {
		if got := s.Standing(c.want); !slices.Equal(got, c.out) {
			t.Errorf("%+v: %q, want %q", c.want, got, c.out)
		}
	}
}
