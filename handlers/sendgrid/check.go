package sendgrid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sendgrid/rest"

	"github.com/aimarketplace/backout/handlers/outbound"
)

// mailSend is the one permission that the key needs.
const mailSend = "mail.send"

// Check asks what the API key may do: the error is that it is no good or may not
// send; extra are the permissions it has and does not need.
func (c *Client) Check(ctx context.Context) (extra []string, err error) {
	resp, err := c.rest.SendWithContext(ctx, rest.Request{
		Method: rest.Get, BaseURL: c.opts.BaseURL + "/v3/scopes",
		Headers: map[string]string{"Authorization": "Bearer " + c.opts.APIKey, "User-Agent": "backout"},
	})
	if resp == nil {
		return nil, fmt.Errorf("asking SendGrid what the key may do: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, outbound.Refused(outbound.Answer{Status: resp.StatusCode, Header: resp.Headers}, false, refusal(resp))
	}
	var said struct {
		Scopes []string `json:"scopes"`
	}
	if err := json.Unmarshal([]byte(resp.Body), &said); err != nil {
		return nil, fmt.Errorf("asking SendGrid what the key may do: the answer is no list of scopes: %w", err)
	}
	may := false
	for _, scope := range said.Scopes {
		switch {
		case scope == mailSend:
			may = true
		case strings.HasPrefix(scope, "2fa_") || strings.HasPrefix(scope, "sender_verification"):
			// Every key has these; they cannot be taken away.
		default:
			extra = append(extra, scope)
		}
	}
	if !may {
		return extra, errors.New("the API key may not send mail; give it the permission Mail Send")
	}
	return extra, nil
}
