package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/store"
)

// startedLimit bounds a start after a power cut until the inbox is taken over.
const startedLimit = 30 * time.Second

// survivor is Backout started on what a power cut left, with actions that reach
// nobody.
type survivor struct {
	*app
	store *store.Store
	deaf  *deaf
	log   []orchestrator.Entry
	wrong []string
}

func (s *survivor) complain(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// examine starts Backout on a folder, as serve does, and says what is wrong.
func examine(ctx context.Context, dir string, want *promised) []string {
	ctx, cancel := context.WithTimeout(ctx, startedLimit)
	defer cancel()
	cfg := &configs.Config{}
	cfg.Instance.Data, cfg.NATS.Listen = dir, "off"
	s := &survivor{deaf: &deaf{did: map[string]bool{}}}
	s.app = &app{o: appOptions{Config: cfg, Logger: slog.New(slog.DiscardHandler)}, cfg: cfg, ended: make(chan error, 1)}
	err := s.judge(ctx, want)
	if err := errors.Join(err, s.close()); err != nil {
		s.complain("it does not start: %v", err)
	}
	return s.wrong
}

func (s *survivor) judge(ctx context.Context, want *promised) error {
	var err error
	if s.store, err = s.openStore(ctx); err != nil {
		return err
	}
	if err := s.store.Check(); err != nil {
		s.complain("the store is damaged: %v", err)
	}
	if err := s.readLog(ctx); err != nil {
		return err
	}
	s.wantLog(ctx, want)
	if err := s.startEngine(ctx, s.store, &actionSet{all: s.deaf.actions(), pollEvery: time.Minute}, prometheus.NewRegistry()); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.store.Read(func(st *orchestrator.State) error { s.wantKnown(st, want); return nil })
}

// readLog reads all of the log.
func (s *survivor) readLog(ctx context.Context) error {
	for {
		batch, err := s.bus.Read(ctx, uint64(len(s.log))+1, 512)
		if err != nil || len(batch) == 0 {
			return err
		}
		s.log = append(s.log, batch...)
	}
}

// wantLog checks what the log itself must hold: no hole, everything the state was
// folded from, an intent for every call that was seen outside, and every blob.
func (s *survivor) wantLog(ctx context.Context, want *promised) {
	var meta orchestrator.Meta
	_ = s.store.Read(func(st *orchestrator.State) error { meta = st.Meta(); return nil })
	if last := uint64(len(s.log)); last < meta.Cursor {
		s.complain("the log ends at %d, the state was folded up to %d", last, meta.Cursor)
	}
	intents := map[orchestrator.StepRef]bool{}
	for i, e := range s.log {
		if e.Seq != uint64(i)+1 {
			s.complain("the log has a hole before entry %d", e.Seq)
			return
		}
		env, err := orchestrator.DecodeEnvelope(e.Data)
		if err != nil {
			s.complain("entry %d: %v", e.Seq, err)
			return
		}
		for j := range env.Records {
			r := &env.Records[j]
			if r.Intent != nil {
				intents[r.Intent.StepRef] = true
			}
			if r.Event != nil && r.Event.Blob != "" {
				if _, err := s.bus.Blob(ctx, r.Event.Blob); err != nil {
					s.complain("the body of event %s: %v", r.Event.ID, err)
				}
			}
		}
	}
	for key := range want.called {
		if ref := want.plan.steps[key].ref; !intents[ref] {
			s.complain("step %+v was called and the log does not say that it was to be", ref)
		}
	}
}

// settle waits until the engine has folded the log and taken over the inbox.
func (s *survivor) settle(ctx context.Context) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		var meta orchestrator.Meta
		if err := s.engine.Read(ctx, 0, func(st *orchestrator.State) error { meta = st.Meta(); return nil }); err != nil {
			return errors.Join(err, s.reason())
		}
		from := meta.InboxCursor + 1
		if meta.InboxID != s.bus.InboxID() {
			from = 1
		}
		waiting, err := s.bus.ReadInbox(ctx, from, 1)
		if err != nil {
			return err
		}
		if meta.Cursor > uint64(len(s.log)) && len(waiting) == 0 {
			return nil // it has also claimed
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("at entry %d of %d with %d waiting in the inbox: %w", meta.Cursor, len(s.log), len(waiting), ctx.Err())
		}
	}
}

// reason is why the engine stopped, if it did.
func (s *survivor) reason() error {
	select {
	case err := <-s.ended:
		s.ended <- nil
		return err
	default:
		return nil
	}
}

// wantKnown checks what people and publishers were told.
func (s *survivor) wantKnown(st *orchestrator.State, want *promised) {
	for _, a := range want.acks {
		if len(st.Why(a[0], a[1])) == 0 {
			s.complain("lost: %s %s", a[0], a[1])
		}
	}
	for _, hash := range want.tokens {
		if _, ok := st.Token(hash); !ok {
			s.complain("lost: a token")
		}
	}
	s.wantAdmin(st)
	for key := range want.called {
		if step := want.plan.steps[key]; s.deaf.has(key) && step.safety != orchestrator.Repeatable {
			s.complain("step %+v was called before and is called again", step.ref)
		}
	}
}

// wantAdmin checks that the first admin token still opens the door.
func (s *survivor) wantAdmin(st *orchestrator.State) {
	var hashes []string
	for _, t := range st.Tokens() {
		if t.Person == orchestrator.AdminPerson {
			hashes = append(hashes, t.Hash)
		}
	}
	if len(hashes) == 0 {
		return
	}
	secret := (&clientFlags{data: s.cfg.Instance.Data}).client().token
	if !slices.Contains(hashes, console.HashToken(secret)) {
		s.complain("the log has the first admin token, the file admin.token has %q", secret)
	}
}

// deaf are actions that reach nobody and keep what they were asked to do.
type deaf struct {
	mu  sync.Mutex
	did map[string]bool
}

func (d *deaf) has(key string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.did[key]
}

func (d *deaf) actions() map[string]orchestrator.Action {
	specs, err := actionSpecs()
	if err != nil {
		panic(err) // constants of this program
	}
	out := map[string]orchestrator.Action{}
	for name, spec := range specs {
		out[name] = deafAction{d, spec}
	}
	return out
}

type deafAction struct {
	d    *deaf
	spec orchestrator.Spec
}

var errDeaf = orchestrator.Permanent(errors.New("nobody is outside"))

// Spec implements orchestrator.Action.
func (a deafAction) Spec() orchestrator.Spec { return a.spec }

// Do implements orchestrator.Action.
func (a deafAction) Do(_ context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	a.d.did[c.Key] = true
	return orchestrator.Output{}, errDeaf
}

// Verify implements orchestrator.Action.
func (a deafAction) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell}, nil
}

// Plan implements orchestrator.Action.
func (a deafAction) Plan(context.Context, orchestrator.Call) (orchestrator.Preview, error) {
	return orchestrator.Preview{}, errDeaf
}
