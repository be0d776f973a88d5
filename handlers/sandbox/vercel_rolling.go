package sandbox

import (
	"encoding/json"
	"net/http"
	"time"
)

// rolling is a rolling release: the base keeps its share of the visitors until the
// last stage, and Vercel names the canary as production's target all the while.
type rolling struct {
	Base, Canary, Queued string
	State                string // ACTIVE, COMPLETE, ABORTED
	Stage                int
	Started, Updated     time.Time
	visitors             int
}

const (
	rollingActive   = "ACTIVE"
	rollingComplete = "COMPLETE"
	rollingAborted  = "ABORTED"
	substateRolling = "ROLLING"
)

// setupRolling switches rolling releases on for a project: the share of each stage,
// in percent, the last of them 100. Canary, if any, is on its way already.
type setupRolling struct {
	Stages []int  `json:"stages"`
	Canary string `json:"canary"`
}

func (p *project) rolling() *rolling {
	if p.Rolling != nil && p.Rolling.State == rollingActive {
		return p.Rolling
	}
	return nil
}

// roll begins a rolling release to d.
func (p *project) roll(d *deployment, now time.Time) {
	d.Substate = substateRolling
	p.Rolling = &rolling{Base: p.Live, Canary: d.ID, State: rollingActive, Started: now, Updated: now}
}

// visit answers which deployment the next visitor gets.
func (p *project) visit(serves string) *deployment {
	r := p.rolling()
	if r == nil || serves != r.Base {
		return p.deployment(serves)
	}
	r.visitors++
	if r.visitors%100 < p.Stages[r.Stage] {
		return p.deployment(r.Canary)
	}
	return p.deployment(serves)
}

// abort ends the release without the canary: what a rollback does.
func (p *project) abort(at time.Time) {
	r := p.rolling()
	if r == nil {
		return
	}
	r.State, r.Updated = rollingAborted, at
	if d := p.deployment(r.Canary); d != nil {
		d.Substate = substatePromoted // it has seen production traffic
	}
}

// getRollingRelease is GET .../rolling-release[?state=].
func (v *vercel) getRollingRelease(r *request) answer {
	return v.inProject(r, func(p *project, _ time.Time) answer {
		if state := r.URL.Query().Get("state"); p.Rolling == nil || state != "" && state != p.Rolling.State {
			return asJSON(http.StatusOK, object{"rollingRelease": nil})
		}
		return asJSON(http.StatusOK, object{"rollingRelease": p.rollingBody()})
	})
}

func (p *project) rollingBody() object {
	r := p.Rolling
	stages := []object{}
	for i, percent := range p.Stages {
		stages = append(stages, object{
			"index": i, "isFinalStage": i == len(p.Stages)-1, "targetPercentage": percent, "requireApproval": i < len(p.Stages)-1, "duration": nil,
		})
	}
	body := object{
		"state": r.State, "currentDeployment": p.reference(r.Base), "canaryDeployment": p.reference(r.Canary), "queuedDeploymentId": nil,
		"advancementType": "manual-approval", "stages": stages, "activeStage": nil, "nextStage": nil,
		"startedAt": r.Started.UnixMilli(), "updatedAt": r.Updated.UnixMilli(),
	}
	if r.Queued != "" {
		body["queuedDeploymentId"] = r.Queued
	}
	if r.State == rollingActive {
		body["activeStage"] = stages[r.Stage]
		if r.Stage+1 < len(stages) {
			body["nextStage"] = stages[r.Stage+1]
		}
	}
	return body
}

func (p *project) reference(id string) any {
	d := p.deployment(id)
	if d == nil {
		return nil
	}
	return object{
		"id": d.ID, "name": p.Name, "url": d.URL, "target": targetProduction, "source": "git",
		"createdAt": d.Created.UnixMilli(), "readyState": d.State, "readyStateAt": d.Created.UnixMilli(),
	}
}

// approveStage is POST .../rolling-release/approve-stage; the last one completes it.
func (v *vercel) approveStage(r *request) answer {
	return v.advanceRolling(r, func(p *project, next int) (int, bool) { return next, next == p.Rolling.Stage+1 && next < len(p.Stages) })
}

// completeRolling is POST .../rolling-release/complete.
func (v *vercel) completeRolling(r *request) answer {
	return v.advanceRolling(r, func(p *project, _ int) (int, bool) { return len(p.Stages) - 1, true })
}

func (v *vercel) advanceRolling(r *request, to func(p *project, next int) (stage int, ok bool)) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		var in struct {
			Next   int    `json:"nextStageIndex"`
			Canary string `json:"canaryDeploymentId"`
		}
		if json.Unmarshal(r.body, &in) != nil || in.Canary == "" {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: missing required property `canaryDeploymentId`.")
		}
		if p.rolling() == nil || p.Rolling.Canary != in.Canary {
			return vercelError(http.StatusNotFound, "not_found", "No active rolling release was found for this deployment.")
		}
		stage, ok := to(p, in.Next)
		if !ok {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `nextStageIndex` is not the next stage.")
		}
		p.Rolling.Stage, p.Rolling.Updated = stage, now
		if stage == len(p.Stages)-1 {
			v.complete(p, now)
		}
		return asJSON(http.StatusOK, object{"rollingRelease": p.rollingBody()}).changed()
	})
}

// complete gives all visitors the canary, and lets what was queued go next.
func (v *vercel) complete(p *project, now time.Time) {
	r := p.Rolling
	r.State = rollingComplete
	v.assign(p, p.deployment(r.Canary), &aliasJob{
		Type: jobPromote, From: r.Base, To: r.Canary, StartsAt: now, EndsAt: now.Add(v.pace()), Fate: fateOK, RecordsAt: map[string]time.Time{},
	})
	if next := p.deployment(r.Queued); next != nil {
		v.agenda.add(now.Add(v.pace()), func(at time.Time) { v.begin(p, next, jobPromote, at) })
	}
}

// startRolling is POST .../rolling-release/start; not in the spec subset.
func (v *vercel) startRolling(r *request) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		var in struct {
			Canary string `json:"canaryDeploymentId"`
		}
		_ = json.Unmarshal(r.body, &in) // an empty body names no canary, which is refused below
		d := p.deployment(in.Canary)
		switch {
		case d == nil:
			return vercelError(http.StatusNotFound, "not_found", "Deployment not found")
		case len(p.Stages) == 0:
			return vercelError(http.StatusUnprocessableEntity, "invalid_project", "Rolling releases are not enabled for this project.")
		case p.rolling() != nil:
			return vercelError(http.StatusConflict, "conflict", "A rolling release is already active for this project.")
		}
		p.roll(d, now)
		return asJSON(http.StatusOK, object{"rollingRelease": p.rollingBody()}).changed()
	})
}

func (p *project) rollingConfig() object {
	stages := []object{}
	for _, percent := range p.Stages {
		stages = append(stages, object{"targetPercentage": percent, "requireApproval": percent < 100})
	}
	return object{"target": targetProduction, "stages": stages}
}
