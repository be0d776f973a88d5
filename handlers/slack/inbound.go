package slack

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// HandlerOptions say what people are and what their words do.
type HandlerOptions struct {
	// Person finds a person by Slack user id.
	Person func(slackUserID string) (personID string, ok bool)
	// Command carries words out. Unknown people come with person "" and claimed
	// set to their Slack id. The same id is the same command.
	Command func(ctx context.Context, words, person, claimed, id string) (ok bool, text string)
	// Patience is how long a command may take before the person is told to wait;
	// 0 means 2 s, since Slack gives up after 3.
	Patience time.Duration
}

// Inbound takes slash commands and button clicks in; it is safe for concurrent
// use. Close ends what it still does.
type Inbound struct {
	*Client
	opts   HandlerOptions
	seen   memory
	ctx    context.Context //nolint:containedctx // The life of the handler, which commands outlive their requests in.
	cancel context.CancelFunc
	busy   sync.WaitGroup
}

// Handler serves POST /chat/slack.
func (c *Client) Handler(o HandlerOptions) *Inbound {
	if o.Patience == 0 {
		o.Patience = 2 * time.Second
	}
	in := &Inbound{Client: c, opts: o}
	in.ctx, in.cancel = context.WithCancel(context.Background())
	return in
}

// Close waits for running commands, at most until ctx ends, then stops them.
func (in *Inbound) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		in.busy.Wait()
		close(done)
	}()
	defer in.cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return errors.New("slack: commands were still running when the handler closed")
	}
}

const (
	maxBody = 1 << 20
	// commandTime bounds a command; response URLs work for 30 minutes.
	commandTime = 2 * time.Minute
)

// ServeHTTP answers 401 to what Slack did not sign, 400 to what is signed but
// unreadable, and otherwise 200 within three seconds. What another workspace says is
// answered and not done.
func (in *Inbound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		http.Error(w, "the body is over 1 MiB", http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the body broke off", http.StatusBadRequest)
		return
	}
	now := in.Client.opts.Now()
	if err := proven(r.Header, body, in.Client.opts.SigningSecret, now); err != nil {
		in.Client.opts.Logger.WarnContext(r.Context(), "chat request refused", "reason", err.Error())
		http.Error(w, "the signature is not valid", http.StatusUnauthorized)
		return
	}
	s, ok, err := understood(body)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case !ok:
		w.WriteHeader(http.StatusOK)
	case in.stranger(s):
		in.Client.opts.Logger.WarnContext(r.Context(), "chat request refused", "reason", "it comes from another workspace", "team", fitted(s.team, 40))
		in.reply(w, s, "nothing was done: this Backout takes no commands from this Slack workspace")
	case !in.seen.first(now, "sig "+r.Header.Get("X-Slack-Signature"), "trigger "+s.trigger):
		in.reply(w, s, "this was taken before; nothing was done twice")
	default:
		in.obey(w, r, s)
	}
}

// stranger reports whether something was said in another workspace than the one that
// is configured: a signature proves the app, which may be installed in several.
func (in *Inbound) stranger(s said) bool {
	return in.Client.opts.Team != "" && s.team != in.Client.opts.Team
}

// obey carries the words out. They go on when Slack hangs up; what they led to is
// then posted to the response URL. A click is always answered there, because
// Slack shows nobody the direct answer to one.
func (in *Inbound) obey(w http.ResponseWriter, r *http.Request, s said) {
	outcome := make(chan string, 1)
	in.busy.Go(func() {
		ctx, cancel := context.WithTimeout(in.ctx, commandTime)
		defer cancel()
		outcome <- in.command(ctx, s)
	})
	patience := time.NewTimer(in.opts.Patience)
	defer patience.Stop()
	select {
	case text := <-outcome:
		in.reply(w, s, text)
		if s.click {
			in.busy.Go(func() { in.respond(in.ctx, s.response, text) })
		}
		return
	case <-patience.C:
		in.reply(w, s, "working on it; the outcome follows here")
	case <-r.Context().Done(): // Slack has gone; the outcome still reaches the person.
	}
	in.busy.Go(func() { in.respond(in.ctx, s.response, <-outcome) })
}

// command decides nothing: the fold refuses the unknown and puts it on record.
func (in *Inbound) command(ctx context.Context, s said) string {
	claimed := ""
	person, known := in.opts.Person(s.user)
	if !known {
		person, claimed = "", s.user
	}
	ok, text := in.opts.Command(ctx, s.words, person, claimed, s.trigger)
	if text == "" && ok {
		text = "done"
	}
	if text == "" {
		text = "not done"
	}
	return text
}

// answer is a message only the speaker sees.
type answer struct {
	Type    string `json:"response_type"`
	Text    string `json:"text"`
	Replace bool   `json:"replace_original"`
}

func ephemeral(text string) ([]byte, error) {
	return json.Marshal(answer{Type: "ephemeral", Text: fitted(text, 3000)})
}

// reply answers a command directly and merely confirms a click.
func (in *Inbound) reply(w http.ResponseWriter, s said, text string) {
	if s.click {
		w.WriteHeader(http.StatusOK)
		return
	}
	body, err := ephemeral(text)
	if err != nil {
		http.Error(w, "the answer could not be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(body); err != nil {
		in.Client.opts.Logger.DebugContext(in.ctx, "chat answer not delivered", "error", err)
	}
}
