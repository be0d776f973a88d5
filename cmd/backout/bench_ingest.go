package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// The alerts of the ingest bench: at most ingestEach go to one incident, and a
// message has ingestPerPost alerts of which ingestRepeats were sent before.
const (
	ingestEach    = 1800
	ingestPerPost = 50
	ingestRepeats = 10
	ingestNew     = ingestPerPost - ingestRepeats
)

// A round has at least ingestFewest environments and one more for each
// ingestSecond of a second, but at most ingestMost: the configuration must fit into
// one entry, and 3,600,000 different alerts into ten minutes.
const (
	ingestFewest = 250
	ingestMost   = 2000
	ingestSecond = 35
)

// The ways in.
const (
	wayHTTP = "http"
	wayNATS = "nats"
)

func benchIngestCommand() *cobra.Command {
	var f benchFlags
	b := &ingestBench{}
	var bare, syncs bool
	c := &cobra.Command{
		Use: "ingest", Aliases: []string{"events"}, Short: "Alerts per second through /hooks/alertmanager and the NATS inbox into durable incident state", Args: exactly(0),
		Long: fmt.Sprintf(`Send alerts, %d in each message, and count the different ones until all of them are
folded and the state is on disk. Every fifth alert was sent before and must change
nothing; at the end each alert must stand in its incident once. What is answered
with 503 is sent again, as Alertmanager does. So many senders send at the same time:
all alerts of a message belong to one environment. There are %d environments or
more, %d at most, with one open incident and one match rule each, so that no incident reaches
what it keeps at most (2,000 signals and timeline lines); a round ends early when
all of them are full. By HTTP the alerts come as Alertmanager's messages with a
bearer token; by NATS each is a CloudEvent of its own, which the embedded server
syncs one by one, so that way is bounded by the disk. The senders run in this
process: what they and HTTP cost alone is measured as a control.`, ingestPerPost, ingestFewest, ingestMost),
		Example: "  backout bench ingest\n  backout bench ingest --by http --for 10s --rounds 5 -o json",
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
	f.addFor(c, time.Minute)
	c.Flags().StringSliceVar(&b.ways, "by", []string{wayHTTP, wayNATS}, "ways in, one line each: http, nats")
	c.Flags().IntVar(&b.senders, "senders", 16, "messages under way at once")
	c.Flags().IntVar(&b.rounds, "rounds", 1, "rounds of each line; the median is shown")
	c.Flags().BoolVar(&syncs, "syncs", true, "count the disk syncs of http in a separate pass under strace")
	c.Flags().BoolVar(&bare, "bare", false, "one round of --count different alerts by HTTP in --dir and nothing else, to be traced")
	_ = c.Flags().MarkHidden("bare")
	return c
}

// ingestBench is one run of it.
type ingestBench struct {
	dir     string
	ways    []string
	senders int
	rounds  int
	flags   benchFlags
	log     io.Writer
	disk    *diskProbe
}

// ingestRound is what one round measured.
type ingestRound struct {
	// count is how many different alerts were taken, repeats how many were dropped,
	// refused how often a message was answered with 503 and sent again.
	count, repeats, refused int
	took                    time.Duration
	cpu                     time.Duration
	entries                 uint64
	// windows are the rates of the parts of the round, a second.
	windows []float64
	// bytes is the size of the state afterwards.
	bytes int64
}

// ingestLine is the row of the report for one way in.
type ingestLine struct {
	Way          string `json:"way"`
	Senders      int    `json:"senders"`
	Environments int    `json:"environments"`
	Events       int    `json:"events"`
	Repeats      int    `json:"repeats_dropped"`
	Refused      int    `json:"messages_sent_again"`
	PerSecond    spread `json:"per_second"`
	// Windows are the rates within the rounds, WindowSeconds long each.
	Windows       spread  `json:"windows_per_second"`
	WindowSeconds float64 `json:"window_seconds"`
	CPUus         spread  `json:"cpu_us_each"`
	// SendersUS is the part of CPUus that senders and HTTP alone take.
	SendersUS *spread `json:"senders_cpu_us_each,omitempty"`
	Entries   spread  `json:"log_entries_per_1000"`
	// StateBytes is the size of the state afterwards.
	StateBytes spread  `json:"state_bytes_each"`
	Syncs      float64 `json:"syncs_per_1000,omitempty"`
	SyncsNote  string  `json:"syncs_note,omitempty"`
}

func (b *ingestBench) check() error {
	switch {
	case b.rounds < 1 || b.senders < 1 || b.senders > ingestFewest:
		return usageError{fmt.Errorf("--rounds must be at least 1 and --senders between 1 and %d", ingestFewest)}
	case b.flags.count > ingestFewest*ingestEach:
		return usageError{fmt.Errorf("--count is at most %d", ingestFewest*ingestEach)}
	case len(b.ways) == 0:
		return usageError{errors.New("--by takes http, nats or both")}
	}
	for _, way := range b.ways {
		if way != wayHTTP && way != wayNATS {
			return usageError{fmt.Errorf("--by takes http and nats, not %q", way)}
		}
	}
	return nil
}

func (b *ingestBench) run(ctx context.Context, syncs bool) (*benchReport, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	var lines []ingestLine
	for _, way := range b.ways {
		line, err := b.line(ctx, way)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", strings.ToUpper(way), err)
		}
		line.SyncsNote = "counted for http only"
		if way == wayHTTP {
			line.Syncs, line.SyncsNote = b.countSyncs(ctx, syncs)
		}
		lines = append(lines, line)
	}
	return ingestReport(b.dir, b.disk, lines), nil
}

// line measures one way in, with a look at the disk before, between and after the
// rounds.
func (b *ingestBench) line(ctx context.Context, way string) (ingestLine, error) {
	var rounds []ingestRound
	var controls []float64
	for r := range b.rounds {
		if err := b.disk.look(); err != nil {
			return ingestLine{}, err
		}
		if way == wayHTTP {
			each, err := b.control(ctx)
			if err != nil {
				return ingestLine{}, fmt.Errorf("the control of round %d: %w", r+1, err)
			}
			controls = append(controls, each)
		}
		got, err := b.round(ctx, filepath.Join(b.dir, fmt.Sprintf("%s%d", way, r+1)), way)
		if err != nil {
			return ingestLine{}, fmt.Errorf("round %d: %w", r+1, err)
		}
		fmt.Fprintf(b.log, "%s, round %d: %d different alerts, %.0f/s\n", way, r+1, got.count, float64(got.count)/got.took.Seconds())
		rounds = append(rounds, got)
	}
	line := ingestLineOf(rounds)
	line.Way, line.Senders, line.Environments = way, b.senders, b.environments()
	line.WindowSeconds = b.window().Seconds()
	if len(controls) > 0 {
		s := spreadOf(controls)
		line.SendersUS = &s
	}
	return line, b.disk.look()
}

func ingestLineOf(rounds []ingestRound) ingestLine {
	var line ingestLine
	var rates, windows, cpus, entries, sizes []float64
	for _, r := range rounds {
		n := float64(max(1, r.count))
		line.Events, line.Repeats, line.Refused = line.Events+r.count, line.Repeats+r.repeats, line.Refused+r.refused
		rates = append(rates, n/r.took.Seconds())
		windows = slices.Concat(windows, r.windows)
		cpus = append(cpus, 1000*ms(r.cpu)/n)
		entries = append(entries, 1000*float64(r.entries)/n)
		sizes = append(sizes, float64(r.bytes)/n)
	}
	line.PerSecond, line.Windows, line.CPUus = spreadOf(rates), spreadOf(windows), spreadOf(cpus)
	line.Entries, line.StateBytes = spreadOf(entries), spreadOf(sizes)
	return line
}

// environments is how many a round has, so that it can go on to its end.
func (b *ingestBench) environments() int {
	if b.flags.count > 0 {
		return ingestFewest
	}
	return min(ingestMost, max(ingestFewest, int(ingestSecond*b.flags.lasts.Seconds())))
}

// most is how many different alerts a round has at most.
func (b *ingestBench) most() int {
	if b.flags.count > 0 {
		return b.flags.count
	}
	return b.environments() * ingestEach
}

// until is when a round stops sending.
func (b *ingestBench) until() time.Time {
	if b.flags.count > 0 {
		return time.Now().Add(10 * time.Minute)
	}
	return time.Now().Add(b.flags.lasts)
}

// window is how long the parts of a round are whose rates are compared: a round
// has twelve.
func (b *ingestBench) window() time.Duration { return max(b.flags.lasts/12, 500*time.Millisecond) }

// countSyncs is how many disk syncs a thousand different alerts cost, or why that
// is not known.
func (b *ingestBench) countSyncs(ctx context.Context, wanted bool) (float64, string) {
	count := 100 * ingestNew * 10
	return syncsEach(ctx, syncsPass{
		wanted: wanted, log: b.log, dir: b.dir, name: "ingest", few: ingestNew, many: count + ingestNew, per: float64(count) / 1000,
		args: []string{"bench", "ingest", "--senders", fmt.Sprint(b.senders)},
	})
}

// bare is the traced child: one round.
func (b *ingestBench) bare(ctx context.Context) error {
	if b.flags.dir == "" || b.flags.count == 0 {
		return usageError{errors.New("--bare needs --dir and --count")}
	}
	_, err := b.round(ctx, b.flags.dir, wayHTTP)
	return err
}
