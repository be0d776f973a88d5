package orchestrator

import (
	"bytes"
	"context"
	"time"
)

// Memory is what a polled source may ask the folded state, so that it raises a
// thing once, over restarts and on whichever instance polls. It is safe for
// concurrent use.
type Memory interface {
	// Seen says for each id when an event of that origin was taken in, in Unix
	// milliseconds; 0 when none was within the last seven days.
	Seen(ctx context.Context, origin string, ids []string) ([]int64, error)
	// Standing lists the fingerprints of a source's signals that still fire and that
	// begin with a prefix. An empty environment is the project's production.
	Standing(ctx context.Context, s Standing) ([]string, error)
}

// Standing says which signals are asked for.
type Standing struct{ Project, Environment, Source, Prefix string }

// Paced is a Source with a pause of its own between two polls.
type Paced interface {
	Source
	Every() time.Duration
}

// maxStanding bounds what Standing lists.
const maxStanding = 5000

// Standing lists the fingerprints that still fire, at most 5000 in the order of
// their names.
func (s *State) Standing(want Standing) []string {
	if pr, ok := s.Config().Project(want.Project); ok && want.Environment == "" {
		want.Environment = pr.Production()
	}
	place := append(joinKey(want.Project, want.Environment, want.Source), 0)
	prefix := append(bytes.Clone(place), want.Prefix...)
	var out []string
	s.view.Scan(BucketAlert, prefix, nil, func(k, v []byte) bool {
		var a alertState
		rest := k[len(place):]
		if len(rest) > 9 && decode(v, &a) && a.Firing { // behind the fingerprint a zero and the start
			out = append(out, string(rest[:len(rest)-9]))
		}
		return len(out) < maxStanding
	})
	return out
}
