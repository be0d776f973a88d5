package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// openControl is how many incidents the control of the memory has: so few that
// what the process itself takes is left.
const openControl = 10

func benchOpenCommand() *cobra.Command {
	var f benchFlags
	b := &openBench{}
	child := openChild{}
	bare := false
	c := &cobra.Command{
		Use: "open", Short: "Many incidents that wait for a person: how soon work goes on after kill -9, and what they take", Args: exactly(0),
		Long: fmt.Sprintf(`Open so many incidents that each wait for a person's answer, through the real log
and the real fold, and start this program on them as a process of its own. Then
kill it with SIGKILL while commands are being given, start it again, and take the
time from the start of the process until it is ready and until the HTTP call of the
step that a person's answer releases comes in. In every round, what was acknowledged
before the kill must be there, and no step may be called twice.

The incidents of this bench have an environment each. A configuration holds %d of
them, so for more incidents the configuration changes while they are opened. An
incident takes about 5 kB of disk while it is measured.`, benchEnvironments),
		Example: "  backout bench open\n  backout bench open --counts 100000,1000000 --rounds 5",
		RunE: func(c *cobra.Command, _ []string) error {
			b.flags, b.log = f, c.ErrOrStderr()
			if bare {
				child.dir, child.count, child.log = f.dir, f.count, c.ErrOrStderr()
				return child.run(c.Context(), c.InOrStdin(), c.OutOrStdout())
			}
			if f.count > 0 {
				b.counts = []int{f.count}
			}
			return f.measured(c, func(dir string) (*benchReport, error) {
				b.dir, b.disk = dir, &diskProbe{dir: dir}
				return b.run(c.Context())
			})
		},
	}
	f.add(c, 5)
	c.Flags().Lookup("count").Usage = "how many incidents, instead of --counts"
	_ = c.Flags().MarkHidden("seconds")
	c.Flags().IntSliceVar(&b.counts, "counts", []int{100_000}, "how many incidents wait, one line each")
	c.Flags().IntVar(&b.rounds, "rounds", 3, "how often it is killed and started; the median is shown")
	c.Flags().BoolVar(&bare, "bare", false, "be the process that is killed: run on --dir and obey the lines of standard input")
	c.Flags().StringVar(&child.target, "target", "", "with --bare: where the calls of the steps go")
	_ = c.Flags().MarkHidden("bare")
	_ = c.Flags().MarkHidden("target")
	return c
}

// openBench is one run of it.
type openBench struct {
	dir    string
	counts []int
	rounds int
	flags  benchFlags
	log    io.Writer
	disk   *diskProbe
}

// openLine is one row of the report. Times are milliseconds from the start of the
// process, sizes bytes.
type openLine struct {
	Incidents int `json:"incidents"`
	// Built is how many incidents a second were opened.
	Built float64 `json:"built_per_second"`
	Ready spread  `json:"ready_ms"`
	Call  spread  `json:"call_ms"`
	// Control is the time that opening the state and walking through every key of
	// it takes, LogRead the reading of the log's files, Exec a start that does
	// nothing.
	Control spread `json:"control_scan_ms"`
	LogRead spread `json:"control_log_ms"`
	Exec    spread `json:"control_exec_ms"`
	// Heap is what is in use after a collection, HeapEmpty the same of a process
	// with hardly any incident.
	Heap      spread `json:"heap_bytes"`
	HeapEmpty int64  `json:"heap_bytes_empty"`
	// RSS is all that is resident, Anon the part of it that is no file.
	RSS  spread `json:"rss_bytes"`
	Anon spread `json:"rss_anon_bytes"`
	// StateBytes and LogBytes are on disk after the last round.
	StateBytes int64  `json:"state_bytes"`
	LogBytes   int64  `json:"log_bytes"`
	Metrics    spread `json:"metrics_ms"`
	List       spread `json:"list_ms"`
}

func (b *openBench) run(ctx context.Context) (*benchReport, error) {
	if b.rounds < 1 || len(b.counts) == 0 {
		return nil, usageError{errors.New("--rounds must be at least 1 and --counts name at least one number")}
	}
	for _, n := range b.counts {
		if n < 2*openTouched*(b.rounds+1) {
			return nil, usageError{fmt.Errorf("%d rounds need at least %d incidents", b.rounds, 2*openTouched*(b.rounds+1))}
		}
	}
	empty, err := b.emptyHeap(ctx)
	if err != nil {
		return nil, fmt.Errorf("measuring a process with few incidents: %w", err)
	}
	var lines []openLine
	for _, n := range b.counts {
		line, err := b.line(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("with %d incidents: %w", n, err)
		}
		line.HeapEmpty = empty
		lines = append(lines, line)
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	return openReport(b.dir, b.disk, lines), nil
}

// line builds the incidents, measures them, and removes them.
func (b *openBench) line(ctx context.Context, n int) (line openLine, err error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("open%d", n))
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m, err := b.built(ctx, dir, n)
	if err != nil {
		return line, err
	}
	defer m.close()
	if err := m.start(ctx); err != nil {
		return line, err
	}
	var rounds []openRound
	for r := range b.rounds {
		if err := b.disk.look(); err != nil {
			return line, err
		}
		got, err := m.round(ctx)
		if err != nil {
			return line, fmt.Errorf("round %d: %w", r+1, err)
		}
		fmt.Fprintf(b.log, "round %d with %d incidents: ready after %.0f ms, the next call after %.0f ms\n", r+1, n, got.ready, got.call)
		rounds = append(rounds, got)
	}
	line = openLineOf(n, rounds)
	line.Built = m.builtPerSecond
	line.StateBytes, line.LogBytes, err = sizes(dir)
	return line, err
}

func openLineOf(n int, rounds []openRound) openLine {
	pick := func(value func(openRound) float64) spread {
		var all []float64
		for _, r := range rounds {
			all = append(all, value(r))
		}
		return spreadOf(all)
	}
	return openLine{
		Incidents: n,
		Ready:     pick(func(r openRound) float64 { return r.ready }),
		Call:      pick(func(r openRound) float64 { return r.call }),
		Control:   pick(func(r openRound) float64 { return r.scan }),
		LogRead:   pick(func(r openRound) float64 { return r.logRead }),
		Exec:      pick(func(r openRound) float64 { return r.exec }),
		Heap:      pick(func(r openRound) float64 { return float64(r.memory.Heap) }),
		RSS:       pick(func(r openRound) float64 { return float64(r.memory.RSS) }),
		Anon:      pick(func(r openRound) float64 { return float64(r.memory.Anon) }),
		Metrics:   pick(func(r openRound) float64 { return r.metrics }),
		List:      pick(func(r openRound) float64 { return r.list }),
	}
}

// emptyHeap is what a process takes that has hardly any incident.
func (b *openBench) emptyHeap(ctx context.Context) (int64, error) {
	dir := filepath.Join(b.dir, "empty")
	m, err := b.built(ctx, dir, openControl)
	if err != nil {
		return 0, err
	}
	defer m.close()
	if err := m.start(ctx); err != nil {
		return 0, err
	}
	got, err := m.process.memory(ctx)
	return got.Heap, errors.Join(err, m.process.kill(), os.RemoveAll(dir))
}
