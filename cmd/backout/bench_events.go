package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// A round of the events bench: eventEnvironments incidents share the alerts, at
// most eventsEach go to one of them, and a message has eventsPerPost alerts of
// which eventRepeats were sent before.
const (
	eventEnvironments = 250
	eventsEach        = 1800
	eventsPerPost     = 50
	eventRepeats      = 10
	eventsNew         = eventsPerPost - eventRepeats
)

func benchEventsCommand() *cobra.Command {
	var f benchFlags
	b := &eventsBench{}
	var bare, syncs bool
	c := &cobra.Command{
		Use: "events", Short: "Alerts per second through /hooks/alertmanager into durable incident state", Args: exactly(0),
		Long: fmt.Sprintf(`Post Alertmanager's messages over HTTP with a bearer token, %d alerts each, and count
the different alerts until all of them are folded and the state is on disk. Every
fifth alert was sent before and must change nothing; at the end each alert must
stand in its incident once. So many senders post at the same time, as one
Alertmanager for each group does: all alerts of a message belong to one
environment. There are %d environments with one open incident each, so that no
incident reaches what it keeps at most (2,000 signals and timeline lines), and
each environment has a match rule of its own. The senders run in this process:
what they and HTTP cost alone is measured as a control.`, eventsPerPost, eventEnvironments),
		Example: "  backout bench events\n  backout bench events --senders 4 --rounds 5 -o json",
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
	c.Flags().IntVar(&b.senders, "senders", 16, "messages under way at once")
	c.Flags().IntVar(&b.rounds, "rounds", 3, "rounds; the median is shown")
	c.Flags().BoolVar(&syncs, "syncs", true, "count the disk syncs in a separate pass under strace")
	c.Flags().BoolVar(&bare, "bare", false, "one round of --count different alerts in --dir and nothing else, to be traced")
	_ = c.Flags().MarkHidden("bare")
	return c
}

// eventsBench is one run of it.
type eventsBench struct {
	dir     string
	senders int
	rounds  int
	flags   benchFlags
	log     io.Writer
	disk    *diskProbe
}

// eventsRound is what one round measured.
type eventsRound struct {
	count   int
	took    time.Duration
	cpu     time.Duration
	entries uint64
	// bytes is the size of the state afterwards.
	bytes int64
}

// eventsLine is the row of the report.
type eventsLine struct {
	Senders   int    `json:"senders"`
	Events    int    `json:"events"`
	PerSecond spread `json:"per_second"`
	CPUus     spread `json:"cpu_us_each"`
	// HTTPus is the part of CPUus that senders and HTTP alone take.
	HTTPus  spread `json:"http_cpu_us_each"`
	Entries spread `json:"log_entries_per_1000"`
	// StateBytes is the size of the state afterwards.
	StateBytes spread  `json:"state_bytes_each"`
	Syncs      float64 `json:"syncs_per_1000,omitempty"`
	SyncsNote  string  `json:"syncs_note,omitempty"`
}

func (b *eventsBench) run(ctx context.Context, syncs bool) (*benchReport, error) {
	if b.rounds < 1 || b.senders < 1 || b.senders > eventEnvironments {
		return nil, usageError{fmt.Errorf("--rounds must be at least 1 and --senders between 1 and %d", eventEnvironments)}
	}
	if b.flags.count > eventEnvironments*eventsEach {
		return nil, usageError{fmt.Errorf("--count is at most %d", eventEnvironments*eventsEach)}
	}
	var rounds, controls []eventsRound
	for r := range b.rounds {
		if err := b.disk.look(); err != nil {
			return nil, err
		}
		control, err := b.control(ctx)
		if err != nil {
			return nil, fmt.Errorf("the control of round %d: %w", r+1, err)
		}
		got, err := b.round(ctx, filepath.Join(b.dir, fmt.Sprintf("round%d", r+1)))
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", r+1, err)
		}
		fmt.Fprintf(b.log, "round %d: %d different alerts, %.0f/s\n", r+1, got.count, float64(got.count)/got.took.Seconds())
		rounds, controls = append(rounds, got), append(controls, control)
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	line := eventsLineOf(b.senders, rounds, controls)
	line.Syncs, line.SyncsNote = b.countSyncs(ctx, syncs)
	return eventsReport(b.dir, b.disk, line), nil
}

func eventsLineOf(senders int, rounds, controls []eventsRound) eventsLine {
	line := eventsLine{Senders: senders}
	var rates, cpus, https, entries, sizes []float64
	for i, r := range rounds {
		n := float64(r.count)
		line.Events += r.count
		rates = append(rates, n/r.took.Seconds())
		cpus = append(cpus, 1000*ms(r.cpu)/n)
		https = append(https, 1000*ms(controls[i].cpu)/float64(controls[i].count))
		entries = append(entries, 1000*float64(r.entries)/n)
		sizes = append(sizes, float64(r.bytes)/n)
	}
	line.PerSecond, line.CPUus, line.HTTPus = spreadOf(rates), spreadOf(cpus), spreadOf(https)
	line.Entries, line.StateBytes = spreadOf(entries), spreadOf(sizes)
	return line
}

// most is how many different alerts a round has at most.
func (b *eventsBench) most() int {
	if b.flags.count > 0 {
		return b.flags.count
	}
	return eventEnvironments * eventsEach
}

// until is when a round stops sending.
func (b *eventsBench) until() time.Time {
	if b.flags.count > 0 {
		return time.Now().Add(10 * time.Minute)
	}
	return time.Now().Add(time.Duration(b.flags.seconds) * time.Second)
}

// countSyncs is how many disk syncs a thousand different alerts cost, or why that
// is not known.
func (b *eventsBench) countSyncs(ctx context.Context, wanted bool) (float64, string) {
	count := 100 * eventsNew * 10
	return syncsEach(ctx, syncsPass{
		wanted: wanted, log: b.log, dir: b.dir, name: "events", few: eventsNew, many: count + eventsNew, per: float64(count) / 1000,
		args: []string{"bench", "events", "--senders", fmt.Sprint(b.senders)},
	})
}

// bare is the traced child: one round.
func (b *eventsBench) bare(ctx context.Context) error {
	if b.flags.dir == "" || b.flags.count == 0 {
		return usageError{errors.New("--bare needs --dir and --count")}
	}
	_, err := b.round(ctx, b.flags.dir)
	return err
}
