package main

import (
	"context"
	"fmt"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
)

// compiledDocs is the playbooks and rules as entries, checked against what the actions
// are; a folder overrides embedded ones.
func compiledDocs(folder string) ([]orchestrator.Doc, error) {
	lib, err := loadLibrary(folder)
	if err != nil {
		return nil, err
	}
	specs, err := actionSpecs()
	if err != nil {
		return nil, err
	}
	var docs []orchestrator.Doc
	for _, name := range lib.Playbooks() {
		_, body, err := lib.Compile(name, specs)
		if err != nil {
			return nil, fmt.Errorf("compiling playbook %s: %w", name, err)
		}
		docs = append(docs, orchestrator.Doc{Kind: orchestrator.DocPlaybook, Name: name, Hash: workflows.Hash(body), Body: body})
	}
	_, body, err := lib.RuleSet()
	if err != nil {
		return nil, fmt.Errorf("compiling the rules: %w", err)
	}
	return append(docs, orchestrator.Doc{Kind: orchestrator.DocRules, Hash: workflows.Hash(body), Body: body}), nil
}

// configure puts the configuration, rules and playbooks into the log when they
// differ from what the log has. On a cluster only the first instance ever does:
// afterwards they change by `config apply`, never by whose file is newest.
func (a *app) configure(ctx context.Context, docs []orchestrator.Doc, cfg orchestrator.Config) error {
	doc, err := configDoc(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	var meta orchestrator.Meta
	if err := a.engine.Read(ctx, 0, func(s *orchestrator.State) error { meta = s.Meta(); return nil }); err != nil {
		return err
	}
	var records []orchestrator.Record
	for _, d := range append(docs, doc) {
		known := meta.Playbooks[d.Name] == d.Hash
		switch d.Kind {
		case orchestrator.DocConfig:
			known = meta.ConfigHash == d.Hash
		case orchestrator.DocRules:
			known = meta.RulesHash == d.Hash
		}
		if !known {
			records = append(records, orchestrator.Record{Doc: &d})
		}
	}
	if len(records) == 0 {
		return nil
	}
	if a.clustered && meta.ConfigHash != "" {
		a.o.Logger.WarnContext(ctx, "this machine's configuration or playbooks differ from the cluster's, which count; `backout config apply` changes them for all", "documents", len(records))
		return nil
	}
	if err := a.tellSwitches(ctx, &cfg); err != nil {
		return err
	}
	return a.engine.Configure(ctx, records...)
}

// tellSwitches says at a start what a changed file lets act alone.
func (a *app) tellSwitches(ctx context.Context, cfg *orchestrator.Config) error {
	return a.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		switches := s.SwitchesTo(cfg, "the configuration file, at this start,")
		for i := range switches {
			a.o.Logger.WarnContext(ctx, "something acts alone from now on", "says", switches[i].Sentence(), "project", switches[i].Project, "action", switches[i].Action)
		}
		return nil
	})
}
