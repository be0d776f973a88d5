package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/console"
)

// demoLimit bounds the whole demo when nobody sits in front of it.
const demoLimit = 3 * time.Minute

func demoCommand() *cobra.Command {
	var yes bool
	var output, data string
	c := &cobra.Command{
		Use: "demo", Short: "Break a sandbox shop and bring it back, in a minute", Args: exactly(0),
		Long: `Start stand-ins for Vercel, SendGrid, GitHub, Slack and a shop as one process and
Backout as another, ship a bad deployment, and watch the incident: rolled back,
proven, users told, fixed, closed. You acknowledge and approve in this terminal.
Nothing leaves this machine.`,
		Example: "  backout demo\n  backout demo --yes",
		RunE: func(c *cobra.Command, _ []string) error {
			d := &demo{out: c.OutOrStdout(), in: c.InOrStdin(), yes: yes, started: time.Now()}
			if output == "json" {
				d.out = c.ErrOrStderr()
			}
			sum, err := d.run(c.Context(), data)
			if err != nil {
				return err
			}
			if output == "json" {
				return json.NewEncoder(c.OutOrStdout()).Encode(sum)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "acknowledge and approve everything by itself")
	c.Flags().StringVar(&data, "data", "", "folder for the demo's data (default: a new temporary one)")
	c.Flags().StringVarP(&output, "output", "o", "text", "text, or json for one document at the end")
	return c
}

// demo is one run of the story.
type demo struct {
	out     io.Writer
	in      io.Reader
	yes     bool
	started time.Time
	world   *demoWorld
	person  *demoPerson
}

// summary is what -o json ends with.
type summary struct {
	Incident console.Incident `json:"incident"`
	Calls    []demoCall       `json:"calls"`
	Seconds  float64          `json:"seconds"`
	Data     string           `json:"data"`
}

func (d *demo) run(ctx context.Context, dir string) (*summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if d.yes {
		ctx, cancel = context.WithTimeout(ctx, demoLimit)
		defer cancel()
	}
	if dir == "" {
		tmp, err := os.MkdirTemp("", "backout-demo-")
		if err != nil {
			return nil, fmt.Errorf("making a folder for the demo: %w", err)
		}
		dir = tmp
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("finding the demo's folder: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the demo's folder: %w", err)
	}
	d.say("Starting a sandbox shop and Backout; everything stays on this machine.")
	if d.world, err = startDemoWorld(ctx, dir); err != nil {
		return nil, err
	}
	defer d.world.close()
	d.person = &demoPerson{cl: d.world.you, out: d.out, in: newLines(d.in), yes: d.yes}
	if err := d.story(ctx); err != nil {
		return nil, err
	}
	return d.end(ctx, dir)
}

// story ships the bad deployment and follows the incident to its end.
func (d *demo) story(ctx context.Context) error {
	w := d.world
	if err := w.waitServing(ctx, "dpl_good2"); err != nil {
		return err
	}
	d.say("The shop serves dpl_good2. At %s somebody ships dpl_bad, commit bad5eed.", time.Now().UTC().Format("15:04:05"))
	if err := w.ship(ctx, "dpl_bad", "bad5eed", true); err != nil {
		return err
	}
	monitor := w.startMonitor(ctx)
	defer monitor.stop()
	if err := w.waitIncident(ctx, "INC-1"); err != nil {
		return err
	}
	return d.follow(ctx)
}

// follow prints the timeline as it happens and lets the person answer.
func (d *demo) follow(ctx context.Context) error {
	seen := 0
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for {
		var inc console.Incident
		if err := d.world.you.get(ctx, "/api/v1/incidents/INC-1", nil, &inc); err != nil {
			return err
		}
		for _, l := range inc.Timeline[min(seen, len(inc.Timeline)):] {
			fmt.Fprintf(d.out, "  %6.1fs  %-12s %s\n", l.At.Sub(d.started).Seconds(), l.Actor, l.Text)
		}
		seen = len(inc.Timeline)
		if inc.State == "closed" {
			return nil
		}
		if err := d.person.answer(ctx, &inc); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-d.world.died:
			return errors.New("the Backout of this demo ended before the incident did; see backout.log in the demo's folder")
		case <-ctx.Done():
			return fmt.Errorf("the demo took too long; the incident waits for: %v", inc.WaitingOn)
		}
	}
}

// end says what was called, how long each part took, and what to try next.
func (d *demo) end(ctx context.Context, dir string) (*summary, error) {
	s := &summary{Seconds: time.Since(d.started).Seconds(), Data: dir}
	if err := d.world.you.get(ctx, "/api/v1/incidents/INC-1", nil, &s.Incident); err != nil {
		return nil, err
	}
	calls, err := d.world.calls(ctx)
	if err != nil {
		return nil, err
	}
	s.Calls = calls
	d.say("\nWhat was changed outside (reads left out):")
	for _, c := range calls {
		fmt.Fprintf(d.out, "  %-9s %-5s %s\n", c.System, c.Method, c.Path)
	}
	d.say("\nHow long it took:")
	printParts(d.out, &s.Incident)
	d.say("\nThe incident is %s after %.1f s. Log, state and configuration: %s", s.Incident.State, s.Seconds, dir)
	d.say("Try next (`go run ./cmd/backout` stands for backout where it is not installed):\n  backout plan show rollback     the playbook that ran\n  backout sandbox                the stand-ins alone\n  README.md                      point it at your own project")
	return s, nil
}

// printParts shows how long from the opening each milestone was reached.
func printParts(w io.Writer, inc *console.Incident) {
	for _, s := range inc.Steps {
		switch s.ID {
		case "page", "back", "proven", "cured", "status", "mail", "promote", "served", "watch", "resolved_mail":
			fmt.Fprintf(w, "  %-14s %-8s %5.1f s after the opening\n", s.ID, s.State, s.Since.Sub(inc.OpenedAt).Seconds())
		}
	}
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }
