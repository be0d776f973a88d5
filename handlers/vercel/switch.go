package vercel

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// Switch is a key of a Global Config, which was called Edge Config: one value is off,
// another is on. Reading by the API is never stale; visitors see a change after a few
// seconds. It is safe for concurrent use.
type Switch struct {
	client      *Client
	config, key string
	off, on     json.RawMessage
}

// Switch makes a switch of a key; off and on are JSON. It calls nothing.
func (c *Client) Switch(config, key string, off, on json.RawMessage) *Switch {
	return &Switch{client: c, config: config, key: key, off: off, on: on}
}

// Name is the key and its config.
func (s *Switch) Name() string { return "key " + s.key + " of " + s.config }

func (s *Switch) path() string { return "/v1/edge-config/" + url.PathEscape(s.config) }

// Read says off or on, or "" for a key that was never written or has another value.
func (s *Switch) Read(ctx context.Context) (string, error) {
	value, _, err := s.value(ctx)
	if err != nil {
		return "", err
	}
	switch {
	case equalJSON(value, s.off):
		return orchestrator.SwitchOff, nil
	case equalJSON(value, s.on):
		return orchestrator.SwitchOn, nil
	}
	return "", nil
}

// value is the key's value; known is false when it was never written.
func (s *Switch) value(ctx context.Context) (value json.RawMessage, known bool, err error) {
	a, err := s.client.call(ctx, http.MethodGet, s.path()+"/item/"+url.PathEscape(s.key), nil)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("reading %s from Vercel: %w", s.Name(), err)
	case a.Status == http.StatusNotFound:
		// Of a key that is not there and of a config that is not there alike.
		return nil, false, nil
	case a.Status != http.StatusOK:
		return nil, false, s.refused(a, false, "to show "+s.Name())
	}
	var item struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(a.Body, &item); err != nil {
		return nil, false, fmt.Errorf("reading %s from Vercel: the answer is not what its API describes: %w", s.Name(), err)
	}
	return item.Value, true, nil
}

// Set writes the value. `upsert` is said to fail for a key that was never written, so
// that is told apart here: create, or update.
func (s *Switch) Set(ctx context.Context, to string) error {
	_, known, err := s.value(ctx)
	if err != nil {
		return err
	}
	operation, value := "create", s.on
	if known {
		operation = "update"
	}
	if to == orchestrator.SwitchOff {
		value = s.off
	}
	body, err := json.Marshal(map[string]any{"items": []any{map[string]any{"operation": operation, "key": s.key, "value": value}}})
	if err != nil {
		return fmt.Errorf("encoding the value of %s: %w", s.Name(), err)
	}
	a, err := s.client.send(ctx, outbound.Request{Method: http.MethodPatch, URL: s.path() + "/items", Body: body}, nil)
	if err != nil {
		return outbound.Doubt(fmt.Errorf("asking Vercel to set %s: %w", s.Name(), err))
	}
	if a.Status != http.StatusOK {
		return s.refused(a, true, "to set "+s.Name()+" to "+string(value))
	}
	return nil
}

// refused adds what a person can do about a switch.
func (s *Switch) refused(a outbound.Answer, effect bool, todo string) error {
	said := errorOf(a.Body)
	text := fmt.Sprintf("Vercel refused %s: %s (%d %s)", todo, said.Message, a.Status, said.Code)
	switch a.Status {
	case http.StatusPaymentRequired:
		text += "; the plan's writes are used up (Hobby: 250 a month), so switch it in the application, or upgrade"
	case http.StatusTooManyRequests:
		text += "; the hour's writes are used up (Pro and Enterprise: 100 an hour)"
	case http.StatusNotFound:
		text += "; check that " + s.config + " belongs to the configured team"
	case http.StatusForbidden, http.StatusUnauthorized:
		text += "; check that the token may write the team's Global Configs"
	case http.StatusConflict, http.StatusPreconditionFailed:
		text += "; somebody else writes it right now: look at it in the dashboard under Storage"
	}
	return outbound.Refused(a, effect, text)
}

// equalJSON compares two JSON values as they are written, blanks left out.
func equalJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return false
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}
