package configs

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

func (k *checker) audiences() {
	for _, a := range k.c.Audiences {
		at := join("audiences", a.ID)
		if !regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`).MatchString(a.ID) {
			k.wrong(at, fmt.Sprintf("%q cannot be the id of an audience", a.ID), "write a lower-case word such as all_users")
		}
		if given := counted(len(a.Emails) > 0, a.CSV != "", a.SQL != ""); given != 1 {
			k.wrong(at, "an audience is a list of addresses, a CSV file, or a query", "write one of emails: [...], csv: FILE with max: N, or sql: QUERY with db and max")
			continue
		}
		for i, email := range a.Emails {
			if !isEmail(email) {
				k.wrong(index(at+".emails", i), fmt.Sprintf("%q is not an e-mail address", email), "write one such as ann@example.com")
			}
		}
		if a.CSV != "" {
			k.csv(at, a)
		}
		if a.SQL != "" {
			k.asked(at, a)
		}
	}
}

func counted(given ...bool) int {
	n := 0
	for _, is := range given {
		if is {
			n++
		}
	}
	return n
}

// asked checks an audience that a database is asked for.
func (k *checker) asked(at string, a Audience) {
	if a.Max <= 0 {
		k.wrong(at, "an audience by a query has no max", "write max: N, so that a query that grew is refused before anybody is mailed")
	}
	project, env, _ := strings.Cut(a.DB, "/")
	for i := range k.c.Projects {
		for j := range k.c.Projects[i].Environments {
			if e := &k.c.Projects[i].Environments[j]; k.c.Projects[i].ID == project && e.ID == env && e.Database.EvidenceURL.IsSet() {
				return
			}
		}
	}
	k.wrong(at+".db", fmt.Sprintf("%q is no environment with a database that may be read", a.DB), "write PROJECT/ENVIRONMENT of one that has database: {evidence_url: …}")
}

// affected checks the audience of those whom an incident touched.
func (k *checker) affected(at string, p *Project) {
	if p.Affected == "" {
		return
	}
	k.oneOf(at+".affected", "the audience", p.Affected, k.audienceIDs()...)
	for _, a := range k.c.Audiences {
		if a.ID == p.Affected && a.SQL == "" {
			k.wrong(at+".affected", fmt.Sprintf("the audience %s is the same whatever happened", a.ID), "write one with sql over $from and $to")
		}
	}
}

func (k *checker) csv(at string, a Audience) {
	if a.Max <= 0 {
		k.wrong(at, "a CSV audience has no max", "write max: N, so that a file that grew is refused before it is mailed")
	}
	if info, err := os.Stat(a.CSV); err != nil || !info.Mode().IsRegular() {
		k.wrong(at+".csv", fmt.Sprintf("the file %s is not there", a.CSV), "the path starts at this file's folder")
	}
}

func (k *checker) audienceIDs() []string {
	var ids []string
	for _, a := range k.c.Audiences {
		ids = append(ids, a.ID)
	}
	return ids
}
