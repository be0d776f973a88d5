package configs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

// isAction reports whether a text names an action, or all of them.
func isAction(name string) bool {
	return regexp.MustCompile(`^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*)$`).MatchString(name)
}

// modes checks what a project narrows: an action may be stricter than its project,
// never looser.
func (k *checker) modes(at string, p *Project) {
	most := p.Mode
	if most == "" {
		most = k.c.Mode
	}
	for _, action := range slices.Sorted(maps.Keys(p.Modes)) {
		here, mode := join(at+".modes", action), p.Modes[action]
		if !isAction(action) {
			k.wrong(here, fmt.Sprintf("%q is not an action", action), `write one such as vercel.rollback, or "*" for all that are not named`)
		}
		if !k.oneOf(here, "the mode", mode, "shadow", "advise", "live") {
			continue
		}
		if orchestrator.Mode(mode).Looser(orchestrator.Mode(most)) {
			k.wrong(here, fmt.Sprintf("%s is %s, which is looser than its project, which is %s; an action may be stricter, never looser", action, mode, most),
				fmt.Sprintf(`write mode: %s and modes: {"*": %s, %s: %s}`, mode, most, action, mode))
		}
	}
}
