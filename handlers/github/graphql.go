package github

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/orchestrator"
)

// mutation asks for the new pull request by its own field: `pullRequest` beside it is
// the one that is reverted.
const mutation = `mutation($input: RevertPullRequestInput!) {
  revertPullRequest(input: $input) { revertPullRequest { number url headRefName baseRefName } }
}`

// reverted is the answer. GraphQL answers 200 for what it refuses, with errors.
type reverted struct {
	Data struct {
		Revert *struct {
			Pull *struct {
				Number int    `json:"number"`
				URL    string `json:"url"`
				Head   string `json:"headRefName"`
				Base   string `json:"baseRefName"`
			} `json:"revertPullRequest"`
		} `json:"revertPullRequest"`
	} `json:"data"`
	Errors []struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	} `json:"errors"`
}

// open makes the mutation once. There is no REST call for it.
func (c *Client) open(ctx context.Context, repo string, of *github.PullRequest, call orchestrator.Call) (*github.PullRequest, error) {
	todo := fmt.Sprintf("revert pull request #%d of %s", of.GetNumber(), repo)
	if of.GetNodeID() == "" {
		return nil, orchestrator.Permanent(fmt.Errorf("asking GitHub to %s: %w", todo, errNoNode))
	}
	req, err := c.rest.NewRequest(ctx, "POST", graphQL(c.rest.BaseURL()), map[string]any{
		"query": mutation,
		"variables": map[string]any{"input": map[string]any{
			"pullRequestId": of.GetNodeID(), "title": `Revert "` + of.GetTitle() + `"`, "draft": false,
			"body": fmt.Sprintf("Reverts #%d for %s, asked for through Backout.\n\nMigration folders that were applied stay: what a migration did is undone by a new migration.\n\n<!-- %s -->",
				of.GetNumber(), call.Incident, opID(call.Key)),
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("making the request to %s: %w", todo, err)
	}
	var got reverted
	if _, err := c.rest.Do(req, &got); err != nil {
		return nil, failedAs(err, true, todo, adviceOnCode)
	}
	if got.Data.Revert == nil || got.Data.Revert.Pull == nil {
		return nil, got.refusal(todo)
	}
	p := got.Data.Revert.Pull
	return &github.PullRequest{
		Number: &p.Number, HTMLURL: &p.URL, Head: &github.PullRequestBranch{Ref: &p.Head}, Base: &github.PullRequestBranch{Ref: &p.Base},
	}, nil
}

// refusal puts GraphQL's errors into the orchestrator's words.
func (g *reverted) refusal(todo string) error {
	if len(g.Errors) == 0 {
		return orchestrator.InDoubt(errors.New("GitHub was asked to " + todo + " and its answer names no pull request"))
	}
	var said []string
	for _, e := range g.Errors {
		if e.Type == "RATE_LIMITED" {
			return limited(todo, 0)
		}
		text := strings.Join(strings.Fields(e.Message), " ")
		if e.Type != "" {
			text += " (" + e.Type + ")"
		}
		said = append(said, text)
	}
	return orchestrator.Permanent(fmt.Errorf("GitHub would not %s: %s; revert it by hand with `git revert`, keeping the folders under %s", todo, strings.Join(said, "; "), migrationsFolder))
}

// graphQL is where GraphQL is beside the REST API: /api/graphql on an Enterprise Server.
func graphQL(rest string) string {
	if host, ok := strings.CutSuffix(rest, "/api/v3/"); ok {
		return host + "/api/graphql"
	}
	return strings.TrimSuffix(rest, "/") + "/graphql"
}

// folders are the trees of migration folders at a commit, by name.
type folders struct {
	commit string
	trees  map[string]string
}

// lacks names the folders of others that are not here, in their order.
func (f folders) lacks(others folders) []string {
	var out []string
	for _, name := range sortedKeys(others.trees) {
		if _, ok := f.trees[name]; !ok {
			out = append(out, name)
		}
	}
	return out
}

// foldersOf reads the folders of both sides of a pull request.
func (c *Client) foldersOf(ctx context.Context, repo string, pr *github.PullRequest) (base, head folders, err error) {
	if base, err = c.foldersAt(ctx, repo, pr.GetBase().GetRef()); err != nil {
		return base, head, err
	}
	head, err = c.foldersAt(ctx, repo, pr.GetHead().GetRef())
	return base, head, err
}

func (c *Client) foldersAt(ctx context.Context, repo, ref string) (folders, error) {
	owner, name := splitRepo(repo)
	sha, _, err := c.rest.Repositories.GetCommitSHA1(ctx, owner, name, ref, "")
	if err != nil {
		return folders{}, failedAs(err, false, "show "+ref+" of "+repo, adviceOnRef)
	}
	out := folders{commit: sha, trees: map[string]string{}}
	reader := c.Trees(repo, migrationsFolder)
	for _, part := range append(reader.path, "") {
		tree, err := reader.read(ctx, sha)
		if err != nil {
			return folders{}, err
		}
		sha = ""
		for _, e := range tree.Entries {
			switch {
			case e.GetType() != "tree":
			case part == "":
				out.trees[e.GetPath()] = e.GetSHA()
			case e.GetPath() == part:
				sha = e.GetSHA()
			}
		}
		if sha == "" {
			break
		}
	}
	return out, nil
}

// putBack commits to the branch of a pull request the folders it would delete.
func (c *Client) putBack(ctx context.Context, repo string, pr *github.PullRequest) (restored []string, err error) {
	base, head, err := c.foldersOf(ctx, repo, pr)
	if err != nil {
		return nil, err
	}
	lost := head.lacks(base)
	if len(lost) == 0 {
		return nil, nil
	}
	owner, name := splitRepo(repo)
	var entries []*github.TreeEntry
	for _, folder := range lost {
		entries = append(entries, &github.TreeEntry{Path: new(migrationsFolder + "/" + folder), Mode: new("040000"), Type: new("tree"), SHA: new(base.trees[folder])})
	}
	todo := "put " + folderList(lost) + " back in " + pr.GetHead().GetRef()
	parent, _, err := c.rest.Git.GetCommit(ctx, owner, name, head.commit)
	if err != nil {
		return nil, failedAs(err, true, todo, adviceOnCode)
	}
	tree, _, err := c.rest.Git.CreateTree(ctx, owner, name, parent.GetTree().GetSHA(), entries)
	if err != nil {
		return nil, failedAs(err, true, todo, adviceOnCode)
	}
	commit, _, err := c.rest.Git.CreateCommit(ctx, owner, name, github.Commit{
		Message: new("Keep migrations that were applied\n\n" + folderList(lost) + ": what a migration did is undone by a new migration, never by deleting its folder."),
		Tree:    tree, Parents: []*github.Commit{{SHA: new(head.commit)}},
	}, nil)
	if err != nil {
		return nil, failedAs(err, true, todo, adviceOnCode)
	}
	if _, _, err := c.rest.Git.UpdateRef(ctx, owner, name, "heads/"+pr.GetHead().GetRef(), github.UpdateRef{SHA: commit.GetSHA()}); err != nil {
		return nil, failedAs(err, true, todo, adviceOnCode)
	}
	return lost, nil
}
