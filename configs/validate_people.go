package configs

import (
	"fmt"
	"slices"
	"strings"
)

func (k *checker) people() {
	if len(k.c.People) == 0 {
		k.wrong("people", "nobody can be paged or approve", "list people with id, name, email and roles, here or in people_file")
	}
	ids, emails, slacks := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, p := range k.c.People {
		at := index("people", i)
		k.unique(at+".id", "a person", p.ID, ids)
		k.person(at, p)
		k.once(at+".email", "e-mail address", strings.ToLower(p.Email), emails)
		k.once(at+".slack", "Slack id", p.Slack, slacks)
	}
}

func (k *checker) person(at string, p Person) {
	if p.Name == "" {
		k.wrong(at, fmt.Sprintf("the person %q has no name", p.ID), "write name: as others know them")
	}
	if p.Email != "" && !isEmail(p.Email) {
		k.wrong(at+".email", fmt.Sprintf("%q is not an e-mail address", p.Email), "write one such as ann@example.com")
	}
	if p.Email == "" && p.Slack == "" {
		k.wrong(at, fmt.Sprintf("the person %q cannot be reached", p.ID), "write email: or slack:")
	}
	if len(p.Roles) == 0 {
		k.wrong(at, fmt.Sprintf("the person %q has no role", p.ID), "write roles: [on-call] or take the person out")
	}
	for i, role := range p.Roles {
		if !isID(role) {
			k.wrong(index(at+".roles", i), fmt.Sprintf("%q cannot be a role", role), "write a lower-case word such as on-call")
		}
	}
	for i, lang := range p.Lang {
		if !isLanguage(lang) {
			k.wrong(index(at+".lang", i), fmt.Sprintf("%q is not a language", lang), "write a code such as en or ko")
		}
	}
}

func isLanguage(code string) bool {
	return (len(code) == 2 || len(code) == 3) && strings.Trim(code, "abcdefghijklmnopqrstuvwxyz") == ""
}

// once reports what two people share: commands are attributed by it.
func (k *checker) once(path, what, value string, seen map[string]bool) {
	if value != "" && seen[value] {
		k.wrong(path, "two people have the same "+what, "commands are attributed by it, so give each their own")
	}
	seen[value] = true
}

// roles reports roles that nobody has.
func (k *checker) roles(path string, roles []string) {
	known := k.allRoles()
	for i, role := range roles {
		if !slices.Contains(known, role) {
			k.wrong(index(path, i), fmt.Sprintf("nobody has the role %q", role), "give it to a person; "+nearest(role, known))
		}
	}
}

func (k *checker) allRoles() []string {
	var roles []string
	for _, p := range k.c.People {
		roles = append(roles, p.Roles...)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// holders are the people with one of the roles.
func (k *checker) holders(roles []string) []string {
	var ids []string
	for _, p := range k.c.People {
		if slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(roles, r) }) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// quorum reports an approval that all together cannot give, and warns of one that
// fails with one person away. An excluded requester may be one of the approvers.
func (k *checker) quorum(path string, a Autonomy) {
	able := k.holders(a.Roles)
	need := max(a.Quorum, 1)
	who := strings.Join(a.Roles, " or ")
	if len(able) < need {
		k.wrong(path, fmt.Sprintf("the approval of %s needs %d of %s, and there are %d", a.Action, need, who, len(able)), "lower the quorum or give the role to more people")
		return
	}
	without := ""
	if a.Requester == "excluded" {
		need++
		without = " besides the one who asks"
	}
	if len(able) > need {
		return
	}
	k.warn(path, fmt.Sprintf("the approval of %s needs %d of %s%s: it cannot be given with %s away", a.Action, max(a.Quorum, 1), who, without, strings.Join(able, " or ")), "give the role to one more person")
}
