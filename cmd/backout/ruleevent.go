package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows/scenarios"
)

// eventResult is what one event of a body would do, for `rule test --event -o json`.
type eventResult struct {
	Event       string `json:"event,omitempty"`
	Quarantined bool   `json:"quarantined,omitempty"`
	Why         string `json:"why"`
}

// one tells what the events of a single body would do.
func (f *ruleTestFlags) one(c *cobra.Command) error {
	r, err := f.runner(f.scenarios())
	if err != nil {
		return err
	}
	records, err := f.body()
	if err != nil {
		return fmt.Errorf("%s: %w%s", filepath.Base(f.event), err, f.hint())
	}
	played, err := r.Run(&scenarios.Scenario{File: f.event, Start: time.Now().UTC().Format(time.RFC3339)})
	if err != nil {
		return err
	}
	results := []eventResult{}
	bad := 0
	for _, rec := range records {
		result, err := f.taken(played, rec)
		if err != nil {
			return err
		}
		if result.Quarantined {
			bad++
		}
		results = append(results, result)
	}
	if len(results) == 1 && bad == 1 && f.json == "text" {
		return errors.New(results[0].Why)
	}
	err = f.show(c.OutOrStdout(), results, func() error {
		for _, result := range results {
			if len(results) > 1 && result.Event != "" {
				fmt.Fprint(c.OutOrStdout(), result.Event, ": ")
			}
			fmt.Fprintln(c.OutOrStdout(), result.Why)
		}
		if len(results) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "nothing: there is no event in it that Backout has a use for")
		}
		tell(c.OutOrStdout(), played)
		return nil
	})
	if err == nil && bad > 0 {
		return errShown
	}
	return err
}

// body reads the file as its sender's.
func (f *ruleTestFlags) body() ([]orchestrator.Record, error) {
	body, err := os.ReadFile(f.event)
	if err != nil {
		return nil, err
	}
	source := f.source
	if source == "" {
		source = "events"
	}
	d := gateway.Delivery{Origin: "http/" + source, Body: bytes.TrimSpace(body)}
	if f.config != "" {
		cfg, err := configs.Load(f.config, noSecrets)
		if err != nil {
			return nil, err
		}
		d.VercelProjects, d.Repositories, d.Project = vercelProjects(cfg), repositories(cfg), speaksFor(cfg, source)
	}
	return rehearsed(source, d)
}

// taken lets one event happen and says what came of it.
func (f *ruleTestFlags) taken(played *scenarios.Played, rec orchestrator.Record) (eventResult, error) {
	if rec.Bad != nil {
		return eventResult{Quarantined: true, Why: "it would go to quarantine: " + rec.Bad.Reason + f.hint()}, nil
	}
	if _, err := played.Take(rec); err != nil {
		return eventResult{}, err
	}
	out := eventResult{Event: rec.Event.ID}
	for _, line := range played.State().Why(rec.Event.Origin, rec.Event.ID) {
		out.Why = line.Why
	}
	return out, nil
}

// hint tells whoever tries another sender's body how that is read.
func (f *ruleTestFlags) hint() string {
	if f.source != "" {
		return ""
	}
	return ". This was read as a CloudEvent; for what a sender posts say whose it is, --source " + strings.Join(gateway.Sources(), " | ")
}
