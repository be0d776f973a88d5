package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

//go:embed bench_failover.yaml.tmpl
var benchFailoverConfig string

func benchFailoverCommand() *cobra.Command {
	var f benchFlags
	b := &failoverBench{}
	var names []string
	for _, l := range failoverLosses() {
		names = append(names, l.key)
	}
	c := &cobra.Command{
		Use: "failover", Short: "Three instances on three NATS servers, one is lost: how soon the next step is called, nothing twice, nothing lost", Args: exactly(0),
		Long: fmt.Sprintf(`Start three NATS servers that sync every message and three Backouts on them, each a
process of its own with its files in the same folder, publish events without an end, and
lose one process after another: the Backout that acts for an environment, or the NATS
server that leads the log. From the loss on, a person says yes to a step of that
environment on another instance, again and again. Measured is when its call comes in, and
the longest time since the loss in which no event was acknowledged. Right before each loss
a person has said yes to --in-flight other steps of the same owner, which are to be on
their way then. A call that nobody knows of a person looks for, and says confirm-done or
retry. At the end every acknowledged event must be known and no step called twice.

--losses chooses among %s.`, strings.Join(names, ", ")),
		Example: "  backout bench failover\n  backout bench failover --rounds 20 --losses sigkill -o json",
		RunE:    func(c *cobra.Command, _ []string) error { return f.placed(c, &b.benchPlace, b.run) },
	}
	f.addRounds(c)
	c.Flags().IntVar(&b.rounds, "rounds", 5, "how often each is lost; the median is shown")
	c.Flags().IntVar(&b.inFlight, "in-flight", 3, "how many other steps of the same owner begin right before each loss")
	c.Flags().StringSliceVar(&b.losses, "losses", names, "what is lost, one line each")
	return c
}

// failoverBench is one run of it.
type failoverBench struct {
	benchPlace
	rounds, inFlight int
	losses           []string
}

// failoverRound is what one loss measured.
type failoverRound struct {
	// step is until the next step's call, event until an event was acknowledged again,
	// elected until NATS had another leader of the log; 0 when that was not lost.
	step, event, elected time.Duration
}

// failoverLine is one way to lose a process. Times are milliseconds since the loss.
type failoverLine struct {
	Loss    string `json:"loss"`
	Step    spread `json:"step_ms"`
	Event   spread `json:"event_ms"`
	Elected spread `json:"control_nats_elected_ms,omitzero"`
	// Steps were to be called, Twice of them were more than once.
	Steps int `json:"steps"`
	Twice int `json:"steps_called_twice"`
	// Lost are steps that somebody said yes to, and that were never called.
	Lost int     `json:"steps_lost"`
	bar  float64 // of Step
}

// failoverEvents is what became of the events.
type failoverEvents struct {
	Acknowledged int `json:"acknowledged"`
	Lost         int `json:"lost"`
	// InDoubt are the steps that nobody knew of, Again those of them that were called again.
	InDoubt int `json:"steps_in_doubt"`
	Again   int `json:"steps_called_again"`
}

func (b *failoverBench) run(ctx context.Context) (*benchReport, error) {
	all, err := b.chosen()
	if err != nil {
		return nil, err
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	w, err := startFailoverWorld(ctx, filepath.Join(b.dir, "cluster"), b.projects(len(all)*b.rounds))
	if err != nil {
		return nil, err
	}
	lines, err := b.measure(ctx, w, all)
	if err := errors.Join(err, w.close()); err != nil {
		return nil, err
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	return failoverReport(b, lines, w.events), nil
}

// chosen are the losses that --losses names.
func (b *failoverBench) chosen() ([]failoverLoss, error) {
	if b.rounds < 1 || b.inFlight < 0 || len(b.losses) == 0 {
		return nil, usageError{errors.New("--rounds must be at least 1, --in-flight not below 0, and --losses name at least one")}
	}
	all := failoverLosses()
	for _, name := range b.losses {
		if !slices.ContainsFunc(all, func(l failoverLoss) bool { return l.key == name }) {
			return nil, usageError{fmt.Errorf("--losses does not know %q; `backout bench failover --help` lists what it knows", name)}
		}
	}
	return slices.DeleteFunc(all, func(l failoverLoss) bool { return !slices.Contains(b.losses, l.key) }), nil
}

func failoverReport(b *failoverBench, lines []failoverLine, ev failoverEvents) *benchReport {
	r := newBenchReport("failover", b.dir, b.disk)
	r.Failover, r.FailoverEvents = lines, &ev
	r.Note = "Three Backouts on three NATS servers, on this one machine. Since just before the loss; median of the rounds, lowest to highest behind it."
	for _, l := range lines {
		name := fmt.Sprintf("%s, %d rounds", l.Loss, b.rounds)
		add := func(what string, s spread, bar float64) {
			r.Figures = append(r.Figures, figure{Line: name, Name: what, Measured: s.Median, Unit: "ms", Bar: bar, Detail: fmt.Sprintf("%.0f to %.0f", s.Low, s.High)})
		}
		add("the next step's call", l.Step, l.bar)
		add("the next acknowledged event", l.Event, 0)
		if len(l.Elected.Rounds) > 0 {
			add("control: NATS had another leader of the log", l.Elected, 0)
		}
		r.Figures = append(r.Figures, figure{Line: name, Name: "steps with a yes", Measured: float64(l.Steps), Unit: "count"})
		r.wantNone(name, "of them called twice", l.Twice)
		r.wantNone(name, "of them never called", l.Lost)
	}
	const all = "all rounds"
	r.Figures = append(r.Figures,
		figure{Line: all, Name: "steps in doubt", Measured: float64(ev.InDoubt), Unit: "count", Detail: fmt.Sprintf("a person looked: %d had not arrived", ev.Again)},
		figure{Line: all, Name: "events acknowledged", Measured: float64(ev.Acknowledged), Unit: "count"})
	r.wantNone(all, "of them lost", ev.Lost)
	return r
}
