package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	api "github.com/slack-go/slack"
)

// said is what a person said, by typing or by pressing a button.
type said struct {
	words    string
	user     string // Slack's user id; names can be changed by anybody and are not looked at
	team     string // the id of the workspace it was said in
	trigger  string
	response string
	click    bool
}

// understood reads a verified body and nothing else: slack-go's own parsers also
// look at the query string, which no signature covers. ok is false when there is
// nothing to do.
func understood(body []byte) (s said, ok bool, err error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return said{}, false, fmt.Errorf("reading the form: %w", err)
	}
	if form.Has("payload") {
		return pressed(form.Get("payload"))
	}
	if form.Has("ssl_check") {
		return said{}, false, nil
	}
	s = said{words: typed(form.Get("text")), user: form.Get("user_id"), team: form.Get("team_id"), trigger: form.Get("trigger_id"), response: form.Get("response_url")}
	if s.user == "" || s.trigger == "" {
		return said{}, false, errors.New("the form names no user_id or no trigger_id")
	}
	return s, true, nil
}

// typed undoes what Slack and keyboards do to words: entities and curly quotes.
func typed(text string) string {
	words := strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", "“", `"`, "”", `"`, "‘", "'", "’", "'").Replace(strings.TrimSpace(text))
	if words == "" {
		return "help"
	}
	return words
}

// pressed reads a click: the button's value is the words.
func pressed(payload string) (said, bool, error) {
	var in api.InteractionCallback
	if err := json.Unmarshal([]byte(payload), &in); err != nil {
		return said{}, false, fmt.Errorf("reading the payload: %w", err)
	}
	if in.Type != api.InteractionTypeBlockActions {
		return said{}, false, nil
	}
	for _, action := range in.ActionCallback.BlockActions {
		if action == nil || action.Value == "" {
			continue // A link, or an element of another app's making.
		}
		if in.User.ID == "" || in.TriggerID == "" {
			return said{}, false, errors.New("the payload names no user or no trigger_id")
		}
		return said{words: action.Value, user: in.User.ID, team: in.Team.ID, trigger: in.TriggerID, response: in.ResponseURL, click: true}, true, nil
	}
	return said{}, false, nil
}
