package scenarios

import (
	"maps"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// watches compares what became of the watches and of what they grade.
func (p *Played) watches(e *Expect) {
	states := map[string]string{}
	for _, w := range p.State().DeployWatches("", "") {
		states[w.Project+"/"+w.Spec.ID] = w.State
	}
	for _, name := range slices.Sorted(maps.Keys(e.Watches)) {
		if states[name] != e.Watches[name] {
			p.wrong("watch %s is %q, want %q", name, states[name], e.Watches[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Proven)) {
		project, id, _ := strings.Cut(name, "/")
		pr, ok := p.State().Config().Project(project)
		if !ok {
			p.wrong("there is no project %s", project)
			continue
		}
		proven := slices.ContainsFunc(p.State().Deployments(project, pr.Production()), func(d orchestrator.Deployment) bool { return d.ID == id && d.Proven })
		if proven != e.Proven[name] {
			p.wrong("%s proven: %t, want %t", name, proven, e.Proven[name])
		}
	}
}
