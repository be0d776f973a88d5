package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/workflows"
)

// TestPlanLint_json: a pipeline reads what is wrong, and an empty list when nothing is.
func TestPlanLint_json(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	lint := func() (found []workflows.Problem, text string, err error) {
		var out bytes.Buffer
		c := planCommand()
		c.SetArgs([]string{"lint", "-o", "json", "--workflows", folder})
		c.SetOut(&out)
		c.SetErr(&out)
		c.SilenceUsage, c.SilenceErrors = true, true
		err = c.ExecuteContext(t.Context())
		if wrong := json.Unmarshal(out.Bytes(), &found); wrong != nil {
			t.Fatalf("%v in %q", wrong, out.String())
		}
		return found, out.String(), err
	}
	if found, text, err := lint(); err != nil || found == nil || len(found) != 0 {
		t.Errorf("with nothing wrong: %q, %v", text, err)
	}
	bad := "playbook: broken\ntitle: Broken\nsteps:\n  - {id: one, uses: no.such.action}\n"
	if err := os.WriteFile(filepath.Join(folder, "broken.yaml"), []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	found, text, err := lint()
	if err == nil || len(found) == 0 || found[0].File != "broken.yaml" || found[0].Line == 0 || found[0].Level != workflows.Error || !strings.Contains(text, "no.such.action") {
		t.Errorf("with a broken playbook: %s, %v", text, err)
	}
}
