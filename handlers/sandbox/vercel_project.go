package sandbox

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// object is a JSON object of the wire, built where it is sent: the API's shapes
// are wide and the sandbox fills few fields of each.
type object = map[string]any

func (v *vercel) getProject(r *request) answer {
	return v.inProject(r, func(p *project, now time.Time) answer { return asJSON(http.StatusOK, p.body(now)) })
}

func (p *project) body(now time.Time) object {
	functions := object{"functionDefaultRegions": []string{"icn1"}}
	body := object{
		"accountId": p.TeamID, "id": p.ID, "name": p.Name, "nodeVersion": "22.x", "directoryListing": false,
		"defaultResourceConfig": functions, "resourceConfig": functions, "deploymentExpiration": object{},
		"framework": "nextjs", "createdAt": p.Created.UnixMilli(), "updatedAt": now.UnixMilli(),
		"autoAssignCustomDomains": p.AutoAssign, "live": true, "paused": p.Paused,
		"targets": object{"production": p.liveTarget()}, "lastRollbackTarget": nil,
		"lastAliasRequest": p.lastAliasRequest(now), "rollingRelease": nil,
	}
	if p.Retention > 0 {
		body["deploymentExpiration"] = object{"expirationDaysProduction": p.Retention}
	}
	if crons := p.crons(); crons != nil {
		body["crons"] = crons
	}
	if len(p.Stages) > 0 {
		body["rollingRelease"] = p.rollingConfig()
	}
	if p.Job != nil && p.Job.Description != "" && p.Job.Type == jobRollback {
		body["rollbackDescription"] = object{
			"userId": "usr_sandbox", "username": "sandbox",
			"description": p.Job.Description, "createdAt": p.Job.DescribedAt.UnixMilli(),
		}
	}
	return body
}

// liveTarget is targets.production: by Vercel's word what is live, when idle.
func (p *project) liveTarget() any {
	d := p.deployment(p.Live)
	if r := p.rolling(); r != nil {
		d = p.deployment(r.Canary) // not what most visitors get
	}
	if d == nil {
		return nil
	}
	var names []string
	for _, domain := range p.Domains {
		names = append(names, domain.Name)
	}
	return object{
		"id": d.ID, "url": d.URL, "deploymentHostname": d.URL, "name": p.Name, "alias": names,
		"aliasAssigned": d.Assigned.UnixMilli(), "createdAt": d.Created.UnixMilli(), "createdIn": "icn1",
		"creator": object{"uid": "usr_sandbox", "email": "dev@shop.test", "username": "sandbox"},
		"meta":    d.meta(), "plan": p.Plan, "private": false, "readyState": d.State, "target": targetProduction,
		"teamId": p.TeamID, "type": "LAMBDAS", "userId": "usr_sandbox",
	}
}

// lastAliasRequest shows the last request however old, and never automatic
// assignments: a client must compare type, target and time (reference 2).
func (p *project) lastAliasRequest(now time.Time) any {
	if p.Job == nil {
		return nil
	}
	request := object{
		"type": p.Job.Type, "fromDeploymentId": p.Job.From, "toDeploymentId": p.Job.To,
		"jobStatus": p.Job.status(now), "requestedAt": p.Job.RequestedAt.UnixMilli(),
	}
	if p.Job.release != "" {
		request["fromRollingReleaseId"] = p.Job.release
	}
	return request
}

// listDomains is GET /v9/projects/{p}/domains; not in the spec subset. The next page
// is asked for by until = pagination.next.
func (v *vercel) listDomains(r *request) answer {
	return v.inProject(r, func(p *project, _ time.Time) answer {
		domains := []object{}
		var next any
		for i, d := range p.Domains {
			created := p.Created.UnixMilli() - int64(i)
			if !before(created, r.URL.Query().Get("until")) {
				continue
			}
			if len(domains) == limitOf(r, 20) {
				next = created + 1
				break
			}
			domains = append(domains, d.row(p, created))
		}
		pagination := onePage(len(domains))
		pagination["next"] = next
		return asJSON(http.StatusOK, object{"domains": domains, "pagination": pagination})
	})
}

func (d *domain) row(p *project, created int64) object {
	row := object{
		"name": d.Name, "apexName": d.Name, "projectId": p.ID, "redirect": nil, "redirectStatusCode": nil,
		"gitBranch": nil, "customEnvironmentId": nil, "verified": true, "createdAt": created, "updatedAt": created,
	}
	if d.Redirect != "" {
		row["redirect"], row["redirectStatusCode"] = d.Redirect, http.StatusPermanentRedirect
	}
	if d.Branch != "" {
		row["gitBranch"] = d.Branch
	}
	return row
}

// describe is PATCH .../rollback/{d}/update-description -> 200 empty.
func (v *vercel) describe(r *request) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		var in struct {
			Description string `json:"description"`
		}
		if err := json.Unmarshal(r.body, &in); err != nil {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid JSON")
		}
		if len([]rune(in.Description)) > maxDescription {
			return tooLong()
		}
		if p.Job == nil || p.Job.Type != jobRollback || p.Job.To != r.PathValue("deployment") {
			return vercelError(http.StatusConflict, "conflict", "The project is not rolled back to this deployment.")
		}
		p.Job.Description, p.Job.DescribedAt = in.Description, now
		return answer{status: http.StatusOK}.changed()
	})
}

func (v *vercel) rollbackAliases(r *request) answer { return v.jobAliases(r, jobRollback) }

func (v *vercel) promoteAliases(r *request) answer { return v.jobAliases(r, jobPromote) }

// jobAliases shows the last job domain by domain; the nested alias object is
// what the CLI reads, the flat fields what the spec has.
func (v *vercel) jobAliases(r *request, kind string) answer {
	return v.inProject(r, func(p *project, now time.Time) answer {
		aliases := []object{}
		if p.Job != nil && p.Job.Type == kind {
			aliases = p.jobAliases(r, now)
		}
		return asJSON(http.StatusOK, object{"aliases": aliases, "pagination": onePage(len(aliases))})
	})
}

func (p *project) jobAliases(r *request, now time.Time) []object {
	aliases := []object{}
	for _, d := range p.Domains {
		status := "completed"
		switch at := p.Job.RecordsAt[d.Name]; {
		case p.Job.failed(d.Name) && !now.Before(p.Job.EndsAt):
			status = "failed"
		case now.Before(p.Job.StartsAt):
			status = "pending"
		case p.Job.failed(d.Name) || now.Before(at):
			status = "in-progress"
		}
		if r.URL.Query().Get("failedOnly") == "true" && status != "failed" {
			continue
		}
		var alias any = d.Name
		if r.URL.Path[:4] == "/v9/" {
			alias = object{"alias": d.Name, "deploymentId": d.Record}
		}
		aliases = append(aliases, object{"alias": alias, "id": "als_" + d.Name, "status": status})
	}
	return aliases[:min(len(aliases), limitOf(r, 20))]
}

// limitOf reads ?limit=, 1 to 100.
func limitOf(r *request, standard int) int {
	n, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || n < 1 {
		return standard
	}
	return min(n, 100)
}

func onePage(count int) object { return object{"count": count, "next": nil, "prev": nil} }

// projectOf answers the project a deployment belongs to.
func (v *vercel) projectOf(idOrURL string) (*project, *deployment) {
	i := slices.IndexFunc(v.projects, func(p *project) bool { return p.deployment(idOrURL) != nil })
	if i < 0 {
		return nil, nil
	}
	return v.projects[i], v.projects[i].deployment(idOrURL)
}
