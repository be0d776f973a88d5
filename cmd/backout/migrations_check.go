package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/migrations"
)

// migrationsCheck is `migrations check`: what a branch would add to the history.
type migrationsCheck struct {
	clientFlags
	base, dir string
}

func migrationsCheckCommand() *cobra.Command {
	var f migrationsCheck
	c := &cobra.Command{
		Use: "check --base REF", Short: "For CI: fail when a new migration would leave no way back for the code", Args: exactly(0),
		Long: `Compare prisma/migrations of the working tree with a git revision. Every migration that
is new is classified; one that is breaking, destructive or unknown fails the check, with
file, line, statement and reason. A migration that the revision has must not be changed
or deleted: it may be applied already, and Prisma would not see the difference.

A person may waive a class with a file backout-waiver.yaml in the migration's folder:

  by: NAME
  reason: WHY

The exit code is 0 when nothing stands in the way and 1 otherwise.`,
		Example: "  backout migrations check --base origin/main",
		RunE:    func(c *cobra.Command, _ []string) error { return f.run(c.Context(), c.OutOrStdout()) },
	}
	f.addOutput(c)
	c.Flags().StringVar(&f.base, "base", "", "git revision that is already shipped, such as origin/main")
	c.Flags().StringVar(&f.dir, "dir", "prisma/migrations", "folder of the migrations")
	return c
}

// checkResult is what `migrations check -o json` prints.
type checkResult struct {
	Base     string              `json:"base"`
	OK       bool                `json:"ok"`
	Problems []checkProblem      `json:"problems"`
	New      []migrations.Judged `json:"new"`
}

// checkProblem is one reason to fail.
type checkProblem struct {
	File      string `json:"file"`
	Line      int    `json:"line,omitempty"`
	Class     string `json:"class,omitempty"`
	Statement string `json:"statement,omitempty"`
	Why       string `json:"why"`
}

func (f *migrationsCheck) run(ctx context.Context, w io.Writer) error {
	if f.base == "" {
		return usageError{errors.New("say against what: backout migrations check --base origin/main")}
	}
	dir := filepath.ToSlash(filepath.Clean(f.dir))
	if !filepath.IsLocal(f.dir) || dir == "." {
		return usageError{fmt.Errorf("--dir names a folder below the one the command runs in, not %q", f.dir)}
	}
	if !isFolder(f.dir) {
		return fmt.Errorf("there is no folder %s here: run this where your project is, or name the folder with --dir", f.dir)
	}
	changes, err := changedMigrations(ctx, f.base, dir)
	if err != nil {
		return err
	}
	r := checkResult{Base: f.base, Problems: changes.problems(), New: []migrations.Judged{}}
	if len(changes.added) > 0 {
		all, err := readMigrations(f.dir)
		if err != nil {
			return err
		}
		r.New = migrations.NewClassifier(&migrations.Postgres{}).Each(all, func(name string) bool { return changes.added[name] })
	}
	for _, m := range r.New {
		r.Problems = append(r.Problems, problemsOf(dir, m)...)
	}
	r.OK = len(r.Problems) == 0
	if err := f.show(w, r, func() error { return r.text(w) }); err != nil {
		return err
	}
	if !r.OK {
		return errShown
	}
	return nil
}

// problemsOf are the statements that stop a migration nobody has waived.
func problemsOf(dir string, m migrations.Judged) (out []checkProblem) {
	if m.Waiver != nil {
		return nil
	}
	for _, s := range m.Statements {
		if !s.Class.Stops() {
			continue
		}
		worst := s.Findings[0]
		out = append(out, checkProblem{
			File: path.Join(dir, m.Name, migrations.ScriptFile), Line: s.Line, Class: s.Class.String(),
			Statement: s.Text, Why: worst.Does + ": " + worst.Why,
		})
	}
	return out
}

func (r *checkResult) text(w io.Writer) error {
	for _, p := range r.Problems {
		fmt.Fprintln(w, p.String())
	}
	for _, m := range r.New {
		note := ""
		if m.Waiver != nil {
			note = fmt.Sprintf(", waived by %s: %s", m.Waiver.By, m.Waiver.Reason)
		}
		fmt.Fprintf(w, "%s: %s%s\n", m.Name, m.Class, note)
	}
	if r.OK {
		_, err := fmt.Fprintf(w, "%d new migrations since %s, none stands in the way of going back.\n", len(r.New), r.Base)
		return err
	}
	_, err := fmt.Fprintf(w, "The code from before could not work with this. Split the change (first add, later remove), or put a %s with by and reason beside the migration.\n", migrations.WaiverFile)
	return err
}

// String is one line, in the form that editors and CI logs link to.
func (p *checkProblem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	if p.Class != "" {
		b.WriteString(": " + p.Class)
	}
	fmt.Fprintf(&b, ": %s", p.Why)
	if p.Statement != "" {
		b.WriteString("\n    " + p.Statement)
	}
	return b.String()
}
