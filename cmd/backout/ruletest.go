package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
	"github.com/aimarketplace/backout/workflows/scenarios"
)

// ruleTestFlags are those of `rule test`.
type ruleTestFlags struct {
	clientFlags
	folder, event, source, config, workflows string
	verbose                                  bool
}

func ruleTest() *cobra.Command {
	var f ruleTestFlags
	c := &cobra.Command{
		Use: "test", Short: "Try the rules and playbooks out in virtual time", Args: exactly(0),
		Long: `Try the rules and playbooks out in virtual time. Nothing outside is touched.

With --scenarios DIR every file of the folder is played: events with their times, what
people say, and what must come of it. Without it the scenarios that come with Backout
are. A folder's world.yaml is the configuration they run with, unless --config names
another one. With --event FILE one body is taken as if it came now, and what it would do
is told: a CloudEvent in JSON, or what the sender named by --source posts to its hook.`,
		Example: "  backout rule test\n  backout rule test --scenarios my-nights --config backout.yaml\n  backout rule test --event alert.json --source alertmanager --config backout.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			if f.event != "" {
				return f.one(c)
			}
			return f.all(c)
		},
	}
	f.addOutput(c)
	c.Flags().StringVar(&f.folder, "scenarios", "", "folder of scenarios (default: those that come with Backout)")
	c.Flags().StringVar(&f.event, "event", "", "file with one body, a CloudEvent unless --source names its sender")
	c.Flags().StringVar(&f.source, "source", "", "whose body it is: "+strings.Join(gateway.Sources(), ", "))
	c.Flags().StringVar(&f.config, "config", "", "configuration file (default: world.yaml of the folder)")
	c.Flags().StringVar(&f.workflows, "workflows", "", "folder whose playbooks and rules override the embedded ones")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "print the timelines too")
	return c
}

// scenarioResult is one line of `rule test -o json`.
type scenarioResult struct {
	File  string   `json:"file"`
	Title string   `json:"title"`
	OK    bool     `json:"ok"`
	Wrong []string `json:"wrong,omitempty"`
	TookU int64    `json:"took_us"`
}

// scenarios is the folder that was named, or what comes with Backout.
func (f *ruleTestFlags) scenarios() fs.FS {
	if f.folder == "" {
		return scenarios.Embedded()
	}
	return os.DirFS(f.folder)
}

func (f *ruleTestFlags) all(c *cobra.Command) error {
	folder := f.scenarios()
	list, err := scenarios.Load(folder)
	if err != nil {
		return err
	}
	runner, err := f.runner(folder)
	if err != nil {
		return err
	}
	var results []scenarioResult
	failed := 0
	began := time.Now()
	for i := range list {
		at := time.Now()
		played, err := runner.Run(&list[i])
		if err != nil {
			return err
		}
		if len(played.Wrong) > 0 {
			failed++
		}
		results = append(results, scenarioResult{list[i].File, list[i].Title, len(played.Wrong) == 0, played.Wrong, time.Since(at).Microseconds()})
		if f.verbose {
			tell(c.ErrOrStderr(), played)
		}
	}
	took := time.Since(began)
	err = f.show(c.OutOrStdout(), results, func() error {
		w := c.OutOrStdout()
		for _, r := range results {
			word := "ok  "
			if !r.OK {
				word = "FAIL"
			}
			fmt.Fprintf(w, "%s  %-44s %s\n", word, r.File, r.Title)
			for _, line := range r.Wrong {
				fmt.Fprintf(w, "      %s\n", strings.ReplaceAll(line, "\n", "\n      "))
			}
		}
		_, err := fmt.Fprintf(w, "%d scenarios, %d not as expected, %s\n", len(results), failed, took.Round(time.Millisecond))
		return err
	})
	if err == nil && failed > 0 {
		return errShown
	}
	return err
}

// runner is the road of an event, without the log and the world.
func (f *ruleTestFlags) runner(folder fs.FS) (*scenarios.Runner, error) {
	cfg, err := f.world(folder)
	if err != nil {
		return nil, err
	}
	docs, err := compiledDocs(f.workflows)
	if err != nil {
		return nil, err
	}
	return &scenarios.Runner{
		Rules: workflows.NewEvaluator(), Config: cfg, Docs: docs, Decode: decodeRehearsed,
		Words: func(words string, now time.Time) (orchestrator.Command, error) {
			return gateway.Speech{Now: now}.Parse(words)
		},
	}, nil
}

// world reads the configuration; secrets may be missing, for nothing is called.
func (f *ruleTestFlags) world(folder fs.FS) (orchestrator.Config, error) {
	var cfg *configs.Config
	var err error
	if f.config != "" {
		cfg, err = configs.Load(f.config, noSecrets)
	} else {
		var src []byte
		if src, err = fs.ReadFile(folder, scenarios.WorldFile); err != nil {
			return orchestrator.Config{}, fmt.Errorf("reading the configuration of the scenarios: %w; name one with --config", err)
		}
		cfg, err = configs.Parse(scenarios.WorldFile, src, noSecrets)
	}
	if err != nil {
		return orchestrator.Config{}, err
	}
	return cfg.Document()
}

// noSecrets stands in for secrets: what is tried out calls nobody.
func noSecrets(string) (string, bool) { return "not-needed", true }

// decodeRehearsed reads a CloudEvent as the gateway does.
func decodeRehearsed(origin string, body []byte, unsigned bool) ([]orchestrator.Record, error) {
	return rehearsed("events", gateway.Delivery{Origin: origin, Body: body, Unsigned: unsigned})
}

func rehearsed(source string, d gateway.Delivery) ([]orchestrator.Record, error) {
	decoded, err := gateway.Read(source, d)
	if err != nil {
		return nil, fmt.Errorf("reading the event: %w", err)
	}
	var out []orchestrator.Record
	for i := range decoded.Items {
		out = append(out, decoded.Items[i].Record)
	}
	return out, nil
}

// tell prints the timelines of what was played.
func tell(w io.Writer, p *scenarios.Played) {
	for n := uint64(1); n <= p.State().Meta().NextIncident; n++ {
		inc, _ := p.State().Incident(n)
		if inc == nil {
			continue
		}
		fmt.Fprintf(w, "\n%s %s/%s is %s: %s\n", orchestrator.IncidentName(n), inc.Project, inc.Environment, inc.State, inc.Title)
		for _, line := range p.State().Timeline(n, 0, 200) {
			fmt.Fprintf(w, "  %s  %s: %s\n", time.UnixMilli(line.At).UTC().Format("15:04:05"), line.Actor, line.Text)
		}
	}
}
