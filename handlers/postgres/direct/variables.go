package direct

import "strconv"

// Variables are the address for PostgreSQL's own programs, which take it from their
// environment: no argument shows it to who lists the processes. PGPASSWORD is the one
// secret among them.
func (a *Address) Variables() map[string]string {
	c := a.config
	out := map[string]string{
		"PGHOST": c.Host, "PGPORT": strconv.Itoa(int(c.Port)), "PGUSER": c.User, "PGDATABASE": c.Database,
		"PGAPPNAME": ApplicationName, "PGCONNECT_TIMEOUT": strconv.Itoa(int(connectWait.Seconds())),
	}
	if c.Password != "" {
		out["PGPASSWORD"] = c.Password
	}
	out["PGSSLMODE"] = a.sslmode
	if a.sslroot != "" {
		out["PGSSLROOTCERT"] = a.sslroot
	}
	return out
}
