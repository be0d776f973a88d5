package github

import "strings"

// Places says which projects live in a repository, by its owner/name in lower
// case. Several may live in one.
type Places map[string][]Place

// Place is a project that lives in a repository.
type Place struct {
	Project string
	// Environments maps the names GitHub has for the project's environments, in
	// lower case, to ours.
	Environments map[string]string
}

// project is the one project of a repository; "" when there are none or several,
// which leaves it to the match rules.
func (p Places) project(repo string) string {
	if all := p[strings.ToLower(repo)]; len(all) == 1 {
		return all[0].Project
	}
	return ""
}

// Environment finds whose environment GitHub means by a name. ok is false for one
// that no project has, such as a preview.
func (p Places) Environment(repo, name string) (project, environment string, ok bool) {
	for _, place := range p[strings.ToLower(repo)] {
		if id, found := place.Environments[strings.ToLower(name)]; found {
			return place.Project, id, true
		}
	}
	return "", "", false
}
