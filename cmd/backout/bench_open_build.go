package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// openBatch is how many events go into one entry while incidents are opened.
const openBatch = 500

// openWorld is the world while the incidents from first on are opened: one
// question, and one action behind it.
func openWorld(first, n int) benchWorld {
	return benchWorld{first: first, environments: min(n-first, benchEnvironments), asks: true, steps: 1, spec: benchSpec()}
}

// lastWorld is the world the last incidents were opened in: what the process that
// is measured runs with.
func lastWorld(n int) benchWorld { return openWorld((n-1)/benchEnvironments*benchEnvironments, n) }

// built opens n incidents in a folder, through an engine that is then stopped.
func (b *openBench) built(ctx context.Context, dir string, n int) (*openMeasure, error) {
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: dir, World: openWorld(0, n), Action: &benchAction{}, Log: b.log})
	if err != nil {
		return nil, err
	}
	m := &openMeasure{dir: dir, count: n, log: b.log, acknowledged: map[uint64]bool{}}
	err = b.open(ctx, rig, n, m)
	if err := errors.Join(err, rig.close()); err != nil {
		return nil, fmt.Errorf("opening incidents: %w", err)
	}
	m.target, err = startBenchTarget(ctx)
	return m, err
}

func (b *openBench) open(ctx context.Context, rig *benchRig, n int, m *openMeasure) error {
	var err error
	if m.token, err = rig.benchToken(ctx); err != nil {
		return err
	}
	start := time.Now()
	for first := 0; first < n; first += benchEnvironments {
		w := openWorld(first, n)
		if err := rig.configure(ctx, nil, w.config()); err != nil {
			return err
		}
		if err := ingest(ctx, rig, w); err != nil {
			return err
		}
		if first > 0 && first%(10*benchEnvironments) == 0 {
			fmt.Fprintf(b.log, "%d incidents are open\n", first)
		}
	}
	if err := rig.folded(ctx, n, benchSettle); err != nil {
		return err
	}
	m.builtPerSecond = float64(n) / time.Since(start).Seconds()
	fmt.Fprintf(b.log, "%d incidents are open, %.0f/s\n", n, m.builtPerSecond)
	return rig.auditOpen(ctx, n)
}

func ingest(ctx context.Context, rig *benchRig, w benchWorld) error {
	end := w.first + w.environments
	for from := w.first; from < end; from += openBatch {
		records := make([]orchestrator.Record, 0, openBatch)
		for i := from; i < min(from+openBatch, end); i++ {
			records = append(records, benchRecord(i))
		}
		if err := rig.engine.Ingest(ctx, records); err != nil {
			return err
		}
	}
	return nil
}

// auditOpen checks that every incident is there, and of a thousand of them that
// they wait for a person.
func (r *benchRig) auditOpen(ctx context.Context, n int) error {
	return r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		if got := s.Meta().NextIncident; got != uint64(n) {
			return fmt.Errorf("%d events opened %d incidents", n, got)
		}
		for i := 0; i < n; i += max(1, n/1000) {
			inc, steps := s.Incident(uint64(i) + 1)
			if inc == nil || !inc.State.Open() || len(steps) != 1 || steps[0].State != orchestrator.StepAwaiting {
				return fmt.Errorf("%s does not wait for a person", orchestrator.IncidentName(uint64(i)+1))
			}
		}
		return nil
	})
}

// sizes are the bytes of the state and of all of the log's files.
func sizes(dir string) (state, log int64, err error) {
	info, err := os.Stat(filepath.Join(dir, "state.db"))
	if err != nil {
		return 0, 0, fmt.Errorf("looking at the state: %w", err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "nats"), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		file, err := d.Info()
		if err == nil {
			log += file.Size()
		}
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("adding up the log's files: %w", err)
	}
	return info.Size(), log, nil
}
