package vercel

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Webhook is an account webhook of the team.
type Webhook struct {
	ID     string   `json:"id"`
	URL    string   `json:"url"`
	Events []string `json:"events"`
	// Projects are the ids it is for; empty means all.
	Projects []string `json:"projectIds,omitempty"`
	// Secret signs its deliveries. Vercel shows it once, when the webhook is made.
	Secret string `json:"-"`
}

// Covers reports whether it is told everything of events about a project.
func (w Webhook) Covers(project string, events []string) bool {
	return len(w.Misses(events)) == 0 && (len(w.Projects) == 0 || slices.Contains(w.Projects, project))
}

// Misses are the events it is not told of.
func (w Webhook) Misses(events []string) []string {
	return slices.DeleteFunc(slices.Clone(events), func(e string) bool { return slices.Contains(w.Events, e) })
}

// Webhooks lists the account webhooks of the team, without their secrets.
func (c *Client) Webhooks(ctx context.Context) ([]Webhook, error) {
	var all []Webhook
	err := c.read(ctx, "the webhooks", "/v1/webhooks", nil, &all)
	return all, err
}

// WebhooksAt are those that post to an address.
func (c *Client) WebhooksAt(ctx context.Context, address string) ([]Webhook, error) {
	all, err := c.Webhooks(ctx)
	return slices.DeleteFunc(all, func(w Webhook) bool { return w.URL != address }), err
}

// webhookTries bounds how often a webhook whose answer was lost is made anew.
const webhookTries = 4

// MakeWebhook makes a webhook and answers it with its secret. Vercel shows that once:
// when the answer is lost, the webhook that nobody knows the secret of is found,
// deleted, and made anew. The caller has made sure that the address had none before.
func (c *Client) MakeWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	var last error
	for range webhookTries {
		made, err := c.makeWebhook(ctx, w)
		if err == nil || !orchestrator.IsInDoubt(err) {
			return made, err
		}
		last = err
		orphans, err := c.WebhooksAt(ctx, w.URL)
		if err != nil {
			return Webhook{}, fmt.Errorf("making the webhook for %s: its answer was lost, and whether it is there cannot be read: %w; run this again", w.URL, err)
		}
		for _, o := range orphans {
			if err := c.DeleteWebhook(ctx, o.ID); err != nil && !orchestrator.IsInDoubt(err) {
				return Webhook{}, fmt.Errorf("webhook %s was made and its secret was lost: delete it at Vercel under Settings, Webhooks, and run this again: %w", o.ID, err)
			}
		}
	}
	return Webhook{}, last
}

func (c *Client) makeWebhook(ctx context.Context, w Webhook) (Webhook, error) {
	body, err := json.Marshal(w.order())
	if err != nil {
		return Webhook{}, fmt.Errorf("encoding the webhook for %s: %w", w.URL, err)
	}
	a, err := c.send(ctx, outbound.Request{Method: http.MethodPost, URL: "/v1/webhooks", Body: body}, nil)
	if err != nil {
		return Webhook{}, outbound.Doubt(fmt.Errorf("making the webhook for %s: %w", w.URL, err))
	}
	if a.Status != http.StatusOK {
		return Webhook{}, refused(a, true, "to make a webhook for "+w.URL)
	}
	var made struct {
		Webhook
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(a.Body, &made); err != nil || made.Secret == "" {
		return Webhook{}, orchestrator.InDoubt(fmt.Errorf("making the webhook for %s: the answer has no secret", w.URL))
	}
	made.Webhook.Secret = made.Secret
	return made.Webhook, nil
}

// order is the body of the request.
func (w Webhook) order() any {
	return struct {
		URL      string   `json:"url"`
		Events   []string `json:"events"`
		Projects []string `json:"projectIds,omitempty"`
	}{w.URL, w.Events, w.Projects}
}

// DeleteWebhook deletes a webhook; one that is gone already is no error.
func (c *Client) DeleteWebhook(ctx context.Context, id string) error {
	a, err := c.send(ctx, outbound.Request{Method: http.MethodDelete, URL: "/v1/webhooks/" + url.PathEscape(id)}, nil)
	switch {
	case err != nil:
		return outbound.Doubt(fmt.Errorf("deleting webhook %s: %w", id, err))
	case a.Status == http.StatusNoContent, a.Status == http.StatusNotFound:
		return nil
	}
	return refused(a, true, "to delete webhook "+id)
}
