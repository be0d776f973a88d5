package vercel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// sight is one look at what serves a project, by Vercel's word.
type sight struct {
	project project
	// live is what the project says serves; the base during a rolling release.
	live string
	// canary takes part of the traffic of a rolling release; usually empty.
	canary string
	// domains has the deployment of each domain that has an alias record.
	domains map[string]string
}

// maxAliases is how many domains the list of aliases may be asked for at once.
const maxAliases = 20

// look reads the project, its rolling release if it has them, and alias records.
func (c *Client) look(ctx context.Context, projectID string, domains []string) (sight, error) {
	s, err := c.lookProject(ctx, projectID)
	if err != nil {
		return sight{}, err
	}
	s.domains = map[string]string{}
	for some := range slices.Chunk(domains, maxAliases) {
		var list aliasList
		query := url.Values{"projectId": {s.project.ID}, "domain": some, "limit": {"100"}}
		if err := c.read(ctx, "the aliases of "+s.project.Name, "/v4/aliases", query, &list); err != nil {
			return sight{}, err
		}
		for _, a := range list.Aliases {
			if slices.Contains(some, a.Alias) {
				s.domains[a.Alias] = s.base(a.Deployment)
			}
		}
	}
	return s, nil
}

// lookProject reads the project alone.
func (c *Client) lookProject(ctx context.Context, projectID string) (sight, error) {
	if projectID == "" {
		return sight{}, orchestrator.Permanent(errors.New("no Vercel project is named: set `vercel.project` of this project in the configuration"))
	}
	var s sight
	path := "/v9/projects/" + url.PathEscape(projectID)
	// rollbackInfo is in no document; Vercel's CLI sends it when it polls.
	if err := c.read(ctx, "project "+projectID, path, url.Values{"rollbackInfo": {"true"}}, &s.project); err != nil {
		return sight{}, err
	}
	if p := s.project.Targets.Production; p != nil {
		s.live = p.ID
	}
	if len(s.project.Rolling) == 0 || string(s.project.Rolling) == "null" {
		return s, nil
	}
	var rolling rollingRelease
	path = "/v1/projects/" + url.PathEscape(projectID) + "/rolling-release"
	if err := c.read(ctx, "the rolling release of "+projectID, path, url.Values{"state": {"ACTIVE"}}, &rolling); err != nil {
		return sight{}, err
	}
	if r := rolling.Release; r != nil && r.State == "ACTIVE" && r.Current != nil {
		s.live = r.Current.ID
		if r.Canary != nil {
			s.canary = r.Canary.ID
		}
	}
	return s, nil
}

// serves tells whether a deployment serves alone: the base of a rolling release that is
// active does not.
func (s sight) serves(id string) bool { return s.live == id && s.canary == "" }

// base counts the canary of a rolling release as what it may still fall back to.
func (s sight) base(id string) string {
	if s.canary != "" && id == s.canary {
		return s.live
	}
	return id
}

// every answers the deployment that serves every domain, or "" when they differ.
func (s sight) every() string {
	if len(s.domains) == 0 {
		return s.live
	}
	return same(s.domains)
}

// same answers the one value all domains have, or "".
func same(domains map[string]string) string {
	values := slices.Compact(slices.Sorted(maps.Values(domains)))
	if len(values) == 1 {
		return values[0]
	}
	return ""
}

// settled answers what serves for the sake of a change from expect to target.
// Domains that differ are no answer, except when such a change failed half-way or
// the last record of the change before it lags: then expect still serves.
func (s sight) settled(expect, target string) (string, error) {
	if id := s.every(); id != "" {
		return id, nil
	}
	known := func(id string) bool { return id == expect || id == target }
	half := true
	for _, id := range s.domains {
		half = half && known(id)
	}
	if half && s.live == expect {
		return expect, nil
	}
	return "", fmt.Errorf("the domains differ (%s): a change is under way; look again when it is through", s.list())
}

func (s sight) list() string {
	var parts []string
	for _, host := range slices.Sorted(maps.Keys(s.domains)) {
		parts = append(parts, host+" "+s.domains[host])
	}
	return strings.Join(parts, ", ")
}

// serving is the sight in the orchestrator's words.
func (s sight) serving(id string) orchestrator.Serving {
	out := orchestrator.Serving{Deployment: id, Domains: s.domains, AutoAssign: s.project.AutoAssign}
	if s.canary != "" {
		out.Rolling = &orchestrator.Rolling{Base: s.live, Canary: s.canary}
	}
	return out
}
