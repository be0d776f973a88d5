package workflows

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/aimarketplace/backout/orchestrator"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// sampleSpecs are the actions the playbooks of this stage use.
func sampleSpecs() map[string]orchestrator.Spec {
	specs := []orchestrator.Spec{
		{Name: "vercel.rollback", Effect: true, Serving: true, Safety: orchestrator.Verifiable, CallTimeout: 30_000, Inputs: []string{"project", "expect_serving", "target", "description?", "domains"}},
		{Name: "vercel.promote", Effect: true, Serving: true, Forward: true, Safety: orchestrator.Verifiable, CallTimeout: 30_000, Inputs: []string{"project", "commit", "expect_serving", "domains", "under_hold?"}},
		{Name: "probe.target", Safety: orchestrator.Repeatable, CallTimeout: 15_000, Inputs: []string{"probes", "host"}},
		{Name: "toss.reconcile", Safety: orchestrator.Repeatable, CallTimeout: 30_000, Inputs: []string{"from", "to"}},
		{Name: "postgres.schema", Safety: orchestrator.Repeatable, CallTimeout: 15_000},
		{Name: "probe.http", Safety: orchestrator.Repeatable, CallTimeout: 15_000, Inputs: []string{"probes"}},
		{Name: "vercel.serving", Safety: orchestrator.Repeatable, CallTimeout: 10_000, Inputs: []string{"project", "domains", "marker_path?", "marker_json?"}},
		{Name: "sendgrid.notice", Effect: true, Chunked: true, Safety: orchestrator.Verifiable, CallTimeout: 30_000, Inputs: []string{"kind", "audience", "same_as?", "from?", "to?"}},
		{Name: "status.publish", Effect: true, Safety: orchestrator.Repeatable, CallTimeout: 5_000, Inputs: []string{"kind", "components?"}},
		{Name: "vercel.evidence", Safety: orchestrator.Repeatable, CallTimeout: 25_000, Inputs: []string{"project", "deployment"}},
		{Name: "github.evidence", Safety: orchestrator.Repeatable, CallTimeout: 20_000, Inputs: []string{"repo", "base", "head"}},
		{Name: "github.migrations", Safety: orchestrator.Repeatable, CallTimeout: 20_000, Inputs: []string{"repo", "ref", "commits"}},
		orchestrator.FlagSpec(orchestrator.FlagOn),
		orchestrator.FlagSpec(orchestrator.FlagOff),
		orchestrator.AccessSpec(orchestrator.ReadOnly),
		orchestrator.AccessSpec(orchestrator.ReadWrite),
		{Name: "prisma.revert", Effect: true, Safety: orchestrator.Verifiable, CallTimeout: 30_000, Inputs: []string{"migrations"}},
		{Name: "prisma.reset", Effect: true, Safety: orchestrator.Verifiable, CallTimeout: 25_000, Inputs: []string{"snapshot?"}},
		{Name: "postgres.evidence", Safety: orchestrator.Repeatable, CallTimeout: 30_000},
		{Name: "postgres.snapshot", Safety: orchestrator.Repeatable, CallTimeout: 25_000, Inputs: []string{"verify?"}},
		{Name: "postgres.integrity", Safety: orchestrator.Repeatable, CallTimeout: 28_000},
		{Name: "postgres.compare", Safety: orchestrator.Repeatable, CallTimeout: 28_000, Inputs: []string{"before?"}},
		{Name: "postgres.stage", Safety: orchestrator.Repeatable, CallTimeout: 28_000, Inputs: []string{"scratch", "table", "columns", "where?"}},
		{Name: "postgres.repair", Effect: true, Safety: orchestrator.Verifiable, Person: true, CallTimeout: 28_000, Inputs: []string{"stage"}},
		{Name: "postgres.restore", Effect: true, Safety: orchestrator.Verifiable, Person: true, CallTimeout: 28_000, Inputs: []string{"copy?", "before?"}},
		{Name: "github.workflow", Effect: true, Safety: orchestrator.Verifiable, CallTimeout: 30_000, Inputs: []string{"repo", "file", "ref"}},
		{Name: "page.oncall", Safety: orchestrator.Repeatable, CallTimeout: 10_000, Inputs: []string{"text", "roles?"}},
	}
	out := map[string]orchestrator.Spec{}
	for _, s := range specs {
		out[s.Name] = s
	}
	return out
}

// sampleConfig has enough people for every approval, also with one away.
func sampleConfig() *orchestrator.Config {
	timings := map[string]int64{}
	for _, name := range []string{"proven_every", "proven_within", "cured_every", "cured_consecutive", "cured_within", "mail_after", "mail_every", "investigate_within", "watch_every", "watch_consecutive", "watch_within", "respond_within"} {
		timings[name] = 1000
	}
	return &orchestrator.Config{
		People: []orchestrator.Person{
			{ID: "ann", Roles: []string{"on-call", "devops-lead", "dba"}},
			{ID: "bob", Roles: []string{"on-call", "dba"}},
			{ID: "cho", Roles: []string{"on-call", "support"}},
		},
		Policies: orchestrator.Policies{
			Timings:  timings,
			Autonomy: []orchestrator.Autonomy{{Action: "*", Do: orchestrator.DoAsk, Roles: []string{"on-call"}, Quorum: 1}},
		},
	}
}

// load gives the library with files put over the embedded ones.
func load(t *testing.T, files map[string]string) *Library {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, body := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(body)}
	}
	l, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// golden compares got with testdata/name, or rewrites it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("%s differs (go test ./workflows -update rewrites it); got:\n%s", file, got)
	}
}
