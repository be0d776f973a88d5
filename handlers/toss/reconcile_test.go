package toss_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/toss"
	"github.com/aimarketplace/backout/orchestrator"
)

// ledger is the shop's own database, and where the list is kept.
type ledger struct {
	rows [][]string
	err  error
	list string
}

func (l *ledger) Rows(context.Context, time.Time, time.Time, int) ([][]string, error) {
	return l.rows, l.err
}

func (l *ledger) PutBlob(_ context.Context, data []byte) (string, error) {
	l.list = string(data)
	return "blob", nil
}

func reconcileCall(project string, inputs map[string]any) orchestrator.Call {
	data, _ := json.Marshal(inputs)
	return orchestrator.Call{Project: project, Environment: "production", Inputs: data}
}

// Of the payments that are open with the shop those that Toss was paid are counted and
// listed; what could not be asked is no number.
func TestReconcile_tellsWhatIsOwed(t *testing.T) {
	t.Parallel()
	d := start(t)
	for key, status := range map[string]string{"paid1": "DONE", "paid2": "DONE", "open": "IN_PROGRESS"} {
		d.order("payment", map[string]any{"payment_key": key, "status": status, "lost": true})
	}
	l := &ledger{rows: [][]string{{"paid1", "o-1"}, {"open", "o-2"}, {"never", "o-3"}, {"paid2"}}}
	r := &toss.Reconcile{Client: d.client, Ask: l, Blobs: l, Project: "shop"}
	window := map[string]any{"from": 1000, "to": 2000}
	out, err := r.Do(t.Context(), reconcileCall("shop", window))
	if err != nil || out.Text != "2 of 4 payments that are open with us are paid at Toss, 1 are open there too, 1 it does not know" {
		t.Errorf("%s %v", out.Text, err)
	}
	var kept orchestrator.EvidenceOutput
	if err := json.Unmarshal(out.Data, &kept); err != nil || len(kept.Evidence) != 1 || kept.Evidence[0].Bytes != len(l.list) || !strings.Contains(l.list, `"o-3"`) {
		t.Errorf("%s %v\n%s", out.Data, err, l.list)
	}
	for _, c := range []orchestrator.Call{reconcileCall("other", window), reconcileCall("shop", nil)} {
		if _, err := r.Do(t.Context(), c); !orchestrator.IsPermanent(err) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	l.err = errors.New("the database is gone")
	if out, err := r.Do(t.Context(), reconcileCall("shop", window)); err != nil || !out.Errored {
		t.Errorf("a database that is away: %+v %v", out, err)
	}
}
