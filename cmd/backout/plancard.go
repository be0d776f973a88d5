package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator"
)

// card is one page for paper: what to type when Backout itself is down.
type card struct {
	Project string    `json:"project"`
	Printed time.Time `json:"printed"`
	// Source says where the target is from.
	Source   string        `json:"source"`
	Serving  string        `json:"serving,omitempty"`
	Verdict  string        `json:"verdict,omitempty"`
	Commands []cardCommand `json:"commands"`
	Domains  []string      `json:"domains"`
	Pages    []cardCommand `json:"pages"`
	People   []cardPerson  `json:"people"`
}

// cardCommand is what to do and what it is for.
type cardCommand struct {
	For string `json:"for"`
	Do  string `json:"do"`
}

// cardPerson is whom to call.
type cardPerson struct {
	Name  string   `json:"name"`
	Email string   `json:"email,omitempty"`
	Slack string   `json:"slack,omitempty"`
	Roles []string `json:"roles"`
}

func planCard() *cobra.Command {
	var f clientFlags
	var config string
	c := &cobra.Command{
		Use: "card PROJECT", Short: "Print the manual commands on one page, for paper", Args: exactly(1),
		Long: `Print what to type by hand when Backout is down: going back to the present target,
holding, going forward again, where to look and whom to call. The target is the
running Backout's; without one the page leaves it open. Print it anew after a
release: a target ages.`,
		Example: "  backout plan card shop --config backout.yaml",
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := configs.Load(config, os.LookupEnv)
			if err != nil {
				return err
			}
			made, err := newCard(c.Context(), cfg, args[0], f.client())
			if err != nil {
				return err
			}
			return f.show(c.OutOrStdout(), made, func() error { return made.print(c.OutOrStdout()) })
		},
	}
	f.add(c)
	c.Flags().StringVar(&config, "config", "backout.yaml", "configuration file")
	return c
}

func newCard(ctx context.Context, cfg *configs.Config, project string, cl *client) (*card, error) {
	i := slices.IndexFunc(cfg.Projects, func(p configs.Project) bool { return p.ID == project })
	if i < 0 {
		return nil, usageError{fmt.Errorf("there is no project %q in the configuration", project)}
	}
	p := &cfg.Projects[i]
	made := &card{Project: project, Printed: time.Now().UTC().Truncate(time.Minute), Domains: productionHosts(p)}
	target := made.target(ctx, cl)
	made.Commands = manualCommands(cfg, p, target)
	made.Pages = []cardCommand{{"Vercel's own state", "https://www.vercel-status.com"}, {"deployments", "vercel ls " + p.VercelProject + " --prod" + scope(cfg)}}
	if public := strings.TrimSuffix(cfg.Instance.PublicURL, "/"); public != "" {
		made.Pages = append([]cardCommand{{"our status page", public + "/status"}}, made.Pages...)
	}
	for _, who := range cfg.People {
		made.People = append(made.People, cardPerson{who.Name, who.Email, who.Slack, who.Roles})
	}
	return made, nil
}

// target asks the running Backout what one would go back to; empty when it is not
// reachable or there is none.
func (c *card) target(ctx context.Context, cl *client) string {
	bounded, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	var v struct {
		Serving string
		orchestrator.Verdict
	}
	if err := cl.get(bounded, "/api/v1/verdict", url.Values{"project": {c.Project}}, &v); err != nil {
		c.Source = "the configuration only: no Backout answers at " + cl.base + ", so the target is left open"
		return ""
	}
	c.Source, c.Serving = "the running Backout at "+cl.base, v.Serving
	c.Verdict = strings.ToUpper(v.Answer) + ": " + strings.Join(v.Reasons, "; ")
	return v.Target.ID
}

// manualCommands are what Backout would do, in the order of a night.
func manualCommands(cfg *configs.Config, p *configs.Project, target string) []cardCommand {
	to, with := cmp.Or(target, "dpl_________________"), scope(cfg)
	return []cardCommand{
		{"go back", "vercel rollback " + to + with},
		{"see that it went", "vercel rollback status " + p.VercelProject + with},
		{"hold the door", "a rollback holds it: pushes build and stay staged until one is promoted. Without a rollback: Vercel, Settings, Environments, Production, switch \"Auto-assign Custom Production Domains\" off"},
		{"go forward again", "vercel promote dpl_________________" + with},
		{"when Backout runs", "backout rollback " + p.ID + " --reason '...'   backout hold set " + p.ID + " --reason '...'   backout stop INC-n"},
	}
}

func scope(cfg *configs.Config) string {
	if v := cfg.Providers.Vercel; v != nil && v.Team != "" {
		return " --scope " + v.Team
	}
	return ""
}

func productionHosts(p *configs.Project) (hosts []string) {
	for _, e := range p.Environments {
		if e.Kind != "production" {
			continue
		}
		for _, d := range e.Domains {
			hosts = append(hosts, d.Host)
		}
	}
	return hosts
}

// print is the page, narrow enough for paper.
func (c *card) print(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, by hand. Printed %s from %s.\n", strings.ToUpper(c.Project), c.Printed.Format("2006-01-02 15:04 UTC"), c.Source)
	if c.Serving != "" {
		fmt.Fprintf(&b, "Served then: %s. Going back was %s.\n", c.Serving, c.Verdict)
	}
	for _, part := range []struct {
		title string
		lines []cardCommand
	}{{"Do", c.Commands}, {"Look", append([]cardCommand{{"the site", strings.Join(c.Domains, ", ")}}, c.Pages...)}} {
		fmt.Fprintf(&b, "\n%s\n", part.title)
		for _, l := range part.lines {
			fmt.Fprintf(&b, "  %-18s %s\n", l.For, l.Do)
		}
	}
	b.WriteString("\nCall\n")
	for _, p := range c.People {
		fmt.Fprintf(&b, "  %-18s %s  %s  tel. ______________\n", p.Name, strings.Join(slices.DeleteFunc([]string{p.Email, p.Slack}, func(s string) bool { return s == "" }), "  "), strings.Join(p.Roles, ", "))
	}
	b.WriteString("\nThe database is not touched by any of this. Before going back ask: was a migration applied since?\n")
	_, err := io.WriteString(w, b.String())
	return err
}
