package sandbox_test

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/aimarketplace/backout/handlers/sandbox"
)

// bot is the real client, pointed at the stand-in.
func (h *harness) bot() *slack.Client {
	return slack.New("xoxb-secret", slack.OptionAPIURL(h.urls.Slack+"/"))
}

type shown struct {
	TS, Channel, Text string
	EphemeralTo       string `json:"ephemeral_to"`
	Edits             int
	Deleted           bool
	Metadata          json.RawMessage
}

func (h *harness) messages() []shown {
	h.Helper()
	var messages []shown
	h.want(200, "GET", h.urls.Slack+"/_sandbox/messages", nil).into(h.T, &messages)
	return messages
}

func ackButton() slack.MsgOption {
	button := slack.NewButtonBlockElement("ack_step", "op-42", slack.NewTextBlockObject("plain_text", "Acknowledge", false, false))
	return slack.MsgOptionBlocks(slack.NewActionBlock("b7", button))
}

func TestSlack_postUpdateAndHistory(t *testing.T) {
	t.Parallel()
	h := start(t)
	metadata := slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "backout", EventPayload: map[string]any{"op_id": "op-1"}})
	channel, ts, err := h.bot().PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("checkout is down <!channel>", false), metadata)
	if err != nil || channel != "C0INC" {
		t.Fatalf("posting: %s %v", channel, err)
	}
	if _, _, _, err := h.bot().UpdateMessageContext(t.Context(), "C0INC", ts, slack.MsgOptionText("rolled back", false)); err != nil {
		t.Fatalf("updating: %v", err)
	}
	if _, _, err := h.bot().PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("second", false)); err != nil {
		t.Fatal(err)
	}
	for _, include := range []bool{true, false} {
		page, err := h.bot().GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0INC", IncludeAllMetadata: include})
		if err != nil || len(page.Messages) != 2 || page.Messages[1].Text != "rolled back" {
			t.Fatalf("history: %+v %v", page, err)
		}
		if got := page.Messages[1].Metadata.EventPayload["op_id"]; (got == "op-1") != include {
			t.Errorf("metadata with include=%v: %v", include, got)
		}
	}
	page, err := h.bot().GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0INC", Limit: 1})
	if err != nil || !page.HasMore || page.Messages[0].Text != "second" {
		t.Fatalf("first page: %+v %v", page, err)
	}
	page, err = h.bot().GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0INC", Limit: 1, Cursor: page.ResponseMetaData.NextCursor})
	if err != nil || page.HasMore || page.Messages[0].Text != "rolled back" {
		t.Fatalf("second page: %+v %v", page, err)
	}
	page, err = h.bot().GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "C0INC", Oldest: ts})
	if err != nil || len(page.Messages) != 1 {
		t.Fatalf("after the first: %+v %v", page, err)
	}
}

func TestSlack_postIsNotIdempotent(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Slack+"/_sandbox/fault", obj{"kind": "drop_after", "path": "/chat.postMessage"})
	if _, _, err := h.bot().PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("x", false)); err == nil {
		t.Error("a dropped answer arrived")
	}
	if _, _, err := h.bot().PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("x", false)); err != nil {
		t.Fatal(err)
	}
	if got := len(h.messages()); got != 2 {
		t.Errorf("%d messages, want 2", got)
	}
	for _, c := range h.calls(h.urls.Slack) {
		if strings.Contains(c.Body, "xoxb") {
			t.Errorf("the call log has the token: %s", c.Body)
		}
	}
}

func TestSlack_people(t *testing.T) {
	t.Parallel()
	h := start(t)
	ctx := t.Context()
	if who, err := h.bot().AuthTestContext(ctx); err != nil || who.TeamID == "" {
		t.Errorf("auth.test: %+v %v", who, err)
	}
	user, err := h.bot().GetUserByEmailContext(ctx, "oncall-a@aimarketplace.com")
	if err != nil || user.ID != "U01" {
		t.Errorf("by e-mail: %+v %v", user, err)
	}
	if _, err := h.bot().GetUserByEmailContext(ctx, "nobody@x.test"); err == nil || err.Error() != "users_not_found" {
		t.Errorf("unknown e-mail: %v", err)
	}
	members, err := h.bot().GetUserGroupMembersContext(ctx, "S0ONCALL")
	if err != nil || len(members) != 2 {
		t.Errorf("group: %v %v", members, err)
	}
	dm, _, _, err := h.bot().OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{"U02"}})
	if err != nil {
		t.Fatal(err)
	}
	channel, _, err := h.bot().PostMessageContext(ctx, "U02", slack.MsgOptionText("page", false))
	if err != nil || channel != dm.ID {
		t.Errorf("a post to a person went to %s, the direct message is %s; %v", channel, dm.ID, err)
	}
	if _, err := h.bot().PostEphemeralContext(ctx, "C0INC", "U01", slack.MsgOptionText("only you", false)); err != nil {
		t.Error(err)
	}
	page, err := h.bot().GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{ChannelID: "C0INC"})
	if err != nil || len(page.Messages) != 0 {
		t.Errorf("an ephemeral message is in the history: %+v %v", page, err)
	}
}

func TestSlack_errorsAre200WithACode(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Token = "xoxb-right" })
	for _, tt := range []struct {
		method string
		body   obj
		auth   string
		code   string
	}{
		{"auth.test", nil, "", "not_authed"},
		{"auth.test", nil, "Bearer wrong", "invalid_auth"},
		{"chat.postMessage", obj{"channel": "nowhere", "text": "x"}, "Bearer xoxb-right", "channel_not_found"},
		{"chat.postMessage", obj{"channel": "C1"}, "Bearer xoxb-right", "no_text"},
		{"chat.postMessage", obj{"channel": "C1", "blocks": obj{}}, "Bearer xoxb-right", "invalid_blocks"},
		{"chat.postMessage", obj{"channel": "C1", "text": "x", "metadata": obj{"op_id": "1"}}, "Bearer xoxb-right", "invalid_metadata_format"},
		{"chat.postMessage", obj{"channel": "C1", "text": strings.Repeat("x", 40_001)}, "Bearer xoxb-right", "msg_too_long"},
		{"chat.update", obj{"channel": "C1", "ts": "1.2", "text": "x"}, "Bearer xoxb-right", "message_not_found"},
		{"usergroups.users.list", obj{"usergroup": "S1"}, "Bearer xoxb-right", "no_such_subteam"},
		{"no.such", nil, "Bearer xoxb-right", "unknown_method"},
	} {
		r, err := h.try("POST", h.urls.Slack+"/api/"+tt.method, tt.body, tt.auth)
		if err != nil || r.status != 200 || r.at(t, "ok") != false || r.at(t, "error") != tt.code {
			t.Errorf("%s %v: %d %s %v, want %s", tt.method, tt.body, r.status, r.body, err, tt.code)
		}
	}
}

func TestSlack_oneMessagePerSecondAndChannel(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.Slack+"/_sandbox/setup", obj{"rate_limit": true})
	post := func(channel string) error {
		_, _, err := h.bot().PostMessageContext(t.Context(), channel, slack.MsgOptionText("x", false))
		return err
	}
	if err := errors.Join(post("C1"), post("C2")); err != nil {
		t.Fatal(err)
	}
	var limited *slack.RateLimitedError
	if err := post("C1"); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("second message: %v", err)
	}
	h.clock.forward(time.Second)
	if err := post("C1"); err != nil {
		t.Error(err)
	}
}

// app is a chat app that verifies with the real library and answers body.
func app(t *testing.T, secret, body string) (string, <-chan url.Values) {
	t.Helper()
	got := make(chan url.Values, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		verifier, err := slack.NewSecretsVerifier(r.Header, secret)
		if err == nil {
			_, _ = verifier.Write(raw)
			err = verifier.Ensure()
		}
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		form, _ := url.ParseQuery(string(raw))
		got <- form
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func TestSlack_slashCommandIsSigned(t *testing.T) {
	t.Parallel()
	h := start(t)
	target, got := app(t, "sig", `{"response_type":"ephemeral","text":"acknowledged"}`)
	order := obj{"user_id": "U01", "text": "ack INC-1", "channel_id": "C0OPS", "url": target, "signing_secret": "sig"}
	r := h.want(200, "POST", h.urls.Slack+"/_sandbox/slash", order)
	if r.at(t, "status") != float64(200) || !strings.Contains(string(r.body), "acknowledged") {
		t.Errorf("the command came back with %s", r.body)
	}
	form := <-got
	if form.Get("command") != "/backout" || form.Get("text") != "ack INC-1" || form.Get("user_id") != "U01" || form.Get("trigger_id") == "" {
		t.Errorf("form %v", form)
	}
	if m := h.messages(); len(m) != 1 || m[0].EphemeralTo != "U01" || m[0].Text != "acknowledged" {
		t.Errorf("shown: %+v", m)
	}
	for name, change := range map[string]obj{"wrong secret": {"signing_secret": "other"}, "old": {"age_seconds": 301}, "future": {"age_seconds": -310}} {
		bad := maps.Clone(order)
		maps.Copy(bad, change)
		if r := h.want(200, "POST", h.urls.Slack+"/_sandbox/slash", bad); r.at(t, "status") != float64(401) {
			t.Errorf("%s: %s", name, r.body)
		}
	}
	h.want(400, "POST", h.urls.Slack+"/_sandbox/slash", obj{"user_id": "U99", "url": target})
}

func TestSlack_clickAndResponseURL(t *testing.T) {
	t.Parallel()
	h := start(t)
	target, got := app(t, "sig", "")
	_, ts, err := h.bot().PostMessageContext(t.Context(), "C0INC", slack.MsgOptionText("approve?", false), ackButton())
	if err != nil {
		t.Fatal(err)
	}
	click := obj{"user_id": "U01", "ts": ts, "action_id": "ack_step", "url": target, "signing_secret": "sig"}
	h.want(200, "POST", h.urls.Slack+"/_sandbox/click", click)
	var callback slack.InteractionCallback
	if err := json.Unmarshal([]byte((<-got).Get("payload")), &callback); err != nil {
		t.Fatal(err)
	}
	pressed := callback.ActionCallback.BlockActions
	if len(pressed) != 1 || pressed[0].ActionID != "ack_step" || pressed[0].Value != "op-42" || pressed[0].BlockID != "b7" ||
		callback.User.ID != "U01" || callback.Message.Timestamp != ts || callback.Channel.ID != "C0INC" {
		t.Errorf("payload %+v", callback)
	}
	h.want(400, "POST", h.urls.Slack+"/_sandbox/click", obj{"user_id": "U01", "ts": ts, "action_id": "other", "url": target})
	h.want(200, "POST", h.urls.Slack+"/_sandbox/click", obj{"user_id": "U01", "ts": ts, "action_id": "other", "value": "v", "stale": true, "url": target, "signing_secret": "sig"})

	respond := func(status int, body any) {
		t.Helper()
		if r, err := h.try("POST", callback.ResponseURL, body, ""); err != nil || r.status != status {
			t.Errorf("response URL: %d %s %v, want %d", r.status, r.body, err, status)
		}
	}
	respond(200, obj{"replace_original": true, "text": "approved by oncall-a"})
	respond(200, obj{"text": "only you"})
	respond(200, obj{"response_type": "in_channel", "text": "all"})
	m := h.messages()
	if len(m) != 3 || m[0].Text != "approved by oncall-a" || m[0].Edits != 1 || m[1].EphemeralTo != "U01" || m[2].EphemeralTo != "" {
		t.Errorf("shown: %+v", m)
	}
	respond(200, obj{"delete_original": true})
	respond(200, obj{"text": "five"})
	respond(404, obj{"text": "six"})
	if !h.messages()[0].Deleted {
		t.Error("the original was not deleted")
	}
}

func TestSlack_responseURLExpires(t *testing.T) {
	t.Parallel()
	h := start(t)
	target, _ := app(t, "sig", "")
	r := h.want(200, "POST", h.urls.Slack+"/_sandbox/slash", obj{"user_id": "U01", "text": "now", "url": target, "signing_secret": "sig"})
	address, _ := r.at(t, "response_url").(string)
	h.clock.forward(31 * time.Minute)
	if r, err := h.try("POST", address, obj{"text": "late"}, ""); err != nil || r.status != 404 || r.at(t, "error") != "expired_url" {
		t.Errorf("after 31 min: %d %s %v", r.status, r.body, err)
	}
}

func TestSlack_waitsThreeSeconds(t *testing.T) {
	t.Parallel()
	h := start(t)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // Only a read body lets the server see the caller leave.
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	r := h.want(200, "POST", h.urls.Slack+"/_sandbox/slash", obj{"user_id": "U01", "text": "now", "url": silent.URL, "signing_secret": "sig"})
	if r.at(t, "error") != "operation_timeout" || r.at(t, "status") != float64(0) {
		t.Errorf("a silent app: %s", r.body)
	}
}
