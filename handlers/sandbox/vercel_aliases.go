package sandbox

import (
	"net/http"
	"slices"
	"time"
)

// deploymentAliases is GET /v2/deployments/{id}/aliases: records, not the edge.
func (v *vercel) deploymentAliases(r *request) answer {
	return v.withDeployment(r, func(p *project, d *deployment) answer {
		aliases := []object{}
		for _, name := range p.Domains {
			if name.Record == d.ID {
				aliases = append(aliases, name.alias())
			}
		}
		return asJSON(http.StatusOK, object{"aliases": aliases})
	})
}

func (d *domain) alias() object {
	return object{
		"uid": "als_" + d.Name, "alias": d.Name, "redirect": nil,
		"created": d.RecordAt.UTC().Format("2006-01-02T15:04:05.000Z"),
	}
}

// listAliases is GET /v4/aliases[?projectId=&domain=&limit=].
func (v *vercel) listAliases(r *request) answer {
	return v.at(func(time.Time) answer {
		q := r.URL.Query()
		aliases := []object{}
		for _, p := range v.projects {
			if q.Has("projectId") && q.Get("projectId") != p.ID {
				continue
			}
			if !p.within(r) {
				return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
			}
			for _, d := range p.Domains {
				if q.Has("domain") && !slices.Contains(q["domain"], d.Name) {
					continue
				}
				aliases = append(aliases, d.fullAlias(p))
			}
		}
		aliases = aliases[:min(len(aliases), limitOf(r, 20))]
		return asJSON(http.StatusOK, object{"aliases": aliases, "pagination": onePage(len(aliases))})
	})
}

func (d *domain) fullAlias(p *project) object {
	alias := d.alias()
	alias["projectId"] = p.ID
	alias["deploymentId"] = d.Record
	alias["createdAt"] = d.RecordAt.UnixMilli()
	alias["updatedAt"] = d.RecordAt.UnixMilli()
	if on := p.deployment(d.Record); on != nil {
		alias["deployment"] = object{"id": on.ID, "url": on.URL, "meta": "{}"}
	}
	return alias
}
