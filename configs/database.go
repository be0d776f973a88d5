package configs

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Database is where the environment's data is. EvidenceURL is a connection of a role
// that may only read; Supabase names the project there, when it is not the one of
// providers.supabase.
type Database struct {
	EvidenceURL Secret `yaml:"evidence_url"`
	// DirectURL is the direct connection (5432, no pooler) of the role that owns the
	// tables: snapshots, restores, read-only and repairs speak through it.
	DirectURL Secret `yaml:"direct_url"`
	// AppRoles are the roles the application connects as; read-only takes their rights to
	// write. The owner of the tables must not be among them.
	AppRoles     []string  `yaml:"app_roles"`
	Supabase     string    `yaml:"supabase"`
	AllowPrivate []Network `yaml:"allow_private"`
	// Prisma migrates it; nil when Backout never does.
	Prisma *Prisma `yaml:"prisma"`
	// Snapshots are the copies that Backout itself takes; nil when it takes none.
	Snapshots *Snapshots `yaml:"snapshots"`
	// Checks are read-only queries that count what is wrong: 0 means that the data is sound.
	Checks []Check `yaml:"checks"`
	// AllowDataLoss lets a plan reset the database, past every other guard.
	AllowDataLoss bool `yaml:"allow_data_loss"`
}

// Snapshots says where copies of the database are kept, and when they are taken.
type Snapshots struct {
	// Folder holds a folder per copy; an absolute path with room for Keep of them.
	Folder string `yaml:"folder"`
	// Every is the pause between two copies; 0 takes them only when a plan asks for one.
	Every Duration `yaml:"every"`
	// Keep is how long a copy is kept; 0 means 14 days. The newest verified one stays.
	Keep Duration `yaml:"keep"`
	// Bin is the folder of pg_dump and pg_restore; left out they are found in the PATH.
	Bin string `yaml:"bin"`
	// Jobs is how many tables are copied at once; 0 means 2.
	Jobs int `yaml:"jobs"`
	// Timeout bounds one copy, or one restore; 0 means 1 h.
	Timeout Duration `yaml:"timeout"`
	// Loss are read-only queries with $1, the moment of a copy: each counts what a restore
	// of it would lose. Their ids are the words people read, such as paid_orders.
	Loss []Check `yaml:"loss"`
}

// Check is a query that gives one row with one number, how many rows are wrong.
type Check struct {
	ID  string `yaml:"id"`
	SQL string `yaml:"sql"`
}

// Direct is the address of the role that may change the database: direct_url, or the
// one of its Prisma.
func (d *Database) Direct() Secret {
	if !d.DirectURL.IsSet() && d.Prisma != nil {
		return d.Prisma.URL
	}
	return d.DirectURL
}

// The bounds of snapshots.
const (
	snapshotLeast = Duration(10 * time.Minute)
	snapshotMost  = Duration(7 * 24 * time.Hour)
	jobsMost      = 16
)

func (k *checker) database(at string, d *Database) {
	if ref := d.Supabase; ref != "" && k.c.Providers.Supabase == nil {
		k.wrong(at+".supabase", "providers.supabase is missing", "write providers: {supabase: {token: env:NAME}}")
	}
	k.prisma(at+".prisma", d)
	if (d.Snapshots != nil || len(d.AppRoles) > 0) && !d.Direct().IsSet() {
		k.wrong(at, "there is no connection that may change the database", "write direct_url: env:DIRECT_URL, the direct connection of the role that owns the tables")
	}
	for i, role := range d.AppRoles {
		if role == "" {
			k.wrong(index(at+".app_roles", i), "this is no role", "write the name that the application connects as")
		}
	}
	k.snapshots(at+".snapshots", d.Snapshots)
	ids := map[string]bool{}
	for i, c := range d.Checks {
		here := index(at+".checks", i)
		switch {
		case !isName(c.ID) && !isID(c.ID):
			k.wrong(here+".id", fmt.Sprintf("%q cannot be the id of a check", c.ID), idFix)
		case ids[c.ID]:
			k.wrong(here+".id", fmt.Sprintf("two have the id %q", c.ID), "give each check its own")
		case c.SQL == "":
			k.wrong(here+".sql", "there is no query", "write sql: select count(*) from … where what must not be")
		case !d.EvidenceURL.IsSet():
			k.wrong(here, "there is no connection that may read", "write evidence_url: env:NAME, of a role that may only read")
		}
		ids[c.ID] = true
	}
}

func (k *checker) snapshots(at string, s *Snapshots) {
	if s == nil {
		return
	}
	if !filepath.IsAbs(s.Folder) {
		k.wrong(at+".folder", "there is no folder to keep copies in", "write the absolute path of one with room for several copies")
	}
	if s.Bin != "" && !filepath.IsAbs(s.Bin) {
		k.wrong(at+".bin", "this is no absolute path", "write the folder of pg_dump, such as /usr/lib/postgresql/17/bin")
	}
	if s.Every != 0 && (s.Every < snapshotLeast || s.Every > snapshotMost) {
		k.wrong(at+".every", "this is no useful pause between copies", "write a time between 10m and 7d")
	}
	if s.Jobs < 0 || s.Jobs > jobsMost {
		k.wrong(at+".jobs", "so many tables are never copied at once", fmt.Sprintf("write 1 to %d; the default is 2", jobsMost))
	}
	for i, q := range s.Loss {
		here := index(at+".loss", i)
		switch {
		case !isName(q.ID) && !isID(q.ID):
			k.wrong(here+".id", fmt.Sprintf("%q cannot be the id of a count", q.ID), idFix)
		case !strings.Contains(q.SQL, "$1"):
			k.wrong(here+".sql", "the moment of the copy is not in it", "write sql: select count(*) from orders where paid and paid_at > $1")
		}
	}
	if m := s.Timeout.Milliseconds() / 60_000; s.Timeout != 0 && (m < prismaLeast || m > prismaMost) {
		k.wrong(at+".timeout", "this is no useful limit of a copy", "write a time between 1m and 5h; the default is 1h")
	}
}

// document is what the fold may know of the database: no address.
func (d *Database) document() orchestrator.Database {
	doc := orchestrator.Database{Direct: d.Direct().IsSet(), AppRoles: d.AppRoles, Prisma: d.Prisma != nil, AllowDataLoss: d.AllowDataLoss}
	if s := d.Snapshots; s != nil {
		doc.Snapshots, doc.SnapshotEvery = true, s.Every.Milliseconds()
	}
	for _, c := range d.Checks {
		doc.Checks = append(doc.Checks, c.ID)
	}
	return doc
}
