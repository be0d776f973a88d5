package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
)

// flagService is a service of the shop's own that switches checkout; the answer to the
// first order is lost after it was carried out.
type flagService struct {
	mu     sync.Mutex
	off    bool
	orders []string
}

func (f *flagService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case r.Header.Get("Authorization") != "Bearer "+secrets()["E2E_HOOK_TOKEN"]:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodGet:
		fmt.Fprintf(w, "checkout is %s", map[bool]string{true: "off", false: "on"}[f.off])
	default:
		f.off = strings.HasSuffix(r.URL.Path, "/off")
		f.orders = append(f.orders, r.URL.Path)
		if len(f.orders) == 1 {
			panic(http.ErrAbortHandler)
		}
	}
}

// TestFlag_kinds switches by a service over HTTP that loses an answer, and by a row of
// the database: off and on again, each order carried out once and read back.
func TestFlag_kinds(t *testing.T) {
	t.Parallel()
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		service := &flagService{}
		server := httptest.NewServer(service)
		t.Cleanup(server.Close)
		s := newShop(t, shopOptions{Kind: true, SwitchHTTP: server.URL})
		s.switchesOffAndOn()
		service.mu.Lock()
		defer service.mu.Unlock()
		if got := strings.Join(service.orders, " "); got != "/checkout/off /checkout/on" {
			t.Errorf("the service was told %s", got)
		}
	})
	t.Run("sql", func(t *testing.T) {
		t.Parallel()
		db := postgrestest.Start(t)
		postgrestest.Run(t, db, "create table flags (id text, is_on boolean)", "insert into flags values ('checkout', true), ('other', true)",
			"create table changes (id text, is_on boolean)",
			"create function note() returns trigger language plpgsql as $$ begin insert into changes values (new.id, new.is_on); return new; end $$",
			"create trigger noted after update on flags for each row execute function note()")
		s := newShop(t, shopOptions{Kind: true, Database: db, SwitchSQL: true})
		s.switchesOffAndOn()
		postgrestest.Run(t, db, `do $$ begin
			if (select string_agg(id || ':' || is_on, ' ') from changes) is distinct from 'checkout:false checkout:true' then
				raise exception 'changed: %', (select string_agg(id || ':' || is_on, ' ') from changes);
			end if; end $$`)
	})
}

// switchesOffAndOn opens an incident by hand, switches checkout off, and on again.
func (s *shop) switchesOffAndOn() {
	s.t.Helper()
	s.mustSay("open shop 'checkout charges twice' --component checkout")
	for _, to := range []string{"off", "on"} {
		step := "flag_" + to + "_checkout"
		s.mustSay("flag " + to + " INC-1 checkout")
		s.mustApprove("INC-1", step)
		inc := s.waitIncident("INC-1", "switched "+to, func(inc *console.Incident) bool { return stepOf(inc, step).State == "done" })
		if off := len(inc.SwitchedOff); off != map[string]int{"off": 1, "on": 0}[to] {
			s.t.Errorf("after `flag %s` %d components are off", to, off)
		}
	}
	s.backout.stop(s.t)
}
