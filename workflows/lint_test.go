package workflows

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestLint holds one bad file per kind of mistake; the golden file lists the
// problems people read.
func TestLint(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/lint/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			l := load(t, map[string]string{name: string(src)})
			var lines strings.Builder
			for _, p := range l.Lint(LintOptions{Specs: sampleSpecs(), Config: sampleConfig()}) {
				if p.File != name {
					t.Errorf("another file is blamed: %s", p)
				}
				if p.Line < 1 || p.Column < 1 || p.Fix == "" {
					t.Errorf("no place or no fix: %s", p)
				}
				lines.WriteString(p.String() + "\n")
			}
			if lines.Len() == 0 {
				t.Error("no problem found")
			}
			golden(t, "lint/"+strings.TrimSuffix(name, ".yaml")+".txt", lines.String())
			refused(t, l, strings.TrimSuffix(name, ".yaml"), lines.String())
		})
	}
}

// refused: what lint calls an error keeps the file from being compiled.
func refused(t *testing.T, l *Library, name, lines string) {
	t.Helper()
	var err error
	if name == "rules" {
		_, _, err = l.RuleSet()
	} else {
		_, _, err = l.Compile(name, sampleSpecs())
	}
	if name == "unmet_approvals" { // needs people, which Compile does not know
		return
	}
	if strings.Contains(lines, ": error: ") != (err != nil) {
		t.Errorf("lint and compiling disagree: %v", err)
	}
}

func TestLintWithPolicies(t *testing.T) {
	t.Parallel()
	ask := func(roles []string, quorum int, requester string) []orchestrator.Autonomy {
		return []orchestrator.Autonomy{
			{Action: "vercel.rollback", Do: orchestrator.DoAuto, Veto: 60_000},
			{Action: "*", Do: orchestrator.DoAsk, Roles: roles, Quorum: quorum, Requester: requester},
		}
	}
	cases := []struct {
		name     string
		autonomy []orchestrator.Autonomy
		want     string
	}{
		{"enough people", ask([]string{"on-call"}, 1, ""), ""},
		{"too few", ask([]string{"dba"}, 3, ""), "error: the approval of step status by policies.autonomy[1] needs 3 of dba: there is only ann, bob"},
		{"nobody", ask([]string{"ceo"}, 1, ""), "needs 1 of ceo: there is nobody"},
		{"one away", ask([]string{"dba"}, 2, ""), "warning: the approval of step status by policies.autonomy[1] needs 2 of dba: it fails when ann or bob is away"},
		{"requester and one away", ask([]string{"dba"}, 1, "excluded"), "warning: the approval of step status by policies.autonomy[1] needs 1 of dba without the requester: it fails when one of ann, bob asks for it and another is away"},
		{"no line", ask(nil, 0, "")[:1], "warning: no line of policies.autonomy speaks of status.publish"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cfg := sampleConfig()
			cfg.Policies.Autonomy = c.autonomy
			var got []string
			for _, p := range load(t, nil).Lint(LintOptions{Specs: sampleSpecs(), Config: cfg}) {
				got = append(got, p.String())
			}
			all := strings.Join(got, "\n")
			if (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("want %q in:\n%s", c.want, all)
			}
		})
	}
}

// Who could approve a step matters once some environment lets it do anything.
func TestLintOfWhatNoEnvironmentDoes(t *testing.T) {
	t.Parallel()
	cfg := sampleConfig()
	cfg.Projects = []orchestrator.Project{{ID: "shop", Environments: []orchestrator.Environment{{
		ID: "production", Kind: orchestrator.KindProduction, Database: orchestrator.Database{Prisma: true, AllowDataLoss: true},
	}}}}
	var all strings.Builder
	for _, p := range load(t, nil).Lint(LintOptions{Specs: sampleSpecs(), Config: cfg}) {
		all.WriteString(p.String() + "\n")
	}
	for _, want := range []string{"the approval of step revert needs 2 of dba, devops-lead, ceo: it fails when ann or bob is away", "the approval of step reset needs 2 of dba, devops-lead, ceo without the requester: it fails when"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, all.String())
		}
	}
}

func TestMissingTimingIsNamed(t *testing.T) {
	t.Parallel()
	cfg := sampleConfig()
	delete(cfg.Policies.Timings, "cured_within")
	problems := load(t, nil).Lint(LintOptions{Specs: sampleSpecs(), Config: cfg})
	if len(problems) != 1 || !strings.Contains(problems[0].String(), `no timing "cured_within"; add it under policies.timings`) {
		t.Errorf("got %v", problems)
	}
}
