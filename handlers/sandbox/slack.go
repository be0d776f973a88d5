package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
)

// slack is the stand-in for Slack's Web API, its response URLs, and the people
// who type commands and press buttons. Errors are 200 with ok false, as there.
type slack struct {
	opts   Options
	base   string
	dice   *dice
	client *http.Client // posts commands and clicks; Slack waits 3 s

	mu         sync.Mutex
	users      []slackUser
	groups     map[string][]string
	throttled  bool
	lastPost   map[string]time.Time
	lastStamp  int64
	messages   []*slackMessage // oldest first
	responders map[string]*responder
	scopes     string
}

type slackUser struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// slackSetup is the body of POST /_sandbox/setup; what is left out stays as it is.
type slackSetup struct {
	Users      []slackUser         `json:"users"`
	UserGroups map[string][]string `json:"usergroups"`
	// RateLimit answers 429 above one message per second and channel.
	RateLimit *bool `json:"rate_limit"`
	// Scopes are those the bot token was granted, as auth.test shows them.
	Scopes *string `json:"scopes"`
}

const (
	slackTeam = "T0AIM"
	slackApp  = "A0BACKOUT"
	slackBot  = "U0BOT"
	// slackPatience is how long Slack waits for a command or a click.
	slackPatience = 3 * time.Second
)

func newSlack(o Options, base string) *slack {
	return &slack{
		opts: o, base: base, dice: newDice(o.Seed, "slack"), client: &http.Client{Timeout: slackPatience},
		users: []slackUser{
			{ID: "U01", Name: "oncall-a", Email: "oncall-a@aimarketplace.com"},
			{ID: "U02", Name: "oncall-b", Email: "oncall-b@aimarketplace.com"},
			{ID: "U03", Name: "support-c", Email: "support-c@aimarketplace.com"},
			{ID: "U04", Name: "security-d", Email: "security-d@aimarketplace.com"},
		},
		groups:   map[string][]string{"S0ONCALL": {"U01", "U02"}},
		scopes:   "commands,chat:write,im:write,channels:history",
		lastPost: map[string]time.Time{}, responders: map[string]*responder{},
	}
}

func (s *slack) name() string { return "slack" }

// tokenIn finds the token in a form: slack-go sends it there.
var tokenIn = regexp.MustCompile(`(^|&)token=[^&]*`)

func (s *slack) redact(body []byte) string {
	return tokenIn.ReplaceAllString(string(body), "${1}token=redacted")
}

func (s *slack) routes() http.Handler {
	mux := http.NewServeMux()
	for method, do := range map[string]func(args) answer{
		"auth.test": s.authTest, "chat.postMessage": s.postMessage, "chat.update": s.update, "chat.postEphemeral": s.postEphemeral,
		"conversations.history": s.history, "conversations.open": s.open, "users.lookupByEmail": s.lookup, "users.info": s.userInfo,
		"usergroups.users.list": s.groupUsers,
	} {
		e := endpoint(func(r *request) answer { return s.web(r, do) })
		mux.Handle("/"+method, e)
		mux.Handle("/api/"+method, e)
	}
	mux.Handle("POST /commands/{id}", endpoint(s.respond))
	mux.Handle("POST /actions/{id}", endpoint(s.respond))
	return mux
}

// args are the arguments of a Web API method, from a form, a query or JSON.
type args map[string]string

func (s *slack) web(r *request, do func(args) answer) answer {
	in, ok := argsOf(r)
	if !ok {
		return slackError("invalid_json")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return do(in)
}

func argsOf(r *request) (args, bool) {
	in := args{}
	for key, values := range r.URL.Query() {
		in[key] = values[0]
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && len(r.body) > 0 {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(r.body, &fields); err != nil {
			return nil, false
		}
		for key, raw := range fields {
			var text string
			if err := json.Unmarshal(raw, &text); err != nil {
				text = string(raw) // A number, a list or an object stays JSON.
			}
			in[key] = text
		}
		return in, true
	}
	form, err := url.ParseQuery(string(r.body))
	if err != nil {
		return nil, false
	}
	for key, values := range form {
		in[key] = values[0]
	}
	return in, true
}

// admit finds the token in the header or the arguments; a response URL needs none.
func (s *slack) admit(r *request) (answer, bool) {
	if strings.HasPrefix(r.URL.Path, "/commands/") || strings.HasPrefix(r.URL.Path, "/actions/") {
		return answer{}, true
	}
	token := bearer(r.Request)
	if in, ok := argsOf(r); token == "" && ok {
		token = in["token"]
	}
	switch {
	case token == "":
		return slackError("not_authed"), false
	case s.opts.Token != "" && token != s.opts.Token:
		return slackError("invalid_auth"), false
	}
	return answer{}, true
}

func slackError(code string) answer { return asJSON(http.StatusOK, object{"ok": false, "error": code}) }

// slackOK answers ok true with these fields.
func slackOK(fields object) answer {
	fields["ok"] = true
	return asJSON(http.StatusOK, fields)
}

func (s *slack) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return asJSON(http.StatusTooManyRequests, object{"ok": false, "error": "ratelimited"})
	case refuseRevoked:
		return slackError("token_revoked")
	case refuseUnknown:
		return slackError("unknown_method")
	case refuseTooBig:
		return slackError("request_too_large")
	case refuseBroken:
	}
	return asJSON(http.StatusInternalServerError, object{"ok": false, "error": "internal_error"})
}

func (s *slack) authTest(args) answer {
	return slackOK(object{
		"url": "https://aim.slack.test/", "team": "aim", "user": "backout", "team_id": slackTeam, "user_id": slackBot, "bot_id": "B0BOT",
	}).with("X-OAuth-Scopes", s.scopes)
}
