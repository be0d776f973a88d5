package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/configs"
	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/workflows/scenarios"
)

// The README is part of the product: what it shows to be typed, copied or read
// has to exist.

const readmeRoot = "../.."

// fence is one fenced block of the README.
type fence struct{ lang, body string }

func readme(t *testing.T) (text string, fences []fence) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(readmeRoot, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	text = string(data)
	for _, m := range regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		fences = append(fences, fence{m[1], m[2]})
	}
	if strings.Count(text, "\n```") != 2*len(fences) {
		t.Fatalf("README.md has %d fence lines for %d blocks: name the language of each block", strings.Count(text, "\n```"), len(fences))
	}
	return text, fences
}

// TestReadme_configs: the first line of a YAML block says which file it is. A
// whole backout.yaml loads as it stands, and somebody else's file is at least YAML.
func TestReadme_configs(t *testing.T) {
	t.Parallel()
	_, fences := readme(t)
	whole, others := "", 0
	for _, f := range fences {
		if f.lang != "yaml" {
			continue
		}
		first, _, _ := strings.Cut(f.body, "\n")
		switch {
		case first == "# backout.yaml":
			whole = f.body
			loads(t, f.body)
		case first == "# my-nights/one-monitor.yaml, a scenario":
			others++
			plays(t, f.body, whole)
		case slices.Contains([]string{"# alertmanager.yml, part of it", "# Slack app manifest", "# .github/workflows/stage.yml, first lines", "# .github/workflows/migrations.yml"}, first):
			others++
			parsed(t, f.body)
		default:
			t.Errorf("a YAML block begins with %q; its first line has to say which file it is", first)
		}
	}
	if whole == "" || others == 0 {
		t.Error("README.md shows no whole backout.yaml, or no file of another system")
	}
}

// plays runs a scenario with the configuration of the README.
func plays(t *testing.T, body, config string) {
	t.Helper()
	dir := t.TempDir()
	users := must(os.ReadFile(filepath.Join(readmeRoot, "configs", "users.csv")))(t)
	for name, data := range map[string][]byte{"backout.yaml": []byte(config), "users.csv": users} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := ruleTestFlags{config: filepath.Join(dir, "backout.yaml")}
	r, err := f.runner(scenarios.Embedded())
	if err != nil {
		t.Fatal(err)
	}
	s, err := scenarios.Parse("README.md", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	played, err := r.Run(&s)
	if err != nil || len(played.Wrong) > 0 {
		t.Errorf("the scenario comes out otherwise: %v %q", err, played.Wrong)
	}
}

// loads reads a configuration with every secret set, without a warning. It stands
// beside configs/users.csv, which it names.
func loads(t *testing.T, body string) {
	t.Helper()
	cfg, err := configs.Parse(filepath.Join(readmeRoot, "configs", "README.md"), []byte(body), func(string) (string, bool) { return "set", true })
	if err != nil {
		t.Errorf("the configuration does not load: %v\n%s", err, body)
		return
	}
	if err := cfg.Resolve(); err != nil {
		t.Errorf("its secrets: %v", err)
	}
	for _, w := range cfg.Warnings {
		t.Errorf("it is warned of: %s", w.String())
	}
	for _, p := range lintProblems(cfg) {
		t.Errorf("its people: %s", p.String())
	}
}

func parsed(t *testing.T, body string) {
	t.Helper()
	var v map[string]any
	if err := yaml.Unmarshal([]byte(body), &v); err != nil || len(v) == 0 {
		t.Errorf("this is not YAML: %v\n%s", err, body)
	}
}

// TestReadme_commands: every command line exists, with its flags and arguments.
func TestReadme_commands(t *testing.T) {
	t.Parallel()
	text, fences := readme(t)
	lines := quotedCommands(text)
	for _, f := range fences {
		if f.lang == "sh" {
			lines = append(lines, strings.Split(f.body, "\n")...)
		}
	}
	checked := 0
	for _, line := range lines {
		args, ok := commandLine(line)
		if !ok {
			continue
		}
		checked++
		if problem := misused(t, args); problem != "" {
			t.Errorf("README.md shows `%s`: %s", line, problem)
		}
	}
	if checked < 20 {
		t.Errorf("only %d command lines were found in README.md", checked)
	}
}

// quotedCommands are the commands between backticks in running text.
func quotedCommands(text string) (lines []string) {
	for _, m := range regexp.MustCompile("`((?:/?backout|go run ./cmd/backout) [^`\n]+)`").FindAllStringSubmatch(text, -1) {
		lines = append(lines, m[1])
	}
	return lines
}

// commandLine takes the arguments out of a shell line that runs backout.
func commandLine(line string) (args []string, ok bool) {
	words := shellWords(line)
	for len(words) > 0 && regexp.MustCompile(`^[A-Z_]+=`).MatchString(words[0]) {
		words = words[1:]
	}
	switch {
	case len(words) > 1 && (words[0] == "backout" || words[0] == "/backout"):
		return words[1:], true
	case len(words) > 3 && strings.Join(words[:3], " ") == "go run ./cmd/backout":
		return words[3:], true
	}
	return nil, false
}

// shellWords splits at blanks outside quotes and ends at a comment.
func shellWords(line string) (words []string) {
	for _, m := range regexp.MustCompile(`(?:'[^']*'|"[^"]*"|\S)+`).FindAllString(line, -1) {
		if strings.HasPrefix(m, "#") {
			break
		}
		words = append(words, strings.NewReplacer("'", "", `"`, "").Replace(m))
	}
	return words
}

// misused says what is wrong with a command line, "" if nothing.
func misused(t *testing.T, args []string) string {
	t.Helper()
	root := rootCommand(stdio{strings.NewReader(""), t.Output(), t.Output()})
	c, rest, err := root.Find(args)
	if err != nil {
		return err.Error()
	}
	if err := c.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if c == root || (c.HasSubCommands() && len(c.Flags().Args()) > 0) {
		return "there is no such command"
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err.Error()
	}
	return misspoken(c)
}

// misspoken checks the words of a command that is passed on as words; a bare
// verb is a mention of it.
func misspoken(c *cobra.Command) string {
	given := c.Flags().Args()
	isWord := slices.ContainsFunc(wordCommands(), func(w *cobra.Command) bool { return w.Name() == c.Name() })
	if !isWord || c.Parent() != c.Root() || len(given) == 0 {
		return ""
	}
	if _, err := gateway.ParseWords(strings.Join(append([]string{c.Name()}, quoted(given)...), " ")); err != nil {
		return err.Error()
	}
	return ""
}

// TestReadme_goCompiles builds each Go program with this module's dependencies.
func TestReadme_goCompiles(t *testing.T) {
	t.Parallel()
	_, fences := readme(t)
	programs := 0
	for _, f := range fences {
		if f.lang != "go" {
			continue
		}
		programs++
		if out, err := compiled(t, f.body); err != nil {
			t.Errorf("the Go program does not compile: %v\n%s", err, out)
		}
	}
	if programs == 0 {
		t.Error("README.md shows no Go program")
	}
}

// compiled lays the program over a folder of the module that is not there.
func compiled(t *testing.T, program string) (output string, err error) {
	t.Helper()
	dir := t.TempDir()
	file, overlay := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json")
	root, err := filepath.Abs(readmeRoot)
	if err != nil {
		t.Fatal(err)
	}
	table, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, "cmd", "readme", "main.go"): file}})
	if err != nil {
		t.Fatal(err)
	}
	for path, data := range map[string][]byte{file: []byte(program), overlay: table} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", filepath.Join(dir, "program"), "./cmd/readme")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestReadme_filesExist: a path between backticks that begins with a folder of the
// repository is there.
func TestReadme_filesExist(t *testing.T) {
	t.Parallel()
	text, _ := readme(t)
	for _, m := range regexp.MustCompile("`((?:cmd|configs|handlers|orchestrator|workflows)/[\\w./-]+|[A-Z][A-Za-z]+\\.md|Dockerfile|docker-compose\\.yml|go\\.mod)`").FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(readmeRoot, m[1])); err != nil {
			t.Errorf("README.md names %s: %v", m[1], err)
		}
	}
}
