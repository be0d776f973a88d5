package sandbox

import (
	"cmp"
	"slices"
	"time"
)

// deployment is a build; it never changes after it is READY but for what it served.
type deployment struct {
	ID, URL, Commit, Message string
	Target                   string // "production", or "" for a preview
	State                    string // READY, ERROR, BUILDING ...
	Substate                 string // STAGED: never seen production traffic; PROMOTED: has
	Created                  time.Time
	Assigned                 time.Time // zero until aliased to production
	Bad, Deleted             bool
	Crons                    []cron
	Meta                     map[string]string // as the one who built it said
	Source                   string            // empty: git
}

// candidate tells whether an instant rollback may go to it (reference 1.2).
func (d *deployment) candidate() bool {
	return d.Target == "production" && d.Substate == substatePromoted && d.State == stateReady && !d.Deleted
}

const (
	stateReady       = "READY"
	substateStaged   = "STAGED"
	substatePromoted = "PROMOTED"
	targetProduction = "production"
	stuckRecord      = "record"
	stuckEdge        = "edge"
	planHobby        = "hobby"
)

// domain is a production domain. What Vercel's API says it serves and what it
// serves at the edge change at different times.
type domain struct {
	Name     string
	Record   string // deployment by Vercel's alias record
	Serves   string // deployment visitors get
	RecordAt time.Time
	// Redirect is the host visitors are sent to; such a domain serves nothing itself.
	Redirect string
	// Branch is the Git branch it shows; empty is production.
	Branch string
	// Stuck is "record" when neither the record nor the edge ever moves, "edge" when
	// only visitors never see the change.
	Stuck string
	// CDN is another cache in front: "query" is passed by an address it has not seen,
	// "everything" never. cached is what it keeps.
	CDN    string
	cached string
	order  int // of the newest assignment that touched Record or Serves
	edge   int
}

// aliasJob is project.lastAliasRequest: there is no job resource of its own.
type aliasJob struct {
	Type, From, To                string
	RequestedAt, StartsAt, EndsAt time.Time
	Fate                          string               // succeeded, failed, skipped
	RecordsAt                     map[string]time.Time // when each domain's record moves
	Description                   string               // of a rollback; "" is none
	DescribedAt                   time.Time
	failedDomains                 []string
	release                       string // the rolling release it aborts
}

// status is a function of the clock alone.
func (j *aliasJob) status(now time.Time) string {
	switch {
	case now.Before(j.StartsAt):
		return "pending"
	case now.Before(j.EndsAt):
		return "in-progress"
	default:
		return j.Fate
	}
}

// project is a Vercel project with its deployments, oldest first.
type project struct {
	ID, Name, TeamID, TeamSlug, Plan string
	AutoAssign, Paused               bool
	Domains                          []*domain
	Deployments                      []*deployment
	Live                             string // targets.production.id
	Job                              *aliasJob
	Created                          time.Time
	orders                           int // assignments so far
	// RolledBack lasts until a promote: pushes build and stay staged.
	RolledBack bool
	Env        []variable
	// Retention is after how many days production deployments are deleted; 0 is never.
	Retention int
	Stages    []int // of rolling releases, percent; none: there are none
	Rolling   *rolling
}

func (p *project) deployment(idOrURL string) *deployment {
	for _, d := range p.Deployments {
		if d.ID == idOrURL || d.URL == idOrURL {
			return d
		}
	}
	return nil
}

// previous answers the production deployment right before the live one, the
// only one the Hobby plan may go back to.
func (p *project) previous() *deployment {
	live := p.deployment(p.Live)
	for _, d := range slices.Backward(p.Deployments) {
		if live != nil && d.Created.Before(live.Created) && d.candidate() {
			return d
		}
	}
	return nil
}

// add keeps deployments ordered and their times distinct: paging cuts by time.
func (p *project) add(d *deployment) {
	for slices.ContainsFunc(p.Deployments, func(o *deployment) bool {
		return o.Created.UnixMilli() == d.Created.UnixMilli()
	}) {
		d.Created = d.Created.Add(time.Millisecond)
	}
	p.Deployments = append(p.Deployments, d)
	slices.SortFunc(p.Deployments, func(a, b *deployment) int { return a.Created.Compare(b.Created) })
}

// agenda holds what will happen; state is brought up to a time when it is read,
// so it is a function of the clock and needs no goroutine.
type agenda struct {
	seq    int
	events []agendaEvent
}

type agendaEvent struct {
	at  time.Time
	seq int
	do  func(at time.Time)
}

func (a *agenda) add(at time.Time, do func(at time.Time)) {
	a.seq++
	a.events = append(a.events, agendaEvent{at: at, seq: a.seq, do: do})
	slices.SortFunc(a.events, func(x, y agendaEvent) int {
		return cmp.Or(x.at.Compare(y.at), cmp.Compare(x.seq, y.seq))
	})
}

// advance does everything due at now, in order of time.
func (a *agenda) advance(now time.Time) {
	for len(a.events) > 0 && !a.events[0].at.After(now) {
		next := a.events[0]
		a.events = a.events[1:]
		next.do(next.at)
	}
}
