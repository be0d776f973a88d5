package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/orchestrator"
)

//go:embed bench_rollback.yaml.tmpl
var benchRollbackConfig string

// rollbackLimit bounds one round.
const rollbackLimit = 60 * time.Second

func benchRollbackCommand() *cobra.Command {
	var f benchFlags
	b := &rollbackBench{}
	c := &cobra.Command{
		Use: "rollback", Short: "From the first critical signal to every domain proven, against the sandbox", Args: exactly(0),
		Long: `Ship a bad deployment to a sandbox shop, publish one critical alert over NATS, and
take the time until the step that proves every production domain is done. Mode live:
policy rolls back alone at once. The stand-in for Vercel takes --alias-job for an
alias job and lets domains follow up to --lag later; what it took is measured by
asking the shop itself all the time, so that the rest is what Backout took. Each
round has a sandbox and a Backout of its own.`,
		Example: "  backout bench rollback\n  backout bench rollback --rounds 20 --alias-job 3s --lag 5s -o json",
		RunE:    func(c *cobra.Command, _ []string) error { return f.placed(c, &b.benchPlace, b.run) },
	}
	f.addRounds(c)
	c.Flags().IntVar(&b.rounds, "rounds", 10, "how many rollbacks; the median is shown")
	c.Flags().DurationVar(&b.job, "alias-job", time.Second, "how long an alias job of the stand-in takes")
	c.Flags().DurationVar(&b.lag, "lag", 2*time.Second, "how long after it domains may follow, at most")
	return c
}

// rollbackBench is one run of it.
type rollbackBench struct {
	benchPlace
	rounds   int
	job, lag time.Duration
}

// rollbackRound are the moments of one rollback, all since the alert was published.
type rollbackRound struct {
	opened, asked, moved, proven time.Duration
}

func (b *rollbackBench) run(ctx context.Context) (*benchReport, error) {
	if b.rounds < 1 || b.job < 0 || b.lag < 0 {
		return nil, usageError{errors.New("--rounds must be at least 1, --alias-job and --lag not below 0")}
	}
	var rounds []rollbackRound
	for i := range b.rounds {
		if err := b.disk.look(); err != nil {
			return nil, err
		}
		got, err := b.round(ctx, filepath.Join(b.dir, fmt.Sprint(i)))
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", i+1, err)
		}
		fmt.Fprintf(b.log, "round %d: proven after %.2f s; Vercel's last domain had moved after %.2f s\n", i+1, got.proven.Seconds(), got.moved.Seconds())
		rounds = append(rounds, got)
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	return rollbackReport(b.dir, b.disk, rounds), nil
}

// round rolls one bad deployment back.
func (b *rollbackBench) round(ctx context.Context, dir string) (got rollbackRound, err error) {
	ctx, cancel := context.WithTimeout(ctx, rollbackLimit)
	defer cancel()
	none := time.Duration(-1)
	s, err := sandbox.Start(ctx, sandbox.Options{JobDelay: max(b.job, time.Nanosecond), MaxLag: nonzero(b.lag, none), ErrorRate: -1})
	if err != nil {
		return got, err
	}
	w := &demoWorld{dir: dir, died: make(chan struct{}), config: benchRollbackConfig, urls: s.URLs()}
	defer func() {
		w.close()
		<-w.died
		stop, cancel := stopContext()
		defer cancel()
		err = errors.Join(err, s.Close(stop))
	}()
	if err := w.startBeside(ctx); err != nil {
		return got, err
	}
	if err := w.shipped(ctx); err != nil {
		return got, err
	}
	return w.rollsBack(ctx)
}

func nonzero(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// startBeside starts Backout as a process of its own, beside a sandbox in this one.
func (w *demoWorld) startBeside(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	if err := w.inviteChat(ctx); err != nil {
		return err
	}
	return w.startBackout(ctx, self)
}

// shipped ships the bad deployment and waits until Backout has seen it serve.
func (w *demoWorld) shipped(ctx context.Context) error {
	if err := w.waitServing(ctx, "dpl_good2"); err != nil {
		return err
	}
	if err := w.ship(ctx, "dpl_bad", "bad5eed", true); err != nil {
		return err
	}
	hosts := slices.Values(benchHosts())
	return errors.Join(w.waitHosts(ctx, hosts, "dpl_bad"), w.waitServing(ctx, "dpl_bad"))
}

func benchHosts() []string { return []string{"shop.test", "www.shop.test", "seller.shop.test"} }

// rollsBack publishes the alert and follows what it leads to.
func (w *demoWorld) rollsBack(ctx context.Context) (got rollbackRound, err error) {
	m, err := w.connectMonitor()
	if err != nil {
		return got, err
	}
	defer m.nc.Close()
	start := time.Now()
	if !m.publish(ctx, "alert", orchestrator.AlertFiring, map[string]any{
		"environment": "production", "component": "checkout", "fingerprint": "checkout", "name": "CheckoutErrors", "severity": "critical",
		"summary": "5xx above 5 %", "release": "bad5eed", "starts_at": start.UTC().Format(time.RFC3339Nano),
	}) {
		return got, errors.New("the alert could not be published")
	}
	if err := w.waitHosts(ctx, slices.Values(benchHosts()), "dpl_good2"); err != nil {
		return got, err
	}
	got.moved = time.Since(start)
	inc, err := w.waitProven(ctx)
	if err != nil {
		return got, err
	}
	got.opened, got.proven = inc.OpenedAt.Sub(start), stepEnd(inc, "proven").Sub(start)
	var calls []sandbox.Call
	if err := fetch(ctx, w.urls.Vercel+"/_sandbox/calls", &calls); err != nil {
		return got, err
	}
	asked := slices.DeleteFunc(calls, func(c sandbox.Call) bool { return !c.Effect })
	if len(asked) != 1 {
		return got, fmt.Errorf("the stand-in for Vercel was asked for %d changes, want one", len(asked))
	}
	got.asked = asked[0].At.Sub(start)
	return got, nil
}
