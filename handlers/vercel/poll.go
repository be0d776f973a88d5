package vercel

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// PollTarget is an environment and the Vercel project that serves it.
type PollTarget struct {
	Project, Environment string
	// VercelProject is an id (prj_…) or a name.
	VercelProject string
	Domains       []string
}

const (
	pollTimeout = 25 * time.Second
	pollRows    = 20
)

// Poll reads what serves and which production deployments there are, in at most
// five calls and 25 s. A provider that cannot be read is a fact too: it comes as an
// Observed with Error set. The error is ctx's own.
func (c *Client) Poll(ctx context.Context, t PollTarget) ([]orchestrator.Record, error) {
	bounded, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	seen := orchestrator.Observed{Project: t.Project, Environment: t.Environment, At: c.now().UnixMilli()}
	s, err := c.look(bounded, t.VercelProject, t.Domains)
	if err == nil {
		seen.Serving = s.serving(s.every())
		var rows []deployment
		query := url.Values{"target": {"production"}, "limit": {strconv.Itoa(pollRows)}}
		if rows, err = c.deployments(bounded, s.project.ID, query); err == nil {
			list := orchestrator.Deployments{Project: t.Project, Environment: t.Environment, At: seen.At, List: ledger(rows, s)}
			list.More = len(rows) >= pollRows
			list.Variables, list.Crons, list.RetentionDays = c.variables(bounded, s.project.ID), s.project.cronList(), s.project.Expiration.Production
			if p := s.project.Targets.Production; p != nil {
				list.Plan = p.Plan
			}
			return []orchestrator.Record{{Observed: &seen}, {Deploys: &list}}, nil
		}
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	seen.Serving, seen.Error = orchestrator.Serving{}, err.Error()
	return []orchestrator.Record{{Observed: &seen}}, nil
}

// ledger is Vercel's list in the orchestrator's words, newest first.
func ledger(rows []deployment, s sight) []orchestrator.DeploymentAt {
	list := make([]orchestrator.DeploymentAt, 0, len(rows))
	for _, d := range rows {
		if !d.production() {
			continue
		}
		list = append(list, orchestrator.DeploymentAt{
			ID: d.id(), URL: d.URL, Commit: d.commit(), CreatedAt: d.created(), AliasedAt: d.aliasedAt(),
			Ready: d.ready(), Candidate: d.candidate(s.live),
		})
	}
	return list
}

// candidate tells whether one could go back to it once something else serves.
// Vercel says no of what serves now; half a minute later, when a bad push has
// replaced it, it is the very deployment to go back to.
func (d deployment) candidate(live string) bool {
	switch {
	case !d.ready():
		return false
	case d.id() == live:
		return true
	case d.Candidate != nil:
		return *d.Candidate
	}
	return d.Substate == "PROMOTED"
}
