package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// benchRig is Backout as `serve` wires it, without its listeners for people and
// with one action of the bench.
type benchRig struct {
	*app
}

// benchRigOptions are what a rig runs on.
type benchRigOptions struct {
	Dir    string
	World  benchWorld
	Action orchestrator.Action
	Log    io.Writer
}

// startBenchRig opens everything in a fresh folder and returns when the engine
// has its configuration. Close it with close.
func startBenchRig(ctx context.Context, o benchRigOptions) (*benchRig, error) {
	cfg := &configs.Config{}
	cfg.Instance.Data, cfg.NATS.Listen = o.Dir, "127.0.0.1:0"
	logger := slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r := &benchRig{app: &app{o: appOptions{Config: cfg, Logger: logger}, cfg: cfg, ended: make(chan error, 1)}}
	if err := r.start(ctx, o); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// start is app.start with another world: the same order, the same parts.
func (r *benchRig) start(ctx context.Context, o benchRigOptions) error {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return fmt.Errorf("making the data folder: %w", err)
	}
	st, err := r.openStore(ctx)
	if err != nil {
		return err
	}
	r.store = st
	if !r.server.SyncAlways() {
		return errors.New("the embedded NATS server does not sync every message; nothing would be measured")
	}
	actions := &actionSet{all: map[string]orchestrator.Action{o.World.spec.Name: o.Action}, pollEvery: time.Minute}
	if err := r.startEngine(ctx, st, actions, prometheus.NewRegistry()); err != nil {
		return err
	}
	docs, err := o.World.documents()
	if err != nil {
		return err
	}
	return r.configure(ctx, docs, o.World.config())
}

// quiet waits until no step is ready or running any more and the store says so.
func (r *benchRig) quiet(ctx context.Context, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	changed, stop := r.engine.Watch()
	defer stop()
	for {
		left := 0
		err := r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
			left = s.Count(orchestrator.BucketReady) + s.Count(orchestrator.BucketRunning)
			return nil
		})
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d steps did not end in %s", left, wait)
		}
	}
}

// cursor is the last entry of the log that was folded.
func (r *benchRig) cursor(ctx context.Context) (uint64, error) {
	var at uint64
	err := r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		at = s.Meta().Cursor
		return nil
	})
	return at, err
}

// audit checks in the store that count incidents went through their whole plan:
// every step done at its first attempt, resolved, and acknowledged where asked.
func (r *benchRig) audit(ctx context.Context, count int, w benchWorld, acknowledged bool) error {
	return r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		if got := s.Meta().NextIncident; got != uint64(count) {
			return fmt.Errorf("%d events opened %d incidents", count, got)
		}
		for n := range uint64(count) {
			inc, steps := s.Incident(n + 1)
			if inc == nil || inc.State != orchestrator.Resolved || len(steps) != w.steps || (acknowledged && inc.Ack == nil) {
				return fmt.Errorf("%s did not go through its plan: %d steps", orchestrator.IncidentName(n+1), len(steps))
			}
			for _, st := range steps {
				if st.State != orchestrator.StepDone || st.Tries != 1 {
					return fmt.Errorf("%s: %s is %s after %d attempts", orchestrator.IncidentName(n+1), st.ID, st.State, st.Tries)
				}
			}
		}
		return nil
	})
}

// benchToken makes a token for the person of the bench.
func (r *benchRig) benchToken(ctx context.Context) (string, error) {
	secret, err := newToken()
	if err != nil {
		return "", err
	}
	return secret, r.engine.Configure(ctx, orchestrator.Record{Token: &orchestrator.Token{
		Hash: console.HashToken(secret), Person: benchPerson, Scope: "person", Label: "bench",
	}})
}
