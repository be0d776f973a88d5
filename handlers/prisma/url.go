package prisma

import (
	"errors"
	"net/url"
	"slices"
)

func errURL() error {
	return errors.New("url is not the address of a PostgreSQL database; write postgresql://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full")
}

func errPooler() error {
	return errors.New("url leads to a transaction pooler, where Prisma's lock holds nothing; write the direct connection, on port 5432")
}

// plainURL splits Prisma's own parameters from an address: PostgreSQL refuses a
// connection with one it does not know.
func plainURL(text string) (plain, schema string, err error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", "", errURL()
	}
	given := u.Query()
	if given.Get("pgbouncer") == "true" {
		return "", "", errPooler()
	}
	if schema = given.Get("schema"); schema == "" {
		schema = "public"
	}
	for name := range given {
		if !slices.Contains([]string{"sslmode", "sslrootcert", "connect_timeout", "host", "port", "options", "target_session_attrs"}, name) {
			given.Del(name)
		}
	}
	u.RawQuery = given.Encode()
	return u.String(), schema, nil
}
