package prisma

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// adapter knows the arguments of one major version of the CLI.
type adapter interface {
	// execute runs a SQL file.
	execute(file string) []string
	// drift compares the database with the schema: exit 0 is the same, 2 is different.
	drift() []string
	deploy() []string
	status() []string
	// resolve marks a migration "applied" or "rolled-back".
	resolve(as, migration string) []string
	// between writes the SQL that leads from one folder of migrations to another into a
	// file; nil when this version cannot without a secret among its arguments.
	between(from, to, file string) []string
	// reset drops everything and applies every migration.
	reset() []string
}

// prisma7 takes the database from the project's prisma.config.
type prisma7 struct{ schema string }

func (p prisma7) deploy() []string { return []string{"migrate", "deploy", "--schema", p.schema} }
func (p prisma7) status() []string { return []string{"migrate", "status", "--schema", p.schema} }

func (p prisma7) resolve(as, migration string) []string {
	return []string{"migrate", "resolve", "--" + as, migration, "--schema", p.schema}
}

func (p prisma7) execute(file string) []string { return []string{"db", "execute", "--file", file} }

func (p prisma7) drift() []string {
	return []string{"migrate", "diff", "--from-config-datasource", "--to-schema", p.schema, "--exit-code"}
}

func (p prisma7) between(from, to, file string) []string {
	return []string{"migrate", "diff", "--from-migrations", from, "--to-migrations", to, "--script", "--output", file}
}

func (p prisma7) reset() []string {
	return []string{"migrate", "reset", "--force", "--schema", p.schema}
}

// prisma6 takes it from the datasource of the schema.
type prisma6 struct{ prisma7 }

func (p prisma6) execute(file string) []string {
	return []string{"db", "execute", "--file", file, "--schema", p.schema}
}

func (p prisma6) drift() []string {
	return []string{"migrate", "diff", "--from-schema-datasource", p.schema, "--to-schema-datamodel", p.schema, "--exit-code"}
}

// between would need the address of a shadow database as an argument.
func (p prisma6) between(string, string, string) []string { return nil }

// reset leaves the project's packages and its seed alone: both are others' business.
func (p prisma6) reset() []string {
	return append(p.prisma7.reset(), "--skip-generate", "--skip-seed")
}

// cli is how the CLI of a checkout is called.
type cli struct {
	adapter
	argv    []string
	version string
}

// command finds the CLI and the adapter for its major version, as its own package.json
// tells it. Errors are Permanent: no repetition installs a CLI.
func (t *target) command() (cli, error) {
	real, err := filepath.EvalSymlinks(t.CLI)
	if err != nil {
		return cli{}, orchestrator.Permanent(fmt.Errorf("finding Prisma's CLI: %w; install the project's packages in %s, or write prisma.cli", err, t.Folder))
	}
	version, err := versionOf(real)
	if err != nil {
		return cli{}, orchestrator.Permanent(fmt.Errorf("reading the version of %s: %w", real, err))
	}
	c := cli{argv: []string{real}, version: version}
	switch filepath.Ext(real) {
	case ".js", ".mjs", ".cjs":
		c.argv = []string{"node", real}
	}
	major, _, _ := strings.Cut(version, ".")
	switch n, _ := strconv.Atoi(major); n {
	case 6:
		c.adapter = prisma6{prisma7{t.Schema}}
	case 7:
		c.adapter = prisma7{t.Schema}
	default:
		return cli{}, orchestrator.Permanent(fmt.Errorf("the CLI in %s is Prisma %s; Backout knows how to call 6 and 7", t.Folder, version))
	}
	return c, nil
}

// versionOf looks for the package.json of prisma above a file of it.
func versionOf(path string) (string, error) {
	const levels = 5
	dir := filepath.Dir(path)
	for range levels {
		var p struct{ Name, Version string }
		body, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err == nil && json.Unmarshal(body, &p) == nil && p.Name == "prisma" && p.Version != "" {
			return p.Version, nil
		}
		dir = filepath.Dir(dir)
	}
	return "", errors.New("no package.json of prisma stands above it; is it the project's own CLI?")
}
