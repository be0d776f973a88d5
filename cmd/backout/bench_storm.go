package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/orchestrator"
)

// The storm comes from stormEnvironments at once; stormQuiet acknowledgements are
// made before it, as a control.
const (
	stormEnvironments = 50
	stormQuiet        = 100
	stormSenders      = 64
)

func benchStormCommand() *cobra.Command {
	var f benchFlags
	b := &stormBench{}
	c := &cobra.Command{
		Use: "storm", Short: "How long an acknowledgement from CLI and chat takes during a storm of alerts", Args: exactly(0),
		Long: fmt.Sprintf(`Post alerts through /hooks/alertmanager at a steady rate, %d in each message, for %d
environments whose incidents are open, and meanwhile acknowledge these incidents,
in turn by the CLI's way (POST /api/v1/commands with a token) and by chat (a signed
slash command of Slack). The time of one is from just before its request until the
answer that the fold gave. The same is measured before the storm. Past
policies.limits.source_budget a minute, alerts that only add to an open incident are
counted there and not kept; what that did, and how memory and files grew, is printed too.
Every alert must be kept once or counted.`, ingestPerPost, stormEnvironments),
		Example: "  backout bench storm\n  backout bench storm --for 2m --rate 10000 -o json",
		RunE: func(c *cobra.Command, _ []string) error {
			b.flags, b.log = f, c.ErrOrStderr()
			return f.measured(c, func(dir string) (*benchReport, error) {
				b.dir, b.disk = dir, &diskProbe{dir: dir}
				return b.run(c.Context())
			})
		},
	}
	f.addFor(c, time.Minute)
	c.Flags().IntVar(&b.rate, "rate", 5000, "alerts per second, repeats included")
	c.Flags().IntVar(&b.acks, "acks", 20, "acknowledgements per second, half by CLI and half by chat")
	c.Flags().IntVar(&b.budget, "budget", orchestrator.Limits{}.WithDefaults().SourceBudget, "policies.limits.source_budget: signals a minute that are kept one by one")
	return c
}

// stormBench is one run of it.
type stormBench struct {
	dir                string
	rate, acks, budget int
	flags              benchFlags
	log                io.Writer
	disk               *diskProbe
	rig                *benchRig
	hook               *hookWay
	speakers           []speaker
	// acked are the numbers of the incidents; said counts the acknowledgements.
	acked           []uint64
	said, saidAgain int
}

// stormLine is what was measured.
type stormLine struct {
	Rate int `json:"rate_per_second"`
	// Posted counts the alerts of the storm, PerSecond is how fast they were
	// taken, LateMS how far the last message was behind its time.
	Posted    int       `json:"posted"`
	Different int       `json:"different"`
	PerSecond float64   `json:"per_second"`
	LateMS    float64   `json:"late_ms"`
	Refused   int       `json:"messages_sent_again"`
	Acks      []ackLine `json:"acks"`
	// Kept and Counted are what the source's budget made of the alerts; what is
	// neither was a repeat of one that was kept.
	Budget  int           `json:"budget"`
	Kept    uint64        `json:"kept"`
	Counted uint64        `json:"counted"`
	Samples []stormSample `json:"samples"`
}

// ackLine is one way of acknowledging, in the quiet and in the storm.
type ackLine struct {
	Way   string    `json:"way"`
	Quiet quantiles `json:"quiet"`
	Storm quantiles `json:"storm"`
	// Again counts what was answered with an error and had to be said again.
	Again int `json:"said_again"`
}

func (b *stormBench) run(ctx context.Context) (*benchReport, error) {
	if b.rate < ingestPerPost || b.acks < 1 || b.budget < 1 {
		return nil, usageError{fmt.Errorf("--rate must be at least %d, --acks and --budget at least 1", ingestPerPost)}
	}
	world := benchWorld{environments: stormEnvironments, asks: true, routes: true, budget: b.budget}
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: filepath.Join(b.dir, "data"), World: world, Action: &benchAction{}, Log: b.log})
	if err != nil {
		return nil, err
	}
	b.rig = rig
	line, err := b.measure(ctx)
	if err := errors.Join(err, rig.close()); err != nil {
		return nil, err
	}
	return stormReport(b.dir, b.disk, line), nil
}

func (b *stormBench) measure(ctx context.Context) (*stormLine, error) {
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	load := newAlertLoad(b.hook, stormSenders, stormEnvironments, 0)
	if err := b.openIncidents(ctx, load); err != nil {
		return nil, err
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	quiet, err := b.acknowledge(ctx, "quiet", stormQuiet)
	if err != nil {
		return nil, fmt.Errorf("acknowledging before the storm: %w", err)
	}
	line := &stormLine{Rate: b.rate, Budget: b.budget}
	storm, err := b.storm(ctx, load, line)
	if err != nil {
		return nil, err
	}
	for i, s := range b.speakers {
		line.Acks = append(line.Acks, ackLineOf(i, s.name, quiet, storm))
	}
	if err := b.disk.look(); err != nil {
		return nil, err
	}
	return line, b.audit(ctx, load, line)
}

// open opens the listeners and gives the person a token.
func (b *stormBench) open(ctx context.Context) error {
	token, err := b.rig.benchToken(ctx)
	if err != nil {
		return err
	}
	chat, err := b.rig.chat(token)
	if err != nil {
		return err
	}
	url, err := b.rig.hook(token, chat)
	if err != nil {
		return err
	}
	cli, err := b.rig.cliSpeaker(token)
	if err != nil {
		return err
	}
	b.hook = newHookWay(url+"/hooks/alertmanager", token, stormSenders)
	b.rig.onClose("the senders", func() error { b.hook.close(); return nil })
	b.speakers = []speaker{cli, chatSpeaker(url+"/chat/slack", token)}
	return nil
}

// openIncidents sends the first alert of every environment.
func (b *stormBench) openIncidents(ctx context.Context, load *alertLoad) error {
	for e := range stormEnvironments {
		m := alertMessage{load: load, alone: true}
		m.fill(e, 0, 1)
		if err := load.deliver(ctx, &m); err != nil {
			return fmt.Errorf("opening the incident of %s: %w", benchEnvironment(e), err)
		}
		load.sent[e] = 1
		b.acked = append(b.acked, uint64(e+1))
	}
	return b.rig.folded(ctx, stormEnvironments, benchSettle)
}

// audit checks that every alert was kept once or counted, that every incident was
// acknowledged, and takes down what the budget did.
func (b *stormBench) audit(ctx context.Context, load *alertLoad, line *stormLine) error {
	different := 0
	for _, n := range load.sent {
		different += n
	}
	posted := line.Posted + stormEnvironments
	return b.rig.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		m := s.Meta()
		counted := m.Spent["http/alertmanager"].Over
		overflow, signals := 0, 0
		for _, n := range b.acked {
			inc, _ := s.Incident(n)
			if inc == nil || inc.Ack == nil || inc.Ack.By != benchPerson {
				return fmt.Errorf("%s is not acknowledged", orchestrator.IncidentName(n))
			}
			overflow, signals = overflow+inc.Overflow, signals+inc.Distinct
		}
		kept := m.Events - counted
		line.Different, line.Kept, line.Counted = different, kept, counted
		switch {
		case m.Quarantined != 0 || uint64(overflow) != counted || signals > int(kept):
			return fmt.Errorf("%d alerts were past the budget, but the incidents count %d; %d signals of %d alerts that were kept, %d quarantined", counted, overflow, signals, kept, m.Quarantined)
		case !b.remembered(s, kept) || m.Events < uint64(different) || m.Events > uint64(posted):
			return fmt.Errorf("%d alerts were posted, %d of them different; %d were folded, %d counted, %d remembered", posted, different, m.Events, counted, s.Count(orchestrator.BucketSeen))
		}
		return nil
	})
}

// remembered reports whether the ids of all alerts that were kept are remembered,
// and beside them those of the acknowledgements: of one that had to be said again,
// the first may have arrived or not.
func (b *stormBench) remembered(s *orchestrator.State, kept uint64) bool {
	acks := s.Count(orchestrator.BucketSeen) - int(kept)
	return acks <= b.said && acks >= b.said-b.saidAgain
}
