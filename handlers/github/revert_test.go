package github_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// revertWorld has pull request #41, merged as main, which added a migration.
func (h *harness) revertWorld(more map[string]any) orchestrator.Action {
	h.Helper()
	main := strings.Repeat("b", 40)
	pull := map[string]any{"number": 41, "title": "Show the receipt", "merge_commit": main, "adds": []string{"2_toss"}}
	maps.Copy(pull, more)
	h.send("POST", "setup", map[string]any{"refs": map[string]string{"main": main}})
	h.send("POST", "world", map[string]any{"trees": map[string]any{main: []string{"1_init", "2_toss"}}, "pulls": []any{pull, map[string]any{"number": 40, "title": "Open"}}})
	h.call.Incident, h.call.Inputs = "INC-1", json.RawMessage(`{"repo":"aim/shop","pull":"","commit":"`+main+`"}`)
	return h.client.Actions()["github.revert"]
}

// TestRevert_opensAndKeepsFolders: the folder that a plain revert deletes is put back in
// the branch, and a lost answer opens no second one.
func TestRevert_opensAndKeepsFolders(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.revertWorld(nil)
	plan, err := a.Plan(t.Context(), h.call)
	if err != nil || plan.Text != "Open a pull request that reverts #41 (Show the receipt) of aim/shop. It is not merged. A plain revert deletes prisma/migrations/2_toss, which was applied: it stays in the branch" ||
		plan.Manual != "gh pr revert 41 --repo aim/shop" {
		t.Fatalf("%+v %v", plan, err)
	}
	verify := func(want orchestrator.OutcomeKind, text string) {
		t.Helper()
		if got, err := a.Verify(t.Context(), h.call, ""); err != nil || got.Kind != want || !strings.Contains(got.Text, text) {
			t.Fatalf("%s %s %v", got.Kind, got.Text, err)
		}
	}
	verify(orchestrator.OutcomeNotDone, "lists no pull request")
	h.fault("drop_after", "POST")
	if _, err := a.Do(t.Context(), h.call); !orchestrator.IsInDoubt(err) {
		t.Fatalf("a lost answer: %v", err)
	}
	verify(orchestrator.OutcomeNotDone, "pull request #42 is open and deletes prisma/migrations/2_toss, which was applied")
	out, err := a.Do(t.Context(), h.call)
	if err != nil || !strings.Contains(out.Text, "answer fix_ref=revert-41-main. The revert deleted prisma/migrations/2_toss, which was applied: I put it back in the branch") {
		t.Fatalf("%s %v", out.Text, err)
	}
	verify(orchestrator.OutcomeDone, "pull request #42 is open and not merged")
	if n := h.dispatched(); n != 4 {
		t.Errorf("%d calls changed something, want the pull request, a tree, a commit and the branch", n)
	}
}

// TestRevert_refusals: what GitHub answers with 200 and errors is refused all the same.
func TestRevert_refusals(t *testing.T) {
	t.Parallel()
	h := start(t)
	a := h.revertWorld(map[string]any{"conflict": true})
	fails := func(inputs, want string) error {
		t.Helper()
		if inputs != "" {
			h.call.Inputs = json.RawMessage(inputs)
		}
		_, err := a.Do(t.Context(), h.call)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("%s: %v", inputs, err)
		}
		return err
	}
	if err := fails("", "couldn't be reverted automatically. It may have already been reverted, or the content may have changed since it was merged. (UNPROCESSABLE); revert it by hand with `git revert`, keeping the folders under prisma/migrations"); !orchestrator.IsPermanent(err) {
		t.Errorf("a conflict is tried again: %v", err)
	}
	fails(`{"repo":"aim/shop","pull":"40"}`, "pull request #40 of aim/shop was not merged")
	fails(`{"repo":"aim/shop","pull":"7"}`, "show pull request #7 of aim/shop: Not Found (404)")
	fails(`{"repo":"aim/shop","commit":"`+strings.Repeat("c", 40)+`"}`, "0 merged pull requests of aim/shop have commit ccccccc")
	fails(`{"repo":"aim/shop","pull":"x"}`, "is not the number of a pull request")
	h.revertWorld(nil)
	h.send("POST", "world", map[string]any{"pulls": []any{map[string]any{"number": 41, "merge_commit": strings.Repeat("b", 40)}}, "limited": map[string]int{"graphql": 1}})
	if err := fails("", "its rate limit is reached"); orchestrator.RetryDelay(err) < time.Second {
		t.Errorf("a limit is not waited out: %v", err)
	}
	h.send("POST", "world", map[string]any{"refuse": map[string]int{"pulls": 403}})
	fails("", "may read Contents of this repository, and write Contents and Pull requests for a revert")
}
