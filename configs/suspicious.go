package configs

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// sourceNames are the sources that Backout gives to signals by itself; others are those of
// whoever posts events, so that only a near miss is suspicious.
func sourceNames() []string {
	return []string{"alertmanager", "github", "grafana", "pagerduty", "sendgrid", "sentry", "stripe", "toss", "uptimerobot", "vercel"}
}

// misspelt is the known word that was probably meant, empty when it is known or too far
// from all.
func misspelt(word string, known []string) string {
	if word == "" || slices.Contains(known, word) {
		return ""
	}
	fix := nearest(word, known)
	if !strings.HasPrefix(fix, "did you mean") {
		return ""
	}
	return fix
}

// lookalikes warns of what is legal and was hardly meant.
func (k *checker) lookalikes() {
	vercel := map[string]string{}
	for i := range k.c.Projects {
		p := &k.c.Projects[i]
		at := index("projects", i)
		for j, m := range p.Match {
			if fix := misspelt(m.Source, sourceNames()); fix != "" {
				k.warn(index(at+".match", j)+".source", fmt.Sprintf("no source of Backout's own is called %q, so this may match nothing", m.Source), fix)
			}
		}
		if other := vercel[p.VercelProject]; p.VercelProject != "" && other != "" {
			k.warn(at+".vercel_project", fmt.Sprintf("the projects %q and %q are the same project at Vercel, so each rolls the other back", other, p.ID), "make them environments or components of one")
		}
		vercel[p.VercelProject] = p.ID
	}
	for i, p := range k.c.People {
		if p.Slack != "" && !regexp.MustCompile(`^[UW][A-Z0-9]+$`).MatchString(p.Slack) {
			k.warn(index("people", i)+".slack", fmt.Sprintf("%q is not a member id of Slack, so %s is not reached there", p.Slack, p.ID), "write the id that Slack shows under Copy member ID, such as U0AB12CDE")
		}
	}
}

// WarnOfActions adds a warning for every line about an action that is nearly, but not,
// one of those known: it decides nothing.
func (c *Config) WarnOfActions(known []string) {
	warn := func(path, action string) {
		if fix := misspelt(action, known); fix != "" {
			c.Warnings = append(c.Warnings, c.source.problem(path, fmt.Sprintf("no action is called %q, so this line decides nothing", action), fix))
		}
	}
	for i, a := range c.Policies.Autonomy {
		warn(index("policies.autonomy", i)+".action", a.Action)
	}
	for i, p := range c.Projects {
		for _, action := range slices.Sorted(maps.Keys(p.Modes)) {
			warn(join(index("projects", i)+".modes", action), action)
		}
	}
	c.source.sort(c.Warnings)
}

// warnOfReaders adds a warning for a secret's file that everybody on the machine may read.
func (c *Config) warnOfReaders(path, ref string) {
	file, ok := strings.CutPrefix(ref, "file:")
	if !ok {
		return
	}
	if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
		c.Warnings = append(c.Warnings, c.source.problem(path, fmt.Sprintf("%s: everybody on this machine may read %s", path, file), "chmod 600 it, for the user that runs Backout"))
	}
}
