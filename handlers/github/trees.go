package github

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-github/v88/github"
)

// maxTrees bounds how many commits and folders are remembered; a commit never changes,
// so what is forgotten is only read again.
const maxTrees = 500

// Trees reads which folders a commit has in one place of a repository, such as the
// migrations in prisma/migrations. It is safe for concurrent use.
type Trees struct {
	client      *Client
	owner, name string
	path        []string

	mu sync.Mutex
	// commits has the folders of each commit, folders those of each tree: most commits
	// have the same migrations as the one before.
	commits, folders map[string][]string
}

// Trees makes a reader of a repository (owner/name) for a folder such as
// prisma/migrations; it calls nothing. The token needs Contents: read.
func (c *Client) Trees(repo, folder string) *Trees {
	t := &Trees{client: c, commits: map[string][]string{}, folders: map[string][]string{}, path: strings.Split(strings.Trim(folder, "/"), "/")}
	t.owner, t.name, _ = strings.Cut(repo, "/")
	return t
}

// Known answers from memory alone.
func (t *Trees) Known(commit string) (folders []string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	folders, ok = t.commits[commit]
	return folders, ok
}

// Folders lists the folders a commit has there, sorted; none when there is no such
// place. It makes at most one call per part of the path and one more, and none for a
// commit it knows. A list that GitHub cut is an error.
func (t *Trees) Folders(ctx context.Context, commit string) ([]string, error) {
	if known, ok := t.Known(commit); ok {
		return known, nil
	}
	sha := commit
	for _, part := range t.path {
		tree, err := t.read(ctx, sha)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(tree.Entries, func(e *github.TreeEntry) bool { return e.GetPath() == part && e.GetType() == "tree" })
		if i < 0 {
			return t.keep(commit, "", []string{}), nil
		}
		sha = tree.Entries[i].GetSHA()
	}
	t.mu.Lock()
	same, ok := t.folders[sha]
	t.mu.Unlock()
	if ok {
		return t.keep(commit, sha, same), nil
	}
	tree, err := t.read(ctx, sha)
	if err != nil {
		return nil, err
	}
	folders := []string{}
	for _, e := range tree.Entries {
		if e.GetType() == "tree" {
			folders = append(folders, e.GetPath())
		}
	}
	slices.Sort(folders)
	return t.keep(commit, sha, folders), nil
}

func (t *Trees) keep(commit, tree string, folders []string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.commits) >= maxTrees {
		clear(t.commits)
		clear(t.folders)
	}
	t.commits[commit] = folders
	if tree != "" {
		t.folders[tree] = folders
	}
	return folders
}

func (t *Trees) read(ctx context.Context, sha string) (*github.Tree, error) {
	tree, _, err := t.client.rest.Git.GetTree(ctx, t.owner, t.name, sha, false)
	if err != nil {
		return nil, failed(err, false, fmt.Sprintf("show the tree %s of %s/%s", sha, t.owner, t.name))
	}
	if tree.GetTruncated() {
		return nil, errors.New("GitHub cut the list of tree " + sha + " of " + t.owner + "/" + t.name + ": it is too long to be compared")
	}
	return tree, nil
}
