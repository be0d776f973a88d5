package orchestrator_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// countingView counts the signals that the fold goes through.
type countingView struct {
	*orchestrator.MemoryView
	signals int
}

func (v *countingView) Scan(b orchestrator.Bucket, prefix, start []byte, fn func(key, value []byte) bool) {
	v.MemoryView.Scan(b, prefix, start, func(k, val []byte) bool {
		if b == orchestrator.BucketSignal {
			v.signals++
		}
		return fn(k, val)
	})
}

// counting makes the book go on from what was flushed, on a view that counts.
func (b *book) counting() *countingView {
	b.t.Helper()
	if err := b.state.Flush(); err != nil {
		b.t.Fatal(err)
	}
	v := &countingView{MemoryView: b.view}
	b.state = must(orchestrator.NewState(v))(b.t)
	return v
}

// TestStorm_doesNotGoThroughAllSignalsForEachOne: what one more signal costs does
// not grow with how many the incident has, be it that the incident waits for
// confirmation, that a deployment is the suspect, or that it is snoozed.
func TestStorm_doesNotGoThroughAllSignalsForEachOne(t *testing.T) {
	t.Parallel()
	const signals = 300
	for name, begin := range map[string]func(t *testing.T) *book{
		"waits for confirmation": func(t *testing.T) *book {
			t.Helper()
			b := newRespondBook(t, func(c *orchestrator.Config) { c.Policies.Limits.ConfirmPage = 60 * minute })
			b.alert("first")
			return b
		},
		"has a suspect": func(t *testing.T) *book {
			t.Helper()
			b := newBook(t, onePlan(rollbackNode()), orchestrator.Advise)
			b.promoted("dpl_bad")
			b.alert("first")
			return b
		},
		"is snoozed": func(t *testing.T) *book {
			t.Helper()
			b := newRespondBook(t, nil)
			b.alert("first")
			b.say("ann", "snooze", "INC-1", "for=4h")
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := begin(t)
			v := b.counting()
			for i := range signals {
				b.event(orchestrator.Event{
					Type: orchestrator.AlertFiring, Source: "alertmanager", Project: "shop", Severity: "warning", StartsAt: b.now,
					Name: fmt.Sprint("error ", i), Release: fmt.Sprint("release", i%7), FirstSeen: b.now,
				})
			}
			if got := b.incident().Distinct; got < signals {
				t.Fatalf("%d signals joined", got)
			}
			if v.signals > 2*signals {
				t.Errorf("%d signals were gone through for %d that joined", v.signals, signals)
			}
			b.wantSameEverywhere()
		})
	}
}

// TestTally_isTheSameAfterARestart plays random signals of two projects, and what
// people do about them, and folds all of it again with nothing cached.
func TestTally_isTheSameAfterARestart(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			b := newRespondBook(t, func(c *orchestrator.Config) {
				c.Policies.Limits.ConfirmPage = 2 * minute
				blog := c.Projects[0]
				blog.ID, blog.Match, blog.DependsOn = "blog", nil, []string{"db"}
				c.Projects[0].DependsOn = []string{"db"}
				c.Projects = append(c.Projects, blog)
			})
			b.doc(orchestrator.DocPlaybook, "rollback", onePlan(rollbackNode()))
			b.doc(orchestrator.DocRules, "", &orchestrator.RuleSet{Rules: []orchestrator.Rule{
				{ID: "all", When: "critical", Do: orchestrator.RuleOpen, Playbook: []string{"respond", "rollback"}[seed%2], Why: "critical"},
			}})
			draw := rand.New(rand.NewPCG(seed, 1))
			b.promoted("dpl_bad")
			for range 120 {
				b.happens(draw)
			}
			b.wantSameEverywhere()
		})
	}
}

// happens is one thing of a random night.
func (b *book) happens(draw *rand.Rand) {
	b.t.Helper()
	pick := func(of ...string) string { return of[draw.IntN(len(of))] }
	project := pick("shop", "shop", "blog")
	ev := orchestrator.Event{
		Type: orchestrator.AlertFiring, Source: pick("sentry", "alertmanager", "probe"), Project: project, Severity: pick("critical", "critical", "warning"),
		Name: fmt.Sprint("signal ", draw.IntN(12)), Release: pick("", "dpl_bad", "old1", "old2"), StartsAt: b.now - int64(draw.IntN(5))*minute,
		FirstSeen: []int64{0, b.now, b.now - 60*minute}[draw.IntN(3)],
	}
	switch draw.IntN(16) {
	case 0, 1, 2, 3:
		ev.Type = orchestrator.AlertResolved
		ev.StartsAt = 0
		b.event(ev)
	case 4:
		b.say("ann", "merge", "INC-2", "into=INC-1")
	case 5:
		b.say("ann", "split", "INC-1", "project=blog")
	case 6:
		b.say("ann", "snooze", pick("INC-1", "INC-2"), "for=1h")
	case 7:
		b.say("ann", "silence", "#"+project, "for=3m", "name=signal 3", ":a test")
	case 8:
		b.wait(int64(draw.IntN(20)) * minute)
	case 9:
		b.promoted(pick("dpl_bad", "dpl_next"))
	case 10:
		b.say("ann", "resolve", pick("INC-1", "INC-2"))
	default:
		b.event(ev)
		b.after(int64(draw.IntN(90)) * 1000)
	}
}

// TestTally_forgetsWhatWasSplitOff: a source that only the other project had does
// not count any more.
func TestTally_forgetsWhatWasSplitOff(t *testing.T) {
	t.Parallel()
	b := newRespondBook(t, func(c *orchestrator.Config) {
		blog := c.Projects[0]
		blog.ID, blog.Match, blog.DependsOn = "blog", nil, []string{"db"}
		c.Projects[0].DependsOn = []string{"db"}
		c.Projects = append(c.Projects, blog)
	})
	b.alert("5xx")
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "sentry", Project: "blog", Name: "slow", Severity: "critical", StartsAt: b.now})
	b.say("ann", "snooze", "INC-1", "for=1h")
	if inc, _ := b.state.Incident(1); inc.SnoozeSources != 2 || len(inc.Also) != 1 {
		t.Fatalf("%d sources, %v\n%s", inc.SnoozeSources, inc.Also, b.story())
	}
	if r := b.say("ann", "split", "INC-1", "project=blog"); !r.OK {
		t.Fatal(r.Text)
	}
	b.say("ann", "snooze", "INC-1", "for=1h")
	if inc, _ := b.state.Incident(1); inc.SnoozeSources != 1 {
		t.Fatalf("%d sources are left\n%s", inc.SnoozeSources, b.story())
	}
	b.wantSameEverywhere()
}
