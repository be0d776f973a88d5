package main

import (
	"testing"

	"github.com/aimarketplace/backout/configs"
)

func TestRepositories(t *testing.T) {
	t.Parallel()
	places := repositories(&configs.Config{Projects: []configs.Project{
		{ID: "shop", Repository: "Aim/Shop", Environments: []configs.Environment{{ID: "production", GitHub: "Production – shop"}, {ID: "staging"}}},
		{ID: "seller", Repository: "aim/shop", Environments: []configs.Environment{{ID: "production", GitHub: "Production – seller"}}},
		{ID: "blog"},
	}})
	for _, c := range []struct{ repo, name, project, environment string }{
		{"aim/SHOP", "production – SHOP", "shop", "production"},
		{"aim/shop", "Production – seller", "seller", "production"},
		{"aim/shop", "Staging", "shop", "staging"},
		{"aim/shop", "Preview", "", ""},
		{"aim/other", "Production", "", ""},
	} {
		project, environment, ok := places.Environment(c.repo, c.name)
		if project != c.project || environment != c.environment || ok != (c.project != "") {
			t.Errorf("%s %s: %s/%s %v", c.repo, c.name, project, environment, ok)
		}
	}
}
