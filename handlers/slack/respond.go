package slack

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
)

// responses is how often an outcome is posted at most: a response URL takes five
// messages, and seeing one twice is better than not at all.
const responses = 3

// respond posts what a command led to; the URL is itself the permission.
func (in *Inbound) respond(ctx context.Context, to, text string) {
	if to == "" {
		return
	}
	var err error
	for try := range responses {
		if try > 0 && !waited(ctx, time.Duration(try)*time.Second) {
			break
		}
		if err = in.respondOnce(ctx, to, text); err == nil {
			return
		}
	}
	in.Client.opts.Logger.WarnContext(ctx, "chat outcome not delivered", "error", err)
}

func (in *Inbound) respondOnce(ctx context.Context, to, text string) error {
	body, err := ephemeral(text)
	if err != nil {
		return err
	}
	got, err := in.http.Do(ctx, outbound.Request{
		Method: http.MethodPost, URL: to, Body: body, Header: http.Header{"Content-Type": {"application/json"}},
	})
	if err == nil && got.Status != http.StatusOK {
		err = errors.New("the response URL answered " + http.StatusText(got.Status))
	}
	return err
}

// waited is false when ctx ended first.
func waited(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
