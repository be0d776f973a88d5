package configs

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Prisma is the checkout whose Prisma CLI migrates the environment's database.
type Prisma struct {
	// Folder is the checkout, with its packages installed, on the commit to migrate to.
	// CLI, Schema and Migrations are in it; left out they stand where Prisma has them.
	Folder     string `yaml:"folder"`
	CLI        string `yaml:"cli"`
	Schema     string `yaml:"schema"`
	Migrations string `yaml:"migrations"`
	// URL is the direct connection of a role that may migrate, the database's direct_url
	// when left out; the CLI gets it as URLName, DATABASE_URL when left out.
	URL     Secret `yaml:"url"`
	URLName string `yaml:"url_name"`
	// Timeout bounds a run of the CLI; 0 means 15 min.
	Timeout Duration `yaml:"timeout"`
	// Env names variables of Backout's own environment that the CLI may see; it sees no
	// others.
	Env []string `yaml:"env"`
}

// The bounds of a run of Prisma's CLI, in minutes; the longer one is well below the day
// for which a step waits for the outside.
const (
	prismaLeast = 1
	prismaMost  = 5 * 60
)

func (k *checker) prisma(at string, d *Database) {
	p := d.Prisma
	if p == nil {
		return
	}
	if !filepath.IsAbs(p.Folder) {
		k.wrong(at+".folder", "there is no checkout to run Prisma in", "write the absolute path of a folder with package.json, prisma/ and node_modules/")
	}
	if !d.DirectURL.IsSet() {
		k.need(at, "url", p.URL)
	}
	if m := p.Timeout.Milliseconds() / 60_000; p.Timeout != 0 && (m < prismaLeast || m > prismaMost) {
		k.wrong(at+".timeout", "this is no useful limit of a migration", "write a time between 1m and 5h; the default is 15m")
	}
	if p.URLName != "" && !isVariable(p.URLName) {
		k.wrong(at+".url_name", fmt.Sprintf("%q is not the name of a variable", p.URLName), "write one such as DATABASE_URL")
	}
	for i, name := range p.Env {
		k.prismaVariable(index(at+".env", i), name)
		k.nobodysSecret(index(at+".env", i), at, name)
	}
}

// nobodysSecret refuses a variable that holds another secret of this file.
func (k *checker) nobodysSecret(here, at, name string) {
	for path, s := range k.c.secrets() {
		if s.ref == "env:"+name && !strings.HasPrefix(path, at+".") {
			k.wrong(here, fmt.Sprintf("%s is the secret of %s, which the CLI must not see", name, path), "take it out, or give the CLI a variable of its own")
			return
		}
	}
}

// prismaVariable refuses what would be a secret of Backout's, or a consent.
func (k *checker) prismaVariable(at, name string) {
	switch {
	case !isVariable(name):
		k.wrong(at, fmt.Sprintf("%q is not the name of a variable", name), "write the name alone, such as NODE_EXTRA_CA_CERTS")
	case strings.HasPrefix(name, "PRISMA_USER_CONSENT"):
		k.wrong(at, "this is a person's own consent to a dangerous action", "take it out; a person gives it at a terminal")
	case strings.HasPrefix(name, "BACKOUT_"):
		k.wrong(at, "this is Backout's own", "take it out; the CLI has no need of it")
	}
}
