package access_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/postgres/postgrestest"
	"github.com/aimarketplace/backout/orchestrator"
)

// A session that is killed in the middle leaves everything as it was, and the same step
// then does it.
func TestReadonly_killedInTheMiddle(t *testing.T) {
	t.Parallel()
	w := start(t)
	before := w.rights()
	w.do(orchestrator.ReadOnly, w.call())
	w.do(orchestrator.ReadWrite, w.call())
	c := w.call()
	w.killed(orchestrator.ReadOnly, c, "taking")
	if after := w.rights(); after != before {
		t.Errorf("taking: before:\n%s\nafter:\n%s", before, after)
	}
	w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeNotDone)
	w.do(orchestrator.ReadOnly, c)
	w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeDone)
	taken := w.rights()
	c = w.call()
	w.killed(orchestrator.ReadWrite, c, "giving back")
	if after := w.rights(); after != taken {
		t.Errorf("giving back: before:\n%s\nafter:\n%s", taken, after)
	}
	w.do(orchestrator.ReadWrite, c)
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// killed does the action and kills its session while it waits for a lock, in the middle
// of its transaction.
func (w *world) killed(action string, c orchestrator.Call, what string) {
	w.t.Helper()
	conn := connect(w.t, w.url)
	defer func() { _ = conn.Close(context.Background()) }()
	// Rights are recorded before they are taken, and given back before the mark is put.
	if _, err := conn.Exec(w.t.Context(), "begin; lock table backout.mark in access exclusive mode"); err != nil {
		w.t.Fatal(err)
	}
	// Within one transaction the list of sessions does not change.
	looks := connect(w.t, w.url)
	defer func() { _ = looks.Close(context.Background()) }()
	done := make(chan error, 1)
	go func() {
		_, err := w.action(action).Do(w.t.Context(), c)
		done <- err
	}()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(10 * time.Second)
	for {
		var killed bool
		err := looks.QueryRow(w.t.Context(), `select coalesce(bool_or(pg_terminate_backend(a.pid)), false) from pg_stat_activity a
			where a.application_name = 'backout' and a.wait_event_type = 'Lock'`).Scan(&killed)
		if err != nil {
			w.t.Fatal(err)
		}
		if killed {
			break
		}
		select {
		case <-tick.C:
		case <-late:
			w.t.Fatalf("%s: it does not wait", what)
		}
	}
	if err := <-done; err == nil || orchestrator.IsPermanent(err) || orchestrator.IsInDoubt(err) {
		w.t.Errorf("%s: %v", what, err)
	}
}

// Two at once: one takes, the other adopts, and nothing is recorded twice.
func TestReadonly_twoAtOnce(t *testing.T) {
	t.Parallel()
	w := start(t)
	before := w.rights()
	calls := []orchestrator.Call{w.call(), w.call()}
	var all sync.WaitGroup
	for _, c := range calls {
		all.Go(func() {
			if _, err := w.action(orchestrator.ReadOnly).Do(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := w.value("select count(*)::text from backout.readonly"); n != "1" {
		t.Errorf("%s records", n)
	}
	for _, c := range calls {
		w.verified(orchestrator.ReadOnly, c, orchestrator.OutcomeDone)
	}
	w.do(orchestrator.ReadWrite, w.call())
	if after := w.rights(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	postgrestest.Run(t, w.as("app"), "insert into orders (amount) values (1)")
}
