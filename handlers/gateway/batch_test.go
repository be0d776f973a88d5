package gateway

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

func TestGoodItemsOfABatchLand(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	batch := "[" + cloudEvent(nil, nil) + `,{"id":1},` + cloudEvent(map[string]any{"id": "e2"}, nil) + `,null,[]]`
	status, answer, _ := d.post(t, "/hooks/events", batch, "Authorization", "Bearer "+publishToken, "Content-Type", "application/cloudevents-batch+json")
	rs := d.wants(t, status, answer, 200, `{"accepted":2,"quarantined":3}`)
	if len(rs) != 5 || rs[0].Event == nil || rs[1].Bad == nil || rs[2].Event == nil {
		t.Errorf("%+v", rs)
	}
	alerts := `{"alerts":[{"status":"firing","labels":{"alertname":"A"},"fingerprint":"a"},{"status":"firing","labels":7,"fingerprint":"b"},{"status":"firing","labels":{"alertname":"C"},"fingerprint":"c"}]}`
	status, answer, _ = d.post(t, "/hooks/alertmanager", alerts, "Authorization", "Bearer "+hookToken)
	d.wants(t, status, answer, 200, `{"accepted":2,"quarantined":1}`)
}

func TestAFloodOfBadItemsLeavesAHundredLinesAndTheBody(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	body := "[" + strings.Repeat("{},", 50_000) + cloudEvent(nil, nil) + "]"
	status, answer, _ := d.post(t, "/hooks/events", body, "Authorization", "Bearer "+publishToken)
	rs := d.wants(t, status, answer, 200, `{"accepted":1,"quarantined":50000}`)
	if len(rs) != maxBad+2 || string(d.blobs[rs[len(rs)-1].Bad.Blob]) != body {
		t.Errorf("%d records", len(rs))
	}
}

func TestManyAlertsAreAppendedInSmallEntries(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	var b strings.Builder
	for i := range 1000 {
		b.WriteString(`,{"status":"firing","labels":{"alertname":"A` + strings.Repeat("<", 200) + `"},"fingerprint":"` + strconv.Itoa(i) + `"}`)
	}
	status, answer, _ := d.post(t, "/hooks/alertmanager", `{"alerts":[`+b.String()[1:]+`]}`, "Authorization", "Bearer "+hookToken)
	d.wants(t, status, answer, 200, `"accepted":1000`)
	for _, rs := range d.appends {
		env := orchestrator.Envelope{Records: rs}
		if data, err := env.Encode(); err != nil || len(data) > 512<<10 {
			t.Errorf("an entry of %d bytes: %v", len(data), err)
		}
	}
}

func TestARecordOfTimeIsPassedOn(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int64{
		``: 0, `null`: 0, `""`: 0, `"0001-01-01T00:00:00Z"`: 0,
		`"2026-11-23T09:00:00Z"`: 1795424400000, `"2026-11-23T18:00:00.123456789+09:00"`: 1795424400123,
		`1795424400`: 1795424400000, `1795424400000`: 1795424400000, `"1795424400000"`: 1795424400000, `1795424400.5`: 1795424400500,
		`0`: 1, `"1970-01-01T00:00:00Z"`: 1, `"1970-01-01T00:00:05Z"`: 5000, `5`: 5000, `-5`: -5000, `"2999-01-01T00:00:00Z"`: 32472144000000,
	} {
		if got, err := millis(json.RawMessage(raw)); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", raw, got, err, want)
		}
	}
	for _, raw := range []string{`true`, `{}`, `"x"`, `1e400`, `1e300`, `"NaN"`, `9223372036854775807`, `-9223372036854775808`} {
		if got, err := millis(json.RawMessage(raw)); err == nil {
			t.Errorf("%s is taken for the time %d", raw, got)
		}
	}
}

func TestReplaysAndLateDeliveriesAreTheSameRecordAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, nil)
	body, _, _ := strings.Cut(strings.TrimSpace(vercelSamples), "\n")
	var seen []orchestrator.Record
	for range 2 {
		status, answer, _ := d.post(t, "/hooks/vercel", body, "x-vercel-signature", vercelSignature(body))
		seen = append(seen, d.wants(t, status, answer, 200, `"accepted":1`)...)
	}
	if !reflect.DeepEqual(seen[0], seen[1]) || seen[0].Event.Time != 1763885000000 {
		t.Errorf("a replay differs or has another time:\n%+v\n%+v", seen[0].Event, seen[1].Event)
	}
}

func TestTextsAreMadeFitForTheLog(t *testing.T) {
	t.Parallel()
	data := map[string]any{
		"summary": "<!channel> \x1b[31mred\x00\u202e\r\nkey sk_live_51Habcdef", "name": strings.Repeat("é", 400),
		"labels": map[string]string{"k\n": "sbp_0123456789abcdef"},
	}
	got, err := DecodeCloudEvents(Delivery{Origin: "http/events", Body: []byte(cloudEvent(nil, data))})
	if err != nil || got.Items[0].Record.Event == nil {
		t.Fatal(got, err)
	}
	ev, keep := got.Items[0].Record.Event, string(got.Items[0].Keep)
	if ev.Summary != "<!channel> [31mred  key [masked]" || ev.Name != strings.Repeat("é", 150) || ev.Labels["k "] != mask {
		t.Errorf("%+v", ev)
	}
	if !strings.Contains(keep, strings.Repeat("é", 400)) || strings.Contains(keep, "51Habcdef") || strings.Contains(keep, "sbp_") {
		t.Errorf("the body that is kept: %s", keep)
	}
	got, err = DecodeCloudEvents(Delivery{Body: []byte(cloudEvent(map[string]any{"traceparent": "00-1"}, map[string]any{"extra": 1}))})
	if err != nil || !strings.Contains(string(got.Items[0].Keep), `"extra":1`) {
		t.Errorf("unknown members are lost: %+v %v", got, err)
	}
	many := map[string]string{}
	for i := range 500 {
		many["l"+strconv.Itoa(i)] = strings.Repeat("v", 100)
	}
	got, err = DecodeCloudEvents(Delivery{Body: []byte(cloudEvent(nil, map[string]any{"labels": many}))})
	if err != nil || len(got.Items[0].Record.Event.Labels) > maxLabels || got.Items[0].Keep == nil {
		t.Errorf("labels: %+v %v", got, err)
	}
}

func TestIDsStayDifferent(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, pair := range [][2]string{{"a/b", "c"}, {"a", "b/c"}, {"a", "b%2Fc"}, {"s", "sk_live_aaaaaa"}, {"s", "sk_live_bbbbbb"}, {"s", strings.Repeat("x", 300) + "1"}, {"s", strings.Repeat("x", 300) + "2"}} {
		got, err := DecodeCloudEvents(Delivery{Body: []byte(cloudEvent(map[string]any{"source": pair[0], "id": pair[1]}, nil))})
		if err != nil {
			t.Fatal(err)
		}
		id := got.Items[0].Record.Event.ID
		if other, taken := seen[id]; taken || strings.Contains(id, "sk_live") || len(id) > maxID {
			t.Errorf("%v has the id %s, as %s", pair, id, other)
		}
		seen[id] = pair[0] + " " + pair[1]
	}
}

func TestASourceWithAProjectSpeaksForItOnly(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) { o.Sources[0].Project, o.Sources[2].Project = "shop", "blog" })
	status, answer, _ := d.post(t, "/hooks/alertmanager", `{"alerts":[{"status":"firing","labels":{"project":"blog"},"fingerprint":"a"}]}`, "Authorization", "Bearer "+hookToken)
	if rs := d.wants(t, status, answer, 200, `"accepted":1`); rs[0].Event.Project != "shop" {
		t.Errorf("%+v", rs[0].Event)
	}
	status, answer, _ = d.post(t, "/hooks/events", cloudEvent(nil, nil), "Authorization", "Bearer events-secret")
	if rs := d.wants(t, status, answer, 200, `"quarantined":1`); !strings.Contains(rs[0].Bad.Reason, "may only speak for blog") {
		t.Errorf("%+v", rs[0].Bad)
	}
}
