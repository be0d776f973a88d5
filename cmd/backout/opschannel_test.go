package main

import (
	"strings"
	"testing"
	"time"
)

// TestOpsChannel_isToldTheWayBack: half a minute after a promotion the ops channel has
// one message about it, across a kill, and no incident was opened for it.
func TestOpsChannel_isToldTheWayBack(t *testing.T) {
	t.Parallel()
	s := newShop(t, shopOptions{Kind: true})
	s.waitServing("dpl_good2")
	s.ship("dpl_next", "4b1d77a", false)
	s.waitServing("dpl_next")
	s.waitSettled()
	s.backout.kill9()
	s.restart("")
	told := func() (posts []string) {
		for _, c := range s.effects("slack", "chat.postMessage") {
			if strings.Contains(c.Body, "C0OPS") {
				posts = append(posts, c.Body)
			}
		}
		return posts
	}
	if !s.eventually(storyLimit, func() bool { return len(told()) > 0 }) {
		t.Fatalf("nothing was told\n%s", s.backout.said())
	}
	s.stays(2 * time.Second)
	posts := told()
	if len(posts) != 1 {
		t.Fatalf("told %d times: %s", len(posts), posts)
	}
	s.wantTold(strings.NewReplacer("+", " ", "%2F", "/").Replace(posts[0]), "What serves", "shop/production serves dpl_next since", "Could go back to dpl_good2")
	if all := s.effects("slack", "chat."); len(all) != 1 {
		t.Errorf("%d messages: %+v", len(all), all)
	}
	if inc := s.incident("INC-1"); inc.ID != "" {
		t.Errorf("an incident was opened: %+v", inc)
	}
	s.backout.stop(t)
}
