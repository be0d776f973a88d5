package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// setupToken says how far the token of every call reaches. Vercel's tokens are as
// mighty as their owner, in all teams, in one team or in one project.
type setupToken struct {
	// Project is a project's id: calls outside of it, to the team and to the user are
	// refused. Empty: the whole account, or Team.
	Project string `json:"project"`
	Team    string `json:"team"`
	// ExpiresAt is when it ends; the zero time is never.
	ExpiresAt time.Time `json:"expires_at"`
	// Revoked is what every call is answered from then on, 401 or 403, after After
	// more calls; 0 is a good token.
	Revoked int `json:"revoked"`
	After   int `json:"after"`
}

// listProjects is GET /v9|v10/projects; the next page is asked for by from =
// pagination.next, which means nothing to anybody else.
func (v *vercel) listProjects(r *request) answer {
	return v.at(func(now time.Time) answer {
		rows := []object{}
		for _, p := range v.projects {
			if p.within(r) {
				rows = append(rows, object{
					"id": p.ID, "accountId": p.TeamID, "name": p.Name, "framework": "nextjs", "paused": p.Paused,
					"createdAt": p.Created.UnixMilli(), "updatedAt": now.UnixMilli(), "targets": object{"production": p.liveTarget()},
				})
			}
		}
		from, _ := strconv.Atoi(r.URL.Query().Get("from"))
		first := min(max(from, 0), len(rows))
		last := min(first+limitOf(r, 20), len(rows))
		pagination := onePage(last - first)
		if last < len(rows) {
			pagination["next"] = strconv.Itoa(last)
		}
		return asJSON(http.StatusOK, object{"projects": rows[first:last], "pagination": pagination})
	})
}

// getTeam is GET /v2/teams/{idOrSlug}; not in the spec subset.
func (v *vercel) getTeam(r *request) answer {
	return v.at(func(time.Time) answer {
		id := r.PathValue("team")
		i := slices.IndexFunc(v.projects, func(p *project) bool { return p.TeamID == id || p.TeamSlug == id })
		if i < 0 {
			return vercelError(http.StatusForbidden, "forbidden", "Not authorized")
		}
		p := v.projects[i]
		created := p.Created.UnixMilli()
		return asJSON(http.StatusOK, object{
			"id": p.TeamID, "slug": p.TeamSlug, "name": p.TeamSlug, "avatar": nil, "description": nil, "stagingPrefix": "",
			"creatorId": "usr_sandbox", "createdAt": created, "updatedAt": created, "billing": object{"plan": p.Plan},
			"membership": object{"confirmed": true, "role": "MEMBER", "created": created, "createdAt": created, "teamId": p.TeamID, "uid": "usr_sandbox"},
		})
	})
}

// getUser is GET /v2/user; not in the spec subset.
func (v *vercel) getUser(*request) answer {
	return asJSON(http.StatusOK, object{"user": object{
		"id": "usr_sandbox", "email": "dev@shop.test", "name": "Dev", "username": "dev", "avatar": nil, "defaultTeamId": nil, "version": "northstar",
	}})
}

// getToken is GET /v5/user/tokens/{id}: only the calling token shows itself.
func (v *vercel) getToken(r *request) answer {
	if r.PathValue("token") != "current" {
		return vercelError(http.StatusNotFound, "not_found", "The token could not be found.")
	}
	return v.at(func(now time.Time) answer {
		scope := object{"type": "user", "origin": "manual", "createdAt": now.Add(-time.Hour).UnixMilli()}
		if v.token.Team != "" {
			scope["type"], scope["teamId"] = "team", v.token.Team
		}
		token := object{
			"id": "tok_sandbox", "name": "backout", "type": "oauth2-token", "origin": "manual", "scopes": []object{scope},
			"createdAt": now.Add(-time.Hour).UnixMilli(), "activeAt": now.UnixMilli(),
		}
		if !v.token.ExpiresAt.IsZero() {
			token["expiresAt"] = v.token.ExpiresAt.UnixMilli()
		}
		return asJSON(http.StatusOK, object{"token": token})
	})
}

var (
	projectPath    = regexp.MustCompile(`^/v\d+/projects/([^/]+)`)
	deploymentPath = regexp.MustCompile(`^/v\d+/deployments/([^/]+)`)
	listPath       = regexp.MustCompile(`^/v\d+/(deployments|aliases)$`)
)

// tired refuses every call once the token was revoked, in the middle of whatever
// went on.
func (v *vercel) tired() answer {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.token.Revoked == 0 {
		return answer{}
	}
	if v.token.After--; v.token.After >= 0 {
		return answer{}
	}
	if v.token.Revoked == http.StatusUnauthorized {
		return vercelError(http.StatusUnauthorized, "unauthorized", "The token was revoked.")
	}
	return vercelFlag("Not authorized", "invalidToken")
}

// reaches tells whether the token may make this call at all.
func (v *vercel) reaches(r *request) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	only := v.find(v.token.Project)
	if only == nil {
		return true
	}
	path := r.URL.Path
	if m := projectPath.FindStringSubmatch(path); m != nil {
		return v.find(m[1]) == only
	}
	if m := deploymentPath.FindStringSubmatch(path); m != nil {
		p, _ := v.projectOf(m[1])
		return p == only
	}
	q := r.URL.Query()
	return listPath.MatchString(path) && (q.Get("projectId") == only.ID || q.Get("app") == only.Name)
}

// limited is what is refused to a token of one project.
func limited(r *request) answer {
	what := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	return vercelError(http.StatusForbidden, "forbidden", fmt.Sprintf("Not authorized: the token is limited to a project and may not use %q", what[min(1, len(what)-1)]))
}
