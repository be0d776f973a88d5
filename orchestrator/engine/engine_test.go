package engine_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// memoryLog is a log for tests of the loop; the real one is package bus.
type memoryLog struct {
	mu      sync.Mutex
	entries []orchestrator.Entry
	ids     map[string]bool
	last    map[string]uint64
}

func newMemoryLog() *memoryLog {
	return &memoryLog{ids: map[string]bool{}, last: map[string]uint64{}}
}

func (l *memoryLog) Append(_ context.Context, m orchestrator.Message) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Fence != nil && l.last[m.Fence.Subject] != m.Fence.Seq {
		return 0, orchestrator.ErrFenced
	}
	if l.ids[m.ID] {
		return 0, nil
	}
	seq := uint64(len(l.entries) + 1)
	l.entries = append(l.entries, orchestrator.Entry{Seq: seq, Subject: m.Subject, Data: m.Data})
	l.ids[m.ID], l.last[m.Subject] = true, seq
	return seq, nil
}

func (l *memoryLog) Read(_ context.Context, from uint64, limit int) ([]orchestrator.Entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from > uint64(len(l.entries)) {
		return nil, nil
	}
	rest := l.entries[from-1:]
	return append([]orchestrator.Entry(nil), rest[:min(limit, len(rest))]...), nil
}

type yes struct{}

func (yes) Eval(string, map[string]any) (any, error) { return true, nil }

// counted is an action that counts its calls.
type counted struct {
	mu    sync.Mutex
	calls map[string]int
	fail  error
	// during is called while a call is under way.
	during func()
}

func (c *counted) Spec() orchestrator.Spec {
	return orchestrator.Spec{Name: "count", Effect: true, Safety: orchestrator.Once, CallTimeout: 1000}
}

func (c *counted) Do(_ context.Context, call orchestrator.Call) (orchestrator.Output, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[call.Key]++
	if c.during != nil {
		c.during()
	}
	return orchestrator.Output{Text: "counted"}, c.fail
}

func (c *counted) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell}, nil
}

func (c *counted) Plan(context.Context, orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{Text: "count one"}, nil
}

// rig is an engine on a memory log and a real store.
type rig struct {
	e *engine.Engine

	act  *counted
	stop func() error
}

func start(t *testing.T, dir string, log orchestrator.Log, boot string) *rig {
	t.Helper()
	return startWith(t, dir, log, boot, rigOptions{})
}

// rigOptions vary a rig: from how many records on commits run beside the fold, and more
// actions.
type rigOptions struct {
	beside int
	more   []orchestrator.Action
}

func startWith(t *testing.T, dir string, log orchestrator.Log, boot string, o rigOptions) *rig {
	t.Helper()
	st, err := store.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	act := &counted{calls: map[string]int{}}
	actions := map[string]orchestrator.Action{"count": act}
	for _, a := range o.more {
		actions[a.Spec().Name] = a
	}
	e, err := engine.New(engine.Options{
		Log: log, Store: st, Rules: yes{}, Actions: actions,
		Core:   engine.CoreOptions{Instance: "one", Boot: boot, Alone: true},
		Logger: slog.New(slog.DiscardHandler), CommitBeside: o.beside,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	r := &rig{e: e, act: act}
	r.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		if cerr := st.Close(); cerr != nil {
			t.Error(cerr)
		}
		return err
	})
	t.Cleanup(func() { _ = r.stop() })
	return r
}

func genesis(t *testing.T, log *memoryLog) {
	t.Helper()
	env := orchestrator.Envelope{ID: "genesis", At: 1, Records: []orchestrator.Record{{Genesis: &orchestrator.Genesis{LogID: "l", Partitions: 1, FoldVersion: 1}}}}
	data, err := env.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), orchestrator.Message{Subject: orchestrator.SubjectAdmin, ID: "genesis", Data: data}); err != nil {
		t.Fatal(err)
	}
}

func doc(t *testing.T, kind, name string, v any) orchestrator.Record {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return orchestrator.Record{Doc: &orchestrator.Doc{Kind: kind, Name: name, Hash: kind + name, Body: body}}
}

func (r *rig) configure(t *testing.T) {
	t.Helper()
	plan := orchestrator.Plan{Playbook: "p"}
	for i := range 3 {
		n := orchestrator.Node{Ordinal: i, ID: fmt.Sprint("s", i), Kind: orchestrator.NodeAction, Action: "count", Spec: r.act.Spec()}
		if i > 0 {
			n.Needs = []int{i - 1}
		}
		plan.Nodes = append(plan.Nodes, n)
	}
	plan.Nodes[2].Then = "resolved"
	r.configureWith(t, plan)
}

func (r *rig) configureWith(t *testing.T, plan orchestrator.Plan) {
	t.Helper()
	cfg := orchestrator.Config{Mode: orchestrator.Live, Policies: orchestrator.Policies{Limits: orchestrator.Limits{ConfirmPage: -1}}, People: []orchestrator.Person{{ID: "ann", Roles: []string{"on-call"}}}, Projects: []orchestrator.Project{{
		ID: "shop", Environments: []orchestrator.Environment{{ID: "production", Kind: "production"}},
	}}}
	err := r.e.Configure(t.Context(), doc(t, orchestrator.DocConfig, "", cfg), doc(t, orchestrator.DocPlaybook, "p", plan),
		doc(t, orchestrator.DocRules, "", orchestrator.RuleSet{Rules: []orchestrator.Rule{{ID: "r", When: "true", Do: orchestrator.RuleOpen, Playbook: "p"}}}))
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) wait(t *testing.T, want func(*orchestrator.State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	changed, stop := r.e.Watch()
	defer stop()
	for {
		ok := false
		if err := r.e.Read(ctx, 0, func(s *orchestrator.State) error { ok = want(s); return nil }); err != nil {
			t.Fatal(err)
		}
		if ok {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatal("it did not come to that")
		}
	}
}

func alert(id string) []orchestrator.Record {
	return []orchestrator.Record{{Event: &orchestrator.Event{Origin: "test", ID: id, Type: orchestrator.AlertFiring, Project: "shop", Name: "down", Severity: "critical", StartsAt: time.Now().UnixMilli()}}}
}

func TestEngine_runsAPlanAndKeepsItOverRestarts(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), newMemoryLog()
	genesis(t, log)
	r := start(t, dir, log, "b1")
	r.configure(t)
	if err := r.e.Ingest(t.Context(), alert("a1")); err != nil {
		t.Fatal(err)
	}
	r.wait(t, func(s *orchestrator.State) bool {
		inc, _ := s.Incident(1)
		return inc != nil && inc.State == orchestrator.Resolved
	})
	if n := len(r.act.calls); n != 3 {
		t.Fatalf("%d steps were called", n)
	}
	reply, err := r.e.Command(t.Context(), orchestrator.Command{ID: "c1", Via: "cli", Person: "ann", Verb: "close", Incident: 1})
	if err != nil || !reply.OK {
		t.Fatalf("%+v %v", reply, err)
	}
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	again := start(t, dir, log, "b2")
	again.wait(t, func(s *orchestrator.State) bool {
		inc, _ := s.Incident(1)
		return inc != nil && inc.State == orchestrator.Closed
	})
	if len(again.act.calls) != 0 {
		t.Fatal("steps ran again after a restart")
	}
}

func TestEngine_aCleanStopGivesTheClaimBack(t *testing.T) {
	t.Parallel()
	dir, log := t.TempDir(), newMemoryLog()
	genesis(t, log)
	r := start(t, dir, log, "b1")
	r.configure(t)
	if err := r.stop(); err != nil {
		t.Fatal(err)
	}
	last := log.entries[len(log.entries)-1]
	env, err := orchestrator.DecodeEnvelope(last.Data)
	if err != nil || len(env.Records) != 1 || env.Records[0].Claim == nil || !env.Records[0].Claim.Released {
		t.Fatalf("the last entry is %s %s", last.Subject, last.Data)
	}
}
