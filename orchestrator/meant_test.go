package orchestrator_test

import (
	"strings"
	"testing"

	"github.com/aimarketplace/backout/orchestrator"
)

// TestMeant_oneIncidentOfTwoProjects: the incident that two environments have is one, so
// it need not be named while no other is open.
func TestMeant_oneIncidentOfTwoProjects(t *testing.T) {
	t.Parallel()
	b := newRespondBook(t, func(c *orchestrator.Config) {
		blog := c.Projects[0]
		blog.ID, blog.Match, blog.DependsOn = "blog", nil, []string{"db"}
		c.Projects[0].DependsOn = []string{"db"}
		c.Projects = append(c.Projects, blog)
	})
	b.alert("5xx")
	b.event(orchestrator.Event{Type: orchestrator.AlertFiring, Source: "sentry", Project: "blog", Name: "slow", Severity: "critical", StartsAt: b.now})
	if inc, _ := b.state.Incident(1); len(inc.Also) != 1 {
		t.Fatalf("not one incident: %v\n%s", inc.Also, b.story())
	}
	if got := b.state.NotClosed(); got != 1 {
		t.Errorf("%d incidents are counted", got)
	}
	if r := b.say("cat", "ack"); !r.OK {
		t.Errorf("cat, who is asked nothing: %s", r.Text)
	}
	if r := b.say("bob", "choose", "choice=watch"); !r.OK {
		t.Errorf("bob, who is asked one thing: %s", r.Text)
	}
	b.say("ann", "open", "#shop", ":another", "environment=nowhere")
	b.say("ann", "split", "INC-1", "project=blog")
	if r := b.say("cat", "ack"); r.OK || !strings.Contains(r.Text, "INC-1") || !strings.Contains(r.Text, "INC-2") {
		t.Errorf("two are open: %s", r.Text)
	}
}
