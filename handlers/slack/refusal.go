package slack

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	api "github.com/slack-go/slack"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// refused says what an error of slack-go means: RetryAfter when throttled, in doubt
// when Slack may have acted, permanent when it said no, and otherwise that nothing
// was done. doing names the attempt.
func refused(doing string, err error) error {
	var limited *api.RateLimitedError
	var status api.StatusCodeError
	var said api.SlackErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		return orchestrator.RetryAfter(fmt.Errorf("%s: Slack asks to wait: %w", doing, err), max(limited.RetryAfter, time.Second))
	case errors.As(err, &said):
		return saidNo(doing, said)
	case errors.As(err, &status) && status.Code < http.StatusInternalServerError:
		return orchestrator.Permanent(fmt.Errorf("%s: Slack answered %d; check providers.slack.base_url", doing, status.Code))
	case errors.As(err, &status):
		return orchestrator.InDoubt(fmt.Errorf("%s: Slack answered %d", doing, status.Code))
	}
	return outbound.Doubt(fmt.Errorf("%s: Slack gave no answer: %w", doing, err))
}

// saidNo explains the error codes that people meet (docs.slack.dev, each method).
func saidNo(doing string, said api.SlackErrorResponse) error {
	err := fmt.Errorf("%s: Slack said %w", doing, said)
	switch said.Err {
	case "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org":
		return orchestrator.InDoubt(err)
	case "not_in_channel", "channel_not_found", "is_archived":
		err = fmt.Errorf("%w; check the channel's id under providers.slack.channels and invite the bot to it", err)
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive":
		err = fmt.Errorf("%w; check providers.slack.bot_token", err)
	case "missing_scope":
		err = fmt.Errorf("%w; give the app the scope %s", err, said.Needed)
	case "user_not_found", "user_disabled", "users_not_found":
		err = fmt.Errorf("%w; correct the person's slack id under `people`", err)
	}
	return orchestrator.Permanent(err)
}

// isSaid reports whether Slack refused with this code.
func isSaid(err error, code string) bool {
	var said api.SlackErrorResponse
	return errors.As(err, &said) && said.Err == code
}
