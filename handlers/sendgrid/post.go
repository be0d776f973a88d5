package sendgrid

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/sendgrid/rest"
	"github.com/sendgrid/sendgrid-go/helpers/mail"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// envelope is a mail from us without recipients and text.
func (c *Client) envelope(subject string) *mail.SGMailV3 {
	m := mail.NewV3Mail()
	m.SetFrom(mail.NewEmail(plainName(c.opts.FromName), c.opts.From))
	m.Subject = subject
	if c.opts.ReplyTo != "" {
		m.SetReplyTo(mail.NewEmail("", c.opts.ReplyTo))
	}
	return m
}

// post sends one request and answers SendGrid's X-Message-Id. It goes through
// rest.Client because the package's own client is not safe for concurrent use,
// has no timeout and calls a 429 a success. Its errors say what is known: in doubt
// after a lost answer or a 5xx, RetryAfter after 429, permanent after another 4xx.
func (c *Client) post(ctx context.Context, m *mail.SGMailV3) (string, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", orchestrator.Permanent(fmt.Errorf("encoding a mail: %w", err))
	}
	resp, err := c.rest.SendWithContext(ctx, rest.Request{
		Method: rest.Post, BaseURL: c.opts.BaseURL + "/v3/mail/send", Body: body,
		Headers: map[string]string{"Authorization": "Bearer " + c.opts.APIKey, "Content-Type": "application/json", "User-Agent": "backout"},
	})
	if resp == nil {
		return "", outbound.Doubt(fmt.Errorf("SendGrid gave no answer: %w", err))
	}
	header := http.Header(resp.Headers)
	// A body that broke off after a 2xx changes nothing: it is empty anyway. SendGrid
	// names what it took; a proxy's page or another server at that address does not.
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		if id := header.Get("X-Message-Id"); id != "" {
			return id, nil
		}
		return "", orchestrator.InDoubt(fmt.Errorf("what answered %d in place of SendGrid named no message (X-Message-Id), so the mail was probably not taken; check providers.sendgrid.base_url and what stands between", resp.StatusCode))
	}
	return "", outbound.Refused(outbound.Answer{Status: resp.StatusCode, Header: header}, true, refusal(resp))
}

// refusal is SendGrid's reason in one line, with what to do where that is known.
func refusal(resp *rest.Response) string {
	text := fmt.Sprintf("SendGrid answered %d", resp.StatusCode)
	if reason := reasonIn(resp.Body); reason != "" {
		text += ": " + reason
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		text += "; check providers.sendgrid.api_key and its permission Mail Send"
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		text += "; check providers.sendgrid.base_url"
	}
	return text
}

// address finds e-mail addresses, which SendGrid repeats in its reasons.
var address = regexp.MustCompile(`[^\s<>\[\]"',;]+@[^\s<>\[\]"',;]+`)

// reasonIn reads {"errors":[{"message","field"}]} and hides the addresses in it.
func reasonIn(body string) string {
	var said struct {
		Errors []struct {
			Message string `json:"message"`
			Field   string `json:"field"`
		} `json:"errors"`
	}
	if err := json.Unmarshal([]byte(body), &said); err != nil {
		return ""
	}
	var reasons []string
	for _, e := range said.Errors[:min(3, len(said.Errors))] {
		reason := oneLine(address.ReplaceAllStringFunc(e.Message, masked), 300)
		if e.Field != "" {
			reason += " (" + oneLine(e.Field, 80) + ")"
		}
		reasons = append(reasons, reason)
	}
	return strings.Join(reasons, "; ")
}
