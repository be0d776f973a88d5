package github

import (
	"context"
	"fmt"
	"strings"
)

// Check asks whether the token reads a repository and finds each workflow file in it.
// A token of GitHub's does not tell what it may do; that it may start a workflow
// shows when one is started.
func (c *Client) Check(ctx context.Context, repo string, workflows ...string) error {
	owner, name, ok := strings.Cut(repo, "/")
	if !ok {
		return fmt.Errorf("%q is no repository; write OWNER/NAME", repo)
	}
	if _, _, err := c.rest.Repositories.Get(ctx, owner, name); err != nil {
		return failed(err, false, "show repository "+repo)
	}
	for _, file := range workflows {
		w, _, err := c.rest.Actions.GetWorkflowByFileName(ctx, owner, name, file)
		if err != nil {
			return failed(err, false, "show workflow "+file+" of "+repo)
		}
		if state := w.GetState(); state != "active" {
			return fmt.Errorf("workflow %s of %s is %s; switch it on under Actions", file, repo, strings.ReplaceAll(state, "_", " "))
		}
	}
	return nil
}
