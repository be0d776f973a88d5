package orchestrator

import (
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-json"
)

func decode(data []byte, v any) bool { return json.Unmarshal(data, v) == nil }

func join(parts []string) string { return strings.Join(parts, "; ") }

// sortedLabels writes labels in the same order every time.
func sortedLabels(labels map[string]string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, k := range slices.Sorted(maps.Keys(labels)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(k + ": " + labels[k])
	}
	b.WriteByte('}')
	return b.String()
}

// list writes names as "a, b or c".
func list(names []string, last string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
