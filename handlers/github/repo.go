package github

import (
	"maps"
	"slices"
	"strings"
)

// splitRepo takes owner/name apart.
func splitRepo(repo string) (owner, name string) {
	owner, name, _ = strings.Cut(repo, "/")
	return owner, name
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
