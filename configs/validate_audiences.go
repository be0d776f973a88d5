package configs

import (
	"fmt"
	"os"
	"regexp"
)

func (k *checker) audiences() {
	for _, a := range k.c.Audiences {
		at := join("audiences", a.ID)
		if !regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`).MatchString(a.ID) {
			k.wrong(at, fmt.Sprintf("%q cannot be the id of an audience", a.ID), "write a lower-case word such as all_users")
		}
		if (len(a.Emails) == 0) == (a.CSV == "") {
			k.wrong(at, "an audience is a list of addresses or a CSV file", "write emails: [...] or csv: FILE with max: N")
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
