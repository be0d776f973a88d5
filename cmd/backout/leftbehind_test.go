package main

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/orchestrator"
)

// TestConfigApply_tellsOfIncidentsLeftBehind: whoever takes a project out of the
// configuration hears of what is open for it.
func TestConfigApply_tellsOfIncidentsLeftBehind(t *testing.T) {
	t.Parallel()
	doc := &orchestrator.Config{Projects: []orchestrator.Project{{ID: "shop", Environments: []orchestrator.Environment{{ID: "production"}}}}}
	got := leftBehind([]console.Incident{
		{ID: "INC-1", State: "triggered", Project: "shop", Environment: "production"},
		{ID: "INC-2", State: "mitigating", Project: "shop", Environment: "staging"},
		{ID: "INC-3", State: "triggered", Project: "blog", Environment: "production"},
		{ID: "INC-4", State: "triggered", Project: "backout", Environment: "self"},
	}, doc)
	if len(got) != 2 || !strings.HasPrefix(got[0], "INC-2 is mitigating for shop/staging") || !strings.HasPrefix(got[1], "INC-3 ") {
		t.Errorf("got %q", got)
	}
}
