package vercel

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// variable is a row of GET /v10/projects/{idOrName}/env; its value is not read.
type variable struct {
	Key     string          `json:"key"`
	Type    string          `json:"type"`
	Target  json.RawMessage `json:"target"`
	Created int64           `json:"createdAt"`
	Updated int64           `json:"updatedAt"`
}

// production tells whether production's builds get it; the target is a word or a list.
func (v variable) production() bool {
	return v.Type != "system" && strings.Contains(string(v.Target), `"production"`)
}

// maxVariables bounds how many variables are told of.
const maxVariables = 200

// variables reads the names of production's variables and when each was changed last,
// sorted by name. Values are neither asked for in the clear nor kept. A token that may
// not read them is told nothing: then there are none and no error.
func (c *Client) variables(ctx context.Context, projectID string) []orchestrator.VariableAt {
	var list struct {
		Envs []variable `json:"envs"`
	}
	path := "/v10/projects/" + url.PathEscape(projectID) + "/env"
	if c.read(ctx, "the variables of "+projectID, path, nil, &list) != nil {
		return nil // what cannot be read is not known; what serves does not hang on it
	}
	var out []orchestrator.VariableAt
	for _, v := range list.Envs {
		if v.production() && len(out) < maxVariables {
			out = append(out, orchestrator.VariableAt{Key: v.Key, At: max(v.Updated, v.Created)})
		}
	}
	slices.SortFunc(out, func(a, b orchestrator.VariableAt) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// cronList are the jobs of the deployment that serves, "schedule path", sorted.
func (p project) cronList() *orchestrator.CronsOf {
	if p.Crons == nil || p.Crons.Deployment == "" {
		return nil
	}
	out := &orchestrator.CronsOf{Deployment: p.Crons.Deployment}
	for _, c := range p.Crons.Definitions {
		out.List = append(out.List, c.Schedule+" "+c.Path)
	}
	slices.Sort(out.List)
	return out
}
