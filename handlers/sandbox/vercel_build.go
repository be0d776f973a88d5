package sandbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// newDeployment is POST /v13/deployments[?forceNew=1] for a deployment that exists
// (redeploy). It is not idempotent: a repeat builds twice. Uploads are not taken.
func (v *vercel) newDeployment(r *request) answer {
	return v.at(func(now time.Time) answer {
		var in struct {
			DeploymentID string            `json:"deploymentId"`
			Name         string            `json:"name"`
			Project      string            `json:"project"`
			Target       string            `json:"target"`
			Meta         map[string]string `json:"meta"`
			Latest       bool              `json:"withLatestCommit"`
		}
		if err := json.Unmarshal(r.body, &in); err != nil || in.DeploymentID == "" {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: one of `deploymentId`, `files` or `gitSource` is required.")
		}
		p, from := v.projectOf(in.DeploymentID)
		switch {
		case from == nil || from.Deleted:
			return vercelError(http.StatusNotFound, "not_found", "Deployment not found")
		case !p.within(r):
			return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
		}
		commit := from.Commit
		if in.Latest {
			commit = p.Deployments[len(p.Deployments)-1].Commit
		}
		d := &deployment{
			ID: "dpl_" + v.dice.id(10), Commit: commit, Message: from.Message, Target: in.Target, Bad: from.Bad, Crons: from.Crons,
			Meta: maps.Clone(in.Meta), Source: "redeploy",
		}
		v.build(p, d, now)
		return asJSON(http.StatusOK, p.one(d)).changed()
	})
}

// build puts a deployment in the list that is not ready yet; it takes as long as an
// alias job, and from then on it is a push like any other.
func (v *vercel) build(p *project, d *deployment, now time.Time) {
	d.URL = cmp.Or(d.URL, p.Name+"-"+d.ID[4:]+".vercel.test")
	d.State, d.Created = "BUILDING", now
	p.add(d)
	fate := cmp.Or(v.nextBuild, stateReady)
	v.nextBuild = ""
	v.agenda.add(now.Add(v.pace()), func(at time.Time) {
		if d.State != "BUILDING" {
			return // cancelled
		}
		d.State = fate
		v.built(p, d, at)
	})
}

// cancel is PATCH /v12/deployments/{id}/cancel.
func (v *vercel) cancel(r *request) answer {
	return v.withDeployment(r, func(p *project, d *deployment) answer {
		if d.State != "BUILDING" {
			return vercelError(http.StatusBadRequest, "bad_request", "The deployment cannot be cancelled: it is "+d.State)
		}
		d.State = "CANCELED"
		return asJSON(http.StatusOK, p.one(d)).changed()
	})
}

// remove is DELETE /v13/deployments/{id}.
func (v *vercel) remove(r *request) answer {
	return v.withDeployment(r, func(p *project, d *deployment) answer {
		if p.Live == d.ID {
			return vercelError(http.StatusForbidden, "forbidden", "The deployment serves production and cannot be deleted.")
		}
		d.Deleted = true
		return asJSON(http.StatusOK, object{"uid": d.ID, "state": "DELETED"}).changed()
	})
}

// assignAlias is POST /v2/deployments/{id}/aliases: one domain, at once, and no alias
// request is recorded.
func (v *vercel) assignAlias(r *request) answer {
	return v.withDeployment(r, func(p *project, d *deployment) answer {
		var in struct {
			Alias string `json:"alias"`
		}
		if json.Unmarshal(r.body, &in) != nil || in.Alias == "" {
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: missing required property `alias`.")
		}
		i := slices.IndexFunc(p.Domains, func(x *domain) bool { return x.Name == in.Alias })
		switch {
		case i < 0:
			return vercelError(http.StatusForbidden, "forbidden", "The domain is not assigned to this project.")
		case p.Domains[i].Record == d.ID:
			return vercelError(http.StatusConflict, "not_modified", "The alias is already assigned to this deployment.")
		}
		p.orders++
		p.Domains[i].setRecord(d.ID, p.orders, v.opts.Now())
		p.Domains[i].setEdge(d.ID, p.orders)
		return asJSON(http.StatusOK, p.Domains[i].alias()).changed()
	})
}

// deployHook is POST|GET /v1/integrations/deploy/{project}/{hook}: whoever knows the
// address builds the branch, and while rolled back the build stays staged.
func (v *vercel) deployHook(r *request) answer {
	return v.at(func(now time.Time) answer {
		p := v.find(r.PathValue("project"))
		if p == nil {
			return vercelError(http.StatusNotFound, "not_found", "The deploy hook was not found.")
		}
		newest := p.Deployments[len(p.Deployments)-1]
		v.build(p, &deployment{ID: "dpl_" + v.dice.id(10), Commit: newest.Commit, Message: "deploy hook", Target: targetProduction, Source: "git"}, now)
		return asJSON(http.StatusOK, object{"job": object{"id": v.dice.id(20), "state": "PENDING", "createdAt": now.UnixMilli()}}).changed()
	})
}

// buildEvents is GET /v3/deployments/{idOrUrl}/events as one array.
func (v *vercel) buildEvents(r *request) answer {
	return v.withDeployment(r, func(_ *project, d *deployment) answer {
		at := d.Created.UnixMilli()
		line := func(text string) object {
			return object{"type": "stdout", "created": at, "payload": object{"deploymentId": d.ID, "date": at, "text": text, "id": fmt.Sprint(at), "serial": "1"}}
		}
		return asJSON(http.StatusOK, []object{line("Building"), line("State " + d.State)})
	})
}

// runtimeLogs is GET .../deployments/{d}/runtime-logs: a line of JSON each.
func (v *vercel) runtimeLogs(r *request) answer {
	return v.withDeployment(r, func(p *project, d *deployment) answer {
		level, status := "info", http.StatusOK
		if d.Bad {
			level, status = "error", http.StatusInternalServerError
		}
		line, err := json.Marshal(object{
			"level": level, "message": "checkout", "rowId": "1", "source": "serverless", "timestampInMs": d.Created.UnixMilli(), "domain": p.Domains[0].Name,
			"messageTruncated": false, "requestMethod": "GET", "requestPath": "/api/health", "responseStatusCode": status,
		})
		if err != nil {
			return v.refuse(refuseBroken)
		}
		return asText(http.StatusOK, string(line)+"\n").with("Content-Type", "application/stream+json")
	})
}
