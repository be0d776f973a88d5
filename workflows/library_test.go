package workflows

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestEmbeddedPlaybooks(t *testing.T) {
	t.Parallel()
	l := load(t, nil)
	for _, p := range l.Lint(LintOptions{Specs: sampleSpecs(), Config: sampleConfig()}) {
		t.Errorf("the embedded files have a problem: %s", p)
	}
	for _, name := range l.Playbooks() {
		plan, canonical, err := l.Compile(name, sampleSpecs())
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		if err := Print(&text, plan); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".plan.txt", text.String())
		golden(t, name+".mmd", Graph(plan))
		golden(t, name+".json", string(canonical)+"\n")

		var back orchestrator.Plan
		if err := json.Unmarshal(canonical, &back); err != nil {
			t.Fatal(err)
		}
		again, err := canonicalJSON(&back)
		if err != nil || string(again) != string(canonical) {
			t.Errorf("%s: the canonical JSON does not survive a round trip: %v", name, err)
		}
	}
	set, canonical, err := l.RuleSet()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rules.json", string(canonical)+"\n")
	if len(set.Rules) == 0 {
		t.Error("no rules")
	}
}

func TestHashIsStable(t *testing.T) {
	t.Parallel()
	first := ""
	for range 20 {
		_, canonical, err := load(t, nil).Compile("rollback", sampleSpecs())
		if err != nil {
			t.Fatal(err)
		}
		h := Hash(canonical)
		if first == "" {
			first = h
		}
		if h != first || len(h) != 64 {
			t.Fatalf("hash %s, then %s", first, h)
		}
	}
}

// planVars is what the fold provides before any step has run.
func planVars(plan *orchestrator.Plan) map[string]any {
	steps := map[string]any{}
	for i := range plan.Nodes {
		steps[plan.Nodes[i].ID] = map[string]any{"state": "", "answer": "", "reason": "", "output": map[string]any{}}
	}
	hotfix := map[string]any{"repo": "", "staging": "", "tests": ""}
	target := map[string]any{"id": "", "url": "", "commit": "", "grade": ""}
	return map[string]any{
		"steps": steps, "answers": map[string]any{},
		"verdict":  map[string]any{"answer": "", "target": target, "reasons": []any{}},
		"timing":   map[string]any{},
		"incident": map[string]any{"id": "INC-1", "title": "x", "data_at_risk": false, "switchable": false},
		"suspect":  map[string]any{"deployment_id": "", "commit": ""},
		"target":   map[string]any{"probe": ""},
		"env":      map[string]any{"domains": []any{}, "probes": []any{}, "evidence": false, "read_only": true, "database": map[string]any{"allow_data_loss": false, "direct": false}},
		"project":  map[string]any{"vercel": "", "audience": "", "components": []any{}, "hotfix": hotfix},
		"failing":  int64(0),
	}
}

// A condition that cannot be read skips its step; the embedded ones always can
// be.
func TestConditionsStayDefined(t *testing.T) {
	t.Parallel()
	l, e := load(t, nil), NewEvaluator()
	for _, name := range l.Playbooks() {
		plan, _, err := l.Compile(name, sampleSpecs())
		if err != nil {
			t.Fatal(err)
		}
		vars := planVars(plan)
		for i := range plan.Nodes {
			for _, when := range plan.Nodes[i].When {
				if got, err := e.Eval(when, vars); err != nil || got != false {
					t.Errorf("%s, step %s: %s gives %v, %v", name, plan.Nodes[i].ID, when, got, err)
				}
			}
		}
	}
}

// The proof of a rollback must hold for every domain and never for none.
func TestProofOfRollback(t *testing.T) {
	t.Parallel()
	plan, _, err := load(t, nil).Compile("rollback", sampleSpecs())
	if err != nil {
		t.Fatal(err)
	}
	pass := map[string]string{}
	for i := range plan.Nodes {
		if g := plan.Nodes[i].Gate; g != nil {
			pass[plan.Nodes[i].ID] = g.Pass
		}
	}
	cases := []struct {
		name    string
		domains map[string]any
		proven  any
		want    bool
	}{
		{"all serve it", map[string]any{"a": "new", "b": "new"}, true, true},
		{"no marker, by Vercel's word", map[string]any{"a": "new", "b": "new"}, nil, true},
		{"the marker says otherwise", map[string]any{"a": "new", "b": "new"}, false, false},
		{"one lags", map[string]any{"a": "new", "b": "old"}, true, false},
		{"one is missing", map[string]any{"a": "new"}, true, false},
		{"nothing was seen", map[string]any{}, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			vars := planVars(plan)
			vars["env"] = map[string]any{"domains": []any{"a", "b"}}
			vars["verdict"] = map[string]any{"answer": "safe", "target": map[string]any{"id": "new"}}
			out := map[string]any{"domains": c.domains}
			if c.proven != nil {
				out["proven"] = c.proven
			}
			vars["out"] = out
			if got, err := NewEvaluator().Eval(pass["proven"], vars); err != nil || got != c.want {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}

func TestFolderOverrides(t *testing.T) {
	t.Parallel()
	own := "playbook: respond\ntitle: Ours\nelse: page\nsteps:\n- {id: page, uses: page.oncall, with: {text: hi}}\n"
	l := load(t, map[string]string{"respond.yaml": own, "notes.txt": "not a playbook"})
	plan, _, err := l.Compile("respond", sampleSpecs())
	if err != nil || plan.Title != "Ours" || len(plan.Nodes) != 1 {
		t.Fatalf("got %+v, %v", plan, err)
	}
	if _, _, err := l.Compile("rollback", sampleSpecs()); err != nil {
		t.Errorf("the embedded playbook is gone: %v", err)
	}
	if _, _, err := l.Compile("rolback", sampleSpecs()); err == nil || !strings.Contains(err.Error(), `did you mean "rollback"?`) {
		t.Errorf("got %v", err)
	}
	if _, err := Load(os.DirFS(filepath.Join(t.TempDir(), "missing"))); err == nil {
		t.Error("a folder that does not exist was read")
	}
	if _, _, err := l.Compile("rollback", nil); err == nil || !strings.Contains(err.Error(), `there is no action "vercel.rollback"`) {
		t.Errorf("got %v", err)
	}
}
