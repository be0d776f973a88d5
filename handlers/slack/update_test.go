package slack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/slack"
	"github.com/aimarketplace/backout/orchestrator"
)

func checkout() slack.Card {
	return slack.Card{
		Incident: slack.Incident{ID: "INC-1", Title: "checkout & more <!channel> down", State: "mitigating", Severity: "critical", Summary: []string{"<@U01> look", "7 signals"}},
		Waiting: []slack.Asked{
			{Step: "back", Text: "roll back to dpl_good1 <!here>", Preview: "abc123"},
			{Step: "database", Text: "What about the data?", Choices: []slack.Choice{{Key: "leave", Text: "leave it"}, {Key: "revert"}}},
		},
	}
}

func (w *workspace) do(c orchestrator.Call) (orchestrator.Output, error) {
	w.Helper()
	return w.client.Actions()["chat.update"].Do(w.Context(), c)
}

func placeOf(t *testing.T, out orchestrator.Output) (at struct{ Channel, TS string }) {
	t.Helper()
	if err := json.Unmarshal(out.Data, &at); err != nil || at.TS == "" || at.Channel != "C0INC" {
		t.Fatalf("output %s: %v", out.Data, err)
	}
	return at
}

func TestUpdate_postsThenEdits(t *testing.T) {
	t.Parallel()
	w := start(t)
	k := checkout()
	out, err := w.do(card(t, k))
	if err != nil {
		t.Fatal(err)
	}
	at := placeOf(t, out)
	m := w.messages()
	if len(m) != 1 || m[0].Text != "INC-1 critical, mitigating: checkout &amp; more &lt;!channel&gt; down" {
		t.Fatalf("messages %+v", m)
	}
	blocks := readable(t, m[0].Blocks)
	for _, want := range []string{
		`"value":"approve INC-1 back preview=abc123"`, `"value":"reject INC-1 back"`, `"value":"choose INC-1 database leave"`,
		`"value":"choose INC-1 database revert"`, `"value":"ack INC-1"`, `&lt;!here&gt;`, `&lt;@U01&gt; look`, `• leave: leave it`,
	} {
		if !strings.Contains(blocks, want) {
			t.Errorf("no %s in %s", want, blocks)
		}
	}
	if strings.Contains(blocks, "<") {
		t.Errorf("outside text is markup: %s", blocks)
	}
	k.Channel, k.TS, k.Waiting = at.Channel, at.TS, nil
	k.Incident.State, k.Incident.Summary = "resolved", nil
	if out, err = w.do(card(t, k)); err != nil || placeOf(t, out) != at {
		t.Fatalf("%+v %v", out, err)
	}
	m = w.messages()
	if len(m) != 1 || m[0].Edits != 1 || strings.Contains(string(m[0].Blocks), `"button"`) || !strings.Contains(m[0].Text, "resolved") {
		t.Errorf("messages %+v", m)
	}
	k.TS = "1.000001" // Somebody deleted the message.
	if out, err = w.do(card(t, k)); err != nil || placeOf(t, out) == at || len(w.messages()) != 2 {
		t.Errorf("%+v %v, %d messages", out, err, len(w.messages()))
	}
}

// readable undoes JSON's own escaping of < and > in letters.
func readable(t *testing.T, raw json.RawMessage) string {
	t.Helper()
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(raw))
}

func TestUpdate_lostAnswerPostsOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{sandbox.FaultDrop, sandbox.FaultAfter} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := start(t)
			w.fault(sandbox.Fault{Kind: kind, Path: "/chat.postMessage"})
			c := card(t, checkout())
			if _, err := w.do(c); !orchestrator.IsInDoubt(err) || strings.Contains(err.Error(), botToken) {
				t.Fatalf("lost answer: %v", err)
			}
			verified, err := w.client.Actions()["chat.update"].Verify(t.Context(), c, "")
			if err != nil || verified.Kind != orchestrator.OutcomeDone {
				t.Errorf("verify: %+v %v", verified, err)
			}
			c.Attempt = "a2"
			out, err := w.do(c)
			if err != nil || len(w.messages()) != 1 || w.calls("/chat.postMessage") != 1 {
				t.Fatalf("%v, %d messages", err, len(w.messages()))
			}
			placeOf(t, out)
		})
	}
}

func TestUpdate_historyUnreadableStillPosts(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.fault(sandbox.Fault{Kind: sandbox.FaultBefore, Path: "/conversations.history"})
	if _, err := w.do(card(t, checkout())); err != nil || len(w.messages()) != 1 {
		t.Errorf("%v, %d messages", err, len(w.messages()))
	}
	if !strings.Contains(w.log.String(), "chat history not readable") {
		t.Errorf("log %s", w.log)
	}
}

func TestUpdate_refusals(t *testing.T) {
	t.Parallel()
	w := start(t)
	elsewhere := checkout()
	elsewhere.Channel = "nowhere"
	if _, err := w.do(card(t, elsewhere)); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "invite the bot") {
		t.Errorf("unknown channel: %v", err)
	}
	w.fault(sandbox.Fault{Kind: sandbox.FaultLimited, Path: "/chat.postMessage", RetryAfter: 7})
	if _, err := w.do(card(t, checkout())); orchestrator.RetryDelay(err) != 7*time.Second {
		t.Errorf("throttled: %v", err)
	}
	w.fault(sandbox.Fault{Kind: sandbox.FaultRevoked, Count: -1})
	if _, err := w.do(card(t, checkout())); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), "bot_token") {
		t.Errorf("revoked: %v", err)
	}
	if _, err := w.do(orchestrator.Call{Inputs: json.RawMessage(`{"incident": 1}`)}); !orchestrator.IsPermanent(err) {
		t.Errorf("wrong inputs: %v", err)
	}
}

func TestUpdate_longestCardFitsSlack(t *testing.T) {
	t.Parallel()
	w := start(t)
	long := strings.Repeat("&", 5000)
	k := slack.Card{Incident: slack.Incident{ID: "INC-1", Title: long, State: "mitigating", Severity: "critical", Summary: []string{long}}}
	for i := range 60 {
		k.Waiting = append(k.Waiting, slack.Asked{Step: fmt.Sprint("s", i), Text: long, Preview: "h"})
	}
	if _, err := w.do(card(t, k)); err != nil {
		t.Fatal(err)
	}
	var blocks []struct {
		Text struct{ Text string }
	}
	if err := json.Unmarshal(w.messages()[0].Blocks, &blocks); err != nil || len(blocks) > 50 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	for _, b := range blocks {
		if n := len([]rune(b.Text.Text)); n > 3000 {
			t.Errorf("a section of %d characters", n)
		}
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	w := start(t)
	c := card(t, checkout())
	preview, err := w.client.Actions()["chat.update"].Plan(t.Context(), c)
	if err != nil || preview.Text != "post the message of INC-1 in Slack channel C0INC" || len(w.messages()) != 0 {
		t.Errorf("%q %v", preview.Text, err)
	}
	out, err := w.client.Actions()["chat.update"].Verify(t.Context(), c, "")
	if err != nil || out.Kind != orchestrator.OutcomeNotDone {
		t.Errorf("%+v %v", out, err)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	w := start(t)
	ann := orchestrator.Person{ID: "ann", Slack: "U01"}
	if !w.client.Reaches(ann) || w.client.Reaches(orchestrator.Person{ID: "bob"}) || w.client.Name() != "Slack" {
		t.Error("who can be reached is wrong")
	}
	if err := w.client.Page(t.Context(), ann, "INC-1: <!channel> & more"); err != nil {
		t.Fatal(err)
	}
	if m := w.messages(); len(m) != 1 || m[0].Channel != "D01" || m[0].Text != "INC-1: &lt;!channel&gt; &amp; more" {
		t.Errorf("messages %+v", m)
	}
	for id, says := range map[string]string{"": "no Slack id", "U99": "correct the person's slack id"} {
		if err := w.client.Page(t.Context(), orchestrator.Person{ID: "bob", Slack: id}, "x"); !orchestrator.IsPermanent(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", id, err)
		}
	}
	w.fault(sandbox.Fault{Kind: sandbox.FaultBefore})
	if err := w.client.Page(t.Context(), ann, "x"); err == nil || orchestrator.IsPermanent(err) {
		t.Errorf("Slack broke: %v", err)
	}
}

func TestNew_refusals(t *testing.T) {
	t.Parallel()
	if _, err := slack.New(slack.Options{}); err == nil || !strings.Contains(err.Error(), "bot_token") {
		t.Errorf("no token: %v", err)
	}
	if _, err := slack.New(slack.Options{BotToken: botToken, AllowPrivate: []string{"x"}}); err == nil || strings.Contains(err.Error(), botToken) {
		t.Errorf("wrong network: %v", err)
	}
}
