package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/job"
	"github.com/aimarketplace/backout/orchestrator"
)

// The binary that ships runs a job, masks what looks like a credential, and refuses the
// same folder a second time.
func TestJobCommand(t *testing.T) {
	t.Parallel()
	bin := must(built.plain())(t)
	r := &job.Runner{Root: t.TempDir(), Command: []string{bin, "job"}}
	key := "sk_live_" + strings.Repeat("4eC39HqLyjWD", 2)
	spec := job.Spec{Argv: []string{"/bin/sh", "-c", "echo key=" + key + "; exit 5"}, Dir: "/", Deadline: time.Now().Add(time.Minute).UnixMilli()}
	if err := r.Start(t.Context(), "one", spec, nil); err != nil {
		t.Fatal(err)
	}
	var s job.Status
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); s.State != job.Over; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%+v", s)
		}
		var err error
		if s, err = r.Look("one"); err != nil {
			t.Fatal(err)
		}
	}
	if s.Ended.Exit != 5 || s.Output != "key=[masked]\n" {
		t.Errorf("%+v", s)
	}
	out, err := exec.Command(bin, "job", filepath.Join(r.Root, "one")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a job runs once") {
		t.Errorf("%v %s", err, out)
	}
}

// A configuration with Prisma makes actions that know their checkout; what its URL holds
// is in no error.
func TestPrisma_isWired(t *testing.T) {
	t.Setenv("DIRECT_URL", "postgres://u:hunter22@127.0.0.1:1/shop")
	dir := t.TempDir()
	file := filepath.Join(dir, "backout.yaml")
	text := `version: 1
instance: {data: ` + filepath.Join(dir, "data") + `}
people: [{id: min, name: Min, roles: [on-call], email: min@example.com}]
projects:
  - id: shop
    environments:
      staging: {kind: staging, database: {prisma: {folder: ` + dir + `, url: env:DIRECT_URL}, allow_private: [127.0.0.0/8]}}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := must(configs.Load(file, os.LookupEnv))(t)
	if err := cfg.Resolve(); err != nil {
		t.Fatal(err)
	}
	set := &actionSet{all: map[string]orchestrator.Action{}}
	if err := set.addPrisma(cfg); err != nil {
		t.Fatal(err)
	}
	ask := func(project, environment string) error {
		_, err := set.all["prisma.deploy"].Plan(t.Context(), orchestrator.Call{Project: project, Environment: environment})
		return err
	}
	if err := ask("shop", "production"); err == nil || !strings.Contains(err.Error(), "has no Prisma") {
		t.Error(err)
	}
	if err := ask("shop", "staging"); err == nil || !strings.Contains(err.Error(), "install the project's packages") || strings.Contains(err.Error(), "hunter22") {
		t.Error(err)
	}
	if spec := must(actionSpecs())(t)["prisma.execute"]; spec.Safety != orchestrator.Once || !spec.Effect {
		t.Errorf("%+v", spec)
	}
}
