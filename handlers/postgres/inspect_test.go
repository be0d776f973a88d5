package postgres_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/postgres"
	"github.com/aimarketplace/backout/orchestrator"
)

// What a DBA looks at first is kept: who waits for whom, the statements without what is
// people's own, the sizes. What may not be seen says so, and a database that is gone is
// no evidence.
func TestInspect_atPostgreSQL(t *testing.T) {
	t.Parallel()
	url := cluster(t)
	run(t, url, "create table payouts (id int primary key, owner text)", "insert into payouts values (1, 'kim@x.test')")
	holder, waiter := connect(t, url), connect(t, url)
	if _, err := holder.Exec(t.Context(), "begin; update payouts set owner = 'lee@x.test' where id = 1"); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = waiter.Exec(ctx, "update payouts set owner = 'secret@x.test' where id = 1") // It is cut off.
	}()
	var kept string
	i, err := postgres.NewInspect([]postgres.Database{{Project: "shop", Environment: "production", URL: url, AllowPrivate: []string{"127.0.0.0/8"}}}, func(_ context.Context, data []byte) (string, int, error) {
		kept = string(data)
		return "hash", len(data), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	call := orchestrator.Call{Project: "shop", Environment: "production"}
	out := orchestrator.Output{}
	for !strings.Contains(out.Text, "1 sessions wait for a lock") {
		if out, err = i.Do(t.Context(), call); err != nil || t.Context().Err() != nil {
			t.Fatal(out, err)
		}
	}
	stop()
	<-done
	var seen map[string]any
	if err := json.Unmarshal([]byte(kept), &seen); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"blocked_by"`, "update payouts set owner = ? where id = ?", `"max_connections": 100`, `"relname": "payouts"`, "not seen: "} {
		if !strings.Contains(kept, want) {
			t.Errorf("%s is not in what was kept:\n%s", want, kept)
		}
	}
	if strings.Contains(kept, "@x.test") {
		t.Errorf("people's data was kept:\n%s", kept)
	}
	if _, err := i.Do(t.Context(), orchestrator.Call{Project: "other", Environment: "production"}); !orchestrator.IsPermanent(err) {
		t.Errorf("another database: %v", err)
	}
	gone, err := postgres.NewInspect([]postgres.Database{{Project: "shop", Environment: "production", URL: "postgres://nobody:zq-secret@127.0.0.1:1/none", AllowPrivate: []string{"127.0.0.0/8"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := gone.Do(t.Context(), call); err != nil || !out.Errored || strings.Contains(out.Text, "zq-secret") {
		t.Errorf("a database that is gone: %+v %v", out, err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}
