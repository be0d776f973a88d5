package orchestrator

import (
	"maps"
	"slices"
	"strconv"
)

// everything is how people may name all projects; the state says it as "".
const everything = "all"

// commandPause stops new effects of a project or of all, or allows them again. A
// project that is not known is refused: whoever pauses must not believe that it is
// quiet now when it is not.
func (p *pass) commandPause(c *Command, who Person) {
	m, project := &p.s.meta, c.Project
	if p.v2() {
		if project == everything {
			project = ""
		}
		if _, known := p.s.Config().Project(project); project != "" && !known {
			p.refuseCommand(c, "there is no project "+strconv.Quote(project)+", so nothing is changed; "+c.Verb+" one of "+list(p.projects(), "or")+", or `"+c.Verb+" all`")
			return
		}
	}
	if c.Verb == "unpause" {
		delete(m.Paused, project)
		p.rearm(project)
		p.reply(c, nil, true, "effects on "+or(project, "all projects")+" are allowed again; the breaker is armed"+p.pausedStill(project))
		return
	}
	if m.Paused == nil {
		m.Paused = map[string]Pause{}
	}
	m.Paused[project] = Pause{By: who.ID, At: p.now, Reason: clip(c.Text, 200)}
	p.reply(c, nil, true, "no new effects on "+or(project, "any project")+" until `unpause`")
}

// pausedStill says what else keeps effects back after an unpause.
func (p *pass) pausedStill(project string) string {
	left := slices.Sorted(maps.Keys(p.s.meta.Paused))
	switch {
	case !p.v2() || len(left) == 0:
		return ""
	case left[0] == "":
		return ". Everything is still paused by " + p.s.meta.Paused[""].By + ": `unpause all`"
	case project == "":
		return ". Still paused by themselves: " + list(left, "and")
	}
	return ""
}

func (p *pass) projects() []string {
	var ids []string
	for i := range p.s.Config().Projects {
		ids = append(ids, p.s.Config().Projects[i].ID)
	}
	return ids
}
