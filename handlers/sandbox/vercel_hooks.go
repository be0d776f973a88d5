package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// webhook is an account webhook of a team. Its secret is shown when it is made and
// never again.
type webhook struct {
	ID, URL, Secret, TeamID string
	Events, Projects        []string
	Created                 time.Time
}

// maxWebhooks is how many a team may have (reference 3).
const maxWebhooks = 20

func (w *webhook) row() object {
	row := object{
		"id": w.ID, "url": w.URL, "events": w.Events, "ownerId": w.TeamID,
		"createdAt": w.Created.UnixMilli(), "updatedAt": w.Created.UnixMilli(),
	}
	if len(w.Projects) > 0 {
		row["projectIds"] = w.Projects
	}
	return row
}

// wants tells whether news of that kind about a project are for this webhook.
func (w *webhook) wants(kind, project string) bool {
	return slices.Contains(w.Events, kind) && (len(w.Projects) == 0 || slices.Contains(w.Projects, project))
}

// inTeam answers for the team of the call; one without a team is not allowed.
func (v *vercel) inTeam(r *request, do func(p *project, now time.Time) answer) answer {
	return v.at(func(now time.Time) answer {
		i := slices.IndexFunc(v.projects, func(p *project) bool { return p.within(r) })
		if i < 0 {
			return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
		}
		return do(v.projects[i], now)
	})
}

// listWebhooks is GET /v1/webhooks: without secrets.
func (v *vercel) listWebhooks(r *request) answer {
	return v.inTeam(r, func(p *project, _ time.Time) answer {
		rows := []object{}
		for _, w := range v.webhooks {
			only := r.URL.Query().Get("projectId")
			if w.TeamID == p.TeamID && (only == "" || len(w.Projects) == 0 || slices.Contains(w.Projects, only)) {
				rows = append(rows, w.row())
			}
		}
		return asJSON(http.StatusOK, rows)
	})
}

// makeWebhook is POST /v1/webhooks: Pro and Enterprise only, at most 20, and a
// second one for the same address is made without a word.
func (v *vercel) makeWebhook(r *request) answer {
	var in struct {
		URL      string   `json:"url"`
		Events   []string `json:"events"`
		Projects []string `json:"projectIds"`
	}
	if err := json.Unmarshal(r.body, &in); err != nil {
		return vercelError(http.StatusBadRequest, "bad_request", "Invalid JSON")
	}
	return v.inTeam(r, func(p *project, now time.Time) answer {
		have := 0
		for _, w := range v.webhooks {
			if w.TeamID == p.TeamID {
				have++
			}
		}
		u, err := url.Parse(in.URL)
		switch {
		case p.Plan == planHobby:
			return vercelError(http.StatusForbidden, "forbidden", "Webhooks are available on the Pro and Enterprise plans.")
		case err != nil || u.Host == "":
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `url` should be a URL.")
		case len(in.Events) == 0 || slices.ContainsFunc(in.Events, unknownEvent):
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: `events` should be equal to one of the allowed values.")
		case slices.ContainsFunc(in.Projects, func(id string) bool { return v.find(id) == nil }):
			return vercelError(http.StatusBadRequest, "bad_request", "Invalid request: a project of `projectIds` was not found.")
		case have >= maxWebhooks:
			return vercelError(http.StatusBadRequest, "bad_request", "The limit of 20 webhooks is reached.")
		}
		w := &webhook{
			ID: "account_hook_" + v.dice.id(12), URL: in.URL, Secret: v.dice.id(32), TeamID: p.TeamID,
			Events: in.Events, Projects: in.Projects, Created: now,
		}
		v.webhooks = append(v.webhooks, w)
		row := w.row()
		row["secret"] = w.Secret
		return asJSON(http.StatusOK, row).changed()
	})
}

// deleteWebhook is DELETE /v1/webhooks/{id} -> 204.
func (v *vercel) deleteWebhook(r *request) answer {
	return v.inTeam(r, func(p *project, _ time.Time) answer {
		i := slices.IndexFunc(v.webhooks, func(w *webhook) bool { return w.ID == r.PathValue("webhook") && w.TeamID == p.TeamID })
		if i < 0 {
			return vercelError(http.StatusNotFound, "not_found", "The webhook was not found.")
		}
		v.webhooks = slices.Delete(v.webhooks, i, i+1)
		return answer{status: http.StatusNoContent}.changed()
	})
}

// unknownEvent: those that matter to a rollback, and their families.
func unknownEvent(name string) bool {
	family, kind, _ := strings.Cut(name, ".")
	if kind == "" {
		return true
	}
	return !slices.Contains([]string{"deployment", "project", "alerts", "domain", "edge-config", "firewall", "observability"}, family)
}
