package orchestrator

import (
	"fmt"
	"slices"
)

// routes finds the match rule that claims a signal without trying all of them:
// each rule is filed under the one of its labels that the fewest others want.
type routes struct {
	cfg   *Config
	rules []route
	// filed has the numbers of the rules by label and value, bare those without.
	filed map[string]map[string][]int
	bare  []int
}

// route is a match rule of a project; its number in routes.rules is its place in
// the configuration.
type route struct {
	project string
	match   *Match
}

// routing is the index of the current configuration.
func (s *State) routing() *routes {
	if cfg := s.Config(); s.routes == nil || s.routes.cfg != cfg {
		s.routes = newRoutes(cfg)
	}
	return s.routes
}

func newRoutes(cfg *Config) *routes {
	r := &routes{cfg: cfg, filed: map[string]map[string][]int{}}
	wanted := map[[2]string]int{}
	for i := range cfg.Projects {
		for j := range cfg.Projects[i].Match {
			m := &cfg.Projects[i].Match[j]
			r.rules = append(r.rules, route{cfg.Projects[i].ID, m})
			for k, v := range m.Labels {
				wanted[[2]string{k, v}]++
			}
		}
	}
	for n := range r.rules {
		r.file(n, wanted)
	}
	return r
}

// file puts a rule under its rarest label. A label that must be missing or empty
// finds nothing, so a rule with no other is tried for every signal.
func (r *routes) file(n int, wanted map[[2]string]int) {
	key, value, rarest := "", "", 0
	for k, v := range r.rules[n].match.Labels {
		often := wanted[[2]string{k, v}]
		if v != "" && (rarest == 0 || often < rarest || (often == rarest && k < key)) {
			key, value, rarest = k, v, often
		}
	}
	if rarest == 0 {
		r.bare = append(r.bare, n)
		return
	}
	if r.filed[key] == nil {
		r.filed[key] = map[string][]int{}
	}
	r.filed[key][value] = append(r.filed[key][value], n)
}

// find is the first rule, in the order of the configuration, that takes an event.
func (r *routes) find(ev *Event) (route, bool) {
	best := r.first(r.bare, ev, len(r.rules))
	for k, v := range ev.Labels { // the smallest number wins, so the order does not matter
		best = r.first(r.filed[k][v], ev, best)
	}
	if best == len(r.rules) {
		return route{}, false
	}
	return r.rules[best], true
}

// first is the first of some rules below a number that takes an event, or that
// number.
func (r *routes) first(numbers []int, ev *Event, below int) int {
	i := slices.IndexFunc(numbers, func(n int) bool { return n < below && r.rules[n].match.takes(ev) })
	if i < 0 {
		return below
	}
	return numbers[i]
}

// matchFor writes the match rule that would take an event, by the label that most
// likely says whose it is.
func matchFor(ev *Event) string {
	for _, name := range []string{"service", "project", "app", "job", "namespace", "repository", "monitor", "alertname"} {
		if v := ev.Labels[name]; v != "" {
			return fmt.Sprintf("{source: %s, labels: {%s: %q}}", ev.Source, name, v)
		}
	}
	return fmt.Sprintf("{source: %s}", ev.Source)
}

// takes reports whether a rule claims an event.
func (m *Match) takes(ev *Event) bool {
	return (m.Source == "" || m.Source == ev.Source) && labelsMatch(m.Labels, ev.Labels)
}

// fill names what the event leaves open.
func (m *Match) fill(ev *Event) {
	if ev.Environment == "" {
		ev.Environment = m.Environment
	}
	if ev.Component == "" {
		ev.Component = m.Component
	}
}
