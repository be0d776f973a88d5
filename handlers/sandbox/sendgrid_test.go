package sandbox_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/sandbox"
	"github.com/aimarketplace/backout/handlers/sandbox/spectest"
)

// letter is a valid mail to n people, each with a personalization of his own.
func letter(n int) obj {
	var people []obj
	for i := range n {
		to := fmt.Sprintf("user%d@shop.test", i)
		people = append(people, obj{"to": []obj{{"email": to}}, "custom_args": obj{"notification_id": fmt.Sprint("n-", i)}, "substitutions": obj{"%name%": fmt.Sprint("User ", i)}})
	}
	return obj{
		"personalizations": people, "from": obj{"email": "status@shop.test"}, "subject": "Incident",
		"content": []obj{{"type": "text/plain", "value": "Dear %name%, checkout is down."}},
	}
}

func (h *harness) mails() []sandbox.Mail {
	h.Helper()
	var mails []sandbox.Mail
	h.want(200, "GET", h.urls.SendGrid+"/_sandbox/mails", nil).into(h.T, &mails)
	return mails
}

func TestSendGrid_acceptsAndDelivers(t *testing.T) {
	t.Parallel()
	h := start(t)
	r := h.want(202, "POST", h.urls.SendGrid+"/v3/mail/send", letter(3))
	id := r.header.Get("X-Message-Id")
	mails := h.mails()
	if len(r.body) != 0 || id == "" || len(mails) != 3 {
		t.Fatalf("body %q, id %q, %d mails", r.body, id, len(mails))
	}
	m := mails[2]
	if !strings.HasPrefix(m.MessageID, id) || m.To != "user2@shop.test" || m.Subject != "Incident" ||
		m.CustomArgs["notification_id"] != "n-2" || m.Text != "Dear User 2, checkout is down." {
		t.Errorf("mail %+v", m)
	}
	if got := h.want(200, "GET", h.urls.SendGrid+"/v3/scopes", nil); !strings.Contains(string(got.body), "mail.send") {
		t.Errorf("scopes: %s", got.body)
	}
}

func TestSendGrid_repeatMailsAgain(t *testing.T) {
	t.Parallel()
	h := start(t)
	h.want(200, "POST", h.urls.SendGrid+"/_sandbox/fault", obj{"kind": "drop_after"})
	if _, err := h.try("POST", h.urls.SendGrid+"/v3/mail/send", letter(1), "Bearer x"); err == nil {
		t.Error("a dropped answer arrived")
	}
	h.want(202, "POST", h.urls.SendGrid+"/v3/mail/send", letter(1))
	if got := len(h.mails()); got != 2 {
		t.Errorf("%d mails, want 2: the lost answer's and the repeat's", got)
	}
}

func TestSendGrid_sandboxModeDeliversNothing(t *testing.T) {
	t.Parallel()
	h := start(t)
	l := letter(1)
	l["mail_settings"] = obj{"sandbox_mode": obj{"enable": true}}
	h.want(200, "POST", h.urls.SendGrid+"/v3/mail/send", l)
	if got := len(h.mails()); got != 0 || h.calls(h.urls.SendGrid)[0].Effect {
		t.Errorf("%d mails delivered", got)
	}
}

func TestSendGrid_limits(t *testing.T) {
	t.Parallel()
	h := start(t)
	first := func(l obj) obj { return l["personalizations"].([]obj)[0] }
	tests := []struct {
		name   string
		people int
		edit   func(obj)
		field  string
		says   string
	}{
		{"no from", 1, func(l obj) { delete(l, "from") }, "from.email", "from object must be provided"},
		{"from in Unicode", 1, func(l obj) { l["from"] = obj{"email": "stätus@shop.test"} }, "from.email", ""},
		{"nobody", 0, func(obj) {}, "personalizations", ""},
		{"1001 personalizations", 1001, func(obj) {}, "personalizations", "limited to 1000 personalizations"},
		{"1001 recipients", 1000, func(l obj) { first(l)["cc"] = []obj{{"email": "one@more.test"}} }, "personalizations", "There is a limit of 1000 total recipients (to + cc + bcc) per request"},
		{"same person twice", 2, func(l obj) { first(l)["bcc"] = []obj{{"email": "USER1@shop.test"}} }, "personalizations", "Each unique email address"},
		{"no address", 1, func(l obj) { first(l)["to"] = []obj{{"email": "nobody"}} }, "personalizations.0.to.0.email", ""},
		{"comma in a name", 1, func(l obj) { first(l)["to"] = []obj{{"email": "a@b.test", "name": "Doe, J"}} }, "personalizations.0.to.0.name", ""},
		{"big custom_args", 1, func(l obj) { first(l)["custom_args"] = obj{"x": strings.Repeat("y", 10_001)} }, "personalizations.0.custom_args", ""},
		{"no subject", 1, func(l obj) { delete(l, "subject") }, "personalizations.0.subject", ""},
		{"no content", 1, func(l obj) { delete(l, "content") }, "content", ""},
		{"eleven categories", 1, func(l obj) { l["categories"] = strings.Split("a b c d e f g h i j k", " ") }, "categories", ""},
		{"too far ahead", 1, func(l obj) { l["send_at"] = h.clock.Now().Add(73 * time.Hour).Unix() }, "send_at", ""},
		{"dynamic data, no template", 1, func(l obj) { first(l)["dynamic_template_data"] = obj{"a": 1} }, "personalizations.0.dynamic_template_data", ""},
		{"two bypasses", 1, func(l obj) {
			l["mail_settings"] = obj{"bypass_list_management": obj{"enable": true}, "bypass_spam_management": obj{"enable": true}}
		}, "mail_settings", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := letter(tt.people)
			tt.edit(l)
			r := h.want(400, "POST", h.urls.SendGrid+"/v3/mail/send", l)
			var body struct {
				Errors []struct{ Message, Field string }
			}
			r.into(t, &body)
			if len(body.Errors) != 1 || body.Errors[0].Field != tt.field || !strings.Contains(body.Errors[0].Message, tt.says) {
				t.Errorf("answered %s", r.body)
			}
		})
	}
	h.want(400, "POST", h.urls.SendGrid+"/v3/mail/send", "{")
	h.want(202, "POST", h.urls.SendGrid+"/v3/mail/send", letter(1000))
	h.want(413, "POST", h.urls.SendGrid+"/v3/mail/send", strings.Repeat(" ", 30<<20))
}

func TestSendGrid_authenticationAndThrottle(t *testing.T) {
	t.Parallel()
	h := start(t, func(o *sandbox.Options) { o.Token = "SG.right" })
	for _, auth := range []string{"", "Bearer SG.wrong"} {
		r, err := h.try("POST", h.urls.SendGrid+"/v3/mail/send", letter(1), auth)
		if err != nil || r.status != http.StatusUnauthorized || !strings.Contains(string(r.body), `"errors"`) {
			t.Errorf("%q: %d %s %v", auth, r.status, r.body, err)
		}
	}
	h.want(200, "POST", h.urls.SendGrid+"/_sandbox/fault", obj{"kind": "429", "retry_after": 2})
	r, err := h.try("POST", h.urls.SendGrid+"/v3/mail/send", letter(1), "Bearer SG.right")
	if err != nil || r.status != 429 || r.header.Get("X-RateLimit-Reset") != "" {
		t.Errorf("429 has %v %v", r.header, err)
	}
}

func TestSendGrid_gzip(t *testing.T) {
	t.Parallel()
	h := start(t)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if err := json.NewEncoder(w).Encode(letter(1)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.urls.SendGrid+"/v3/mail/send", &zipped)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer x")
	r.Header.Set("Content-Encoding", "gzip")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 202 || !strings.HasPrefix(h.calls(h.urls.SendGrid)[0].Body, "{") {
		t.Errorf("gzip: %s", resp.Status)
	}
}

// verified checks a delivery as SendGrid's documentation says: ECDSA over
// SHA-256 of timestamp and raw body.
func verified(t *testing.T, publicKey string, d delivery) bool {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := base64.StdEncoding.DecodeString(d.header.Get("X-Twilio-Email-Event-Webhook-Signature"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte(d.header.Get("X-Twilio-Email-Event-Webhook-Timestamp")), d.body...))
	return ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), sum[:], signature)
}

func TestSendGrid_eventsAreSignedAndDuplicated(t *testing.T) {
	t.Parallel()
	url, got := receiver(t, 0)
	h := start(t, func(o *sandbox.Options) { o.EventURL, o.MaxLag = url, time.Millisecond })
	for range 24 { // One post in four comes twice: with this seed some did.
		h.want(202, "POST", h.urls.SendGrid+"/v3/mail/send", letter(2))
	}
	seen, kinds := map[string]int{}, map[string]int{}
	for !twice(seen) || kinds["delivered/n-1"] == 0 || kinds["processed/n-1"] == 0 {
		d := next(t, got)
		if !verified(t, h.EventPublicKey(), d) {
			t.Fatalf("wrong signature over %q", d.body)
		}
		if !bytes.HasSuffix(d.body, []byte("}]\r\n")) || !bytes.Contains(d.body, []byte("},\r\n{")) {
			t.Errorf("body %q lacks SendGrid's line ends", d.body)
		}
		var events []map[string]any
		if err := json.Unmarshal(d.body, &events); err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			seen[e["sg_event_id"].(string)]++
			kinds[fmt.Sprint(e["event"], "/", e["notification_id"])]++
		}
	}
}

func TestSendGrid_answersFitTheSpec(t *testing.T) {
	t.Parallel()
	checker := spectest.SendGrid(t)
	h := start(t)
	for status, body := range map[int]any{202: letter(2), 400: obj{}} {
		r := h.want(status, "POST", h.urls.SendGrid+"/v3/mail/send", body)
		// The document calls help an object; the real answers carry null there.
		if err := checker.Response("POST", "/v3/mail/send", status, bytes.ReplaceAll(r.body, []byte(`"help":null,`), nil)); err != nil {
			t.Error(err)
		}
	}
	raw, err := json.Marshal(letter(2))
	if err != nil {
		t.Fatal(err)
	}
	if err := checker.Check("POST", "/v3/mail/send", "", raw); err != nil {
		t.Error(err)
	}
}
