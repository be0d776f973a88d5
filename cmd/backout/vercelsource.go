package main

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/handlers/vercel"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// migrationsFolder is where Prisma keeps migrations, from the top of a repository.
	migrationsFolder = "prisma/migrations"
	// newCommits bounds how many commits one poll asks the repository for;
	// repositoryRest is how long it is left alone after it did not answer.
	newCommits     = 3
	repositoryRest = 10 * time.Minute
	treesTimeout   = 8 * time.Second
)

// folders reads which folders a commit has in one place of a repository.
type folders interface {
	Known(commit string) (names []string, ok bool)
	Folders(ctx context.Context, commit string) ([]string, error)
	// Script is the migration.sql of one of them.
	Script(ctx context.Context, commit, folder string) ([]byte, error)
}

// vercelSource polls what serves one environment, and the migrations in the commits
// that are listed there.
type vercelSource struct {
	client *vercel.Client
	target vercel.PollTarget
	logger *slog.Logger
	// migrations is nil when no repository is named; rest is until when it is left alone.
	migrations folders
	rest       time.Time
}

// Name implements orchestrator.Source.
func (v *vercelSource) Name() string {
	return "vercel/" + v.target.Project + "/" + v.target.Environment
}

// Poll implements orchestrator.Source. A repository that does not answer takes nothing
// from what the provider said.
func (v *vercelSource) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	records, err := v.client.Poll(ctx, v.target)
	slices.Reverse(records) // the list first: it says since when what serves has served
	if v.migrations == nil || len(records) == 0 || records[0].Deploys == nil {
		return records, err
	}
	return append(records, v.read(ctx, records[0].Deploys.List)...), err
}

// fullCommit reports whether a repository can be asked for it.
func fullCommit(commit string) bool {
	return len(commit) == 40 && strings.Trim(commit, "0123456789abcdef") == ""
}

// read tells the migrations of the commits that are known, and asks for a few more.
func (v *vercelSource) read(ctx context.Context, list []orchestrator.DeploymentAt) []orchestrator.Record {
	bounded, cancel := context.WithTimeout(ctx, treesTimeout)
	defer cancel()
	var out []orchestrator.Record
	var told []string
	asked := 0
	for i := range list {
		commit := list[i].Commit
		if !fullCommit(commit) || slices.Contains(told, commit) {
			continue
		}
		told = append(told, commit)
		names, ok := v.migrations.Known(commit)
		if !ok {
			if asked == newCommits || time.Now().Before(v.rest) {
				continue
			}
			asked++
			var err error
			if names, err = v.migrations.Folders(bounded, commit); err != nil {
				v.rest = time.Now().Add(repositoryRest)
				v.logger.WarnContext(ctx, "the migrations of a commit could not be read; the verdict does not know them", "commit", commit, "again_after", repositoryRest, "error", err)
				continue
			}
		}
		out = append(out, orchestrator.Record{Migrations: &orchestrator.CommitMigrations{
			Project: v.target.Project, Commit: commit, All: len(names), Names: names[max(0, len(names)-50):],
		}})
	}
	return out
}

// migrationTrees are the repositories of the projects that name one.
func migrationTrees(cfg *configs.Config, logger *slog.Logger) (map[string]folders, error) {
	g := cfg.Providers.GitHub
	if g == nil {
		return nil, nil
	}
	c, err := github.New(github.Options{BaseURL: g.BaseURL, Token: g.Token.Reveal(), AllowPrivate: prefixes(g.AllowPrivate), Logger: logger})
	if err != nil {
		return nil, err
	}
	out := map[string]folders{}
	for i := range cfg.Projects {
		if p := &cfg.Projects[i]; p.Repository != "" {
			out[p.ID] = c.Trees(p.Repository, migrationsFolder)
		}
	}
	return out, nil
}
