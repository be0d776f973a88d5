package orchestrator

// The actions that take the right to write from the application and give it back.
const (
	ReadOnly  = "postgres.readonly"
	ReadWrite = "postgres.readwrite"
)

// AccessSpec describes ReadOnly and ReadWrite: marks and privileges tell what is there.
func AccessSpec(action string) Spec {
	return Spec{
		Name: action, Effect: true, Safety: Verifiable, CallTimeout: 30_000, Settle: 5_000,
		Permissions: []string{"to grant and revoke on the tables of the application, and to end its sessions"},
	}
}

// Access is what both actions tell of the read-only they are about. Since is Unix
// milliseconds; By is the incident that took the rights from Roles, 0 and empty when none
// was in force.
type Access struct {
	Since int64    `json:"since,omitempty"`
	By    string   `json:"by,omitempty"`
	Roles []string `json:"roles,omitempty"`
}

// ReadOnlyState is a read-only in force: since when, by which incident, for which roles
// of the database. Nobody forgets it: it stands with the incident and the verdict, and
// people are paged when the incident ends before it.
type ReadOnlyState struct {
	N     uint64   `json:"n"`
	Since int64    `json:"since"`
	Roles []string `json:"roles,omitempty"`
	// Unsure is set when a step that takes the rights ended badly after it may have.
	Unsure bool `json:"unsure,omitempty"`
}

// perhapsReadOnly remembers that a step which failed may have taken the rights. Its first
// attempt alone never has: what it refuses, it refuses before anything is changed.
func (p *pass) perhapsReadOnly(l *loaded, st *Step, node *Node) {
	inc := l.inc
	set := p.s.Settings(inc.Project, inc.Environment)
	if node.Action != ReadOnly || set.ReadOnly != nil || st.Tries == 0 || st.Tries == 1 && st.State == StepFailed {
		return
	}
	set.ReadOnly = &ReadOnlyState{N: inc.N, Since: p.now, Unsure: true}
	p.saveSettings(inc.Project, inc.Environment, &set)
	p.line(l, "backout", p.s.ReadOnlyText(inc.Project, inc.Environment))
}

// accessed takes in what a step did to the right to write, whoever found out.
func (p *pass) accessed(l *loaded, st *Step, node *Node) {
	if node.Action != ReadOnly && node.Action != ReadWrite {
		return
	}
	inc := l.inc
	set := p.s.Settings(inc.Project, inc.Environment)
	set.ReadOnly = nil
	if node.Action == ReadOnly {
		var out Access
		_ = decode(st.Output, &out) // A person may have confirmed it: then there is none.
		ro := &ReadOnlyState{N: inc.N, Since: out.Since, Roles: out.Roles}
		if n := ParseIncidentName(out.By); n > 0 {
			ro.N = n
		}
		if ro.Since == 0 {
			ro.Since = p.now
		}
		set.ReadOnly = ro
	}
	p.saveSettings(inc.Project, inc.Environment, &set)
}

// ReadOnlyText says that an environment is read-only and how that ends; empty when it is
// not.
func (s *State) ReadOnlyText(project, env string) string {
	ro := s.Settings(project, env).ReadOnly
	if ro == nil {
		return ""
	}
	roles := ""
	if len(ro.Roles) > 0 {
		roles = " for " + join(ro.Roles)
	}
	is := " is read-only"
	if ro.Unsure {
		is = " may be read-only"
	}
	return "the database of " + project + "/" + env + is + roles + " since " + moment(ro.Since, s.meta.Now) + " by " + IncidentName(ro.N) + ": `writes on` lets writes in again"
}

// stillReadOnly pages when an incident ends and its environment is left read-only.
func (p *pass) stillReadOnly(l *loaded) {
	text := p.s.ReadOnlyText(l.inc.Project, l.inc.Environment)
	if text == "" {
		return
	}
	text = IncidentName(l.inc.N) + " is " + string(l.inc.State) + " and " + text
	if l.inc.State != Closed {
		p.page(l, text)
		return
	}
	p.line(l, "backout", text)
	p.finding(&Finding{Kind: FindReadOnly, Key: l.inc.Project + "/" + l.inc.Environment, Text: text})
}

// commandWrites takes the right to write from the application, or gives it back, beside
// the plan. Policy says who must agree.
func (p *pass) commandWrites(c *Command, l *loaded, who Person) {
	inc := l.inc
	action, title := ReadOnly, "Make the database read-only for the application"
	if c.Args["action"] == SwitchOn {
		action, title = ReadWrite, "Let the application write again"
	}
	var db Database
	if e := p.s.Config().environment(inc.Project, inc.Environment); e != nil {
		db = e.Database
	}
	switch {
	case !who.HasRole([]string{"on-call", "devops-lead", "dba"}):
		p.refuseCommand(c, who.ID+" has none of the roles on-call, devops-lead or dba")
		return
	case inc.State == Closed:
		p.refuseCommand(c, IncidentName(inc.N)+" is closed; open one with `open "+inc.Project+" \"...\"`")
		return
	case len(db.AppRoles) == 0:
		p.refuseCommand(c, inc.Project+"/"+inc.Environment+" names no roles of the application; write database: {direct_url: env:NAME, app_roles: [NAME]}")
		return
	}
	p.besides(c, l, beside{id: "writes_" + or(c.Args["action"], SwitchOff), title: title, spec: AccessSpec(action)})
}

// dataAtRisk reports whether a query of the environment says so that was configured to.
func (p *pass) dataAtRisk(inc *Incident) bool {
	e := p.s.Config().environment(inc.Project, inc.Environment)
	if e == nil {
		return false
	}
	for i := range e.Signals {
		if !e.Signals[i].DataAtRisk {
			continue
		}
		var w Watch
		r := Reading{Kind: ReadSQL, ID: e.Signals[i].ID, Project: inc.Project, Environment: inc.Environment}
		if p.s.load(BucketWatch, r.key(), &w) && w.Firing {
			return true
		}
	}
	return false
}
