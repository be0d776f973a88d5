package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/workflows"
)

//go:embed init.yaml.tmpl
var initConfig string

// render is backout.yaml as it stands so far.
func (s *setup) render(hookSecret string) ([]byte, error) {
	t, err := template.New("backout.yaml").Funcs(template.FuncMap{"q": quotedYAML}).Parse(initConfig)
	if err != nil {
		return nil, fmt.Errorf("reading the template of backout.yaml: %w", err)
	}
	if hookSecret != "" {
		hookSecret = "file:" + hookSecret
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{
		"PublicURL": s.publicURL, "Data": filepath.Join(s.dir, "backout-data"), "Token": s.token, "Team": s.team,
		"BaseURL": s.baseURL, "ProbeURL": s.probeURL, "AllowPrivate": strings.Join(s.allowPrivate, ", "),
		"HookSecret": hookSecret, "Projects": s.found.Projects, "MarkerPath": markerPath, "MarkerJSON": markerJSON,
	})
	if err != nil {
		return nil, fmt.Errorf("writing backout.yaml: %w", err)
	}
	return b.Bytes(), nil
}

// quotedYAML writes a text as a double-quoted scalar: JSON's strings are YAML's.
func quotedYAML(text string) (string, error) {
	b, err := json.Marshal(text)
	return string(b), err
}

func (s *setup) renderPeople() []byte {
	var b bytes.Buffer
	b.WriteString("# people.yaml: who may be paged and who may approve. Give each their own Slack member id (slack: U0…): what somebody says is attributed by it.\n")
	for _, p := range s.people {
		name, _ := quotedYAML(p.Name)
		fmt.Fprintf(&b, "- {id: %s, name: %s, email: %s, lang: [en], roles: [on-call, devops-lead, dba, support]}\n", p.ID, name, p.Email)
	}
	return b.Bytes()
}

// keepsPeople reports whether the people who are there stay.
func (s *setup) keepsPeople() bool {
	_, err := os.Stat(s.found.People)
	return err == nil && (!s.force || !s.namedPeople)
}

// rehearsed has the configuration read before anything is written or made at
// Vercel: what init writes, serve can read.
func (s *setup) rehearsed(context.Context) error {
	for _, secret := range []string{s.secretFile(), ""} {
		body, err := s.render(secret)
		if err != nil {
			return err
		}
		if !s.keepsPeople() {
			body = bytes.Replace(body, []byte("people_file: people.yaml\n"), append([]byte("people:\n"), s.renderPeople()...), 1)
		}
		if _, err := configs.Parse(s.found.Config, body, os.LookupEnv); err != nil {
			return fmt.Errorf("the configuration that was to be written cannot be read, so nothing was written: %w", err)
		}
	}
	return nil
}

// write puts backout.yaml where it belongs, whole or not at all.
func (s *setup) write(context.Context) error {
	body, err := s.render(s.found.Webhook.Secret)
	if err != nil {
		return err
	}
	if !s.keepsPeople() {
		if err := writeWhole(s.found.People, s.renderPeople(), 0o600); err != nil {
			return fmt.Errorf("writing the people: %w", err)
		}
	}
	if err := writeWhole(s.found.Config, body, 0o600); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	s.say("Written   %s (mode shadow) and %s", s.found.Config, s.found.People)
	return nil
}

// writeWhole replaces a file in one step, synced, so that nobody ever reads half.
func writeWhole(path string, body []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// preview folds what the first poll of serve will read and says what follows.
func (s *setup) preview(ctx context.Context) error {
	cfg, err := configs.Load(s.found.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	doc, err := cfg.Document()
	if err != nil {
		return err
	}
	state, err := s.imported(ctx, doc)
	if err != nil {
		return err
	}
	for i, p := range s.found.Projects {
		env := doc.Projects[i].Production()
		p.Verdict = goBack(state.VerdictNow(p.ID, env), len(state.Deployments(p.ID, env)))
		s.say("Verdict   %s serves %s; %s", p.ID, state.Env(p.ID, env).Promoted, p.Verdict)
	}
	return nil
}

// imported is the ledger as serve's first poll makes it, in memory.
func (s *setup) imported(ctx context.Context, doc orchestrator.Config) (*orchestrator.State, error) {
	docs, err := compiledDocs("")
	if err != nil {
		return nil, err
	}
	one, err := configDoc(doc)
	if err != nil {
		return nil, err
	}
	re, err := orchestrator.NewRehearsal(workflows.NewEvaluator(), time.Now().UnixMilli(), append([]orchestrator.Doc{one}, docs...)...)
	if err != nil {
		return nil, fmt.Errorf("importing deployments: %w", err)
	}
	for i := range doc.Projects {
		pr := &doc.Projects[i]
		env, _ := pr.Environment(pr.Production())
		records, err := s.client.Poll(ctx, pollTarget(pr, env))
		if err != nil {
			return nil, err
		}
		for _, r := range slices.Backward(records) { // the list first, as serve takes it
			if r.Observed != nil && r.Observed.Error != "" {
				return nil, fmt.Errorf("importing the deployments of %s: %s", pr.ID, r.Observed.Error)
			}
			if _, err := re.Take(r); err != nil {
				return nil, fmt.Errorf("importing the deployments of %s: %w", pr.ID, err)
			}
		}
	}
	return re.State(), nil
}

// goBack is a verdict in one line.
func goBack(v orchestrator.Verdict, imported int) string {
	if v.Target.ID == "" {
		return fmt.Sprintf("nothing to go back to yet (%d imported): %s", imported, strings.Join(v.Reasons, "; "))
	}
	target := v.Target.ID
	if c := v.Target.Commit; c != "" {
		target = c[:min(len(c), 7)]
	}
	line := fmt.Sprintf("could go back to %s (%s, served %s, imported)", target, v.Target.ID, spanned(time.Duration(v.Target.Served)*time.Millisecond))
	if v.Answer != orchestrator.VerdictSafe {
		line += ", a person decides"
	}
	return line
}

// doctor looks at what was written as `backout doctor` does, without asking for a
// Backout that runs.
func (s *setup) doctor(ctx context.Context) error {
	cfg, err := configs.Load(s.found.Config, os.LookupEnv)
	if err != nil {
		return err
	}
	s.found.Checks.examine(ctx, cfg)
	s.say("\nWhat doctor says:")
	if err := s.found.Checks.print(s.talk); err != nil {
		return err
	}
	s.say("\nNext:\n  backout serve --config %s\n  backout doctor --config %s", s.found.Config, s.found.Config)
	return nil
}
