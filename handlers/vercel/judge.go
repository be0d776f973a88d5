package vercel

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

const (
	// skew is how far Vercel's clock and ours may be apart.
	skew       = 5 * time.Second
	checkAgain = time.Second
	// visibleIn is how long an accepted request may take to show in the project.
	visibleIn = 15 * time.Second
)

// mark is how a request is recognised among the requests anybody makes; it is the
// token of Accepted. Times are Unix milliseconds.
type mark struct {
	T0     int64  `json:"t0"`
	Type   string `json:"type"`
	Target string `json:"target"`
	// Seen is the newest request there was before ours, 0 if none: older ones
	// stay visible for ever and are never believed.
	Seen int64 `json:"seen,omitempty"`
	// lost is set when no answer came, so that nobody knows whether Vercel took it.
	lost bool
}

func (m mark) token() string {
	text, err := json.Marshal(m)
	if err != nil {
		return "" // Numbers and strings always encode.
	}
	return string(text)
}

// ours tells whether r can be the request the mark was made for.
func (m mark) ours(r *aliasRequest) bool { return r.is(m.Type, m.Target) && m.newer(r) }

func (m mark) newer(r *aliasRequest) bool {
	return r != nil && r.At > m.Seen && r.At >= m.T0-skew.Milliseconds()
}

// Verify looks whether the change took place.
func (ch *change) Verify(ctx context.Context, c orchestrator.Call, token string) (orchestrator.Outcome, error) {
	in, err := ch.input(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	var m mark
	if token == "" || json.Unmarshal([]byte(token), &m) != nil {
		target, err := ch.target(ctx, in, c)
		if err != nil {
			return cannotTell(err), nil
		}
		m = mark{T0: c.Since.UnixMilli(), Type: ch.kind, Target: target, lost: true}
	}
	s, err := ch.client.lookProject(ctx, in.Project)
	if err != nil {
		return cannotTell(err), nil
	}
	return judge(s, m, in.Expect, ch.client.now()), nil
}

func cannotTell(err error) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: err.Error()}
}

// judge tells from one look at the project what became of a request.
func judge(s sight, m mark, expect string, now time.Time) orchestrator.Outcome {
	last := s.project.Last
	if m.ours(last) {
		return judgeOurs(s, m, expect)
	}
	switch {
	case s.serves(m.Target):
		return done(m.Target, expect, m.Target+" serves, though no request of ours is recorded")
	case m.newer(last):
		text := fmt.Sprintf("somebody asked for a %s to %s after our %s to %s", last.Type, last.To, m.Type, m.Target)
		if m.lost {
			return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: text}
		}
		return orchestrator.Outcome{Kind: orchestrator.OutcomeFailed, Text: text}
	case !m.lost && now.UnixMilli()-m.T0 < visibleIn.Milliseconds():
		return running("Vercel took the request and does not show it yet")
	case s.live == expect || s.canary == expect && expect != "":
		return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "Vercel has no such request and " + expect + " still serves"}
	}
	return orchestrator.Outcome{
		Kind: orchestrator.OutcomeCannotTell,
		Text: fmt.Sprintf("Vercel has no such request, and %s serves, neither %s nor %s", s.live, expect, m.Target),
	}
}

// judgeOurs reads the status of our own request. Success counts only when the
// project says that the target serves: the two do not change together.
func judgeOurs(s sight, m mark, expect string) orchestrator.Outcome {
	switch status := s.project.Last.Status; {
	case s.project.Last.running():
		return running("Vercel says " + status)
	case status == "failed":
		return orchestrator.Outcome{
			Kind: orchestrator.OutcomeFailed,
			Text: "Vercel says that the " + m.Type + " to " + m.Target + " failed; some domains may have moved",
		}
	case s.serves(m.Target):
		return done(m.Target, expect, m.Target+" serves")
	case status == "succeeded":
		return running("Vercel says succeeded, but " + cmp.Or(s.canary, s.live) + " still serves")
	default: // "skipped", or a word newer than this code.
		return orchestrator.Outcome{
			Kind: orchestrator.OutcomeFailed,
			Text: "Vercel says " + status + ": the " + m.Type + " to " + m.Target + " was not made and " + s.live + " serves",
		}
	}
}

func running(text string) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeRunning, Text: text, CheckAfter: checkAgain.Milliseconds()}
}

func done(target, previous, text string) orchestrator.Outcome {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: text, Data: result(target, previous)}
}
