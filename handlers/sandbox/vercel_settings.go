package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// variable is an environment variable; values are never in the sandbox.
type variable struct {
	Key     string    `json:"key"`
	Updated time.Time `json:"updated_at"` // empty: 400 days ago
	Target  string    `json:"target"`     // empty: production
}

// cron is a job of a deployment; it goes and comes with the deployment.
type cron struct {
	Path     string `json:"path"`
	Schedule string `json:"schedule"`
}

// listEnv is GET /v10/projects/{p}/env. The values are encrypted, as Vercel sends
// them unless it is asked to decrypt.
func (v *vercel) listEnv(r *request) answer {
	return v.inProject(r, func(p *project, _ time.Time) answer {
		rows := []object{}
		for _, e := range p.Env {
			target := e.Target
			if target == "" {
				target = targetProduction
			}
			rows = append(rows, object{
				"id": "env_" + e.Key, "key": e.Key, "type": "encrypted", "value": "eyJ2IjoidjIiLCJlbmNyeXB0ZWQiOnRydWV9", "target": []string{target},
				"createdAt": p.Created.UnixMilli(), "updatedAt": e.Updated.UnixMilli(), "createdBy": "usr_sandbox", "updatedBy": "usr_sandbox",
			})
		}
		return asJSON(http.StatusOK, object{"envs": rows})
	})
}

// crons is the project's: those of the deployment that serves.
func (p *project) crons() any {
	d := p.deployment(p.Live)
	if d == nil {
		return nil
	}
	definitions := []object{}
	for _, c := range d.Crons {
		definitions = append(definitions, object{"host": p.Domains[0].Name, "path": c.Path, "schedule": c.Schedule})
	}
	return object{
		"enabledAt": p.Created.UnixMilli(), "disabledAt": nil, "updatedAt": d.Assigned.UnixMilli(), "deploymentId": d.ID, "definitions": definitions,
	}
}

// patchProject is PATCH /v9/projects/{p} as far as auto-assignment goes. Switched on
// by hand it shows as on, and pushes stay staged all the same until a promote: whether
// it ends the rolled-back state is not documented, so a client must not count on it.
func (v *vercel) patchProject(r *request) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		var in struct {
			AutoAssign *bool `json:"autoAssignCustomDomains"`
		}
		if json.Unmarshal(r.body, &in) != nil {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid JSON")
		}
		if in.AutoAssign != nil {
			p.AutoAssign = *in.AutoAssign
		}
		return asJSON(http.StatusOK, p.body(now)).changed()
	})
}

// setupPace is how slow the world is, in milliseconds; 0 goes back to the options'.
type setupPace struct {
	// JobMS is how long an alias job and a build take.
	JobMS int64 `json:"job_ms"`
	// LagMS is how long domains lag behind the job at most.
	LagMS int64 `json:"lag_ms"`
}

// pace is how long a job takes.
func (v *vercel) pace() time.Duration {
	if v.slow.JobMS > 0 {
		return time.Duration(v.slow.JobMS) * time.Millisecond
	}
	return v.opts.JobDelay
}

// lag is how long domains lag behind a job at most.
func (v *vercel) lag() time.Duration {
	if v.slow.LagMS > 0 {
		return time.Duration(v.slow.LagMS) * time.Millisecond
	}
	return v.opts.MaxLag
}

// aliasOrder is the body of POST /_sandbox/alias: somebody else asks for a rollback or
// promote, in the dashboard. It is not in the call log.
type aliasOrder struct {
	Project string `json:"project"` // empty: the first one
	Type    string `json:"type"`    // rollback or promote
	To      string `json:"to"`
}

func (v *vercel) somebody(in aliasOrder) (any, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.opts.Now()
	v.agenda.advance(now)
	p := v.find(in.Project)
	if in.Project == "" {
		p = v.projects[0]
	}
	if p == nil || p.deployment(in.To) == nil || !slices.Contains([]string{jobRollback, jobPromote}, in.Type) {
		return nil, fmt.Errorf("no %q to %q: type is rollback or promote, to a deployment of the project", in.Type, in.To)
	}
	v.begin(p, p.deployment(in.To), in.Type, now)
	return p.lastAliasRequest(now), nil
}

// settings fills variables and rolling releases from the setup.
func (s setupProject) settings(p *project, now time.Time) {
	if s.Env != nil {
		p.Env = nil
	}
	for _, e := range s.Env {
		if e.Updated.IsZero() {
			e.Updated = p.Created
		}
		p.Env = append(p.Env, e)
	}
	p.Retention = s.Retention
	if s.Rolling == nil {
		return
	}
	p.Stages = s.Rolling.Stages
	if d := p.deployment(s.Rolling.Canary); d != nil && len(p.Stages) > 0 {
		p.roll(d, now)
	}
}
