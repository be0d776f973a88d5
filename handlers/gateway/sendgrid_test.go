package gateway

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// sendGridSample has the shape of SendGrid's documented events: an array with CRLF
// between its items and after them.
const sendGridSample = "[" +
	`{"email":"ann@example.com","timestamp":1795424061,"smtp-id":"<14c5d75ce93@ismtpd-555>","event":"processed","category":"incident","sg_event_id":"e1","sg_message_id":"m.filter0001"}` + ",\r\n" +
	`{"email":"bob@example.com","timestamp":1795424061,"event":"delivered","sg_event_id":"e2","response":"250 OK","notification_id":"n-42"}` + ",\r\n" +
	`{"email":"cy@mail.example","timestamp":1795424063,"event":"bounce","type":"blocked","status":"5.7.1","reason":"550 5.7.1 <cy@mail.example> blocked, see cy%40mail.example","sg_event_id":"e3"}` + ",\r\n" +
	`{"email":"dee@mail.example","timestamp":1795424062,"event":"bounce","type":"blocked","reason":"550 5.7.1 <dee@mail.example> blocked, see dee%40mail.example","sg_event_id":"e4"}` + ",\r\n" +
	`{"email":"dee@mail.example","timestamp":1795424062,"event":"bounce","type":"blocked","sg_event_id":"e4"}` + ",\r\n" +
	`{"email":"eve@example.com","timestamp":1795424064,"event":"bounce","type":"bounce","reason":"500 unknown","sg_event_id":"e5"}` + ",\r\n" +
	`{"email":"flo@example.com","timestamp":1795424065,"event":"dropped","reason":"Bounced Address","sg_event_id":"e6"}` + ",\r\n" +
	`{"email":"gus@example.com","timestamp":1795424066,"event":"spamreport","sg_event_id":"e7"}` + ",\r\n" +
	`{"email":"hal@example.com","timestamp":1795424067,"event":"open","useragent":"x","sg_event_id":"e8"}]` + "\r\n"

func TestSendGridGolden(t *testing.T) {
	t.Parallel()
	got, err := DecodeSendGrid(Delivery{Origin: "http/sendgrid", Body: []byte(sendGridSample)})
	if err != nil || got.Ignored != 4 || len(got.Items) != 3 {
		t.Fatalf("%+v %v", got, err)
	}
	want := []*orchestrator.Event{{
		Name: "mail providers block our mail", Summary: "2 in one delivery, mostly: 550 5.7.1 <[masked]> blocked, see [masked]", StartsAt: 1795424062000, Time: 1795424063000,
		Fingerprint: "sendgrid/blocked", Value: "2", Labels: map[string]string{"kind": "blocked"}, EventIDs: []string{"e3", "e4"},
	}, {
		Name: "SendGrid drops our mail unsent", Summary: "1 in one delivery, mostly: Bounced Address", StartsAt: 1795424065000, Time: 1795424065000,
		Fingerprint: "sendgrid/dropped", Value: "1", Labels: map[string]string{"kind": "dropped"}, EventIDs: []string{"e6"},
	}, {
		Name: "recipients report our mail as spam", Summary: "1 in one delivery", StartsAt: 1795424066000, Time: 1795424066000,
		Fingerprint: "sendgrid/spamreport", Value: "1", Labels: map[string]string{"kind": "spamreport"}, EventIDs: []string{"e7"},
	}}
	for i, it := range got.Items {
		ev := it.Record.Event
		sum := sha256.Sum256([]byte(strings.Join(ev.EventIDs, "\n")))
		want[i].Origin, want[i].Source, want[i].Type, want[i].Severity = "http/sendgrid", "sendgrid", orchestrator.AlertFiring, "warning"
		want[i].ID = fmt.Sprintf("%s/%x", ev.Labels["kind"], sum[:16])
		if !reflect.DeepEqual(ev, want[i]) || it.Keep != nil {
			t.Errorf("\n got %+v\nwant %+v", ev, want[i])
		}
	}
}

// TestSendGridCountsAtLength: a body of 768 KB is one line for each kind.
func TestSendGridCountsAtLength(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("[")
	for i := 0; b.Len() < 768<<10; i++ {
		fmt.Fprintf(&b, `{"email":"u%d@example.com","timestamp":1795424061,"event":"dropped","reason":"Bounced Address","sg_event_id":"id%06d"},`, i, i)
	}
	body := strings.TrimSuffix(b.String(), ",") + "]"
	got, err := DecodeSendGrid(Delivery{Origin: "http/sendgrid", Body: []byte(body)})
	if err != nil || len(got.Items) != 1 {
		t.Fatal(len(got.Items), err)
	}
	if ev := got.Items[0].Record.Event; len(ev.EventIDs) != maxEventIDs || ev.Value != strconv.Itoa(strings.Count(body, "sg_event_id")) {
		t.Errorf("%d ids, value %s", len(ev.EventIDs), ev.Value)
	}
}

func TestSendGridKeepsNoAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, body, want string }{
		{"no id", `[{"email":"ann.o'neil+x=y@example.com","event":"dropped","timestamp":1}]`, "sg_event_id is missing"},
		{"strange time", `[{"email":"ann.oneil@example.com","event":"dropped","timestamp":"soon","sg_event_id":"1","url":"https://x/?u=ann.o%40example.com"}]`, "timestamp is no time"},
		{"a list", `[["ann.o@example.com"]]`, "cannot be read"},
		{"null", `[null]`, "cannot be read"},
		{"no list", `{"email":"ann.o\u0040example.com"}`, "wrong type"},
		{"broken", `[{"email":"ann.o@example.com"`, "JSON"},
		{"an address right after an escape", `[{"event":"dropped","timestamp":1,"sg_event_id":"1","reason":"550 no\r\nann.o@example.com\u00e9"}]`, "550 no  [masked]"},
		{"an id that is an address", `[{"email":"\"ann o\"@example.com","event":"dropped","timestamp":1,"sg_event_id":"ann.o@example.com"}]`, ""},
	} {
		d := newDesk(t, func(o *Options) { o.Sources, o.Loopback = []Source{{Name: "sendgrid", Auth: AuthNone}}, true })
		status, answer, _ := d.post(t, "/hooks/sendgrid", c.body)
		d.mu.Lock()
		text := answer
		for _, r := range d.records {
			text += fmt.Sprintf("%+v %+v", r.Event, r.Bad)
		}
		for _, blob := range d.blobs {
			text += string(blob)
		}
		if n := len(d.records); n != 1 || !strings.Contains(text, c.want) || strings.Contains(text, "ann.") || strings.Contains(text, "ann o") || strings.Contains(text, "neil") || strings.Contains(text, "example.com") {
			t.Errorf("%s: %d %s", c.name, status, text)
		}
		d.mu.Unlock()
	}
}

func derText(t *testing.T, public any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestSendGridProvesWhoItIs(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	signedBy := func(k *ecdsa.PrivateKey, stamp, body string) string {
		sum := sha256.Sum256([]byte(stamp + body))
		signature, err := ecdsa.SignASN1(rand.Reader, k, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(signature)
	}
	stamp := func(ago time.Duration) string { return strconv.FormatInt(now.Add(-ago).Unix(), 10) }
	for _, c := range []struct {
		name, stamp, signature, body string
		status                       int
		unsigned                     bool
	}{
		{"right", stamp(0), signedBy(key, stamp(0), sendGridSample), sendGridSample, 200, false},
		{"at the edge", stamp(5 * time.Minute), signedBy(key, stamp(5*time.Minute), sendGridSample), sendGridSample, 200, false},
		{"stale, as a late try may be", stamp(6 * time.Minute), signedBy(key, stamp(6*time.Minute), sendGridSample), sendGridSample, 200, true},
		{"from the future", stamp(-6 * time.Minute), signedBy(key, stamp(-6*time.Minute), sendGridSample), sendGridSample, 200, true},
		{"another time than signed", stamp(time.Second), signedBy(key, stamp(0), sendGridSample), sendGridSample, 401, false},
		{"another key", stamp(0), signedBy(other, stamp(0), sendGridSample), sendGridSample, 401, false},
		{"another body", stamp(0), signedBy(key, stamp(0), sendGridSample), strings.TrimSpace(sendGridSample), 401, false},
		{"no signature", stamp(0), "", sendGridSample, 401, false},
		{"no time", "", signedBy(key, "", sendGridSample), sendGridSample, 401, false},
		{"no base64", stamp(0), "!!", sendGridSample, 401, false},
		{"no signature inside", stamp(0), "AAAA", sendGridSample, 401, false},
	} {
		d := newDesk(t, func(o *Options) {
			o.Sources = []Source{{Name: "sendgrid", Auth: AuthECDSA, Secrets: []string{derText(t, other.Public()), derText(t, key.Public())}[1:]}}
			o.Now = func() time.Time { return now }
		})
		var ids []string
		for range 2 { // replayed, it is the same again
			status, answer, _ := d.post(t, "/hooks/sendgrid", c.body, mailSignature, c.signature, mailTimestamp, c.stamp)
			for _, r := range d.wants(t, status, answer, c.status, "") {
				ids = append(ids, r.Event.ID)
				if r.Event.Unsigned != c.unsigned {
					t.Errorf("%s: unsigned %v", c.name, r.Event.Unsigned)
				}
			}
		}
		if ok := c.status == 200; ok != (len(ids) == 6) || ok && !reflect.DeepEqual(ids[:3], ids[3:]) {
			t.Errorf("%s: %v", c.name, ids)
		}
	}
}

// TestAMailKeyThatVerifiesNothingIsRefused: a key of another sort must be found at
// the start, not by a panic at the first delivery.
func TestAMailKeyThatVerifiesNothingIsRefused(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	edKey, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	large, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{
		"RSA": derText(t, rsaKey.Public()), "Ed25519": derText(t, edKey), "P-384": derText(t, large.Public()), "no DER": "AAAA", "no base64": "!",
	} {
		d := &desk{}
		_, err := New(Options{Append: d.append, PutBlob: d.putBlob, Sources: []Source{{Name: "sendgrid", Auth: AuthECDSA, Secrets: []string{secret}}}})
		if err == nil || !strings.Contains(err.Error(), "verification key") {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := mailSigned(Source{Secrets: []string{secret}}, map[string][]string{mailSignature: {"AAAA"}, mailTimestamp: {"1"}}, nil, time.Time{}); ok {
			t.Errorf("%s verifies", name)
		}
	}
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mailKey("-----BEGIN PUBLIC KEY-----\n" + derText(t, good.Public()) + "\n-----END PUBLIC KEY-----\n"); err != nil {
		t.Errorf("a PEM file: %v", err)
	}
}

func FuzzDecodeSendGrid(f *testing.F) {
	seedBodies(f)
	f.Add([]byte(sendGridSample))
	f.Add([]byte(`[{"event":"blocked","sg_event_id":"@","timestamp":1e9,"reason":"a@b@c \u0040x%40y"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if d, err := DecodeSendGrid(Delivery{Origin: "http/sendgrid", Body: body}); err == nil {
			fit(t, d)
		}
	})
}
