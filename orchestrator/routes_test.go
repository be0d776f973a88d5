package orchestrator

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestRoutes_findsWhatTryingAllFinds compares the index with going through the
// rules one by one, for labels that overlap, are missing, or are wanted empty.
func TestRoutes_findsWhatTryingAllFinds(t *testing.T) {
	t.Parallel()
	dice := rand.New(rand.NewPCG(1, 2))
	labels := func() map[string]string {
		out := map[string]string{}
		for range dice.IntN(4) {
			out[string(rune('a'+dice.IntN(4)))] = []string{"", "1", "2", "3"}[dice.IntN(4)]
		}
		return out
	}
	for range 300 {
		cfg := &Config{}
		for p := range 1 + dice.IntN(4) {
			pr := Project{ID: fmt.Sprint("p", p)}
			for m := range dice.IntN(5) {
				pr.Match = append(pr.Match, Match{Source: []string{"", "x"}[dice.IntN(2)], Labels: labels(), Environment: fmt.Sprint("e", p, m)})
			}
			cfg.Projects = append(cfg.Projects, pr)
		}
		r := newRoutes(cfg)
		for range 20 {
			ev := Event{Source: []string{"x", "y"}[dice.IntN(2)], Labels: labels()}
			got, ok := r.find(&ev)
			want := oneByOne(cfg, &ev)
			if ok != (want != nil) || (ok && got.match != want) {
				t.Fatalf("%+v in %+v: got %+v, want %+v", ev, cfg, got.match, want)
			}
		}
	}
}

func oneByOne(cfg *Config, ev *Event) *Match {
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Match {
			if m := &cfg.Projects[i].Match[j]; m.takes(ev) {
				return m
			}
		}
	}
	return nil
}

func BenchmarkRoutes(b *testing.B) {
	cfg := &Config{}
	for p := range 3 {
		pr := Project{ID: fmt.Sprint("p", p)}
		for e := range 100 {
			pr.Match = append(pr.Match, Match{Source: "alertmanager", Labels: map[string]string{"service": pr.ID, "env": fmt.Sprint("e", e)}, Environment: "e"})
		}
		cfg.Projects = append(cfg.Projects, pr)
	}
	ev := Event{Source: "alertmanager", Labels: map[string]string{"alertname": "X", "service": "p1", "env": "e50", "instance": "1", "severity": "critical"}}
	b.Run("one by one", func(b *testing.B) {
		for b.Loop() {
			oneByOne(cfg, &ev)
		}
	})
	r := newRoutes(cfg)
	b.Run("index", func(b *testing.B) {
		for b.Loop() {
			r.find(&ev)
		}
	})
}
