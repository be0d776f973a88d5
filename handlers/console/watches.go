package console

import (
	"net/http"
	"slices"

	"github.com/aimarketplace/backout/orchestrator"
)

// Watches is what Backout asks by itself and from whom it must hear.
type Watches struct {
	Watches   []Watch                    `json:"watches"`
	Upstreams []Upstream                 `json:"upstreams"`
	Sources   []orchestrator.SourceState `json:"sources"`
}

// Watch is a polled source with its name.
type Watch struct {
	Name string `json:"name"`
	orchestrator.Watch
}

// Upstream is a provider's status page with the sentence for people.
type Upstream struct {
	orchestrator.UpstreamState
	Says string `json:"says"`
}

// WatchesOf reads them out of the state.
func WatchesOf(s *orchestrator.State) Watches {
	out := Watches{Watches: []Watch{}, Upstreams: []Upstream{}, Sources: s.Sources()}
	for _, w := range s.Watches() {
		out.Watches = append(out.Watches, Watch{Name: w.Name(), Watch: w})
	}
	for _, u := range s.Upstreams() {
		out.Upstreams = append(out.Upstreams, Upstream{UpstreamState: u, Says: u.Says()})
	}
	return out
}

// Promotion is a watch of a promotion; Proven is set when that graded its deployment.
type Promotion struct {
	orchestrator.DeployWatch
	Proven bool `json:"proven"`
}

// promotions lists what is or was watched after promotions, newest first; `project`
// narrows it.
func (a *API) promotions(w http.ResponseWriter, r *http.Request) {
	project := r.URL.Query().Get("project")
	a.read(w, r, func(s *orchestrator.State) (any, error) { return PromotionsOf(s, project), nil })
}

// PromotionsOf reads them out of the state, of all projects when none is named.
func PromotionsOf(s *orchestrator.State, project string) []Promotion {
	out := []Promotion{}
	for _, w := range slices.Backward(s.DeployWatches("", "")) {
		if project != "" && w.Project != project {
			continue
		}
		proven := slices.ContainsFunc(s.Deployments(w.Project, w.Environment), func(d orchestrator.Deployment) bool { return d.ID == w.Deployment && d.Proven })
		out = append(out, Promotion{DeployWatch: w, Proven: proven})
	}
	return out
}

func (a *API) watches(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) { return WatchesOf(s), nil })
}
