package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-github/v88/github"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// limitWait is how long to wait after a limit that does not say.
const limitWait = time.Minute

// failed puts an error of go-github into the orchestrator's words. todo is what
// was asked; effect is set when the call may have changed something.
func failed(err error, effect bool, todo string) error {
	return failedAs(err, effect, todo, advice)
}

// failedAs is failed with what a person can do about a status.
func failedAs(err error, effect bool, todo string, advice func(status int) string) error {
	var (
		primary   *github.RateLimitError
		secondary *github.AbuseRateLimitError
		moved     *github.RedirectionError
		refused   *github.ErrorResponse
	)
	switch {
	case errors.As(err, &primary):
		return limited(todo, time.Until(primary.Rate.Reset.Time))
	case errors.As(err, &secondary):
		return limited(todo, secondary.GetRetryAfter())
	case errors.As(err, &moved):
		return orchestrator.Permanent(fmt.Errorf("GitHub would not %s: the repository has moved; name its new owner and name", todo))
	case errors.As(err, &refused) && refused.Response != nil:
		a := outbound.Answer{Status: refused.Response.StatusCode, Header: refused.Response.Header}
		return outbound.Refused(a, effect, fmt.Sprintf("GitHub would not %s: %s (%d)%s", todo, said(refused.Message), a.Status, advice(a.Status)))
	}
	err = fmt.Errorf("asking GitHub to %s: %w", todo, err)
	if effect && !outbound.Unsent(err) {
		return orchestrator.InDoubt(err)
	}
	return err
}

func limited(todo string, wait time.Duration) error {
	if wait <= 0 {
		wait = limitWait
	}
	return orchestrator.RetryAfter(fmt.Errorf("GitHub would not %s yet: its rate limit is reached", todo), max(wait, time.Second))
}

// said makes one line of GitHub's message.
func said(message string) string {
	text := strings.TrimSuffix(strings.Join(strings.Fields(message), " "), ".")
	if text == "" {
		return "no reason given"
	}
	return text
}

func advice(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; check that the token is valid and may read and write Actions of this repository"
	case http.StatusNotFound:
		return "; check the repository, the workflow file on its default branch, and the token's access"
	case http.StatusUnprocessableEntity:
		return "; the ref must be a branch or a tag, and the workflow needs `on: workflow_dispatch` with an input op_id"
	}
	return ""
}

// adviceOnCode is for calls about commits, trees and pull requests.
func adviceOnCode(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "; check that the token is valid and may read Contents of this repository, and write Contents and Pull requests for a revert"
	case http.StatusNotFound:
		return "; check the repository, whether the commits were pushed to it, and the token's access"
	}
	return ""
}
