package console

import (
	"net/http"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// Bounds of what is listed; changesBack is how far back changes are listed when nobody
// says, in milliseconds, and changesShown how many stand with an incident.
const (
	heldListed   = 2000
	changesBack  = 7 * 24 * int64(time.Hour/time.Millisecond)
	changesDay   = 24 * int64(time.Hour/time.Millisecond)
	changesShown = 5
)

// Silence is a silence or maintenance window, and whether it holds now.
type Silence struct {
	orchestrator.Silence
	Active bool `json:"active"`
	// Later says that it is known beforehand and has not begun.
	Later bool `json:"later,omitempty"`
}

// Place is an environment of another project that an incident has.
type Place struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
}

// Hold is a hold in force, and how it reads.
type Hold struct {
	orchestrator.HoldOf
	Text string `json:"text"`
}

func (a *API) holds(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		now, out := s.Meta().Now, []Hold{}
		for _, h := range s.Holds(now) {
			out = append(out, Hold{h, h.Line(now)})
		}
		return out, nil
	})
}

func (a *API) silences(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		// The newest entry may be minutes old in a quiet night.
		now, out := max(s.Meta().Now, time.Now().UnixMilli()), []Silence{}
		for _, one := range s.Silences() {
			out = append(out, Silence{Silence: one, Active: one.Active(now), Later: one.Ended == "" && one.From > now})
		}
		return out, nil
	})
}

func (a *API) held(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		return append([]orchestrator.Held{}, s.Held(heldListed)...), nil
	})
}

func (a *API) upstreams(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) { return WatchesOf(s).Upstreams, nil })
}

// changes lists what changed in an environment, newest first; `since` is how long ago
// that may be, such as 36h.
func (a *API) changes(w http.ResponseWriter, r *http.Request) {
	back := changesBack
	if text := r.URL.Query().Get("since"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			fail(w, http.StatusBadRequest, "since must be how long ago, such as 36h; it is "+strconv.Quote(text))
			return
		}
		back = d.Milliseconds()
	}
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		project, env, err := place(s, r)
		if err != nil {
			return nil, err
		}
		return append([]orchestrator.Change{}, s.Changes(project, env, s.Meta().Now-back)...), nil
	})
}

// known fills in what the fold found out about an incident beside its steps.
func (i *Incident) known(s *orchestrator.State, inc *orchestrator.Incident) {
	for _, p := range inc.Also {
		i.Also = append(i.Also, Place{Project: p.Project, Environment: p.Environment})
	}
	i.Upstream, i.Times, i.Overflow, i.Pending = inc.Upstream, inc.Times, inc.Overflow, inc.Pending
	if inc.Snooze > s.Meta().Now {
		i.SnoozedUntil = at(inc.Snooze)
	}
	if inc.Confirm > 0 {
		i.ConfirmUntil = at(inc.Confirm)
	}
}

// lastChanges are the newest ones since a day before an incident began.
func lastChanges(s *orchestrator.State, inc *orchestrator.Incident) []orchestrator.Change {
	all := s.Changes(inc.Project, inc.Environment, inc.StartedAt-changesDay)
	return all[:min(len(all), changesShown)]
}
