package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestKill_random kills Backout with SIGKILL at random moments while publishers
// publish and incidents run: no acknowledged event is lost, nothing is done twice.
func TestKill_random(t *testing.T) {
	t.Parallel()
	killAtRandom(t, 40, 6)
}

func killAtRandom(t *testing.T, kills, shops int) {
	t.Helper()
	s := newShop(t, shopOptions{Shops: shops})
	seed := uint64(time.Now().UnixNano())
	t.Log("seed of the kills:", seed)
	chance := rand.New(rand.NewPCG(seed, 1))
	for n := range shops {
		s.waitServingIn(fmt.Sprintf("shop%d", n+1), fmt.Sprintf("dpl_s%dgood2", n+1))
	}
	crowd := s.startCrowd(nil)
	var down []time.Duration
	broken := 0
	for k := range kills {
		if broken < shops && k*shops >= broken*kills*9/10 {
			broken++
			s.breakShopN(crowd, broken)
		}
		s.during(time.Duration(chance.Int64N(int64(maxUptime))), func() { s.answerOnce(crowd.ctx) })
		start := time.Now()
		s.backout.kill9()
		if k%4 == 0 {
			s.killBooting(time.Duration(chance.Int64N(int64(maxBoot))))
			start = time.Now()
		}
		s.restart("")
		down = append(down, time.Since(start))
	}
	crowd.stop()
	for n := range shops {
		s.waitRolledBack(n + 1)
	}
	slices.Sort(down)
	t.Logf("%d kills; kill to ready: median %s, max %s; %d events acknowledged", kills, down[len(down)/2], down[len(down)-1], len(crowd.acked))
	s.wantAllKnown(crowd)
	s.wantNothingTwice(shops)
}

// killBooting starts Backout and kills it before it is ready, or just then.
func (s *shop) killBooting(after time.Duration) {
	s.t.Helper()
	c := exec.CommandContext(s.t.Context(), s.serveArgs()[0], s.serveArgs()[1:]...)
	c.Env = append(os.Environ(), s.env...)
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	<-time.After(after)
	_ = c.Process.Kill()
	_ = c.Wait()
}

// during runs fn again and again for a while.
func (s *shop) during(d time.Duration, fn func()) {
	eventually(s.t.Context(), d, func() bool { fn(); return false })
}

// crowd are publishers that keep publishing while Backout dies and comes back.
type crowd struct {
	*publishing
	s    *shop
	ctx  context.Context
	stop func()
}

// startCrowd starts one publisher over NATS and one over /hooks/events.
func (s *shop) startCrowd(noted func(origin, id string)) *crowd {
	ctx, cancel := context.WithCancel(s.t.Context())
	c := &crowd{s: s, ctx: ctx, publishing: &publishing{
		address: func() string { return s.at("nats") }, noise: storyNoise(), noted: noted, urgent: make(chan event, 64),
	}}
	var wg sync.WaitGroup
	wg.Go(func() { c.overNATS(ctx) })
	wg.Go(c.overHTTP)
	c.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	s.t.Cleanup(c.stop)
	return c
}

func storyNoise() noise { return noise{"e2e", "noise", "production"} }

func (c *crowd) overHTTP() {
	n, waiting := 0, false
	pace(c.ctx, func() {
		if !waiting {
			n++
			waiting = true
		}
		ev := storyNoise().numbered(fmt.Sprintf("h-%d", n), n)
		if status, _, err := c.s.hook("/hooks/events", ev.body, bearerOf(secrets()["E2E_HOOK_TOKEN"])); err != nil || status != http.StatusOK {
			return
		}
		c.acknowledged("http/events", ev)
		waiting = false
	})
}

// breakShopN ships a bad deployment to one of the shops and lets the crowd say so.
func (s *shop) breakShopN(c *crowd, n int) {
	s.t.Helper()
	s.shipBadN(c, n)
	c.alarmN(n) // after the promotion: what began before it has another cause
}

func (s *shop) shipBadN(c *crowd, n int) {
	s.t.Helper()
	id := fmt.Sprintf("dpl_s%dbad", n)
	s.order(s.urls.Vercel+"/_sandbox/deploy", map[string]any{"project": fmt.Sprintf("prj_shop%d", n), "id": id, "commit": "bad5eed", "target": "production", "bad": true})
	deploy := map[string]any{"project": fmt.Sprintf("shop%d", n), "environment": "production", "deployment_id": id, "commit": "bad5eed"}
	c.urgent <- event{"deploy", cloudEvent(fmt.Sprintf("d-%d", n), "backout.deploy.promoted", deploy)}
}

func (c *crowd) alarmN(n int) {
	fires := alert("health", "critical")
	fires["project"], fires["component"] = fmt.Sprintf("shop%d", n), ""
	c.urgent <- event{"alert", cloudEvent(fmt.Sprintf("a-%d", n), "backout.alert.firing", fires)}
}

// answerOnce approves every rollback and mail that waits. Errors are life here:
// Backout may be gone in the middle of a word.
func (s *shop) answerOnce(ctx context.Context) {
	var open []console.Incident
	if s.client().get(ctx, "/api/v1/incidents", url.Values{"open": {"true"}, "limit": {"1000"}}, &open) != nil {
		return
	}
	for _, o := range open {
		inc := s.incident(o.ID)
		for _, st := range inc.Steps {
			if st.State == "awaiting" && st.Ask == nil && st.Preview != nil {
				s.say("approve " + inc.ID + " " + st.ID + " preview=" + st.Preview.Hash)
			}
		}
	}
}

func (s *shop) waitServingIn(project, id string) {
	s.t.Helper()
	var v struct{ Serving string }
	if !s.eventually(storyLimit, func() bool {
		return s.get("/api/v1/verdict", url.Values{"project": {project}}, &v) == nil && v.Serving == id
	}) {
		s.t.Fatalf("Backout does not see that %s serves %s, it says %q", id, project, v.Serving)
	}
}

// waitRolledBack waits until the incident of a shop is through its rollback.
func (s *shop) waitRolledBack(n int) {
	s.t.Helper()
	var last console.Incident
	if !s.eventually(storyLimit, func() bool {
		var all []console.Incident
		if s.get("/api/v1/incidents", url.Values{"limit": {"1000"}}, &all) != nil {
			return false
		}
		for _, inc := range all {
			if inc.Project == fmt.Sprintf("shop%d", n) {
				last = s.incident(inc.ID)
			}
		}
		s.answerOnce(s.t.Context())
		return stepOf(&last, "back").State == "done"
	}) {
		s.t.Errorf("shop%d was not rolled back:\n%s", n, told(&last))
	}
}

// wantAllKnown asks for the fate of every acknowledged event.
func (s *shop) wantAllKnown(c *crowd) {
	s.t.Helper()
	if len(c.acked) < 100 {
		s.t.Errorf("only %d events were acknowledged; that proves nothing", len(c.acked))
	}
	lost := c.lost(s.t.Context(), s.get)
	for _, a := range lost[:min(len(lost), 10)] {
		s.t.Errorf("acknowledged and lost: %s %s", a[0], a[1])
	}
	if len(lost) > 0 {
		s.t.Errorf("%d of %d acknowledged events were lost", len(lost), len(c.acked))
	}
}

// wantNothingTwice asks the judge: one rollback per shop, no mail twice.
func (s *shop) wantNothingTwice(shops int) {
	s.t.Helper()
	for n := range shops {
		path := fmt.Sprintf("/prj_shop%d/rollback/", n+1)
		if back := s.effects("vercel", path); len(back) != 1 {
			s.t.Errorf("the sandbox saw %d effective rollbacks of shop%d: %+v", len(back), n+1, back)
		}
	}
	// The users are told by a lane of its own, which may still be on its way.
	if !s.eventually(storyLimit, func() bool {
		s.answerOnce(s.t.Context())
		return len(s.mails()) > 0
	}) {
		s.t.Error("no mail was sent; that proves nothing")
	}
	s.wantNoMailTwice()
}

// mails asks the judge how often each mail went to each user.
func (s *shop) mails() map[string]int {
	s.t.Helper()
	mails := map[string]int{}
	for _, c := range s.effects("sendgrid", "/mail/send") {
		for to, key := range recipients(s.t, c.Body) {
			mails[key+" "+to]++
		}
	}
	return mails
}

func (s *shop) wantNoMailTwice() {
	s.t.Helper()
	mails := s.mails()
	s.t.Logf("%d different mails to users", len(mails))
	for mail, n := range mails {
		if n > 1 {
			s.t.Errorf("the mail %s was sent %d times", mail, n)
		}
	}
}

// recipients reads who a mail with a step key went to.
func recipients(tb testing.TB, body string) map[string]string {
	tb.Helper()
	var m struct {
		Personalizations []struct {
			To []struct {
				Email string `json:"email"`
			} `json:"to"`
			Args struct {
				Key  string `json:"backout_key"`
				Kind string `json:"incident"`
			} `json:"custom_args"`
		} `json:"personalizations"`
	}
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		tb.Fatalf("a mail's body: %v", err)
	}
	out := map[string]string{}
	for _, p := range m.Personalizations {
		for _, to := range p.To {
			if p.Args.Key != "" && p.Args.Kind != "" {
				out[to.Email] = p.Args.Key
			}
		}
	}
	return out
}
