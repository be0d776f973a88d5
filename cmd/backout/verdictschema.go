package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// schemaLine tells in one line what the migrations do that were applied since, each on a
// line of its own when they are several.
func schemaLine(v *verdictShown) string {
	all := *v.Migrations
	if len(all) == 1 && len(v.Weighed) == 1 && known(&v.Weighed[0]) {
		return "1 migration since, " + weighed(v, &v.Weighed[0])
	}
	unread := slices.Clone(all)
	lines := []string{}
	for i := range v.Weighed {
		m := &v.Weighed[i]
		if !known(m) {
			continue
		}
		unread = slices.DeleteFunc(unread, func(name string) bool { return name == m.Name })
		lines = append(lines, "\n          "+m.Name+", "+weighed(v, m))
	}
	if len(lines) == 0 {
		return fmt.Sprintf("%s between, class not known: %s", counted(len(all), "migration"), strings.Join(all, ", "))
	}
	text := counted(len(all), "migration") + " between:" + strings.Join(lines, "")
	if len(unread) > 0 {
		text += "\n          class not known: " + strings.Join(unread, ", ")
	}
	return text
}

// known reports whether there is more to say of a migration than its name.
func known(m *orchestrator.MigrationWeighed) bool {
	return m.Class != "" || m.State == orchestrator.MigrationPending
}

// weighed is what one migration does: "applied 18:00:41: ADD COLUMN (fine)".
func weighed(v *verdictShown, m *orchestrator.MigrationWeighed) string {
	text := shortState(v, m)
	if m.Class == "" {
		return text + ", class not known: " + m.Name
	}
	var parts []string
	for i := range m.Effects {
		e := &m.Effects[i]
		if part := e.Does + " (" + e.Text + ")"; !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	if len(parts) == 0 {
		return text + ": " + m.Class
	}
	return text + ": " + strings.Join(parts, ", ")
}

// shortState leaves the day out where it is that of now.
func shortState(v *verdictShown, m *orchestrator.MigrationWeighed) string {
	at := time.UnixMilli(m.AppliedAt).UTC()
	if m.AppliedAt > 0 && at.Format(time.DateOnly) == v.Now.UTC().Format(time.DateOnly) {
		return m.State + " " + at.Format(time.TimeOnly)
	}
	return stateWord(m.State, m.AppliedAt)
}
