package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

// revert is github.revert: it opens a pull request that reverts another, and puts
// migration folders back that the revert deletes. It merges nothing.
type revert struct{ client *Client }

type revertInput struct {
	Repo string `json:"repo"`
	// Commit is what was deployed, Pull the number of the pull request; one of them.
	Commit string `json:"commit"`
	Pull   string `json:"pull"`
	pull   int
}

// Spec says what the action needs.
func (a *revert) Spec() orchestrator.Spec { return orchestrator.RevertSpec() }

func (a *revert) input(c orchestrator.Call) (revertInput, error) {
	var in revertInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	var err error
	if in.Pull != "" {
		in.pull, err = strconv.Atoi(in.Pull)
	}
	switch {
	case !isRepo.MatchString(in.Repo):
		return in, orchestrator.Permanent(fmt.Errorf("repo %q of step %s is not owner/name", in.Repo, c.Step))
	case err != nil || in.pull < 0:
		return in, orchestrator.Permanent(fmt.Errorf("pull %q of step %s is not the number of a pull request", in.Pull, c.Step))
	case in.pull == 0 && !isCommitish.MatchString(in.Commit):
		return in, orchestrator.Permanent(fmt.Errorf("%q of step %s is not a commit", in.Commit, c.Step))
	}
	return in, nil
}

// original finds the merged pull request that is to be reverted.
func (a *revert) original(ctx context.Context, in revertInput) (*github.PullRequest, error) {
	owner, name := splitRepo(in.Repo)
	if in.pull > 0 {
		pr, _, err := a.client.rest.PullRequests.Get(ctx, owner, name, in.pull)
		if err != nil {
			return nil, failedAs(err, false, fmt.Sprintf("show pull request #%d of %s", in.pull, in.Repo), adviceOnCode)
		}
		if pr.MergedAt == nil {
			return nil, orchestrator.Permanent(fmt.Errorf("pull request #%d of %s was not merged, so there is nothing to revert", in.pull, in.Repo))
		}
		return pr, nil
	}
	list, _, err := a.client.rest.PullRequests.ListPullRequestsWithCommit(ctx, owner, name, in.Commit, &github.ListOptions{PerPage: 30})
	if err != nil {
		return nil, failedAs(err, false, "list the pull requests of commit "+in.Commit+" of "+in.Repo, adviceOnRef)
	}
	merged := slices.DeleteFunc(list, func(p *github.PullRequest) bool { return p.MergedAt == nil })
	if i := slices.IndexFunc(merged, func(p *github.PullRequest) bool { return p.GetMergeCommitSHA() == in.Commit }); i >= 0 {
		return merged[i], nil
	}
	if len(merged) == 1 {
		return merged[0], nil
	}
	return nil, orchestrator.Permanent(fmt.Errorf("%d merged pull requests of %s have commit %s, so it is not clear what to revert: name it, or revert by hand with `git revert`", len(merged), in.Repo, short(in.Commit)))
}

// found is the pull request that an earlier attempt opened; nil when there is none.
func (a *revert) found(ctx context.Context, in revertInput, op string) (*github.PullRequest, error) {
	owner, name := splitRepo(in.Repo)
	list, _, err := a.client.rest.PullRequests.List(ctx, owner, name, &github.PullRequestListOptions{
		State: "all", Sort: "created", Direction: "desc", ListOptions: github.ListOptions{PerPage: 50},
	})
	if err != nil {
		return nil, failedAs(err, false, "list the pull requests of "+in.Repo, adviceOnCode)
	}
	if i := slices.IndexFunc(list, func(p *github.PullRequest) bool { return strings.Contains(p.GetBody(), op) }); i >= 0 {
		return list[i], nil
	}
	return nil, nil
}

// Do opens the pull request unless it is there, then puts folders back.
func (a *revert) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	pr, err := a.found(ctx, in, opID(c.Key))
	if err != nil {
		return orchestrator.Output{}, err
	}
	if pr == nil {
		of, err := a.original(ctx, in)
		if err != nil {
			return orchestrator.Output{}, err
		}
		if pr, err = a.client.open(ctx, in.Repo, of, c); err != nil {
			return orchestrator.Output{}, err
		}
	}
	restored, err := a.client.putBack(ctx, in.Repo, pr)
	if err != nil { // It is open, and must not look as if nothing had been done.
		return orchestrator.Output{}, orchestrator.InDoubt(fmt.Errorf("pull request #%d is open (%s), and it is not known whether it keeps every migration folder, so do not merge it yet: %w", pr.GetNumber(), pr.GetHTMLURL(), err))
	}
	text, data, err := told(pr, restored)
	return orchestrator.Output{Text: text, Data: data}, err
}

// told says what was opened.
func told(pr *github.PullRequest, restored []string) (string, json.RawMessage, error) {
	text := fmt.Sprintf("pull request #%d is open and not merged: %s. For the hotfix road answer fix_ref=%s", pr.GetNumber(), pr.GetHTMLURL(), pr.GetHead().GetRef())
	if len(restored) > 0 {
		text += ". The revert deleted " + folderList(restored) + ", which was applied: I put it back in the branch"
	}
	data, err := json.Marshal(map[string]any{"pull": pr.GetNumber(), "url": pr.GetHTMLURL(), "branch": pr.GetHead().GetRef(), "restored": restored})
	if err != nil {
		return "", nil, orchestrator.InDoubt(fmt.Errorf("encoding pull request #%d: %w", pr.GetNumber(), err))
	}
	return text, data, nil
}

func folderList(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = migrationsFolder + "/" + name
	}
	return strings.Join(out, ", ")
}

// Verify looks for the pull request and for what it deletes. One that still deletes a
// folder is not done: Do then finds it and puts the folder back.
func (a *revert) Verify(ctx context.Context, c orchestrator.Call, _ string) (orchestrator.Outcome, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Outcome{}, err
	}
	pr, err := a.found(ctx, in, opID(c.Key))
	switch {
	case err != nil:
		return cannotTell(err), nil
	case pr == nil:
		return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "GitHub lists no pull request of this step"}, nil
	}
	base, head, err := a.client.foldersOf(ctx, in.Repo, pr)
	if err != nil {
		return cannotTell(err), nil
	}
	if lost := head.lacks(base); len(lost) > 0 {
		return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: fmt.Sprintf("pull request #%d is open and deletes %s, which was applied", pr.GetNumber(), folderList(lost))}, nil
	}
	text, data, err := told(pr, nil)
	if err != nil {
		return cannotTell(err), nil
	}
	return orchestrator.Outcome{Kind: orchestrator.OutcomeDone, Text: text, Data: data}, nil
}

// Plan finds the pull request and says what reverting it would delete.
func (a *revert) Plan(ctx context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	of, err := a.original(ctx, in)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	owner, name := splitRepo(in.Repo)
	files, _, err := a.client.rest.PullRequests.ListFiles(ctx, owner, name, of.GetNumber(), &github.ListOptions{PerPage: 100})
	if err != nil {
		return orchestrator.Preview{}, failedAs(err, false, fmt.Sprintf("list the files of pull request #%d", of.GetNumber()), adviceOnCode)
	}
	var added []string
	for _, f := range files {
		rest, is := strings.CutPrefix(f.GetFilename(), migrationsFolder+"/")
		folder, _, deep := strings.Cut(rest, "/")
		if is && deep && f.GetStatus() == "added" && !slices.Contains(added, folder) {
			added = append(added, folder)
		}
	}
	text := fmt.Sprintf("Open a pull request that reverts #%d (%s) of %s. It is not merged", of.GetNumber(), of.GetTitle(), in.Repo)
	if len(added) > 0 {
		text += ". A plain revert deletes " + folderList(added) + ", which was applied: it stays in the branch"
	}
	data, err := json.Marshal(map[string]any{"pull": of.GetNumber(), "migrations": added})
	if err != nil {
		return orchestrator.Preview{}, fmt.Errorf("encoding the preview of step %s: %w", c.Step, err)
	}
	return orchestrator.Preview{Text: text, Manual: fmt.Sprintf("gh pr revert %d --repo %s", of.GetNumber(), in.Repo), Data: data}, nil
}

var errNoNode = errors.New("GitHub names no id of the pull request")
