package github_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestMigrations_theFixKeepsEveryFolder: the branch is read anew each time, so that a
// folder put back is seen.
func TestMigrations_theFixKeepsEveryFolder(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.client.Actions()["github.migrations"]
	served, suspect, fix := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	world := map[string]any{served: []string{"1_init"}, suspect: []string{"1_init", "2_toss"}, fix: []string{"1_init", "3_fix"}}
	h.send("POST", "world", map[string]any{"trees": world})
	h.send("POST", "setup", map[string]any{"refs": map[string]string{"hotfix/pay": fix}})
	h.call.Inputs = json.RawMessage(`{"repo":"aim/shop","ref":"hotfix/pay","commits":["` + suspect + `","","` + served + `"]}`)
	_, err := a.Do(t.Context(), h.call)
	const want = "hotfix/pay lacks prisma/migrations/2_toss, which commit bbbbbbb has and the database has run: put it back (`git checkout bbbbbbb -- prisma/migrations/2_toss`) and push. What a migration did is undone by a new migration, never by deleting its folder"
	if !orchestrator.IsPermanent(err) || err.Error() != want {
		t.Errorf("a folder is missing: %v", err)
	}
	world[fix] = []string{"1_init", "2_toss", "3_fix"}
	h.send("POST", "world", map[string]any{"trees": world})
	got, err := a.Do(t.Context(), h.call)
	if err != nil || got.Text != "hotfix/pay keeps all 2 migration folders of what has served" || string(got.Data) != `{"folders":2,"head_sha":"`+fix+`","new":["3_fix"]}` {
		t.Errorf("%s %s %v", got.Text, got.Data, err)
	}
	for inputs, want := range map[string]string{
		`{"repo":"aim/shop","ref":"gone","commits":["` + served + `"]}`:                        "GitHub would not show gone of aim/shop: No commit found for SHA: gone (422); was it pushed?",
		`{"repo":"aim/shop","ref":"hotfix/pay","commits":["` + strings.Repeat("d", 40) + `"]}`: "the migrations of commit ddddddd, which has served, are not known: ",
		`{"repo":"aim/shop","ref":"hotfix/pay","commits":[""]}`:                                "names no commit that has served",
		`{"repo":"aim/shop","ref":"--upload-pack","commits":["` + served + `"]}`:               "is not a branch or a tag",
	} {
		h.call.Inputs = json.RawMessage(inputs)
		if _, err := a.Do(t.Context(), h.call); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", inputs, err)
		}
	}
}
