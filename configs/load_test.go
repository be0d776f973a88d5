package configs_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/configs"
)

var update = flag.Bool("update", false, "write the golden files anew")

func noEnv(string) (string, bool) { return "", false }

// TestLoad_namesEveryProblem compares what each bad file is told with its golden file.
func TestLoad_namesEveryProblem(t *testing.T) {
	t.Parallel()
	for _, path := range glob(t, "testdata/*.bad.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			_, err := configs.Load(path, noEnv)
			if problems := configs.Problems(nil); !errors.As(err, &problems) {
				t.Fatalf("Load gave %v, not a list of problems", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("an error repeats a secret:\n%v", err)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".txt", err.Error()+"\n")
		})
	}
}

// TestLoad_warnsOfOnePersonAway compares the warnings of legal files.
func TestLoad_warnsOfOnePersonAway(t *testing.T) {
	t.Parallel()
	for _, path := range glob(t, "testdata/*.warn.yaml") {
		c, err := configs.Load(path, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, strings.TrimSuffix(path, ".yaml")+".txt", c.Warnings.Error()+"\n")
	}
}

// TestLoad_examplesAreClean keeps the commented examples true.
func TestLoad_examplesAreClean(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"backout.yaml", "compose-backout.yaml"} {
		c, err := configs.Load(path, noEnv)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Warnings) > 0 {
			t.Errorf("%s: %v", path, c.Warnings)
		}
		if len(c.People) != 3 || len(c.Projects) != 1 {
			t.Errorf("%s: %d people and %d projects were read", path, len(c.People), len(c.Projects))
		}
	}
}

func TestLoad_saysWhenThereIsNoFile(t *testing.T) {
	t.Parallel()
	_, err := configs.Load(filepath.Join(t.TempDir(), "backout.yaml"), noEnv)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "configs/backout.yaml") {
		t.Errorf("Load gave %v", err)
	}
}

// TestValidate_againAfterAFlag shows that a flag is held to the same rules.
func TestValidate_againAfterAFlag(t *testing.T) {
	t.Parallel()
	c, err := configs.Load("backout.yaml", noEnv)
	if err != nil {
		t.Fatal(err)
	}
	c.Hooks.Events = &configs.Hook{Auth: "none"}
	if err := c.Validate(); err != nil {
		t.Errorf("on loopback: %v", err)
	}
	c.Instance.Listen = "0.0.0.0:8090"
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("on all addresses: %v", err)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no file is like %s (%v)", pattern, err)
	}
	return paths
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}
