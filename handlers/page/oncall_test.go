package page_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aimarketplace/backout/handlers/page"
	"github.com/aimarketplace/backout/orchestrator"
)

// wire is a channel that reaches people with an address in it; it fails for some.
type wire struct {
	name    string
	address func(orchestrator.Person) string
	broken  map[string]error
	hang    bool

	mu   sync.Mutex
	told []string
	busy atomic.Int32
	most atomic.Int32
}

func (w *wire) Name() string                       { return w.name }
func (w *wire) Reaches(p orchestrator.Person) bool { return w.address(p) != "" }

func (w *wire) Page(ctx context.Context, p orchestrator.Person, text string) error {
	now := w.busy.Add(1)
	defer w.busy.Add(-1)
	w.mu.Lock()
	w.most.Store(max(w.most.Load(), now))
	w.told = append(w.told, p.ID+" "+text)
	w.mu.Unlock()
	if w.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return w.broken[p.ID]
}

func slackWire() *wire {
	return &wire{name: "Slack", address: func(p orchestrator.Person) string { return p.Slack }}
}

func mailWire() *wire {
	return &wire{name: "e-mail", address: func(p orchestrator.Person) string { return p.Email }}
}

func oncall(t *testing.T, o page.Options) *page.OnCall {
	t.Helper()
	made, err := page.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func call(t *testing.T, people ...orchestrator.Person) orchestrator.Call {
	t.Helper()
	raw, err := json.Marshal(orchestrator.PageInputs{Text: "INC-7: checkout is down", People: people})
	if err != nil {
		t.Fatal(err)
	}
	return orchestrator.Call{Incident: "INC-7", Step: "page", Inputs: raw}
}

func crew() (ann, bob, cho orchestrator.Person) {
	return orchestrator.Person{ID: "ann", Name: "Ann Lee", Slack: "U01", Email: "ann@x.test"},
		orchestrator.Person{ID: "bob", Slack: "U02"},
		orchestrator.Person{ID: "cho", Email: "cho@x.test"}
}

func TestDo(t *testing.T) {
	t.Parallel()
	ann, bob, cho := crew()
	down := errors.New("it is down")
	tests := []struct {
		name        string
		slack, mail map[string]error
		people      []orchestrator.Person
		text, data  string
		fails       string
	}{
		{
			"everybody by everything", nil, nil,
			[]orchestrator.Person{ann, bob, cho},
			"told Ann Lee by Slack and e-mail, bob by Slack, cho by e-mail", `{"reached":["ann","bob","cho"],"missed":[]}`, "",
		},
		{
			"one channel is enough",
			map[string]error{"ann": down},
			nil,
			[]orchestrator.Person{ann},
			"told Ann Lee by e-mail (not by Slack: it is down)", `{"reached":["ann"],"missed":[]}`, "",
		},
		{
			"some not",
			map[string]error{"bob": down},
			nil,
			[]orchestrator.Person{ann, bob, {ID: "dan"}},
			"told Ann Lee by Slack and e-mail. Not reached: bob (Slack: it is down), dan (no channel has an address of theirs)",
			`{"reached":["ann"],"missed":["bob","dan"]}`, "",
		},
		{
			"nobody",
			map[string]error{"ann": down, "bob": down},
			map[string]error{"ann": down},
			[]orchestrator.Person{ann, bob},
			"", "",
			"nobody was reached: Ann Lee (Slack: it is down; e-mail: it is down), bob (Slack: it is down)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			chat, post := slackWire(), mailWire()
			chat.broken, post.broken = tt.slack, tt.mail
			out, err := oncall(t, page.Options{Channels: []page.Channel{chat, post}}).Do(t.Context(), call(t, tt.people...))
			if fmt.Sprint(err) != fmt.Sprint(failure(tt.fails)) || out.Text != tt.text || string(out.Data) != tt.data {
				t.Errorf("text %q\ndata %s\nerror %v", out.Text, out.Data, err)
			}
			if orchestrator.IsPermanent(err) || orchestrator.IsInDoubt(err) {
				t.Errorf("%v keeps the engine from trying again", err)
			}
			if !slices.Contains(chat.told, "ann INC-7: checkout is down") {
				t.Errorf("Slack told %v", chat.told)
			}
		})
	}
}

func failure(text string) error {
	if text == "" {
		return nil
	}
	return errors.New(text)
}

func TestDo_withoutChannelsOrPeople(t *testing.T) {
	t.Parallel()
	ann, _, _ := crew()
	var log bytes.Buffer
	silent := oncall(t, page.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	out, err := silent.Do(t.Context(), call(t, ann))
	if err != nil || !strings.HasPrefix(out.Text, "no paging channel is configured: nobody was told") || !strings.Contains(log.String(), "level=WARN") {
		t.Errorf("%+v %v\n%s", out, err, &log)
	}
	o := oncall(t, page.Options{Channels: []page.Channel{slackWire()}})
	if _, err := o.Do(t.Context(), call(t)); !orchestrator.IsPermanent(err) {
		t.Errorf("nobody to page: %v", err)
	}
	if _, err := o.Do(t.Context(), orchestrator.Call{Inputs: json.RawMessage(`[]`)}); !orchestrator.IsPermanent(err) {
		t.Errorf("wrong inputs: %v", err)
	}
}

func TestDo_hangingChannelIsBoundedInTimeAndNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var people []orchestrator.Person
		for i := range 30 {
			people = append(people, orchestrator.Person{ID: fmt.Sprint("p", i), Slack: "U"})
		}
		chat := slackWire()
		chat.hang = true
		begin := time.Now()
		_, err := oncall(t, page.Options{Channels: []page.Channel{chat}}).Do(t.Context(), call(t, people...))
		if err == nil || time.Since(begin) >= 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		if got := chat.most.Load(); got > 8 {
			t.Errorf("%d pages at once", got)
		}
	})
}

func TestPlanVerifySpec(t *testing.T) {
	t.Parallel()
	ann, bob, _ := crew()
	o := oncall(t, page.Options{Channels: []page.Channel{slackWire(), mailWire()}})
	preview, err := o.Plan(t.Context(), call(t, ann, bob, orchestrator.Person{ID: "dan"}))
	want := `page Ann Lee by Slack and e-mail, bob by Slack, dan by nothing, no channel has an address of theirs: "INC-7: checkout is down"`
	if err != nil || preview.Text != want {
		t.Errorf("%q %v", preview.Text, err)
	}
	if preview, err := oncall(t, page.Options{}).Plan(t.Context(), call(t, ann)); err != nil || !strings.HasPrefix(preview.Text, "no paging channel") {
		t.Errorf("%q %v", preview.Text, err)
	}
	if out, err := o.Verify(t.Context(), call(t), ""); err != nil || out.Kind != orchestrator.OutcomeCannotTell {
		t.Errorf("%+v %v", out, err)
	}
	if s := o.Actions()[orchestrator.PageAction].Spec(); s.Name != orchestrator.PageAction || s.Effect || s.Safety != orchestrator.Repeatable {
		t.Errorf("%+v", s)
	}
}

func TestNew_twoChannelsOfOneName(t *testing.T) {
	t.Parallel()
	if _, err := page.New(page.Options{Channels: []page.Channel{slackWire(), slackWire()}}); err == nil {
		t.Error("two channels of one name were taken")
	}
}
