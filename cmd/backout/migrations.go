package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/aimarketplace/backout/handlers/migrations"
	"github.com/aimarketplace/backout/orchestrator"
)

func migrationsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "migrations", Short: "Say what Prisma migrations do to the code from before them",
		Example: "  backout migrations classify prisma/migrations\n  backout migrations check --base origin/main",
	}
	c.AddCommand(migrationsClassifyCommand(), migrationsCheckCommand())
	return c
}

func migrationsClassifyCommand() *cobra.Command {
	var f clientFlags
	var env string
	c := &cobra.Command{
		Use: "classify DIR|PROJECT", Short: "Class of every migration, statement by statement, with its reason", Args: exactly(1),
		Long: `Read a folder of Prisma migrations and say of every statement whether the code from
before it can read and write the new schema, with the rows the new code has written:
additive, data (the rows decide), unknown (counts as breaking), breaking, destructive.
Where the rows decide, the read-only query that asks them is shown. Nothing is run.

DIR is prisma/migrations, the folder of a project that has one, or one migration. The id
of a PROJECT, where no such folder is, asks the running Backout what it knows: the classes,
what the database has applied and when, and what the queries counted there.`,
		Example: "  backout migrations classify .\n  backout migrations classify shop\n  backout migrations classify prisma/migrations/20261127_add_receipts -o json",
		RunE: func(c *cobra.Command, args []string) error {
			if isProject(args[0]) {
				var known []orchestrator.MigrationKnown
				if err := f.client().get(c.Context(), "/api/v1/migrations", url.Values{"project": {args[0]}, "environment": {env}}, &known); err != nil {
					return err
				}
				return f.show(c.OutOrStdout(), known, func() error { return printMigrations(c.OutOrStdout(), known) })
			}
			all, err := readMigrations(args[0])
			if err != nil {
				return err
			}
			judged := migrations.NewClassifier(&migrations.Postgres{}).Each(all, func(string) bool { return true })
			return f.show(c.OutOrStdout(), judged, func() error {
				if len(judged) == 0 {
					_, err := fmt.Fprintf(c.OutOrStdout(), "%s holds no migration.\n", args[0])
					return err
				}
				return migrations.Text(c.OutOrStdout(), judged)
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&env, "environment", "", "of a PROJECT; default: production")
	return c
}

// readMigrations finds the migrations that a folder holds or is.
func readMigrations(dir string) ([]migrations.Migration, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("reading the migrations: %s is no folder that can be read", dir)
	}
	if _, err := os.Stat(filepath.Join(dir, migrations.ScriptFile)); err == nil {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, fmt.Errorf("reading the migration in %s: %w", dir, err)
		}
		m, err := migrations.Only(os.DirFS(dir), filepath.Base(abs))
		return []migrations.Migration{m}, err
	}
	if inner := filepath.Join(dir, "prisma", "migrations"); isFolder(inner) {
		dir = inner
	}
	all, err := migrations.Folder(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("in %s: %w", dir, err)
	}
	return all, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
