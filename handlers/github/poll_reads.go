package github

import (
	"context"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

// deployments reads the statuses of the newest deployments to environments that
// are somebody's.
func (s *Source) deployments(ctx context.Context, since time.Time) ([]*orchestrator.Event, error) {
	list, _, err := s.client.rest.Repositories.ListDeployments(ctx, s.owner, s.name, &github.DeploymentsListOptions{ListOptions: github.ListOptions{PerPage: 50}})
	if err != nil {
		return nil, err
	}
	var events []*orchestrator.Event
	asked := 0
	for _, d := range list {
		if _, _, ours := s.o.Places.Environment(s.o.Repo, d.GetEnvironment()); !ours || d.GetCreatedAt().Before(since) || asked == maxDeployments {
			continue
		}
		asked++
		statuses, _, err := s.client.rest.Repositories.ListDeploymentStatuses(ctx, s.owner, s.name, d.GetID(), &github.ListOptions{PerPage: 10})
		if err != nil {
			return events, err
		}
		for _, st := range statuses {
			environment, address := st.GetEnvironment(), st.GetEnvironmentURL()
			if environment == "" {
				environment = d.GetEnvironment()
			}
			if address == "" {
				address = st.GetTargetURL()
			}
			events = append(events, s.o.Places.Deployed(Deployed{
				Repo: s.o.Repo, Deployment: d.GetID(), Status: st.GetID(), State: st.GetState(), Environment: environment,
				Commit: d.GetSHA(), URL: address, At: millis(st.GetCreatedAt()),
			}))
		}
	}
	return events, nil
}

// runs reads the last run of each workflow on the default branch. The ones before
// it are history: a failure that a later run has mended must not fire again.
func (s *Source) runs(ctx context.Context, since time.Time) ([]*orchestrator.Event, error) {
	list, _, err := s.client.rest.Actions.ListRepositoryWorkflowRuns(ctx, s.owner, s.name, &github.ListWorkflowRunsOptions{
		Branch: s.branch, Status: "completed", Created: ">=" + since.UTC().Format(time.RFC3339), ListOptions: github.ListOptions{PerPage: 100},
	})
	if err != nil {
		return nil, err
	}
	last := map[int64]bool{}
	var events []*orchestrator.Event
	for _, r := range list.WorkflowRuns {
		ev := s.o.Places.Ended(Run{
			Repo: s.o.Repo, DefaultBranch: s.branch, HeadRepo: r.GetHeadRepository().GetFullName(), ID: r.GetID(), Workflow: r.GetWorkflowID(),
			Attempt: r.GetRunAttempt(), Branch: r.GetHeadBranch(), Event: r.GetEvent(), Name: r.GetName(), Conclusion: r.GetConclusion(),
			Commit: r.GetHeadSHA(), URL: r.GetHTMLURL(), StartedAt: millis(r.GetRunStartedAt()),
		})
		if ev == nil || last[r.GetWorkflowID()] {
			continue
		}
		last[r.GetWorkflowID()] = true
		events = append(events, ev)
	}
	return events, nil
}

// leaks reads the alerts of secret scanning that changed, open and resolved.
func (s *Source) leaks(ctx context.Context, since time.Time) ([]*orchestrator.Event, error) {
	list, _, err := s.client.rest.SecretScanning.ListAlertsForRepo(ctx, s.owner, s.name, &github.SecretScanningAlertListOptions{
		Sort: "updated", Direction: "desc", ListOptions: github.ListOptions{PerPage: 100},
	})
	if err != nil {
		return nil, err
	}
	var events []*orchestrator.Event
	for _, a := range list {
		l := Leak{
			Repo: s.o.Repo, Number: int64(a.GetNumber()), Kind: a.GetSecretTypeDisplayName(), State: a.GetState(), Resolution: a.GetResolution(),
			Validity: a.GetValidity(), URL: a.GetHTMLURL(), Bypassed: a.GetPushProtectionBypassed(), Public: a.GetPubliclyLeaked(),
			CreatedAt: millis(a.GetCreatedAt()), ChangedAt: millis(a.GetUpdatedAt()), ResolvedAt: millis(a.GetResolvedAt()),
		}
		if l.Kind == "" {
			l.Kind = a.GetSecretType()
		}
		if max(l.CreatedAt, l.ChangedAt, l.ResolvedAt) >= since.UnixMilli() {
			events = append(events, s.o.Places.Leaked(l))
		}
	}
	return events, nil
}

// millis is 0 for a time that GitHub did not say.
func millis(t github.Timestamp) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
