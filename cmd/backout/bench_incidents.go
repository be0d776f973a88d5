package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// benchSteps is how many durable steps an incident of the bench has.
const benchSteps = 6

// benchPerSecond bounds how many incidents a round of so many seconds prepares.
const benchPerSecond = 4000

func benchIncidentsCommand() *cobra.Command {
	var f benchFlags
	b := &incidentsBench{}
	var bare, syncs bool
	c := &cobra.Command{
		Use: "incidents", Short: "Whole incidents per second: six durable steps and an acknowledgement each", Args: exactly(0),
		Long: `Drive incidents through a plan of six actions, one after another, each with its
intent and result on disk, and acknowledge each once. So many are in flight at
once: an incident counts until its last action was called and its acknowledgement
answered. A round ends when the store has all of them resolved. The action does
nothing, so this is what Backout itself costs.`,
		Example: "  backout bench incidents\n  backout bench incidents --in-flight 256 --rounds 5 -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			b.flags, b.log = f, c.ErrOrStderr()
			if bare {
				return b.bare(c.Context())
			}
			return f.measured(c, func(dir string) (*benchReport, error) {
				b.dir, b.disk = dir, &diskProbe{dir: dir}
				return b.run(c.Context(), syncs)
			})
		},
	}
	f.add(c, 5)
	c.Flags().IntSliceVar(&b.inFlight, "in-flight", []int{32, 256}, "incidents at once, one line each")
	c.Flags().IntVar(&b.rounds, "rounds", 3, "rounds of each line; the median is shown")
	c.Flags().BoolVar(&syncs, "syncs", true, "count the disk syncs in a separate pass under strace")
	c.Flags().BoolVar(&bare, "bare", false, "one round of --count incidents in --dir and nothing else, to be traced")
	_ = c.Flags().MarkHidden("bare")
	return c
}

// incidentsBench is one run of it.
type incidentsBench struct {
	dir      string
	inFlight []int
	rounds   int
	flags    benchFlags
	log      io.Writer
	disk     *diskProbe
}

// incidentsRound is what one round measured.
type incidentsRound struct {
	count   int
	took    time.Duration
	cpu     time.Duration
	entries uint64
}

// incidentsLine is one row of the report.
type incidentsLine struct {
	InFlight  int    `json:"in_flight"`
	Incidents int    `json:"incidents"`
	PerSecond spread `json:"per_second"`
	CPUms     spread `json:"cpu_ms_each"`
	// Entries are the lines of the log, each synced by itself.
	Entries spread `json:"log_entries_each"`
	// Syncs is 0 when they were not counted; SyncsNote then says why.
	Syncs     float64 `json:"syncs_each,omitempty"`
	SyncsNote string  `json:"syncs_note,omitempty"`
}

func (b *incidentsBench) run(ctx context.Context, syncs bool) (*benchReport, error) {
	if b.rounds < 1 || len(b.inFlight) == 0 {
		return nil, usageError{errors.New("--rounds must be at least 1 and --in-flight name at least one number")}
	}
	rounds := make([][]incidentsRound, len(b.inFlight))
	for r := range b.rounds {
		for i, n := range b.inFlight {
			if err := b.disk.look(); err != nil {
				return nil, err
			}
			dir := filepath.Join(b.dir, fmt.Sprintf("round%d-%d", r+1, n))
			got, err := b.round(ctx, dir, n)
			if err != nil {
				return nil, fmt.Errorf("round %d with %d in flight: %w", r+1, n, err)
			}
			fmt.Fprintf(b.log, "round %d with %d in flight: %d incidents, %.0f/s\n", r+1, n, got.count, float64(got.count)/got.took.Seconds())
			rounds[i] = append(rounds[i], got)
		}
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	lines := make([]incidentsLine, len(b.inFlight))
	for i, n := range b.inFlight {
		lines[i] = incidentsLineOf(n, rounds[i])
		b.countSyncs(ctx, &lines[i], syncs)
	}
	return incidentsReport(b.dir, b.disk, lines), nil
}

func incidentsLineOf(inFlight int, rounds []incidentsRound) incidentsLine {
	line := incidentsLine{InFlight: inFlight}
	var rates, cpus, entries []float64
	for _, r := range rounds {
		line.Incidents += r.count
		rates = append(rates, float64(r.count)/r.took.Seconds())
		cpus = append(cpus, ms(r.cpu)/float64(r.count))
		entries = append(entries, float64(r.entries)/float64(r.count))
	}
	line.PerSecond, line.CPUms, line.Entries = spreadOf(rates), spreadOf(cpus), spreadOf(entries)
	return line
}

// round runs one engine in a folder of its own until its time or its count is
// over, waits until everything is on disk, and checks every incident.
func (b *incidentsBench) round(ctx context.Context, dir string, inFlight int) (incidentsRound, error) {
	most := b.flags.count
	if most == 0 {
		most = min(b.flags.seconds*benchPerSecond, benchEnvironments)
	}
	if most > benchEnvironments {
		return incidentsRound{}, usageError{fmt.Errorf("--count is at most %d", benchEnvironments)}
	}
	d := newIncidentsDriver(most)
	world := benchWorld{environments: most, steps: benchSteps, spec: benchSpec()}
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: dir, World: world, Action: &benchAction{do: d.do}, Log: b.log})
	if err != nil {
		return incidentsRound{}, err
	}
	d.engine = rig.engine
	got, err := b.timed(ctx, rig, d, inFlight)
	if err == nil {
		err = rig.audit(ctx, got.count, world, true)
	}
	if err == nil {
		err = d.audit(got.count)
	}
	return got, errors.Join(err, rig.close(), os.RemoveAll(dir))
}

func (b *incidentsBench) timed(ctx context.Context, rig *benchRig, d *incidentsDriver, inFlight int) (incidentsRound, error) {
	first, err := rig.cursor(ctx)
	if err != nil {
		return incidentsRound{}, err
	}
	cpu, start := cpuTime(), time.Now()
	until := start.Add(time.Duration(b.flags.seconds) * time.Second)
	if b.flags.count > 0 {
		until = start.Add(10 * time.Minute)
	}
	count, err := d.drive(ctx, inFlight, until)
	if err == nil {
		err = rig.quiet(ctx, benchSettle)
	}
	got := incidentsRound{count: count, took: time.Since(start), cpu: cpuTime() - cpu}
	if err != nil {
		return got, err
	}
	last, err := rig.cursor(ctx)
	got.entries = last - first
	return got, err
}
