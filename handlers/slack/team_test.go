package slack_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/slack"
)

// TestInbound_anotherWorkspace: an app may be installed in several workspaces and signs
// for all of them; only the configured one gives commands.
func TestInbound_anotherWorkspace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		team, body string
		want       string
	}{
		"of the workspace":       {"T0AIM", "team_id=T0AIM&user_id=U01&text=ack+INC-1&trigger_id=1.1", "ack INC-1|ann||true"},
		"of another one":         {"T0AIM", "team_id=T0OTHER&user_id=U01&text=ack+INC-1&trigger_id=1.2", ""},
		"of none":                {"T0AIM", "user_id=U01&text=ack+INC-1&trigger_id=1.3", ""},
		"none is configured":     {"", "team_id=T0OTHER&user_id=U01&text=ack+INC-1&trigger_id=1.4", "ack INC-1|ann||true"},
		"a click":                {"T0AIM", pressedIn("T0AIM"), "ack INC-1|ann||true"},
		"a click in another one": {"T0AIM", pressedIn("T0OTHER"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, err := slack.New(slack.Options{BotToken: botToken, SigningSecret: signing, Team: c.team})
			if err != nil {
				t.Fatal(err)
			}
			m := &mind{}
			answer := httptest.NewRecorder()
			client.Handler(m.options()).ServeHTTP(answer, signed(t, "http://127.0.0.1/chat/slack", c.body, time.Now()))
			if answer.Code != http.StatusOK || m.all() != c.want {
				t.Errorf("answered %d %s, carried out %q, want %q", answer.Code, answer.Body, m.all(), c.want)
			}
			if c.want == "" && !strings.Contains(c.body, "payload") && !strings.Contains(answer.Body.String(), "takes no commands from this Slack workspace") {
				t.Errorf("the speaker is told %s", answer.Body)
			}
		})
	}
}

func pressedIn(team string) string {
	return url.Values{"payload": {`{"type":"block_actions","user":{"id":"U01"},"team":{"id":"` + team + `"},"trigger_id":"2.1","actions":[{"type":"button","block_id":"b","action_id":"ack","value":"ack INC-1"}]}`}}.Encode()
}
