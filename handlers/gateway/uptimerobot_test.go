package gateway

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// uptimeRobotBody is what UptimeRobot sends when a monitor goes down, with
// variables changed; nil takes one out.
func uptimeRobotBody(with map[string]any) string {
	m := map[string]any{
		"monitorID": "788", "monitorURL": "https://shop.example.com", "monitorFriendlyName": "Shop", "alertType": "1", "alertTypeFriendlyName": "Down",
		"alertDetails": "HTTP 502 - Bad Gateway", "alertDuration": "", "alertDateTime": "1795424400", "sslExpiryDate": "*sslExpiryDate*", "sslExpiryDaysLeft": "*sslExpiryDaysLeft*",
	}
	change(m, with)
	b, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestUptimeRobotGolden(t *testing.T) {
	t.Parallel()
	const at = 1795424400000
	down := orchestrator.Event{
		Origin: "http/uptimerobot", ID: "788/down/1795424400000", Type: orchestrator.AlertFiring, Source: "uptimerobot", Time: at, StartsAt: at, Fingerprint: "788",
		Name: "Shop", Severity: "critical", Summary: "HTTP 502 - Bad Gateway", URL: "https://shop.example.com",
		Labels: map[string]string{"monitor_id": "788", "monitor": "Shop", "url": "https://shop.example.com", "type": "down"},
	}
	up := down
	up.ID, up.Type, up.Time, up.Summary = "788/up/1795424520000", orchestrator.AlertResolved, at+120_000, "HTTP 200 - OK"
	up.Labels = map[string]string{"monitor_id": "788", "monitor": "Shop", "url": "https://shop.example.com", "type": "up"}
	upSomeTime := up
	upSomeTime.StartsAt = 0
	expiry := down
	expiry.ID, expiry.Severity, expiry.Summary = "788/ssl/1795424400000", "warning", "the certificate expires in 7 days, on 2026-11-30"
	expiry.Labels = map[string]string{"monitor_id": "788", "monitor": "Shop", "url": "https://shop.example.com", "type": "ssl"}
	timeless := down
	timeless.Time, timeless.StartsAt = 0, 0
	upWith := map[string]any{"alertType": "2", "alertTypeFriendlyName": "Up", "alertDetails": "HTTP 200 - OK", "alertDateTime": "1795424520", "alertDuration": "120"}
	upVague := map[string]any{"alertType": nil, "alertTypeFriendlyName": "UP", "alertDetails": "HTTP 200 - OK", "alertDateTime": 1795424520, "alertDuration": "2 minutes"}
	for name, c := range map[string]struct {
		body string
		want orchestrator.Event
	}{
		"down":                  {uptimeRobotBody(nil), down},
		"down, numbers":         {uptimeRobotBody(map[string]any{"monitorID": 788, "alertType": 1, "alertTypeFriendlyName": nil, "alertDateTime": 1795424400}), down},
		"down, a form":          {"monitorID=788&monitorURL=https%3A%2F%2Fshop.example.com&monitorFriendlyName=Shop&alertType=1&alertDetails=HTTP+502+-+Bad+Gateway&alertDateTime=1795424400", down},
		"down, the word counts": {uptimeRobotBody(map[string]any{"alertType": "9"}), down},
		"up":                    {uptimeRobotBody(upWith), up},
		"up, since some time":   {uptimeRobotBody(upVague), upSomeTime},
		"expiry":                {uptimeRobotBody(map[string]any{"alertType": "3", "alertTypeFriendlyName": "SSL expiry", "alertDetails": "", "sslExpiryDate": "1796004000", "sslExpiryDaysLeft": "7"}), expiry},
	} {
		got, err := DecodeUptimeRobot(Delivery{Origin: "http/uptimerobot", Body: []byte(c.body)})
		if err != nil || len(got.Items) != 1 || !reflect.DeepEqual(got.Items[0].Record.Event, &c.want) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got.Items, &c.want)
		}
	}
	ids := map[string]bool{}
	for _, with := range []map[string]any{{"alertDateTime": nil}, {"alertDateTime": "*alertDateTime*"}, {"alertDateTime": "", "alertDetails": "another"}} {
		got, err := DecodeUptimeRobot(Delivery{Origin: "http/uptimerobot", Body: []byte(uptimeRobotBody(with))})
		if err != nil || len(got.Items) != 1 || got.Items[0].Record.Event == nil {
			t.Fatal(got, err)
		}
		ev := got.Items[0].Record.Event
		if ev.Time != 0 || ev.StartsAt != 0 || ids[ev.ID] {
			t.Errorf("without a time: %+v", ev)
		}
		ids[ev.ID] = true
	}
}

func TestUptimeRobotProvesWhoItIs(t *testing.T) {
	t.Parallel()
	body := uptimeRobotBody(nil)
	for _, c := range []struct {
		name    string
		source  Source
		path    string
		headers []string
		status  int
	}{
		{"path secret", Source{Auth: AuthPathSecret, Secrets: []string{"old", "s1"}}, "/s1", nil, 200},
		{"path secret, wrong", Source{Auth: AuthPathSecret, Secrets: []string{"s1"}}, "/s2", nil, 401},
		{"path secret, missing", Source{Auth: AuthPathSecret, Secrets: []string{"s1"}}, "", nil, 401},
		{"path secret, as a token", Source{Auth: AuthPathSecret, Secrets: []string{"s1"}}, "", []string{"Authorization", "Bearer s1"}, 401},
		{"bearer", Source{Auth: AuthBearer, Secrets: []string{"s1"}}, "", []string{"Authorization", "Bearer s1"}, 200},
		{"bearer, wrong", Source{Auth: AuthBearer, Secrets: []string{"s1"}}, "", []string{"Authorization", "Bearer s2"}, 401},
		{"bearer, in the path", Source{Auth: AuthBearer, Secrets: []string{"s1"}}, "/s1", nil, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.source.Name = "uptimerobot"
			d := newDesk(t, func(o *Options) { o.Sources = []Source{c.source} })
			status, answer, _ := d.post(t, "/hooks/uptimerobot"+c.path, body, c.headers...)
			if rs := d.wants(t, status, answer, c.status, ""); (c.status == 200) != (len(rs) == 1) || strings.Contains(answer, "s1") {
				t.Errorf("answered %s with %d records", answer, len(rs))
			}
		})
	}
}

func TestWhatUptimeRobotSaysWrongIsKept(t *testing.T) {
	t.Parallel()
	d := newDesk(t, func(o *Options) {
		o.Sources = []Source{{Name: "uptimerobot", Auth: AuthPathSecret, Secrets: []string{"s1"}}}
	})
	for _, c := range []struct {
		body   string
		status int
		reason string
	}{
		{``, 400, "the body is empty"},
		{`null`, 400, "the body is null"},
		{`{"monitorID":`, 400, "broken JSON"},
		{`[]`, 400, "wrong type"},
		{`hello`, 400, "broken JSON"},
		{`{}`, 200, "monitorID is missing"},
		{uptimeRobotBody(map[string]any{"monitorID": "*monitorID*"}), 200, "monitorID is missing"},
		{uptimeRobotBody(map[string]any{"monitorID": []int{1}}), 200, "monitorID is missing"},
		{uptimeRobotBody(map[string]any{"alertType": "*alertType*", "alertTypeFriendlyName": "Paused"}), 200, `they are "Paused" and ""`},
		{uptimeRobotBody(map[string]any{"alertDateTime": "yesterday"}), 200, "alertDateTime is no time"},
	} {
		status, answer, _ := d.post(t, "/hooks/uptimerobot/s1", c.body)
		rs := d.wants(t, status, answer, c.status, "quarantine")
		if len(rs) != 1 || rs[0].Bad == nil || !strings.Contains(rs[0].Bad.Reason, c.reason) {
			t.Errorf("%s: kept %+v, want one line of quarantine with %q", c.body, rs[0].Bad, c.reason)
		}
	}
	long := strings.Repeat("x", 2000)
	status, answer, _ := d.post(t, "/hooks/uptimerobot/s1", uptimeRobotBody(map[string]any{"alertDetails": long}))
	rs := d.wants(t, status, answer, 200, `"accepted":1`)
	if ev := rs[0].Event; len(ev.Summary) != maxText || !strings.Contains(string(d.blobs[ev.Blob]), long) {
		t.Errorf("a long text is lost: %+v", ev)
	}
}
