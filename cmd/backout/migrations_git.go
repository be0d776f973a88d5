package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/migrations"
)

// gitWait bounds one call of git.
const gitWait = time.Minute

// migrationChanges is what differs between a revision and the working tree.
type migrationChanges struct {
	// added are the names of migrations that the revision does not have.
	added map[string]bool
	// touched are files of migrations that it has, with what happened to them.
	touched map[string]string
}

// changedMigrations compares with the commit that the branch left the revision at:
// what the revision got since is not deleted here.
func changedMigrations(ctx context.Context, base, dir string) (*migrationChanges, error) {
	from, err := git(ctx, "merge-base", "--end-of-options", base, "HEAD")
	if err != nil {
		return nil, fmt.Errorf("finding where the branch left %s: %w; is it fetched? a CI checkout needs its history (fetch-depth: 0)", base, err)
	}
	commit := strings.TrimSpace(string(from))
	before, err := git(ctx, "ls-tree", "-r", "-z", "--name-only", commit, "--", dir+"/")
	if err != nil {
		return nil, fmt.Errorf("listing the migrations of %s: %w", base, err)
	}
	diff, err := git(ctx, "diff", "--no-renames", "--no-ext-diff", "--relative", "--name-status", "-z", commit, "--", dir)
	if err != nil {
		return nil, fmt.Errorf("comparing the migrations with %s: %w", base, err)
	}
	others, err := git(ctx, "ls-files", "--others", "--exclude-standard", "-z", "--", dir)
	if err != nil {
		return nil, fmt.Errorf("listing migrations that are not committed: %w", err)
	}
	c := &migrationChanges{added: map[string]bool{}, touched: map[string]string{}}
	c.compare(dir, fields(before), fields(diff), fields(others))
	return c, nil
}

// compare takes the paths of scripts: those before, pairs of a status and a path, and
// those git does not know yet.
func (c *migrationChanges) compare(dir string, before, diff, others []string) {
	for i := 0; i+1 < len(diff); i += 2 {
		file := diff[i+1]
		name, script := scriptOf(dir, file)
		switch {
		case script && slices.Contains(before, file):
			c.touched[file] = diff[i]
		case script:
			c.added[name] = true
		}
	}
	for _, file := range others {
		if name, script := scriptOf(dir, file); script && !slices.Contains(before, file) {
			c.added[name] = true
		}
	}
}

// scriptOf is the migration whose script a path is.
func scriptOf(dir, file string) (name string, script bool) {
	inner, below := strings.CutPrefix(file, dir+"/")
	name, rest, _ := strings.Cut(inner, "/")
	return name, below && rest == migrations.ScriptFile
}

// problems are the migrations that were changed or deleted.
func (c *migrationChanges) problems() (out []checkProblem) {
	for file, status := range c.touched {
		why := "the migration is changed, but it may be applied already and Prisma does not notice: put it back and add a new one"
		if strings.HasPrefix(status, "D") {
			why = "the migration is deleted, but it may be applied already: put " + path.Base(path.Dir(file)) + " back and undo it in a new one"
		}
		out = append(out, checkProblem{File: file, Why: why})
	}
	slices.SortFunc(out, func(a, b checkProblem) int { return strings.Compare(a.File, b.File) })
	return out
}

func fields(out []byte) (list []string) {
	for f := range bytes.SplitSeq(out, []byte{0}) {
		if len(f) > 0 {
			list = append(list, string(f))
		}
	}
	return list
}

// git runs in the working folder and returns what it prints.
func git(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, gitWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append([]string{"-c", "core.quotepath=off"}, args...)...) //nolint:gosec // git, with paths and a revision
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		said, _, _ := strings.Cut(strings.TrimSpace(string(exit.Stderr)), "\n")
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, said)
	}
	if err != nil {
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out, nil
}
