package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// maxUptime bounds how long Backout lives between two kills; maxBoot is when it is
// killed while it starts, which every fourth time it is.
const (
	maxUptime = 900 * time.Millisecond
	maxBoot   = 250 * time.Millisecond
)

// killOpens is how many incidents are opened for each kill, killMost how many kills
// have room in the world of a bench then.
const (
	killOpens = 8
	killMost  = benchEnvironments/killOpens - 1
)

func benchKillCommand() *cobra.Command {
	var f benchFlags
	b := &killBench{}
	c := &cobra.Command{
		Use: "kill", Short: "Kill -9 at random moments under load: kill to ready, events lost, steps called twice", Args: exactly(0),
		Long: fmt.Sprintf(`Start this program as a process of its own, with its real log on disk, publish events
over NATS without an end, answer the question of each incident they open as a person
would, and kill the process with SIGKILL at random moments, at most %s after it was
ready; every fourth time once more while it starts. An event or an answer that was not
acknowledged is sent again, as its sender would. The step behind each question may be
called once and never again (safety "Once"); of a call that nobody knows of, a person
looks whether it arrived, and says confirm-done or retry. At the end every event and
every answer that was acknowledged must be there, and no step may have been called twice.`, maxUptime),
		Example: "  backout bench kill\n  backout bench kill --kills 2000 -o json",
		RunE:    func(c *cobra.Command, _ []string) error { return f.placed(c, &b.benchPlace, b.run) },
	}
	f.addRounds(c)
	c.Flags().IntVar(&b.kills, "kills", 200, "how often it is killed while it runs")
	c.Flags().Uint64Var(&b.seed, "seed", 0, "of the random moments; 0 takes the clock")
	return c
}

// killBench is one run of it.
type killBench struct {
	benchPlace
	kills int
	seed  uint64
}

// killLine is what was measured.
type killLine struct {
	Seed  uint64 `json:"seed"`
	Kills int    `json:"kills"`
	// Booting is how often it was killed while it started, beside the Kills.
	Booting int    `json:"killed_while_starting"`
	Ready   spread `json:"ready_ms"`
	// Events were acknowledged, EventsLost of them are not known.
	Events     int `json:"events_acknowledged"`
	EventsLost int `json:"events_lost"`
	// Answers were acknowledged, AnswersLost of them had no effect.
	Answers     int `json:"answers_acknowledged"`
	AnswersLost int `json:"answers_lost"`
	// Steps were called, Twice of them more than once. Of InDoubt nobody knew after a
	// kill; Again of them had not arrived and were called again.
	Steps   int `json:"steps_called"`
	Twice   int `json:"steps_called_twice"`
	InDoubt int `json:"steps_in_doubt"`
	Again   int `json:"steps_called_again"`
}

func (b *killBench) run(ctx context.Context) (*benchReport, error) {
	if b.kills < 1 || b.kills > killMost {
		return nil, usageError{fmt.Errorf("--kills must be from 1 to %d", killMost)}
	}
	if b.seed == 0 {
		b.seed = uint64(time.Now().UnixNano())
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	w, err := b.world(ctx, filepath.Join(b.dir, "data"))
	if err != nil {
		return nil, err
	}
	line, err := b.measure(ctx, w)
	if err := errors.Join(err, w.close()); err != nil {
		return nil, err
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	return killReport(b.dir, b.disk, line), nil
}

func killReport(dir string, disk *diskProbe, l *killLine) *benchReport {
	r := newBenchReport("kill", dir, disk)
	r.Kill = l
	r.Note = "Killed with SIGKILL at random moments while events, answers and steps flow. From the kill until the next process is ready; median, lowest to highest behind it."
	name := fmt.Sprintf("%d kills, and %d while it started (--seed %d)", l.Kills, l.Booting, l.Seed)
	count := func(what string, n int, detail string) {
		r.Figures = append(r.Figures, figure{Line: name, Name: what, Measured: float64(n), Unit: "count", Detail: detail})
	}
	r.Figures = append(r.Figures,
		figure{Line: name, Name: "kill to ready", Measured: l.Ready.Median, Unit: "ms", Detail: fmt.Sprintf("%.0f to %.0f", l.Ready.Low, l.Ready.High)},
		figure{Line: name, Name: "kill to ready, at most", Measured: l.Ready.High, Unit: "ms"})
	count("events acknowledged", l.Events, "")
	r.wantNone(name, "of them lost", l.EventsLost)
	count("answers acknowledged", l.Answers, "")
	r.wantNone(name, "of them lost", l.AnswersLost)
	count("`Once` steps called", l.Steps, fmt.Sprintf("%d in doubt after a kill, a person looked: %d had not arrived", l.InDoubt, l.Again))
	r.wantNone(name, "of them twice", l.Twice)
	return r
}

// wantNone adds a figure that must be 0; another one makes the bench fail.
func (r *benchReport) wantNone(line, what string, n int) {
	r.Figures = append(r.Figures, figure{Line: line, Name: what, Measured: float64(n), Unit: "count", None: true})
	if n != 0 {
		r.Broken = append(r.Broken, fmt.Sprintf("%s: %s: %d", line, what, n))
	}
}
