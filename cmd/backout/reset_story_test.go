package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

// checkout is a project with the real Prisma CLI and one migration, and what the CLI
// needs besides.
func checkout(t *testing.T) (folder string, env []string) {
	t.Helper()
	shared := os.Getenv("BACKOUT_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	engine := must(filepath.Abs(filepath.Join(shared, "prisma-kit", "schema-engine.mjs")))(t)
	packages := must(filepath.Abs("../../handlers/prisma/testdata"))(t)
	for _, path := range []string{engine, filepath.Join(packages, "node_modules", "prisma")} {
		if _, err := os.Stat(path); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("skipped: the real Prisma CLI or its engine is not here; run make prisma-cli, set BACKOUT_SHARED")
		}
	}
	folder = t.TempDir()
	for name, text := range map[string]string{
		"prisma/schema.prisma":                    "datasource db {\n  provider = \"postgresql\"\n}\nmodel users {\n  id Int @id\n}\n",
		"prisma/migrations/migration_lock.toml":   "provider = \"postgresql\"\n",
		"prisma/migrations/1_users/migration.sql": "create table users (id integer not null, constraint users_pkey primary key (id));",
		"prisma.config.ts":                        "import { defineConfig, env } from \"prisma/config\";\nexport default defineConfig({ schema: \"prisma/schema.prisma\", migrations: { path: \"prisma/migrations\" }, datasource: { url: env(\"DATABASE_URL\") } });\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(packages, "node_modules"), filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	return folder, []string{"PRISMA_SCHEMA_ENGINE_BINARY=" + engine, "PRISMA_SHIM_ROOT=" + packages}
}

// TestReset_throughThePlan empties a production database that this test made, past every
// guard: chosen by one person, after a copy that was proven, by two others who typed its
// name. Whoever chose it does not count, nor does another name.
func TestReset_throughThePlan(t *testing.T) {
	t.Parallel()
	folder, env := checkout(t)
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create role owner login superuser", "create database shop owner owner")
	db := strings.Replace(strings.Replace(server, "/postgres?", "/shop?", 1), "backout@", "owner@", 1)
	deploy := exec.CommandContext(t.Context(), "node", "node_modules/prisma/build/index.js", "migrate", "deploy")
	deploy.Dir, deploy.Env = folder, append(append(os.Environ(), env...), "DATABASE_URL="+db)
	if out, err := deploy.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	postgrestest.Run(t, db, "insert into users select generate_series(1, 500)")
	s := newShop(t, shopOptions{Kind: true, Veto: autoVeto, Database: db, Prisma: folder, Copies: t.TempDir(), Env: env})
	s.badDeployment()
	s.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_bad", "commit": "bad5eed"})
	s.waitServing("dpl_bad")
	s.fires("health")
	s.waitBack()
	s.ends("health")
	s.waitIncident("INC-1", "asking about the database", func(inc *console.Incident) bool { return stepOf(inc, "database").State == "awaiting" })
	s.mustSay("choose INC-1 database reset")
	inc := s.waitIncident("INC-1", "asking about the reset", func(inc *console.Incident) bool {
		st := stepOf(inc, "reset")
		return st.State == "awaiting" && st.Preview != nil
	})
	copied := stepOf(&inc, "snapshot")
	if copied.State != "done" {
		t.Fatalf("the copy is %s", copied.State)
	}
	s.wantTold(stepOf(&inc, "reset").Preview.Text, "DROP EVERYTHING in schema public of shop at 127.0.0.1", "The verified copy is shop-production-")
	people := map[string]string{"ann": s.token, "bob": s.newToken("bob", "person"), "cat": s.newToken("cat", "person")}
	approve := func(who, name string) (string, bool) {
		was := s.token
		defer func() { s.token = was }()
		s.token = people[who]
		return s.say("approve INC-1 reset confirm=" + name)
	}
	for _, c := range []struct {
		who, name string
		ok        bool
	}{{"ann", "shop", false}, {"bob", "production", false}, {"bob", "shop", true}, {"bob", "shop", false}, {"cat", "shop", true}} {
		if text, ok := approve(c.who, c.name); ok != c.ok {
			t.Fatalf("%s with %q: %v, %s", c.who, c.name, ok, text)
		}
	}
	inc = s.waitIncident("INC-1", "emptied", func(inc *console.Incident) bool { return stepOf(inc, "reset").State == "done" })
	s.wantTold(told(&inc), "everything was dropped")
	postgrestest.Run(t, db, fmt.Sprintf(`do $$ begin
		if (select count(*) from users) <> %d then raise exception '%% rows are left', (select count(*) from users); end if; end $$`, 0))
	s.backout.stop(t)
}
