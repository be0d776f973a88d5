package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/migrations"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// classEvery is how often it is looked whether a class is wanted, which costs nothing;
	// classBatch how many scripts are read at once, and classAgain how long one that gave
	// no news is left alone.
	classEvery = 5 * time.Second
	classBatch = 10
	classAgain = 10 * time.Minute
)

// asking is what sources and actions may ask the folded state.
type asking interface {
	orchestrator.Memory
	ClassesWanted(ctx context.Context, project string) ([]orchestrator.MigrationWanted, error)
	RowsWanted(ctx context.Context, project, env string) ([]orchestrator.RowsWanted, error)
}

// ClassesWanted implements asking.
func (m *memory) ClassesWanted(_ context.Context, project string) (out []orchestrator.MigrationWanted, err error) {
	err = m.app.engine.Peek(func(s *orchestrator.State) error {
		out = s.ClassesWanted(project)
		return nil
	})
	return out, err
}

// RowsWanted implements asking.
func (m *memory) RowsWanted(_ context.Context, project, env string) (out []orchestrator.RowsWanted, err error) {
	err = m.app.engine.Peek(func(s *orchestrator.State) error {
		out = s.RowsWanted(project, env)
		return nil
	})
	return out, err
}

// classSource tells what the migrations of a project do to the code from before them.
// Each script is read and judged once: from the repository, or from the checkout where
// there is none. PostgreSQL's parser is loaded by the first of them.
type classSource struct {
	project string
	asking  asking
	// scripts is nil without a repository, checkout empty without a checkout.
	scripts    folders
	checkout   string
	classifier *migrations.Classifier
	logger     *slog.Logger
	// asked is until when a script is not read again.
	asked map[orchestrator.MigrationWanted]time.Time
}

// Name implements orchestrator.Source.
func (c *classSource) Name() string { return "classes/" + c.project }

// Every implements orchestrator.Paced.
func (c *classSource) Every() time.Duration { return classEvery }

// Poll implements orchestrator.Source. A script that cannot be read is told once in a
// while in the log, and its class stays unknown.
func (c *classSource) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	wanted, err := c.asking.ClassesWanted(ctx, c.project)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	wanted = slices.DeleteFunc(wanted, func(w orchestrator.MigrationWanted) bool { return now.Before(c.asked[w]) })
	if wanted = wanted[:min(len(wanted), classBatch)]; len(wanted) == 0 {
		return nil, nil
	}
	if len(c.asked) > 10*classBatch {
		clear(c.asked)
	}
	for _, w := range wanted {
		c.asked[w] = now.Add(classAgain)
	}
	commits := map[string]string{}
	for _, w := range wanted {
		commits[w.Name] = w.Commit
	}
	all := c.read(ctx, wanted)
	judged := c.classifier.Each(all, func(name string) bool { _, ok := commits[name]; return ok })
	var out []orchestrator.Record
	for i := range judged {
		at := slices.IndexFunc(all, func(m migrations.Migration) bool { return m.Name == judged[i].Name })
		class := judged[i].Record(c.project, all[at].Script, gateway.Redact)
		if c.scripts != nil {
			class.Commit = commits[class.Name]
		}
		out = append(out, orchestrator.Record{Class: &class})
	}
	return out, nil
}

// read gives the scripts by name; the checkout also those before them, which tell more
// of the schema.
func (c *classSource) read(ctx context.Context, wanted []orchestrator.MigrationWanted) (all []migrations.Migration) {
	if c.scripts == nil {
		all, err := migrations.Folder(os.DirFS(c.checkout))
		if err != nil {
			c.logger.WarnContext(ctx, "the migrations of the checkout could not be read; the verdict does not know what they do", "folder", c.checkout, "again_after", classAgain, "error", err)
		}
		return all
	}
	for _, w := range wanted {
		if !fullCommit(w.Commit) {
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, treesTimeout)
		script, err := c.scripts.Script(bounded, w.Commit, w.Name)
		cancel()
		if err != nil {
			c.logger.WarnContext(ctx, "the script of a migration could not be read; the verdict does not know what it does", "migration", w.Name, "commit", w.Commit, "again_after", classAgain, "error", err)
			continue
		}
		all = append(all, migrations.Migration{Name: w.Name, Script: script})
	}
	slices.SortFunc(all, func(a, b migrations.Migration) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// watchClasses adds a source for every project whose migrations can be read.
func (s *actionSet) watchClasses(cfg *configs.Config, ask asking, logger *slog.Logger) error {
	trees, err := migrationTrees(cfg, logger)
	if err != nil {
		return err
	}
	classifier := migrations.NewClassifier(&migrations.Postgres{})
	for i := range cfg.Projects {
		p := &cfg.Projects[i]
		c := &classSource{
			project: p.ID, asking: ask, scripts: trees[p.ID], checkout: checkoutOf(p), classifier: classifier, logger: logger, asked: map[orchestrator.MigrationWanted]time.Time{},
		}
		if c.scripts != nil || c.checkout != "" {
			s.sources = append(s.sources, c)
		}
	}
	if s.schema != nil {
		s.schema.Counting(ask.RowsWanted)
	}
	return nil
}

// checkoutOf is where a project's migrations are on this machine, "" when nowhere.
func checkoutOf(p *configs.Project) string {
	for i := range p.Environments {
		pr := p.Environments[i].Database.Prisma
		if pr == nil {
			continue
		}
		in := func(path, otherwise string) string {
			if path == "" {
				path = otherwise
			}
			if filepath.IsAbs(path) {
				return path
			}
			return filepath.Join(pr.Folder, path)
		}
		schema := in(pr.Schema, filepath.Join("prisma", "schema.prisma"))
		return in(pr.Migrations, filepath.Join(filepath.Dir(schema), "migrations"))
	}
	return ""
}
