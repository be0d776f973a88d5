package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRuleTest_bodiesOfSenders: whoever writes a match rule has an alert of a monitor at
// hand, not a CloudEvent.
func TestRuleTest_bodiesOfSenders(t *testing.T) {
	t.Parallel()
	const alert = `{"status":"firing","labels":{"alertname":"Down","service":"checkout","severity":"critical"},"startsAt":"2026-11-23T08:54:21Z","fingerprint":"ab"}`
	other := strings.ReplaceAll(strings.ReplaceAll(alert, "checkout", "nobody"), "ab", "cd")
	for name, c := range map[string]struct {
		body, source string
		fails        bool
		wants        []string
	}{
		"two of Alertmanager":          {`{"alerts":[` + alert + `,` + other + `]}`, "alertmanager", false, []string{"ab/1795424061000/firing: opened INC-1", `unrouted: no match rule of any project takes source "alertmanager"`}},
		"of Alertmanager, not named":   {`{"alerts":[` + alert + `]}`, "", true, []string{"id is missing. This was read as a CloudEvent", "--source alertmanager | "}},
		"one good and one bad":         {`{"alerts":[{},` + alert + `]}`, "alertmanager", true, []string{"it would go to quarantine: fingerprint is missing", "opened INC-1"}},
		"of Sentry, without a header":  {`{"action":"critical","data":{"metric_alert":{"id":"5","title":"T","date_started":"2026-11-23T08:54:21Z","projects":["shop"],"alert_rule":{"id":"7","name":"R"}}}}`, "sentry", false, []string{"unrouted: ", "source \"sentry\""}},
		"of GitHub, without a header":  {`{"action":"created","deployment_status":{"id":1,"state":"success","environment":"production"},"deployment":{"id":2,"sha":"abc"},"repository":{"full_name":"x/y"}}`, "github", false, nil},
		"of PagerDuty's shape":         {`{"event_action":"trigger","dedup_key":"k","payload":{"summary":"s","severity":"critical","source":"h","timestamp":"2026-11-23T08:54:21Z"}}`, "pagerduty", false, []string{`source "pagerduty"`}},
		"of nobody":                    {`{}`, "nagios", true, []string{`there is no webhook source "nagios"; known are alertmanager, events`}},
		"something of no use":          {`{"type":"user.created"}`, "vercel", false, []string{"nothing: there is no event in it that Backout has a use for"}},
		"a mistake says what is wrong": {`nonsense`, "grafana", true, []string{"broken JSON"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "body.json")
			if err := os.WriteFile(file, []byte(c.body), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			cmd := ruleTest()
			cmd.SetArgs([]string{"--event", file, "--source", c.source})
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			cmd.SilenceUsage, cmd.SilenceErrors = true, true
			err := cmd.ExecuteContext(t.Context())
			text := out.String()
			if err != nil {
				text += err.Error()
			}
			if (err != nil) != c.fails {
				t.Errorf("failed: %v, want %v: %s", err, c.fails, text)
			}
			for _, want := range c.wants {
				if !strings.Contains(text, want) {
					t.Errorf("does not say %q: %s", want, text)
				}
			}
		})
	}
}
