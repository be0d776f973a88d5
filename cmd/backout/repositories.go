package main

import (
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/handlers/github"
)

// repositories says which projects live in which repository of GitHub.
func repositories(cfg *configs.Config) github.Places {
	places := github.Places{}
	for i := range cfg.Projects {
		p := &cfg.Projects[i]
		if p.Repository == "" {
			continue
		}
		place := github.Place{Project: p.ID, Environments: map[string]string{}}
		for _, e := range p.Environments {
			name := e.GitHub
			if name == "" {
				name = e.ID
			}
			place.Environments[strings.ToLower(name)] = e.ID
		}
		repo := strings.ToLower(p.Repository)
		places[repo] = append(places[repo], place)
	}
	return places
}

// watchRepositories polls each repository, for GitHub says everything once.
func (s *actionSet) watchRepositories(c *github.Client, cfg *configs.Config, logger *slog.Logger) {
	places := repositories(cfg)
	for _, repo := range slices.Sorted(maps.Keys(places)) {
		s.sources = append(s.sources, c.Source(github.SourceOptions{Repo: repo, Places: places, Clean: gateway.CleanEvent, Logger: logger}))
	}
}
