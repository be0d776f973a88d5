package github

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

// comparedCommits is how many commits of a comparison are kept; GitHub lists at most
// 300 files.
const comparedCommits = 100

// isCommitish is a commit, or what a provider calls one; never a path or an option.
var isCommitish = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/+@-]{0,254}$`)

// evidence is github.evidence: it keeps what lies between two commits.
type evidence struct{ client *Client }

type evidenceInput struct {
	// Repo is owner/name, Base the commit to go back to, Head the suspect's.
	Repo string `json:"repo"`
	Base string `json:"base"`
	Head string `json:"head"`
}

// compared is what is kept, a small part of GitHub's answer.
type compared struct {
	Repo    string           `json:"repo"`
	Base    string           `json:"base"`
	Head    string           `json:"head"`
	Status  string           `json:"status"`
	Ahead   int              `json:"ahead_by"`
	Behind  int              `json:"behind_by"`
	Total   int              `json:"total_commits"`
	Commits []comparedCommit `json:"commits"`
	Files   []comparedFile   `json:"files"`
	URL     string           `json:"url"`
}

type comparedCommit struct {
	SHA     string    `json:"sha"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
	Message string    `json:"message"`
}

type comparedFile struct {
	Name     string `json:"name"`
	Previous string `json:"previous,omitempty"`
	Status   string `json:"status"`
	Added    int    `json:"added"`
	Deleted  int    `json:"deleted"`
	Patch    string `json:"patch,omitempty"`
}

// Spec says what the read needs.
func (a *evidence) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "github.evidence", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(),
		Inputs:      []string{"repo", "base", "head"},
		Permissions: []string{"Contents: read on the repository"},
	}
}

func (a *evidence) input(c orchestrator.Call) (evidenceInput, error) {
	var in evidenceInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	switch {
	case !isRepo.MatchString(in.Repo):
		return in, orchestrator.Permanent(fmt.Errorf("repo %q of step %s is not owner/name", in.Repo, c.Step))
	case !isCommitish.MatchString(in.Base) || !isCommitish.MatchString(in.Head):
		return in, orchestrator.Permanent(fmt.Errorf("%q and %q of step %s are not two commits", in.Base, in.Head, c.Step))
	case a.client.keep == nil:
		return in, orchestrator.Permanent(errors.New("there is no place to keep evidence in"))
	}
	return in, nil
}

// Do keeps the comparison as compare.json.
func (a *evidence) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	owner, name := splitRepo(in.Repo)
	got, _, err := a.client.rest.Repositories.CompareCommits(ctx, owner, name, in.Base, in.Head, &github.ListOptions{PerPage: comparedCommits})
	if err != nil {
		return orchestrator.Output{}, failedAs(err, false, in.todo(), adviceOnCode)
	}
	body, err := json.MarshalIndent(in.keep(got), "", "  ")
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the comparison of %s: %w", in.Repo, err)
	}
	hash, n, err := a.client.keep(ctx, body)
	if err != nil {
		return orchestrator.Output{}, err
	}
	note := fmt.Sprintf("%s...%s of %s: %s, %s", short(in.Base), short(in.Head), in.Repo, counted(got.GetTotalCommits(), "commit"), counted(len(got.Files), "file"))
	out := orchestrator.EvidenceOutput{Evidence: []orchestrator.Evidence{{Name: "compare.json", Bytes: n, Blob: hash, Note: note}}}
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what was kept of %s: %w", in.Repo, err)
	}
	return orchestrator.Output{Data: data, Text: out.Text() + " (" + note + ")"}, nil
}

func (in evidenceInput) todo() string {
	return "compare " + in.Base + " with " + in.Head + " of " + in.Repo
}

func (in evidenceInput) keep(got *github.CommitsComparison) compared {
	out := compared{
		Repo: in.Repo, Base: in.Base, Head: in.Head, Status: got.GetStatus(), Ahead: got.GetAheadBy(), Behind: got.GetBehindBy(),
		Total: got.GetTotalCommits(), Commits: []comparedCommit{}, Files: []comparedFile{}, URL: got.GetHTMLURL(),
	}
	for _, c := range got.Commits {
		author := c.GetAuthor().GetLogin()
		if author == "" {
			author = c.GetCommit().GetAuthor().GetName()
		}
		out.Commits = append(out.Commits, comparedCommit{
			SHA: c.GetSHA(), Author: author, At: c.GetCommit().GetAuthor().GetDate().UTC(), Message: c.GetCommit().GetMessage(),
		})
	}
	for _, f := range got.Files {
		out.Files = append(out.Files, comparedFile{
			Name: f.GetFilename(), Previous: f.GetPreviousFilename(), Status: f.GetStatus(), Added: f.GetAdditions(), Deleted: f.GetDeletions(), Patch: f.GetPatch(),
		})
	}
	return out
}

func short(commit string) string {
	if len(commit) > 7 {
		return commit[:7]
	}
	return commit
}

// Verify is never needed: a read is repeated.
func (a *evidence) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "a read changes nothing"}, nil
}

// Plan says what is kept.
func (a *evidence) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Keep what lies between " + short(in.Base) + " and " + short(in.Head) + " of " + in.Repo}, nil
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
