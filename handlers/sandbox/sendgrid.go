package sandbox

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// sendGrid is the stand-in for SendGrid's v3 mail API. It has no idempotency:
// the same request again mails everybody again.
type sendGrid struct {
	opts      Options
	dice      *dice
	courier   *courier
	key       *ecdsa.PrivateKey
	publicKey string

	mu    sync.Mutex
	mails []Mail
}

// Mail is one delivered message, as GET /_sandbox/mails lists it.
type Mail struct {
	// MessageID is the sg_message_id: it starts with the request's X-Message-Id.
	MessageID  string         `json:"sg_message_id"`
	At         time.Time      `json:"at"`
	To         string         `json:"to"`
	From       string         `json:"from"`
	Subject    string         `json:"subject"`
	CustomArgs map[string]any `json:"custom_args,omitempty"`
	Categories []string       `json:"categories,omitempty"`
	Text       string         `json:"text,omitempty"`
	HTML       string         `json:"html,omitempty"`
}

func newSendGrid(o Options, c *courier) (*sendGrid, error) {
	key := o.EventKey
	if key == nil {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("making SendGrid's event key: %w", err)
		}
		key = made
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("encoding SendGrid's event key: %w", err)
	}
	return &sendGrid{
		opts: o, dice: newDice(o.Seed, "sendgrid"), courier: c, key: key,
		publicKey: base64.StdEncoding.EncodeToString(public),
	}, nil
}

func (s *sendGrid) name() string { return "sendgrid" }

func (s *sendGrid) redact(body []byte) string { return string(body) }

func (s *sendGrid) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v3/mail/send", endpoint(s.send))
	mux.Handle("GET /v3/scopes", endpoint(func(*request) answer {
		return asJSON(http.StatusOK, object{"scopes": []string{"mail.send", "user.webhooks.event.settings.read"}})
	}))
	return mux
}

func (s *sendGrid) admit(r *request) (answer, bool) {
	switch token := bearer(r.Request); {
	case token == "":
		return mailError(http.StatusUnauthorized, "authorization required", ""), false
	case s.opts.Token != "" && token != s.opts.Token:
		return s.refuse(refuseRevoked), false
	}
	return answer{}, true
}

// refuse never sets X-RateLimit headers on a 429: mail/send has none (reference 1.3).
func (s *sendGrid) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return mailError(http.StatusTooManyRequests, "too many requests", "")
	case refuseRevoked:
		return mailError(http.StatusUnauthorized, "The provided authorization grant is invalid, expired, or revoked", "")
	case refuseUnknown:
		return mailError(http.StatusNotFound, "resource not found", "")
	case refuseTooBig:
		return mailError(http.StatusRequestEntityTooLarge, "content too large", "")
	case refuseBroken:
	}
	return mailError(http.StatusInternalServerError, "internal server error", "")
}

func mailError(status int, message, field string) answer {
	one := object{"message": message, "field": nil, "help": nil}
	if field != "" {
		one["field"] = field
	}
	return asJSON(status, object{"errors": []object{one}})
}

const maxMail = 30 << 20 // 30 MB for the whole request (reference 1.3).

// send is POST /v3/mail/send: 202 means accepted, with the request's id in X-Message-Id.
func (s *sendGrid) send(r *request) answer {
	if len(r.body) >= maxMail {
		return s.refuse(refuseTooBig)
	}
	var order mailOrder
	if err := json.Unmarshal(r.body, &order); err != nil {
		return mailError(http.StatusBadRequest, "Bad Request", "")
	}
	now := s.opts.Now()
	if wrong := order.check(now); wrong != nil {
		return mailError(http.StatusBadRequest, wrong.message, wrong.field)
	}
	if order.Settings.Sandbox.Enable {
		return answer{status: http.StatusOK} // Valid, delivered to nobody, no events.
	}
	id := s.dice.id(11)
	mails := order.mails(id, now)
	s.mu.Lock()
	s.mails = append(s.mails, mails...)
	s.mu.Unlock()
	s.tell(mails)
	return answer{status: http.StatusAccepted, header: map[string]string{"X-Message-Id": id}}.changed()
}

// mails makes one message for each recipient of each personalization.
func (o *mailOrder) mails(id string, now time.Time) []Mail {
	var mails []Mail
	for _, p := range o.Personalizations {
		text, html := o.content("text/plain"), o.content("text/html")
		subject := o.Subject
		if p.Subject != "" {
			subject = p.Subject
		}
		if len(p.Substitutions) > 0 {
			replace := p.replacer()
			subject, text, html = replace.Replace(subject), replace.Replace(text), replace.Replace(html)
		}
		for _, to := range p.recipients() {
			mails = append(mails, Mail{
				MessageID: fmt.Sprintf("%s.filter0001.16648.5515E0B88.%d", id, len(mails)), At: now.UTC(), To: to.Email,
				From: o.From.Email, Subject: subject, CustomArgs: o.args(p), Categories: o.Categories, Text: text, HTML: html,
			})
		}
	}
	return mails
}

func (p *personalization) replacer() *strings.Replacer {
	var pairs []string
	for from, to := range p.Substitutions {
		pairs = append(pairs, from, to)
	}
	return strings.NewReplacer(pairs...)
}

func (o *mailOrder) content(kind string) string {
	for _, c := range o.Content {
		if c.Type == kind {
			return c.Value
		}
	}
	return ""
}

// args are the custom_args of a personalization over those of the whole mail.
func (o *mailOrder) args(p personalization) map[string]any {
	args := map[string]any{}
	if all, ok := o.CustomArgs.(map[string]any); ok {
		maps.Copy(args, all)
	}
	maps.Copy(args, p.CustomArgs)
	return args
}

func (s *sendGrid) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sandbox/mails", func(w http.ResponseWriter, r *http.Request) {
		show(w, s.delivered(r.URL.Query().Get("to")))
	})
	mux.HandleFunc("GET /_sandbox/mails/tally", func(w http.ResponseWriter, r *http.Request) {
		show(w, s.tally(r.URL.Query().Get("arg")))
	})
	mux.HandleFunc("DELETE /_sandbox/mails", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mails = nil
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/event-key", func(w http.ResponseWriter, _ *http.Request) {
		show(w, object{"public_key": s.publicKey})
	})
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in struct {
			EventURL string `json:"event_url"`
		},
		) (any, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.opts.EventURL = in.EventURL
			return in, nil
		})
	})
}

// delivered answers all mails, or those to one address.
func (s *sendGrid) delivered(to string) []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Mail{}
	for _, m := range s.mails {
		if to == "" || m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// MailTally counts what was delivered, as GET /_sandbox/mails/tally answers it: to how
// many addresses, how many to one of them at most, and how many with each value of the
// custom argument ?arg=.
type MailTally struct {
	Mails      int            `json:"mails"`
	Recipients int            `json:"recipients"`
	Most       int            `json:"most"`
	ByArg      map[string]int `json:"by_arg,omitempty"`
}

func (s *sendGrid) tally(arg string) MailTally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := MailTally{Mails: len(s.mails), ByArg: map[string]int{}}
	to := map[string]int{}
	for _, m := range s.mails {
		to[m.To]++
		t.Most = max(t.Most, to[m.To])
		if v, ok := m.CustomArgs[arg].(string); ok {
			t.ByArg[v]++
		}
	}
	t.Recipients = len(to)
	return t
}

func (s *sendGrid) state() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return object{"mails": len(s.mails), "event_url": s.opts.EventURL, "public_key": s.publicKey}
}
