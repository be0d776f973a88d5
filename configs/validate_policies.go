package configs

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (k *checker) policies() {
	p := k.c.Policies
	for i, a := range p.Autonomy {
		k.autonomy(index("policies.autonomy", i), a)
	}
	k.pageRole(p.Page.Role)
	if p.Limits.AutoPerHour < 0 {
		k.wrong("policies.limits.auto_per_hour", "a count is not negative", "write 1 or more")
	}
	if p.Limits.MinDistinct.Events < 0 {
		k.wrong("policies.limits.min_distinct.events", "a count is not negative", "write 1 or more")
	}
	if p.Limits.SourceBudget < 0 {
		k.wrong("policies.limits.source_budget", "a count is not negative", "write 60000, events a minute")
	}
	if p.Ack.Expires == 0 {
		k.wrong("policies.ack.expires", "an acknowledgement has to end", "write expires: 30m")
	}
	k.timings(p.Timings)
}

// timings warns of a name that is nearly an embedded one: its default would
// quietly stay in force.
func (k *checker) timings(timings map[string]Timing) {
	known := slices.Sorted(maps.Keys(defaultTimings()))
	for name, value := range timings {
		at := "policies.timings." + name
		if !isName(name) {
			k.wrong(at, fmt.Sprintf("%q cannot be named in an expression", name), "write a lower-case word such as cured_within")
			continue
		}
		if fix := nearest(name, known); !slices.Contains(known, name) && strings.HasPrefix(fix, "did") {
			k.warn(at, fmt.Sprintf("no playbook that comes with Backout waits for timing.%s", name), fix)
		}
		switch wantsCount := strings.HasSuffix(name, "_consecutive"); {
		case wantsCount && !value.Count:
			k.wrong(at, "this is a count, not a duration", "write how often in a row it has to pass, such as 4")
		case !wantsCount && (value.Count || value.Value == 0):
			k.wrong(at, "this is a duration above zero", "write it with its unit, such as 30s")
		}
	}
}

func (k *checker) pageRole(role string) {
	if len(k.c.People) > 0 && len(k.holders([]string{role})) == 0 {
		k.wrong("policies.page.role", fmt.Sprintf("nobody has the role %q, so nobody is paged", role), "give it to a person; "+nearest(role, k.allRoles()))
	}
}

func (k *checker) autonomy(at string, a Autonomy) {
	if !isAction(a.Action) {
		k.wrong(at+".action", fmt.Sprintf("%q is not an action", a.Action), `write one such as vercel.rollback, or "*" for all`)
	}
	if a.Kind != "" {
		k.oneOf(at+".kind", "the kind of the environment", a.Kind, "production", "staging", "disposable")
	}
	if a.When != "" && !strings.HasPrefix(a.When, "=") {
		k.wrong(at+".when", "a condition is an expression", `begin it with =, such as "=suspect.score >= 800"`)
	}
	if !k.oneOf(at+".do", "what to do", a.Do, "auto", "ask") {
		return
	}
	if a.Do == "auto" {
		if len(a.Roles) > 0 || a.Quorum != 0 || a.Requester != "" || a.Within != 0 || a.Else != "" {
			k.wrong(at, "roles, quorum, requester, within and else belong to do: ask", "take them out, or write do: ask")
		}
		return
	}
	k.ask(at, a)
}

func (k *checker) ask(at string, a Autonomy) {
	if a.Veto != 0 {
		k.wrong(at+".veto", "veto belongs to do: auto", "take it out, or write do: auto")
	}
	if a.Within == 0 {
		k.wrong(at, "a question has no deadline", "write within: 5m")
	}
	k.oneOf(at+".else", "what follows without an answer (else)", a.Else, "escalate", "page", "stop", "skip")
	if a.Requester != "" {
		k.oneOf(at+".requester", "the requester's part", a.Requester, "may_count", "excluded")
	}
	if a.Quorum < 0 {
		k.wrong(at+".quorum", "a quorum is 1 or more", "write quorum: 1")
	}
	if len(a.Roles) == 0 {
		k.wrong(at, "nobody is asked", "write roles: [on-call]")
		return
	}
	before := len(k.problems)
	k.roles(at+".roles", a.Roles)
	if len(k.problems) == before {
		k.quorum(at, a)
	}
}
