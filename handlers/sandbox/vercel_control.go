package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// deployOrder is the body of POST /_sandbox/deploy: a push was built.
type deployOrder struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Project string `json:"project"` // empty: the first project
	Commit  string `json:"commit"`
	Message string `json:"message"`
	Target  string `json:"target"` // empty: production; "preview" builds one
	State   string `json:"state"`  // empty: READY; ERROR is a failed build
	Bad     bool   `json:"bad"`
	Crons   []cron `json:"crons"` // left out: those of the newest deployment
	// Previous is accepted so that a deploy event's data can be sent as it is.
	Previous string `json:"previous"`
}

// setupOrder is the body of POST /_sandbox/setup of the Vercel stand-in.
type setupOrder struct {
	Projects []setupProject `json:"projects"` // replace those of the same id
	// NextJob is the fate of the next alias job: succeeded, failed or skipped.
	NextJob       string  `json:"next_job"`
	NextBuild     string  `json:"next_build"` // the state the next redeploy ends in; empty: READY
	WebhookURL    *string `json:"webhook_url"`
	WebhookSecret *string `json:"webhook_secret"`
	// Token is how far the token reaches; left out, it stays as it is.
	Token *setupToken `json:"token"`
	// Configs are the items of each Global Config (Edge Config); ConfigWrites is how many
	// more writes the plan allows, left out: any number.
	Configs      map[string]map[string]any `json:"configs"`
	ConfigWrites *int                      `json:"config_writes"`
	// Pace is how slow jobs and domains are; left out, it stays as it is.
	Pace *setupPace `json:"pace"`
}

type setupProject struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	TeamID      string            `json:"team_id"`
	TeamSlug    string            `json:"team_slug"`
	Plan        string            `json:"plan"` // hobby, pro or enterprise
	AutoAssign  *bool             `json:"auto_assign"`
	Paused      bool              `json:"paused"`
	Domains     []string          `json:"domains"`
	Redirects   map[string]string `json:"redirects"` // of the domains, where they send visitors
	Branches    map[string]string `json:"branches"`  // of the domains, the Git branch they show
	Stuck       map[string]string `json:"stuck"`     // of the domains that never move: "record" or "edge"
	CDN         map[string]string `json:"cdn"`       // of the domains behind another cache: "query" or "everything"
	Env         []variable        `json:"env"`       // left out: three old ones
	Retention   int               `json:"retention_days"`
	Rolling     *setupRolling     `json:"rolling"` // left out: no rolling releases
	Serving     string            `json:"serving"` // empty: the newest deployment
	Deployments []setupDeployment `json:"deployments"`
}

type setupDeployment struct {
	ID        string     `json:"id"`
	URL       string     `json:"url"`
	Commit    string     `json:"commit"`
	Message   string     `json:"message"`
	CreatedAt *time.Time `json:"created_at"` // empty: 48 h ago and a second apart
	Target    string     `json:"target"`     // empty: production; "preview" is one
	State     string     `json:"state"`
	Substate  string     `json:"substate"` // empty: PROMOTED
	Bad       bool       `json:"bad"`
	Deleted   bool       `json:"deleted"`
	Crons     []cron     `json:"crons"`
}

func (v *vercel) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/deploy", func(w http.ResponseWriter, r *http.Request) { ask(w, r, v.deploy) })
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) { ask(w, r, v.setup) })
	mux.HandleFunc("POST /_sandbox/alias", func(w http.ResponseWriter, r *http.Request) { ask(w, r, v.somebody) })
}

func (v *vercel) deploy(in deployOrder) (any, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	v.agenda.advance(now)
	p := v.find(in.Project)
	if in.Project == "" && len(v.projects) > 0 {
		p = v.projects[0]
	}
	if p == nil {
		return nil, fmt.Errorf("no project %q: set it up first", in.Project)
	}
	id := cmp.Or(in.ID, "dpl_"+v.dice.id(10))
	if p.deployment(id) != nil {
		return nil, fmt.Errorf("deployment %s is there already: a build never changes", id)
	}
	if in.Crons == nil && len(p.Deployments) > 0 {
		in.Crons = p.Deployments[len(p.Deployments)-1].Crons
	}
	v.push(p, &deployment{
		ID: id, URL: in.URL, Commit: in.Commit, Message: in.Message, Target: wireTarget(in.Target), State: in.State, Bad: in.Bad, Crons: in.Crons,
	}, now)
	return p.deployment(id).row(p), nil
}

func wireTarget(target string) string {
	switch target {
	case "":
		return targetProduction
	case "preview":
		return ""
	default:
		return target
	}
}

func (v *vercel) setup(in setupOrder) (any, error) {
	if !slices.Contains([]string{"", fateOK, fateFailed, fateSkipped}, in.NextJob) {
		return nil, fmt.Errorf("next_job %q: use succeeded, failed or skipped", in.NextJob)
	}
	v.mu.Lock()
	now := v.opts.Now()
	v.agenda.advance(now)
	for _, wanted := range in.Projects {
		if wanted.ID == "" {
			v.mu.Unlock()
			return nil, errors.New("a project needs an id")
		}
		v.projects = slices.DeleteFunc(v.projects, func(p *project) bool { return p.ID == wanted.ID })
		v.projects = append(v.projects, wanted.project(now))
	}
	v.nextJob, v.nextBuild = in.NextJob, in.NextBuild
	if in.Configs != nil {
		v.configs.set(in.Configs)
	}
	v.configs.writes = in.ConfigWrites
	if in.Pace != nil {
		v.slow = *in.Pace
	}
	if in.WebhookURL != nil {
		v.hookURL = *in.WebhookURL
	}
	if in.WebhookSecret != nil {
		v.hookKey = *in.WebhookSecret
	}
	if in.Token != nil {
		v.token = *in.Token
	}
	v.mu.Unlock()
	return v.state(), nil
}

// project fills what was left out from the default world.
func (s setupProject) project(now time.Time) *project {
	p := defaultProject(now)
	p.ID, p.Name, p.Paused = s.ID, cmp.Or(s.Name, p.Name), s.Paused
	p.TeamID, p.TeamSlug, p.Plan = cmp.Or(s.TeamID, p.TeamID), cmp.Or(s.TeamSlug, p.TeamSlug), cmp.Or(s.Plan, p.Plan)
	if s.AutoAssign != nil {
		p.AutoAssign = *s.AutoAssign
	}
	if len(s.Deployments) > 0 {
		p.Deployments = nil
		for i, d := range s.Deployments {
			p.add(d.deployment(now.Add(-48*time.Hour + time.Duration(i)*time.Second)))
		}
		p.Live = p.Deployments[len(p.Deployments)-1].ID
	}
	p.Live = cmp.Or(s.Serving, p.Live)
	if len(s.Domains) > 0 {
		p.Domains = nil
		for _, name := range s.Domains {
			p.Domains = append(p.Domains, &domain{Name: name})
		}
	}
	for _, d := range p.Domains {
		d.Record, d.Serves, d.RecordAt = p.Live, p.Live, now
		d.Redirect, d.Branch = s.Redirects[d.Name], s.Branches[d.Name]
		d.Stuck, d.CDN = s.Stuck[d.Name], s.CDN[d.Name]
	}
	s.settings(p, now)
	return p
}

func (s setupDeployment) deployment(created time.Time) *deployment {
	if s.CreatedAt != nil {
		created = *s.CreatedAt
	}
	d := &deployment{
		ID: s.ID, URL: cmp.Or(s.URL, s.ID+".vercel.test"), Commit: s.Commit, Message: s.Message, Created: created,
		Target: wireTarget(s.Target), State: cmp.Or(s.State, stateReady), Substate: s.Substate, Bad: s.Bad, Deleted: s.Deleted, Crons: s.Crons,
	}
	if d.Target == targetProduction && d.State == stateReady {
		d.Substate = cmp.Or(d.Substate, substatePromoted)
	}
	if d.Substate == substatePromoted {
		d.Assigned = created
	}
	return d
}

// state shows what the API hides: the edge of each domain, and what is bad.
func (v *vercel) state() any {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	v.agenda.advance(now)
	projects := []object{}
	for _, p := range v.projects {
		domains, deployments := []object{}, []object{}
		for _, d := range p.Domains {
			domains = append(domains, object{"name": d.Name, "record": d.Record, "serves": d.Serves})
		}
		for _, d := range p.Deployments {
			deployments = append(deployments, object{
				"id": d.ID, "url": d.URL, "commit": d.Commit, "state": d.State, "substate": d.Substate, "bad": d.Bad, "deleted": d.Deleted,
			})
		}
		projects = append(projects, object{
			"id": p.ID, "live": p.Live, "auto_assign": p.AutoAssign, "plan": p.Plan, "paused": p.Paused,
			"domains": domains, "deployments": deployments, "last_alias_request": p.lastAliasRequest(now),
		})
	}
	return object{"projects": projects, "settled": len(v.agenda.events) == 0, "now": now.UTC()}
}
