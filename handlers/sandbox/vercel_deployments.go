package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listDeployments is GET /v6|v7/deployments (reference 1.5), newest first; the
// next page is asked for by until = pagination.next.
func (v *vercel) listDeployments(r *request) answer {
	return v.at(func(time.Time) answer {
		q := r.URL.Query()
		if q.Has("state") && !statesKnown(q.Get("state")) {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `state` is not a known deployment state.")
		}
		wanted := append(q["projectIds"], q["projectId"]...)
		rows := []object{}
		var times []int64
		for _, p := range v.projects {
			if len(wanted) > 0 && !slices.Contains(wanted, p.ID) && !slices.Contains(wanted, p.Name) {
				continue
			}
			if !p.within(r) {
				return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
			}
			for _, d := range slices.Backward(p.Deployments) {
				if d.listed(p, q) {
					rows, times = append(rows, d.row(p)), append(times, d.Created.UnixMilli())
				}
			}
		}
		page := min(len(rows), limitOf(r, 20))
		pagination := onePage(page)
		if page < len(rows) {
			pagination["next"] = times[page-1]
		}
		if page > 0 {
			pagination["prev"] = times[0]
		}
		return asJSON(http.StatusOK, object{"deployments": rows[:page], "pagination": pagination})
	})
}

func statesKnown(list string) bool {
	known := []string{"BUILDING", "ERROR", "INITIALIZING", "QUEUED", stateReady, "CANCELED", "BLOCKED"}
	for state := range strings.SplitSeq(list, ",") {
		if !slices.Contains(known, state) {
			return false
		}
	}
	return true
}

// listed tells whether a deployment passes the query's filters.
func (d *deployment) listed(p *project, q url.Values) bool {
	matches := func(key, value string) bool { return !q.Has(key) || q.Get(key) == value }
	created := d.Created.UnixMilli()
	return !d.Deleted &&
		matches("app", p.Name) && matches("target", d.Target) && matches("sha", d.Commit) && matches("branch", "main") &&
		matches("rollbackCandidate", strconv.FormatBool(d.isCandidate(p))) &&
		(!q.Has("state") || slices.Contains(strings.Split(q.Get("state"), ","), d.State)) &&
		before(created, q.Get("until")) && before(created, q.Get("to")) &&
		after(created, q.Get("since")) && after(created, q.Get("from"))
}

// isCandidate: what is live needs no rollback to itself.
func (d *deployment) isCandidate(p *project) bool { return d.candidate() && d.ID != p.Live }

func before(ms int64, limit string) bool {
	n, err := strconv.ParseInt(limit, 10, 64)
	return err != nil || ms < n
}

func after(ms int64, limit string) bool {
	n, err := strconv.ParseInt(limit, 10, 64)
	return err != nil || ms > n
}

// row is a deployment as the list has it: its id is called uid here.
func (d *deployment) row(p *project) object {
	row := object{
		"uid": d.ID, "name": p.Name, "projectId": p.ID, "url": d.URL, "type": "LAMBDAS", "source": d.source(),
		"created": d.Created.UnixMilli(), "createdAt": d.Created.UnixMilli(), "buildingAt": d.Created.UnixMilli(),
		"ready": d.Created.UnixMilli(), "state": d.State, "readyState": d.State, "target": nil,
		"isRollbackCandidate": d.isCandidate(p), "aliasError": nil, "aliasAssigned": false,
		"creator": object{"uid": "usr_sandbox", "username": "sandbox"}, "meta": d.meta(),
		"inspectorUrl": "https://vercel.test/" + p.TeamSlug + "/" + p.Name + "/" + d.ID,
	}
	if d.Target != "" {
		row["target"] = d.Target
	}
	if d.Substate != "" {
		row["readySubstate"] = d.Substate
	}
	if !d.Assigned.IsZero() {
		row["aliasAssigned"] = d.Assigned.UnixMilli()
	}
	return row
}

func (d *deployment) source() string {
	if d.Source == "" {
		return "git"
	}
	return d.Source
}

func (d *deployment) meta() object {
	meta := object{"githubCommitSha": d.Commit, "githubCommitRef": "main", "githubCommitMessage": d.Message}
	for key, value := range d.Meta {
		meta[key] = value
	}
	return meta
}

// getDeployment is GET /v13/deployments/{idOrUrl}: here the id is called id.
func (v *vercel) getDeployment(r *request) answer {
	return v.withDeployment(r, func(p *project, d *deployment) answer { return asJSON(http.StatusOK, p.one(d)) })
}

func (p *project) one(d *deployment) object {
	created := d.Created.UnixMilli()
	body := object{
		"id": d.ID, "url": d.URL, "name": p.Name, "projectId": p.ID, "ownerId": p.TeamID, "type": "LAMBDAS", "version": 2,
		"team": object{"id": p.TeamID, "name": p.TeamSlug, "slug": p.TeamSlug}, "plan": p.Plan, "public": false, "source": d.source(),
		"status": d.State, "readyState": d.State, "target": nil, "alias": d.domains(p), "aliasAssigned": !d.Assigned.IsZero(),
		"aliasError": nil, "createdAt": created, "buildingAt": created, "bootedAt": created, "ready": created, "createdIn": "icn1",
		"creator": object{"uid": "usr_sandbox", "username": "sandbox"}, "meta": d.meta(), "regions": []string{"icn1"},
		"build": object{"env": []string{}}, "env": []string{}, "buildSkipped": false, "isInConcurrentBuildsQueue": false,
		"isInSystemBuildsQueue": false, "projectSettings": object{}, "routes": nil,
		"inspectorUrl": "https://vercel.test/" + p.TeamSlug + "/" + p.Name + "/" + d.ID,
	}
	if d.Target != "" {
		body["target"] = d.Target
	}
	if d.Substate != "" {
		body["readySubstate"] = d.Substate
	}
	if len(d.Crons) > 0 {
		body["crons"] = d.Crons
	}
	return body
}

func (v *vercel) withDeployment(r *request, do func(*project, *deployment) answer) answer {
	return v.at(func(time.Time) answer {
		p, d := v.projectOf(r.PathValue("deployment"))
		if d == nil || d.Deleted {
			return vercelError(http.StatusNotFound, "not_found", "The deployment could not be found on Vercel.")
		}
		if !p.within(r) {
			return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
		}
		return do(p, d)
	})
}

// domains answers the production domains whose alias record names d.
func (d *deployment) domains(p *project) []string {
	names := []string{}
	for _, domain := range p.Domains {
		if domain.Record == d.ID {
			names = append(names, domain.Name)
		}
	}
	return names
}
