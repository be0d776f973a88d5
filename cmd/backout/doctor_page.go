package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator"
)

// pages looks whether each person who is paged can be reached, without paging.
func (u *checkup) pages(cfg *configs.Config) {
	level := foundFix
	if cfg.Mode == string(orchestrator.Shadow) {
		level = foundLook // nobody is paged in shadow
	}
	slack, mail := cfg.Providers.Slack != nil, cfg.Providers.SendGrid != nil
	if !slack && !mail {
		u.fix(level, "write providers.slack or providers.sendgrid", "pages: there is no channel, so nobody is told anything")
		return
	}
	role := cfg.Policies.Page.Role
	var told []string
	for i := range cfg.People {
		p := &cfg.People[i]
		if !slices.Contains(p.Roles, role) {
			continue
		}
		var by []string
		if slack && p.Slack != "" {
			by = append(by, "Slack")
		}
		if mail && p.Email != "" {
			by = append(by, "e-mail")
		}
		if len(by) == 0 {
			u.fix(level, "write slack: or email:, as the channels that are configured need", "pages: %s is paged and cannot be reached", p.ID)
			continue
		}
		told = append(told, p.ID+" by "+strings.Join(by, " and "))
	}
	if len(told) == 0 {
		u.fix(level, "give somebody the role "+role, "pages: nobody is reached")
		return
	}
	u.found(foundOK, "pages go to %s; `backout doctor --page PERSON` sends one", strings.Join(told, ", "))
}

// testPage really pages a person, by every channel that knows them.
func (u *checkup) testPage(ctx context.Context, cfg *configs.Config, id string) error {
	doc, err := cfg.Document()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(doc.People, func(p orchestrator.Person) bool { return p.ID == id })
	if i < 0 {
		return usageError{fmt.Errorf("there is no person %q in the configuration", id)}
	}
	if err := cfg.Resolve(); err != nil {
		return err
	}
	set := actionSet{all: map[string]orchestrator.Action{}}
	if err := set.addPeople(cfg, &doc, nil, slog.New(slog.DiscardHandler)); err != nil {
		return err
	}
	inputs, err := json.Marshal(orchestrator.PageInputs{
		Text:   "Test page from Backout, sent by hand with `backout doctor --page " + id + "`. Nothing is wrong and nothing waits for you.",
		People: doc.People[i : i+1],
	})
	if err != nil {
		return fmt.Errorf("encoding the test page: %w", err)
	}
	out, err := set.all[orchestrator.PageAction].Do(ctx, orchestrator.Call{Step: "test", Inputs: inputs})
	switch {
	case err != nil:
		u.fix(foundFix, "look at the channel's own line above", "test page: %v", err)
	case !strings.HasPrefix(out.Text, "told ") || strings.Contains(out.Text, "(not by "):
		u.fix(foundFix, "look at the channel's own line above", "test page: %s", out.Text)
	default:
		u.found(foundOK, "a real test page was sent: %s. Ask whether it arrived", out.Text)
	}
	return nil
}
