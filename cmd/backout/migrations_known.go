package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// isProject reports whether an argument names a project rather than a folder.
func isProject(arg string) bool {
	if strings.ContainsAny(arg, `/\`) || strings.HasPrefix(arg, ".") {
		return false
	}
	_, err := os.Stat(arg)
	return err != nil
}

// printMigrations shows what the server knows of a project's migrations.
func printMigrations(w io.Writer, all []orchestrator.MigrationKnown) error {
	var b strings.Builder
	for i := range all {
		writeKnownMigration(&b, &all[i])
	}
	if len(all) == 0 {
		b.WriteString("No migration is known: name the `repository` of the project, or its database.evidence_url.\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeKnownMigration(b *strings.Builder, k *orchestrator.MigrationKnown) {
	fmt.Fprintf(b, "%s: %s, %s", k.Name, classWord(k), stateWord(k.State, k.AppliedAt))
	if k.Between {
		b.WriteString(", between what serves and what could be gone back to")
	}
	b.WriteByte('\n')
	if k.Class == nil {
		return
	}
	asked := 0
	for i := range k.Class.Effects {
		e := &k.Class.Effects[i]
		fmt.Fprintf(b, "  line %d %s: %s; old code reads: %s, writes: %s", e.Line, e.Class, e.Does, e.Reads, e.Writes)
		if e.Class != orchestrator.ClassAdditive && e.Why != "" {
			b.WriteString("; " + e.Why)
		}
		b.WriteByte('\n')
		for _, q := range e.Rows {
			fmt.Fprintf(b, "    %s\n    %s\n", countWord(k.Rows, asked, q.Counts), strings.ReplaceAll(q.SQL, "\n", "\n    "))
			asked++
		}
	}
	if k.Class.Cut {
		b.WriteString("  and more that is not kept: read the script\n")
	}
}

func classWord(k *orchestrator.MigrationKnown) string {
	switch {
	case k.Class == nil:
		return "class not known"
	case k.Other:
		return "class not known, the database has applied another script than the one that was read (" + k.Class.Class + ")"
	}
	return k.Class.Class
}

func stateWord(state string, at int64) string {
	switch {
	case at > 0:
		return state + " " + utc(at)
	case state == orchestrator.MigrationUnread:
		return "the database was not asked"
	case state == orchestrator.MigrationPending:
		return "not applied"
	case state == orchestrator.MigrationFailed:
		return "began and did not end"
	}
	return state
}

func countWord(rows *orchestrator.MigrationRows, i int, counts string) string {
	switch {
	case rows == nil || i >= len(rows.Counts):
		return "how many " + counts + ": not counted"
	case rows.Counts[i].Error != "":
		return "how many " + counts + ": could not be counted, " + rows.Counts[i].Error
	}
	return fmt.Sprintf("%d %s, counted %s", rows.Counts[i].N, counts, utc(rows.At))
}
