package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/aimarketplace/backout/handlers/console"
)

// TestKill_betweenMails kills Backout around the call that mails a chunk. SendGrid
// cannot be asked whether it took a mail, so a person decides about that chunk; the
// others go out, and nobody gets a mail twice.
func TestKill_betweenMails(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"after-intent", "before-call", "after-call", "before-result"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, shopOptions{Crash: true, Kind: true, Workflows: must(filepath.Abs("testdata/mail"))(t)})
			s.breakShop()
			s.waitMail("awaiting")
			s.waitTold()
			for tries := 0; tries == 0 || tries < 5 && !strings.Contains(toldOf(s.incident("INC-1")), "approved mail"); tries++ {
				s.backout.stop(t) // the point may have met the message of the chat, which is told of a start
				s.restart(point)
				s.say("approve INC-1 mail") // the answer may be lost in the crash
				s.crashed(point)
				s.restart("")
			}
			s.waitIncident("INC-1", "in doubt about a chunk", func(inc *console.Incident) bool {
				return strings.Contains(told(inc), "Backout was restarted before the answer came; its attempt is ")
			})
			s.waitIncident("INC-1", "settled by Ann", func(inc *console.Incident) bool {
				if stepOf(inc, "mail").State != "done" {
					s.say("confirm-done INC-1 mail chunk=all") // the other chunk may still be on its way
				}
				return stepOf(inc, "mail").State == "done"
			})
			s.wantNoMailTwice()
		})
	}
}

func (s *shop) waitMail(state string) {
	s.t.Helper()
	s.waitIncident("INC-1", "at its mail", func(inc *console.Incident) bool {
		st := stepOf(inc, "mail")
		return st.State == state && (state != "awaiting" || st.Preview != nil)
	})
}

func toldOf(inc console.Incident) string { return told(&inc) }
