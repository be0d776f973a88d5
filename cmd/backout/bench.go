package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// The bench measures the product's own wiring: the embedded NATS server that
// syncs every message, the real store, engine and inbox pump. bench_rig.go
// starts it, bench_world.go invents what it works on, bench_latency.go,
// bench_incidents.go, bench_ingest.go, bench_storm.go, bench_open.go and
// bench_rollback.go, bench_notices.go and bench_failover.go (which start the whole
// product), bench_kill.go and bench_classify.go (which needs none of it) measure,
// bench_report.go prints.
func benchCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "bench", Short: "Measure this machine: how fast an event is acted on, how many alerts and incidents it carries",
		Example: "  backout bench latency\n  backout bench incidents --in-flight 32,256\n  backout bench ingest\n  backout bench storm --for 2m\n  backout bench open --counts 100000,1000000\n  backout bench rollback\n  backout bench notices\n  backout bench classify\n  backout bench failover\n  backout bench kill",
	}
	c.AddCommand(benchLatencyCommand(), benchIncidentsCommand(), benchIngestCommand(), benchStormCommand(), benchOpenCommand(), benchRollbackCommand(), benchNoticesCommand(), benchClassifyCommand(), benchFailoverCommand(), benchKillCommand(), natsNodeCommand())
	return c
}

// benchFlags are the flags of every bench.
type benchFlags struct {
	dir, output, profile string
	seconds, count       int
	// lasts is --for, of the benches that have it instead of --seconds.
	lasts time.Duration
}

// add is for benches that measure many short lines or rounds.
func (f *benchFlags) add(c *cobra.Command, seconds int) {
	f.common(c)
	c.Flags().IntVar(&f.seconds, "seconds", seconds, "how long each line or round lasts")
}

// addFor is for benches that put the machine under load for a while.
func (f *benchFlags) addFor(c *cobra.Command, lasts time.Duration) {
	f.common(c)
	f.seconds = 1
	c.Flags().DurationVar(&f.lasts, "for", lasts, "how long the load of each line or round lasts, at least 1s")
}

// addRounds is for benches that run whole processes, so many rounds of them.
func (f *benchFlags) addRounds(c *cobra.Command) {
	f.common(c)
	f.seconds = 1
	_ = c.Flags().MarkHidden("count")
}

func (f *benchFlags) common(c *cobra.Command) {
	c.Flags().StringVar(&f.dir, "dir", "", "folder to measure in; what is made there is removed (default: a temporary one)")
	c.Flags().IntVar(&f.count, "count", 0, "how many events each line or round has, instead of a time")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "text or json")
	c.Flags().StringVar(&f.profile, "cpu-profile", "", "write a CPU profile to this file, for go tool pprof")
}

func (f *benchFlags) check() error {
	switch {
	case f.seconds < 1 || f.count < 0:
		return usageError{errors.New("--seconds must be at least 1, and --count not below 0")}
	case f.lasts != 0 && f.lasts < time.Second:
		return usageError{errors.New("--for must be at least 1s")}
	case f.output != "text" && f.output != "json":
		return usageError{fmt.Errorf("-o takes text or json, not %q", f.output)}
	}
	return nil
}

// measured runs a bench in a folder of its own, which is removed afterwards, and
// prints its report.
func (f *benchFlags) measured(c *cobra.Command, bench func(dir string) (*benchReport, error)) error {
	if err := f.check(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(f.dir, "backout-bench-")
	if err != nil {
		return fmt.Errorf("making a folder to measure in: %w; name another with --dir", err)
	}
	stop, err := profileTo(f.profile)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	report, err := bench(dir)
	if err := errors.Join(err, stop(), os.RemoveAll(dir)); err != nil {
		return err
	}
	if err := report.print(c.OutOrStdout(), f.output); err != nil {
		return err
	}
	if len(report.Broken) > 0 {
		return fmt.Errorf("what must not be was: %s", strings.Join(report.Broken, "; "))
	}
	return nil
}

// benchPlace is where a bench measures, where it says how far it is, and its control.
type benchPlace struct {
	dir  string
	log  io.Writer
	disk *diskProbe
}

// placed is measured for a bench with a place.
func (f *benchFlags) placed(c *cobra.Command, p *benchPlace, run func(context.Context) (*benchReport, error)) error {
	return f.measured(c, func(dir string) (*benchReport, error) {
		*p = benchPlace{dir, c.ErrOrStderr(), &diskProbe{dir: dir}}
		return run(c.Context())
	})
}

// profileTo starts a CPU profile when a file is named.
func profileTo(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("making the CPU profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the CPU profile: %w", err), file.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return file.Close()
	}, nil
}

func (r *benchReport) print(w io.Writer, output string) error {
	if output == "json" {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	return r.text(w)
}
