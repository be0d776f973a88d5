package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

// benchWarmUp is how many events go ahead of a line: they open connections,
// compile the rules and are not measured.
const benchWarmUp = 10

// benchSettle bounds how long the last of a line may take.
const benchSettle = 20 * time.Second

func benchLatencyCommand() *cobra.Command {
	var f benchFlags
	var rates []int
	c := &cobra.Command{
		Use: "latency", Short: "From an event to the first action's HTTP request, everything on disk", Args: exactly(0),
		Long: `Publish events at a steady average rate and take the time from just before each
is published until the HTTP request of the first action arrives at a server. Each
event opens an incident of its own. In between lie three durable writes, one after
another: the publisher's event, its entry in the log, and the intent of the action.
The same is measured for events that come in by HTTP, which skip the first.`,
		Example: "  backout bench latency\n  backout bench latency --rate 4,50 --seconds 30 -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			return f.measured(c, func(dir string) (*benchReport, error) {
				b := &latencyBench{dir: dir, rates: rates, flags: f, log: c.ErrOrStderr(), disk: &diskProbe{dir: dir}}
				return b.run(c.Context())
			})
		},
	}
	f.add(c, 10)
	c.Flags().IntSliceVar(&rates, "rate", []int{4, 50}, "events per second, one line each")
	return c
}

// latencyBench is one run of it.
type latencyBench struct {
	dir    string
	rates  []int
	flags  benchFlags
	log    io.Writer
	disk   *diskProbe
	rig    *benchRig
	target *benchTarget
	nats   jetstream.JetStream
	// used counts the environments that have had their event.
	used int
}

// latencyLine is one row of the report.
type latencyLine struct {
	Ingress string `json:"ingress"`
	Rate    int    `json:"rate_per_second"`
	quantiles
}

func (b *latencyBench) run(ctx context.Context) (*benchReport, error) {
	total := 0
	for _, rate := range b.rates {
		if rate < 1 {
			return nil, usageError{errors.New("--rate takes events per second, at least 1")}
		}
		total += 2 * (b.events(rate) + benchWarmUp)
	}
	if total > benchEnvironments {
		return nil, usageError{fmt.Errorf("that makes %d events; a run has at most %d: choose fewer --seconds", total, benchEnvironments)}
	}
	if err := b.start(ctx, total); err != nil {
		return nil, err
	}
	report, err := b.measure(ctx)
	b.target.close()
	return report, errors.Join(err, b.rig.close())
}

func (b *latencyBench) events(rate int) int {
	if b.flags.count > 0 {
		return b.flags.count
	}
	return rate * b.flags.seconds
}

func (b *latencyBench) start(ctx context.Context, events int) error {
	var err error
	if b.target, err = startBenchTarget(ctx); err != nil {
		return err
	}
	world := benchWorld{environments: events, steps: 1, spec: benchSpec()}
	b.rig, err = startBenchRig(ctx, benchRigOptions{
		Dir: filepath.Join(b.dir, "data"), World: world, Action: &benchAction{do: b.target.do}, Log: b.log,
	})
	if err != nil {
		b.target.close()
		return err
	}
	nc, err := nats.Connect(b.rig.server.URL(), nats.Timeout(5*time.Second))
	if err == nil {
		b.rig.onClose("the publisher", func() error { nc.Close(); return nil })
		b.nats, err = jetstream.New(nc)
	}
	if err != nil {
		b.target.close()
		return errors.Join(fmt.Errorf("connecting a publisher: %w", err), b.rig.close())
	}
	return nil
}

func (b *latencyBench) measure(ctx context.Context) (*benchReport, error) {
	var lines []latencyLine
	for _, way := range []struct {
		name string
		send func(context.Context, int) error
	}{{"NATS", b.publish}, {"HTTP", b.ingest}} {
		for _, rate := range b.rates {
			fmt.Fprintf(b.log, "measuring %s at %d/s: %d events\n", way.name, rate, b.events(rate))
			if err := b.disk.look(); err != nil {
				return nil, err
			}
			if _, err := b.line(ctx, 10*rate, benchWarmUp, way.send); err != nil {
				return nil, err
			}
			times, err := b.line(ctx, rate, b.events(rate), way.send)
			if err != nil {
				return nil, err
			}
			lines = append(lines, latencyLine{Ingress: way.name, Rate: rate, quantiles: rank(times)})
		}
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	if err := b.rig.quiet(ctx, benchSettle); err != nil {
		return nil, err
	}
	if err := b.rig.audit(ctx, b.used, benchWorld{steps: 1}, false); err != nil {
		return nil, err
	}
	return latencyReport(b.dir, b.disk, lines), nil
}

// line sends count events at the rate and returns how long each took. The pauses
// vary by half, so that no event walks in step with the store's commits, and a
// slow one does not hold back the next.
func (b *latencyBench) line(ctx context.Context, rate, count int, send func(context.Context, int) error) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, benchSettle+time.Duration(count)*2*time.Second/time.Duration(rate))
	defer cancel()
	first := b.used
	b.used += count
	sent := make([]time.Time, count)
	failed := make(chan error, count)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for i := range count {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("sending events: %w", ctx.Err())
		}
		go func() {
			sent[i] = time.Now()
			failed <- send(ctx, first+i)
		}()
		pause.Reset(time.Duration((0.5 + rand.Float64()) / float64(rate) * float64(time.Second)))
	}
	for range count {
		if err := <-failed; err != nil {
			return nil, err
		}
	}
	if err := b.target.wait(ctx, first, first+count); err != nil {
		return nil, err
	}
	times := make([]time.Duration, count)
	for i := range times {
		at, _ := b.target.at(benchEnvironment(first + i))
		times[i] = at.Sub(sent[i])
	}
	return times, nil
}

// publish is what an ordinary publisher does: a CloudEvent, acknowledged.
func (b *latencyBench) publish(ctx context.Context, i int) error {
	body, err := benchCloudEvent(i)
	if err != nil {
		return err
	}
	if _, err := b.nats.Publish(ctx, "backout.event.alert."+benchProject(i), body, jetstream.WithMsgID(benchEnvironment(i))); err != nil {
		return fmt.Errorf("publishing event %d: %w", i, err)
	}
	return nil
}

// ingest is what an HTTP hook does once it has decoded the body.
func (b *latencyBench) ingest(ctx context.Context, i int) error {
	return b.rig.engine.Ingest(ctx, []orchestrator.Record{benchRecord(i)})
}
