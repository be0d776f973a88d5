package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// goal is the data of a preview: what a yes was said to.
type goal struct {
	Target string `json:"target"`
	Commit string `json:"commit,omitempty"`
	Name   string `json:"name"`
}

// target answers the deployment to change to: the input, else the one the approved
// preview named, else the newest built from the commit.
func (ch *change) target(ctx context.Context, in changeInput, c orchestrator.Call) (string, error) {
	if in.Target != "" {
		return in.Target, nil
	}
	var approved goal
	if len(c.Preview) > 0 && json.Unmarshal(c.Preview, &approved) == nil && isDeployment.MatchString(approved.Target) {
		return approved.Target, nil
	}
	if in.Commit == "" {
		return "", orchestrator.Permanent(fmt.Errorf("step %s names neither a target nor a commit", c.Step))
	}
	d, err := ch.client.built(ctx, in.Project, in.Commit)
	return d.id(), err
}

var isCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// buildWait is how long to wait before looking again for a build that is not there.
const buildWait = 10 * time.Second

// built finds the newest READY production deployment of a commit. Only such a one
// can be promoted: promoting a preview would rebuild it.
func (c *Client) built(ctx context.Context, projectID, commit string) (deployment, error) {
	query := url.Values{"limit": {"100"}}
	if isCommit.MatchString(commit) {
		query.Set("sha", commit)
	}
	rows, err := c.deployments(ctx, projectID, query)
	if err != nil {
		return deployment{}, err
	}
	var other []string
	building := false
	for _, d := range rows {
		switch {
		case !d.of(commit):
		case d.production() && d.ready():
			return d, nil
		case d.production():
			other = append(other, d.id()+" is "+d.State)
			building = building || d.State == "BUILDING" || d.State == "QUEUED" || d.State == "INITIALIZING"
		default:
			other = append(other, d.id()+" is a preview, and promoting one would rebuild it")
		}
	}
	if len(other) == 0 {
		return deployment{}, orchestrator.RetryAfter(fmt.Errorf("vercel has no deployment of commit %s among the newest; push it to the production branch", commit), buildWait)
	}
	err = fmt.Errorf("commit %s has no ready production deployment: %s", commit, strings.Join(other, "; "))
	if building {
		return deployment{}, orchestrator.RetryAfter(err, buildWait)
	}
	return deployment{}, orchestrator.Permanent(err)
}

// deployments lists deployments of a project, newest first.
func (c *Client) deployments(ctx context.Context, projectID string, query url.Values) ([]deployment, error) {
	// projectId takes ids only; app is the project's name.
	if strings.HasPrefix(projectID, "prj_") {
		query.Set("projectId", projectID)
	} else {
		query.Set("app", projectID)
	}
	var list deploymentList
	err := c.read(ctx, "the deployments of "+projectID, "/v6/deployments", query, &list)
	return list.Deployments, err
}

// Plan reads the project and the target and says what Do would do. Its text names
// nothing that changes by itself, or an approval would be void in a minute.
func (ch *change) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := ch.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	if in.Target, err = ch.target(ctx, in, c); err != nil {
		return orchestrator.Preview{}, err
	}
	s, err := ch.client.lookProject(ctx, in.Project)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	var d deployment
	if err := ch.client.read(ctx, "deployment "+in.Target, "/v13/deployments/"+in.Target, nil, &d); err != nil {
		return orchestrator.Preview{}, err
	}
	if !d.production() || !d.ready() {
		return orchestrator.Preview{}, orchestrator.Permanent(errors.New(in.Target + " is not a ready production deployment; it cannot be brought to production without a rebuild"))
	}
	g := goal{Target: in.Target, Commit: d.commit(), Name: s.project.Name}
	data, err := json.Marshal(g)
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	return orchestrator.Preview{Text: ch.text(in, g), Manual: ch.manual(in.Target), Data: data}, nil
}

func (ch *change) text(in changeInput, g goal) string {
	built := short(g.Commit)
	on := ""
	if len(in.Domains) > 0 {
		on = ", on " + strings.Join(in.Domains, ", ")
	}
	if ch.kind == kindPromote {
		return fmt.Sprintf("Promote %s of %s%s in place of %s%s. Nothing is rebuilt. New pushes go live by themselves again.", g.Target, g.Name, built, in.Expect, on)
	}
	return fmt.Sprintf("Roll %s back from %s to %s%s%s. Nothing is rebuilt, the database is not touched. New pushes build but stay staged until one is promoted.",
		g.Name, in.Expect, g.Target, built, on)
}

// short is a commit as a text shows it.
func short(commit string) string {
	if commit == "" {
		return ""
	}
	return " (commit " + commit[:min(7, len(commit))] + ")"
}

// manual is what a person would type to do the same.
func (ch *change) manual(target string) string {
	command := "vercel " + ch.kind + " " + target
	if ch.client.team != "" {
		command += " --scope " + ch.client.team
	}
	return command
}
