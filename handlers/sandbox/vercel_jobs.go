package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	jobRollback = "rollback"
	jobPromote  = "promote"
	fateOK      = "succeeded"
	fateFailed  = "failed"
	fateSkipped = "skipped"
)

// rollback is POST /v1|v9/projects/{p}/rollback/{d} (reference 1.2): 201 with an
// empty body means accepted, not done.
func (v *vercel) rollback(r *request) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		description := r.URL.Query().Get("description")
		if len([]rune(description)) > maxDescription {
			return tooLong()
		}
		d, no := p.jobTarget(r.PathValue("deployment"), now)
		if d == nil {
			return no
		}
		if !d.candidate() {
			return vercelError(http.StatusUnprocessableEntity, "invalid_deployment",
				"The provided deploymentId ("+d.ID+") was never aliased to a production domain.")
		}
		if p.Plan == planHobby && d != p.previous() {
			return vercelError(http.StatusPaymentRequired, "payment_required",
				"To roll back further than the previous production deployment, upgrade to pro")
		}
		job := v.begin(p, d, jobRollback, now)
		job.describe(description, now)
		return answer{status: http.StatusCreated}.changed()
	})
}

// promote is POST /v10/projects/{p}/promote/{d} (reference 1.3).
func (v *vercel) promote(r *request) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		d, no := p.jobTarget(r.PathValue("deployment"), now)
		if d == nil {
			return no
		}
		if d.Target != targetProduction || d.State != stateReady {
			return vercelError(http.StatusUnprocessableEntity, "invalid_deployment",
				"The provided deploymentId ("+d.ID+") is not a ready production deployment.")
		}
		if active := p.rolling(); active != nil {
			active.Queued = d.ID
			return answer{status: http.StatusAccepted}.changed()
		}
		if len(p.Stages) > 0 && !p.RolledBack {
			p.roll(d, now)
			return answer{status: http.StatusCreated}.changed()
		}
		v.begin(p, d, jobPromote, now)
		return answer{status: http.StatusCreated}.changed()
	})
}

// jobTarget makes the checks both requests share, in the order a client meets them.
func (p *project) jobTarget(id string, now time.Time) (*deployment, answer) {
	if !strings.HasPrefix(id, "dpl_") {
		return nil, vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `deploymentId` should match pattern \"^dpl_\".")
	}
	d := p.deployment(id)
	switch {
	case d == nil:
		return nil, vercelError(http.StatusNotFound, "not_found", "Deployment not found")
	case d.Deleted:
		return nil, vercelError(http.StatusGone, "gone", "The deployment "+id+" has been deleted.")
	case p.Job != nil && now.Before(p.Job.EndsAt):
		return nil, vercelError(http.StatusConflict, "conflict", "Another alias request is already in progress for this project.")
	case p.Live == id && p.rolling() == nil:
		return nil, vercelError(http.StatusConflict, "conflict",
			"The provided deploymentId ("+id+") is already the current production deployment.")
	}
	return d, answer{}
}

// begin starts an alias job: pending for a quarter of its time, then in progress.
func (v *vercel) begin(p *project, d *deployment, kind string, now time.Time) *aliasJob {
	job := &aliasJob{
		Type: kind, From: p.Live, To: d.ID, RequestedAt: now, StartsAt: now.Add(v.pace() / 4),
		EndsAt: now.Add(v.pace()), Fate: cmp.Or(v.nextJob, fateOK), RecordsAt: map[string]time.Time{},
	}
	v.nextJob = ""
	if r := p.rolling(); r != nil && kind == jobRollback {
		job.From, job.release = r.Canary, "rr_"+r.Canary
	}
	p.Job = job
	if kind == jobRollback {
		v.tellRollback(p, job, now)
	}
	v.assign(p, d, job)
	return job
}

// assign plans the flips. A domain's alias record changes around the job, its
// edge follows later; both at most MaxLag after the job says succeeded.
func (v *vercel) assign(p *project, d *deployment, job *aliasJob) {
	if job.Fate == fateSkipped {
		return
	}
	p.orders++
	order := p.orders
	for i, name := range p.Domains {
		if job.Fate == fateFailed && i == len(p.Domains)-1 {
			job.failedDomains = append(job.failedDomains, name.Name)
			continue // A failed job has moved some domains and not others.
		}
		record := job.StartsAt.Add(v.dice.upTo(job.EndsAt.Sub(job.StartsAt) + v.lag()/2))
		edge := record.Add(v.dice.upTo(v.lag() / 2))
		job.RecordsAt[name.Name] = record
		v.agenda.add(record, func(at time.Time) { name.setRecord(d.ID, order, at) })
		v.agenda.add(edge, func(time.Time) { name.setEdge(d.ID, order) })
	}
	if job.Fate == fateOK {
		v.agenda.add(job.EndsAt, func(at time.Time) { v.settle(p, d, job, at) })
		v.wake(job.EndsAt)
	}
}

func (d *domain) setRecord(id string, order int, at time.Time) {
	if order > d.order && d.Stuck != stuckRecord { // A late flip of an older assignment changes nothing.
		d.Record, d.RecordAt, d.order = id, at, order
	}
}

func (d *domain) setEdge(id string, order int) {
	if order > d.edge && d.Stuck == "" {
		d.Serves, d.edge = id, order
	}
}

// settle is a job's success: a rollback switches auto-assignment off, a promote
// switches it on again (reference 1.2).
func (v *vercel) settle(p *project, d *deployment, job *aliasJob, at time.Time) {
	p.Live, d.Substate, d.Assigned = d.ID, substatePromoted, at
	if job.Type == jobRollback {
		p.AutoAssign, p.RolledBack = false, true
		p.abort(at)
		return
	}
	p.AutoAssign, p.RolledBack = true, false
	v.tellPromoted(p, d, at)
}

// pushAt plans a push: at that time it is built and, unless rolled back, promoted.
func (v *vercel) pushAt(at time.Time, commit, message string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	id := "dpl_" + v.dice.id(10)
	v.agenda.add(at, func(at time.Time) {
		if len(v.projects) > 0 {
			v.push(v.projects[0], &deployment{ID: id, Commit: commit, Message: message, Target: targetProduction}, at)
		}
	})
	v.wake(at)
}

// wake reads the state at a time when something happens, in case nobody else
// does: a webhook must not wait for a reader.
func (v *vercel) wake(at time.Time) {
	if v.hookURL == "" && len(v.webhooks) == 0 {
		return
	}
	v.courier.later(at.Sub(v.opts.Now()), func() { v.state() })
}

// push adds a finished build. Automatic assignment is no alias request: the old
// lastAliasRequest stays visible.
func (v *vercel) push(p *project, d *deployment, now time.Time) {
	d.URL = cmp.Or(d.URL, "shop-"+strings.TrimPrefix(d.ID, "dpl_")+".vercel.test")
	d.State = cmp.Or(d.State, stateReady)
	d.Created = now
	p.add(d)
	v.built(p, d, now)
}

// built stages a finished production build, or brings it live.
func (v *vercel) built(p *project, d *deployment, now time.Time) {
	if d.Target == targetProduction && d.State == stateReady {
		d.Substate = substateStaged
	}
	if d.Substate != substateStaged || !p.AutoAssign || p.RolledBack {
		return
	}
	switch active := p.rolling(); {
	case active != nil:
		active.Queued = d.ID
	case len(p.Stages) > 0:
		p.roll(d, now)
	default:
		v.assign(p, d, &aliasJob{
			Type: jobPromote, From: p.Live, To: d.ID, StartsAt: now, EndsAt: now.Add(v.pace()),
			Fate: fateOK, RecordsAt: map[string]time.Time{},
		})
	}
}

const maxDescription = 250

func tooLong() answer {
	return vercelError(http.StatusBadRequest, "bad_request",
		fmt.Sprintf("Invalid request: `description` should NOT be longer than %d characters.", maxDescription))
}

func (j *aliasJob) describe(text string, at time.Time) {
	if text != "" {
		j.Description, j.DescribedAt = text, at
	}
}

// failed tells whether the job failed to move this domain.
func (j *aliasJob) failed(name string) bool { return slices.Contains(j.failedDomains, name) }
