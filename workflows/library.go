package workflows

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

//go:embed *.yaml
var embedded embed.FS

// rulesFile is the one file that holds rules; every other file is a playbook.
const rulesFile = "rules.yaml"

// Library is a set of playbooks and the rules that start them. It does not
// change after Load and is safe for concurrent use.
type Library struct {
	playbooks map[string]*playbook
	rules     *ruleFile
	language  *language
}

// Load reads the embedded playbooks and rules and, when folder is not nil, the
// *.yaml files at its top: a file there replaces the embedded one of the same
// name, others are added. A file that cannot be understood is no error here;
// Lint lists its problems and Compile refuses it.
func Load(folder fs.FS) (*Library, error) {
	lang, err := newLanguage()
	if err != nil {
		return nil, err
	}
	files, err := readAll(embedded, folder)
	if err != nil {
		return nil, err
	}
	l := &Library{playbooks: map[string]*playbook{}, language: lang}
	for name, src := range files {
		if name == rulesFile {
			l.rules = parseRules(name, src)
			continue
		}
		pb := parsePlaybook(name, src)
		l.playbooks[pb.name] = pb
	}
	return l, nil
}

// readAll reads the YAML files at the top of each file system; later ones win.
func readAll(systems ...fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, system := range systems {
		if system == nil {
			continue
		}
		entries, err := fs.ReadDir(system, ".")
		if err != nil {
			return nil, fmt.Errorf("listing the folder of playbooks: %w", err)
		}
		for _, e := range entries {
			if e.IsDir() || path.Ext(e.Name()) != ".yaml" {
				continue
			}
			src, err := fs.ReadFile(system, e.Name())
			if err != nil {
				return nil, fmt.Errorf("reading the playbook file %s: %w", e.Name(), err)
			}
			files[e.Name()] = src
		}
	}
	return files, nil
}

// Playbooks lists the names in ascending order.
func (l *Library) Playbooks() []string {
	return slices.Sorted(maps.Keys(l.playbooks))
}

// Compile turns a playbook into a plan and its canonical JSON. specs are the
// actions that exist, by name; each node carries the spec of its action. The
// error lists everything Lint calls an error in that file.
func (l *Library) Compile(name string, specs map[string]orchestrator.Spec) (*orchestrator.Plan, []byte, error) {
	pb, ok := l.playbooks[name]
	if !ok {
		return nil, nil, fmt.Errorf("there is no playbook %q: %s", name, nearest(name, l.Playbooks()))
	}
	plan, problems := l.check(pb, LintOptions{Specs: specs})
	if err := failure(problems); err != nil {
		return nil, nil, fmt.Errorf("playbook %s:\n%w", name, err)
	}
	canonical, err := canonicalJSON(plan)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the plan %s as JSON: %w", name, err)
	}
	return plan, canonical, nil
}

// RuleSet compiles the rules and gives their canonical JSON. The error lists
// everything Lint calls an error in the file.
func (l *Library) RuleSet() (*orchestrator.RuleSet, []byte, error) {
	set, problems := l.checkRules()
	if err := failure(problems); err != nil {
		return nil, nil, fmt.Errorf("rules:\n%w", err)
	}
	canonical, err := canonicalJSON(set)
	if err != nil {
		return nil, nil, fmt.Errorf("writing the rules as JSON: %w", err)
	}
	return set, canonical, nil
}

// LintOptions say what playbooks are checked against.
type LintOptions struct {
	// Specs are the actions that exist, by name.
	Specs map[string]orchestrator.Spec
	// Config, when given, adds the checks that need people and timings.
	Config *orchestrator.Config
}

// Lint lists every problem of every file in reading order; none means that all
// of it can be used.
func (l *Library) Lint(o LintOptions) []Problem {
	var out []Problem
	for _, name := range l.Playbooks() {
		_, problems := l.check(l.playbooks[name], o)
		out = append(out, problems...)
	}
	_, problems := l.checkRules()
	return sorted(append(out, problems...))
}

// check flattens a playbook and collects its problems; the playbook itself is
// left as it was.
func (l *Library) check(pb *playbook, o LintOptions) (*orchestrator.Plan, []Problem) {
	r := &report{file: pb.file, problems: slices.Clone(pb.problems)}
	f := flatten(pb)
	c := &checker{report: r, flat: f, library: l, specs: o.Specs, config: o.Config, language: l.language, authored: pb.steps}
	c.run()
	return f.plan, r.problems
}

// canonicalJSON writes v the same way every time: fields in the order of their
// declaration, map keys sorted, no escaping of <, > and &.
func canonicalJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Hash is the SHA-256 of canonical JSON in hexadecimal; incidents pin their
// plan by it.
func Hash(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
