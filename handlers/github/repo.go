package github

import "strings"

// splitRepo takes owner/name apart.
func splitRepo(repo string) (owner, name string) {
	owner, name, _ = strings.Cut(repo, "/")
	return owner, name
}
