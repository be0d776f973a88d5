package github

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/aimarketplace/backout/orchestrator"
)

// migrationsFolder is where Prisma keeps migrations, from the top of a repository.
const migrationsFolder = "prisma/migrations"

// keeps is github.migrations: a branch must have every migration folder of the commits
// that have served. The database has run them; without its folder a migration is not
// undone but lost, and Prisma then offers to reset the database.
type keeps struct{ client *Client }

type keepsInput struct {
	// Repo is owner/name, Ref the branch or tag of the fix; Commits have served. Empty
	// ones are left out.
	Repo    string   `json:"repo"`
	Ref     string   `json:"ref"`
	Commits []string `json:"commits"`
}

// Spec says what the read needs.
func (a *keeps) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "github.migrations", Safety: orchestrator.Repeatable, CallTimeout: callTimeout.Milliseconds(),
		Inputs:      []string{"repo", "ref", "commits"},
		Permissions: []string{"Contents: read on the repository"},
	}
}

func (a *keeps) input(c orchestrator.Call) (keepsInput, error) {
	var in keepsInput
	if err := c.Input(&in); err != nil {
		return in, err
	}
	in.Commits = slices.DeleteFunc(in.Commits, func(c string) bool { return c == "" })
	switch {
	case !isRepo.MatchString(in.Repo):
		return in, orchestrator.Permanent(fmt.Errorf("repo %q of step %s is not owner/name", in.Repo, c.Step))
	case !isRef.MatchString(in.Ref):
		return in, orchestrator.Permanent(fmt.Errorf("ref %q of step %s is not a branch or a tag", in.Ref, c.Step))
	case len(in.Commits) == 0:
		return in, orchestrator.Permanent(fmt.Errorf("step %s names no commit that has served, so nothing can be compared; look yourself, then `skip`", c.Step))
	}
	for _, commit := range in.Commits {
		if !isCommitish.MatchString(commit) {
			return in, orchestrator.Permanent(fmt.Errorf("%q of step %s is not a commit", commit, c.Step))
		}
	}
	return in, nil
}

// Do compares the folders. A folder that is missing is an error that says which, and how
// to put it back.
func (a *keeps) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	has, head, err := a.client.migrationsAt(ctx, in.Repo, in.Ref)
	if err != nil {
		return orchestrator.Output{}, err
	}
	all := map[string]bool{}
	for _, commit := range in.Commits {
		served, sha, err := a.client.migrationsAt(ctx, in.Repo, commit)
		if err != nil {
			return orchestrator.Output{}, fmt.Errorf("the migrations of commit %s, which has served, are not known: %w; look yourself, then `skip`", short(commit), err)
		}
		if lost := without(served, has); len(lost) > 0 {
			return orchestrator.Output{}, orchestrator.Permanent(lostFolders(in.Ref, sha, lost))
		}
		for _, name := range served {
			all[name] = true
		}
	}
	data, err := json.Marshal(map[string]any{"head_sha": head, "folders": len(all), "new": without(has, slices.Sorted(maps.Keys(all)))})
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding what %s keeps: %w", in.Ref, err)
	}
	return orchestrator.Output{Data: data, Text: fmt.Sprintf("%s keeps all %d migration folders of what has served", in.Ref, len(all))}, nil
}

// lostFolders says in one sentence why a branch must not go out.
func lostFolders(ref, commit string, lost []string) error {
	folders := make([]string, len(lost))
	for i, name := range lost {
		folders[i] = migrationsFolder + "/" + name
	}
	return fmt.Errorf("%s lacks %s, which commit %s has and the database has run: put it back (`git checkout %s -- %s`) and push. What a migration did is undone by a new migration, never by deleting its folder",
		ref, strings.Join(folders, ", "), short(commit), short(commit), strings.Join(folders, " "))
}

// migrationsAt lists the migration folders at a branch, tag or commit, and the commit
// that it is.
func (c *Client) migrationsAt(ctx context.Context, repo, ref string) (folders []string, commit string, err error) {
	owner, name := splitRepo(repo)
	commit, _, err = c.rest.Repositories.GetCommitSHA1(ctx, owner, name, ref, "")
	if err != nil {
		return nil, "", failedAs(err, false, "show "+ref+" of "+repo, adviceOnRef)
	}
	folders, err = c.Trees(repo, migrationsFolder).Folders(ctx, commit)
	return folders, commit, err
}

func adviceOnRef(status int) string {
	if status == http.StatusUnprocessableEntity {
		return "; was it pushed?"
	}
	return adviceOnCode(status)
}

// without is what a has and b has not.
func without(a, b []string) []string {
	out := []string{}
	for _, name := range a {
		if !slices.Contains(b, name) {
			out = append(out, name)
		}
	}
	return out
}

// Verify is never needed: a read is repeated.
func (a *keeps) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeNotDone, Text: "a read changes nothing"}, nil
}

// Plan says what is compared.
func (a *keeps) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	in, err := a.input(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Compare " + migrationsFolder + " of " + in.Ref + " with what has served"}, nil
}
