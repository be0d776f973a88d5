package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/bus"
	"github.com/aimarketplace/backout/handlers/console"
)

// Of the load: how often Backout is killed, and how many large events make the
// inbox and the blobs begin a second file, which NATS does at 8 MiB.
const (
	powerKills = 6
	slowKills  = 3
	fatEvents  = 10
	fatBytes   = 900 << 10
)

// powerLoad is what is recorded: a first start, publishers over NATS and HTTP, two
// incidents that go through their rollback and mails, a clean stop and kills in
// between, and files that fill up.
func powerLoad(t *testing.T) {
	t.Helper()
	s := newShop(t, shopOptions{Kind: true, Shops: 2})
	n := newNoter(t, s.path("data"), s.path("calls.jsonl"))
	n.note("token", console.HashToken(s.token))
	s.waitServingIn("shop1", "dpl_s1good2")
	s.waitServingIn("shop2", "dpl_s2good2")
	crowd := s.startCrowd(func(origin, id string) { n.note("ack", origin, id) })
	breakOne(s, crowd, 1)
	s.waitRolledBack(1)
	s.backout.stop(t)
	s.restart("")
	breakOne(s, crowd, 2)
	for range powerKills {
		s.during(150*time.Millisecond, func() { s.answerOnce(crowd.ctx) })
		s.backout.killBetweenCalls(t)
		s.restart("")
	}
	s.waitRolledBack(2)
	for i := range fatEvents {
		crowd.urgent <- fatEvent(i)
	}
	if !s.eventually(storyLimit, func() bool { return crowd.has(fmt.Sprintf("e2e/fat-%d", fatEvents-1)) }) {
		t.Fatal("the large events were not acknowledged")
	}
	crowd.stop()
	s.backout.killBetweenCalls(t)
	leave(t, s.path("data"))
}

// breakOne breaks a shop and lets a monitor see it once the bad deployment serves.
func breakOne(s *shop, c *crowd, n int) {
	s.shipBadN(c, n)
	s.waitServingIn(fmt.Sprintf("shop%d", n), fmt.Sprintf("dpl_s%dbad", n))
	c.alarmN(n)
}

// killedMark says that Backout was killed.
const killedMark = "killed\n"

// killsLoad is recorded with slow syncs: each kill hits between the write of an event
// to the log and its sync.
func killsLoad(t *testing.T) {
	t.Helper()
	s := newShop(t, shopOptions{Kind: true})
	n := newNoter(t, s.path("data"), s.path("calls.jsonl"))
	post := func(id string) bool {
		status, _, err := s.hook("/hooks/events", storyNoise().numbered(id, 0).body, bearerOf(secrets()["E2E_HOOK_TOKEN"]))
		return err == nil && status == http.StatusOK
	}
	for round := range slowKills {
		for i := range 3 {
			if id := fmt.Sprintf("h-%d-%d", round, i); post(id) {
				n.note("ack", "http/events", "e2e/"+id)
			}
		}
		s.backout.killDuringSync(t, s.path("data/nats/jetstream/$G/streams/"+bus.LogStream+"/msgs/1.blk"), func() { post("last-" + must(randomHex(4))(t)) })
		n.note(strings.TrimSpace(killedMark))
		s.restart("")
	}
	s.backout.killBetweenCalls(t)
	leave(t, s.path("data"))
}

// fatEvent is an event whose body is large: it is kept as a blob too.
func fatEvent(i int) event {
	data := map[string]any{"project": "noise", "environment": "production", "deployment_id": fmt.Sprintf("dpl_fat%d", i), "notes": strings.Repeat("x", fatBytes)}
	return event{"deploy", cloudEvent(fmt.Sprintf("fat-%d", i), "backout.deploy.created", data)}
}

func (c *crowd) has(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.acked {
		if a[1] == id {
			return true
		}
	}
	return false
}
