package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// noRight is what PostgreSQL says to an application that may not write.
	noRight   = "42501"
	centsName = "20261120_cents"
)

// centsScript is the migration of night (c): won have no cents, and it drops the column
// that was right.
func centsScript() []string {
	return []string{
		`ALTER TABLE "payouts" ADD COLUMN "amount" BIGINT;`,
		`UPDATE "payouts" SET "amount" = "amount_krw" / 100;`,
		`ALTER TABLE "payouts" DROP COLUMN "amount_krw";`,
	}
}

// inPlaceScript is another one of that kind: it writes over what was right, and drops a
// column beside it.
func inPlaceScript() []string {
	return []string{`UPDATE "payouts" SET "amount_krw" = "amount_krw" / 100;`, `ALTER TABLE "payouts" DROP COLUMN "note";`}
}

func centsWorld(script []string) map[string]any {
	return map[string]any{
		"trees": map[string][]string{
			strings.Replace(commitOld, "ee2", "ee1", 1): {"20261101_init"}, commitOld: {"20261101_init"}, commitNew: {"20261101_init", centsName},
		},
		"scripts": map[string]string{centsName: strings.Join(script, "\n") + "\n"},
	}
}

// centsApplied is what `prisma migrate deploy` leaves of it.
func centsApplied(script []string) []string {
	sum := sha256.Sum256([]byte(strings.Join(script, "\n") + "\n"))
	return append(slices.Clone(script), `insert into _prisma_migrations (id, checksum, migration_name, finished_at) values ('2', '`+hex.EncodeToString(sum[:])+`', '`+centsName+`', now())`)
}

// nightC is the shop of that night: its database, what writes to it, and a second person.
type nightC struct {
	*shop
	server, owner, app string
	script             []string
	rows               int
	bob                string
	writer             *writer
	rights             string
	// wrong counts the rows that were written before it was contained; before is the
	// database that was replaced, once it was.
	wrong  int
	before string
}

// newNightC starts a shop with rows payouts of which a copy was taken and proven.
func newNightC(t *testing.T, rows int) *nightC {
	t.Helper()
	return newNightCOf(t, rows, centsScript())
}

// newNightCOf is newNightC with another migration.
func newNightCOf(t *testing.T, rows int, script []string) *nightC {
	t.Helper()
	server := postgrestest.Start(t)
	postgrestest.Run(t, server, "create role shop_app login", "create role shop_owner login createdb", "grant pg_signal_backend, shop_app to shop_owner", "create database shop owner shop_owner")
	shop := strings.Replace(server, "/postgres?", "/shop?", 1)
	n := &nightC{server: server, owner: strings.Replace(shop, "backout@", "shop_owner@", 1), app: strings.Replace(shop, "backout@", "shop_app@", 1), rows: rows, script: script}
	postgrestest.Run(t, n.owner, append(prismaTable(),
		"create table users (id int primary key, email text, name text, lang text)",
		"create table payments (payment_key text primary key, user_id int, created_at timestamptz not null default now())",
		"create table payouts (id bigint generated always as identity primary key, seller int not null, amount_krw bigint not null, note text, at timestamptz not null default clock_timestamp())",
		"insert into users select n, 'buyer' || n || '@example.com', 'Buyer ' || n, 'ko' from generate_series(1, 40) n",
		"insert into payments select 'old-' || id, id, now() - interval '1 day' from users",
		fmt.Sprintf("insert into payouts (seller, amount_krw, at) select n %% 500, 10000 + n, now() - interval '1 day' from generate_series(1, %d) n", rows),
		"grant select, insert, update on payouts, payments, users to shop_app")...)
	n.rights = postgrestest.Value(t, n.owner, appRights)
	n.shop = newShop(t, shopOptions{
		Kind: true, Crash: true, Database: n.owner, AppRole: "shop_app", Copies: t.TempDir(), Repository: "aim/shop", World: centsWorld(script), Buyers: true,
		Check: "select count(*) from payouts p where coalesce((to_jsonb(p)->>'amount_krw')::bigint, 0) < 10000", Loss: "select count(*) from payouts where at > $1",
	})
	n.bob = n.newToken("bob", "person")
	return n
}

// appRights are the rights of the application's tables, as they stand.
const appRights = `select string_agg(oid::regclass || ' ' || coalesce(relacl::text, '-'), e'\n' order by oid::regclass::text) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'S')`

// restorePoint waits until Backout has taken a copy by itself and proven it.
func (n *nightC) restorePoint() *orchestrator.RestorePoint {
	n.t.Helper()
	var v orchestrator.Verdict
	if !n.eventually(storyLimit, func() bool {
		return n.get("/api/v1/verdict", url.Values{"project": {"shop"}}, &v) == nil && v.Restore != nil
	}) {
		n.t.Fatalf("there is no restore point\n%s", n.backout.said())
	}
	return v.Restore
}

// release ships what nothing throws at: the migration, and code that writes wrong rows.
func (n *nightC) release() (promoted time.Time) {
	n.t.Helper()
	n.waitServing("dpl_good2")
	promoted = time.Now()
	n.ship("dpl_new", commitNew, false)
	n.waitSettled()
	n.publish("deploy", "backout.deploy.promoted", map[string]any{"environment": "production", "deployment_id": "dpl_new", "commit": commitNew})
	n.waitServing("dpl_new")
	postgrestest.Run(n.t, n.owner, centsApplied(n.script)...)
	return promoted
}

// releaseAndWrite is release with the application that writes from then on.
func (n *nightC) releaseAndWrite() time.Time {
	n.t.Helper()
	promoted := n.release()
	n.writes()
	return promoted
}

// sayAs speaks as somebody else.
func (n *nightC) sayAs(token, words string) (string, bool) {
	n.t.Helper()
	r, err := (&clientFlags{server: n.at("admin"), token: token}).client().say(n.t.Context(), words)
	if err != nil {
		return err.Error(), false
	}
	return r.Text, r.OK
}

// refused wants a no with some words.
func (n *nightC) refused(token, words, why string) {
	n.t.Helper()
	if text, ok := n.sayAs(token, words); ok || !strings.Contains(text, why) {
		n.t.Errorf("%s: %t %s, wanted a no with %q", words, ok, text, why)
	}
}

// asked waits until a step shows what it would do and asks.
func (n *nightC) asked(step string) string {
	n.t.Helper()
	inc := n.waitIncident("INC-1", "asking about "+step, func(inc *console.Incident) bool {
		st := stepOf(inc, step)
		return st.State == "awaiting" && st.Preview != nil && !strings.HasPrefix(st.WaitingOn, "a preview")
	})
	return stepOf(&inc, step).Preview.Text
}

// chooses answers a question as Ann once it is asked.
func (n *nightC) chooses(step, key string) {
	n.t.Helper()
	n.waitIncident("INC-1", "asking "+step, func(inc *console.Incident) bool { return stepOf(inc, step).State == "awaiting" })
	n.mustSay("choose INC-1 " + step + " " + key)
}

// cut kills Backout at a point of the attempt that the words let begin, and starts it
// again. The point is armed only now: the next intent, call and result are those of the
// step. An empty one does no harm.
func (n *nightC) cut(step, point string, words func()) {
	n.t.Helper()
	switch point {
	case "":
		words()
		return
	case atWork:
		words()
		n.step(step, "accepted")
		n.backout.kill9()
		n.restart("")
		return
	}
	n.waitTold()
	n.backout.stop(n.t)
	n.restart(point)
	words()
	n.crashed(point)
	n.restart("")
	if point == beforeTry {
		n.saysAgain(step, words)
	}
	if point == beforeCall || point == afterCall {
		n.says("INC-1", "and do not know how it ended: Backout was restarted before the answer came")
	}
}

// saysAgain repeats words whose answer was lost in the crash, when the step still asks.
func (n *nightC) saysAgain(step string, words func()) {
	n.t.Helper()
	n.waitIncident("INC-1", "past the approval of "+step, func(inc *console.Incident) bool {
		switch st := stepOf(inc, step); st.State {
		case "awaiting":
			if st.Preview != nil {
				words()
			}
		case "running", "accepted", "unknown", "done":
			return true
		}
		return false
	})
}

// writer counts what the application writes, as the code would that serves.
type writer struct {
	// wrote counts the wrong rows that were committed, right those of the code from before,
	// refused the writes that had no right.
	wrote, right, refused atomic.Int64
	// old is set when the code from before serves again.
	old atomic.Bool
}

// A payout of 20,000 won; the new code writes it in cents, which won have not.
const (
	writesCents = "insert into payouts (seller, amount) values (1, 20000 / 100)"
	writesWon   = "insert into payouts (seller, amount_krw) values (1, 20000)"
	writeEvery  = 4 * time.Millisecond
)

// writes lets the application write from now on.
func (n *nightC) writes() {
	n.t.Helper()
	w := &writer{}
	n.writer = w
	postgrestest.Application{
		URL: n.app, Every: writeEvery,
		Next: func() string {
			if w.old.Load() {
				return writesWon
			}
			return writesCents
		},
		Told: func(statement, state string) {
			switch {
			case state == "" && statement == writesWon:
				w.right.Add(1)
			case state == "":
				w.wrote.Add(1)
			case state == noRight:
				w.refused.Add(1)
			}
		},
	}.Run(n.t)
}

// wantSeconds holds the time that would be lost against the clock of the database.
func (n *nightC) wantSeconds(text string, at int64) {
	n.t.Helper()
	m := regexp.MustCompile(`as counted at (\d\d:\d\d:\d\d) UTC: (?:(\d+) minutes? )?(\d+) seconds?, `).FindStringSubmatch(text)
	if m == nil {
		n.t.Errorf("no time is told: %s", text)
		return
	}
	minutes, _ := strconv.ParseInt("0"+m[2], 10, 64)
	seconds, _ := strconv.ParseInt(m[3], 10, 64)
	told := time.UnixMilli(at).Add(time.Duration(60*minutes+seconds) * time.Second).UTC()
	counted, err := time.Parse(time.TimeOnly, m[1])
	if d := (told.Hour()-counted.Hour())*3600 + (told.Minute()-counted.Minute())*60 + told.Second() - counted.Second(); err != nil || d < -1 || d > 1 {
		n.t.Errorf("%d s from %s are told as lost, and it was counted at %s: %v", 60*minutes+seconds, time.UnixMilli(at).UTC(), m[1], err)
	}
}

// databases are the names that the shop's databases have.
func (n *nightC) databases() []string {
	n.t.Helper()
	return strings.Fields(postgrestest.Value(n.t, n.server, "select string_agg(datname, ' ' order by datname) from pg_database where datname like 'shop%'"))
}

// number asks a database for one.
func (n *nightC) number(url, sql string) int {
	n.t.Helper()
	v, err := strconv.Atoi(postgrestest.Value(n.t, url, "select ("+sql+")::text"))
	if err != nil {
		n.t.Fatal(err)
	}
	return v
}
