package console

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// commandWait bounds the answer to a command, maxBody its size.
const (
	commandWait = 15 * time.Second
	maxBody     = 1 << 20
)

// scopePublish is the scope of a token that may publish events of one project and
// do nothing else.
const scopePublish = "publish"

// Backend is what the console asks; the engine is one.
type Backend interface {
	// Read runs fn on a state that includes entry minSeq.
	Read(ctx context.Context, minSeq uint64, fn func(*orchestrator.State) error) error
	// Peek runs fn on the last commit, without waiting for what was folded since.
	Peek(fn func(*orchestrator.State) error) error
	// Command says something in a person's name.
	Command(ctx context.Context, c orchestrator.Command) (orchestrator.Reply, error)
	// Configure appends documents and tokens.
	Configure(ctx context.Context, records ...orchestrator.Record) error
	// Watch rings when incidents change.
	Watch() (changed <-chan []uint64, stop func())
}

// Options are what an API works with.
type Options struct {
	Backend Backend
	// Parse reads the words of a command.
	Parse func(words string) (orchestrator.Command, error)
	// Help lists what can be said.
	Help string
	// Ready reports why the instance cannot serve, and notes for /readyz.
	Ready func(ctx context.Context) (notes map[string]string, err error)
	// Cluster tells who runs and who acts for what.
	Cluster func(ctx context.Context) (any, error)
	// Backup writes a copy of the state.
	Backup func(w io.Writer) error
	// Blob reads what is kept beside the log; an error when it is gone.
	Blob func(ctx context.Context, hash string) ([]byte, error)
	// Again reads a line of quarantine once more, of the body that is kept.
	Again func(q *orchestrator.Quarantined, body []byte) ([]orchestrator.Event, error)
	// DryRun walks through a playbook or an incident's plan without doing anything.
	DryRun func(ctx context.Context, o orchestrator.DryOptions) (*orchestrator.DryReport, error)
	// Recount has the rows counted again that an environment's verdict depends on; nil
	// counts none.
	Recount func(ctx context.Context, project, env string) error
	// Metrics serves /metrics.
	Metrics http.Handler
	// NewID makes the id of a command that has none.
	NewID func() string
	// Open is set when reads need no token, on a loopback listener.
	Open   bool
	Logger *slog.Logger
}

// API serves /api/v1, /metrics, /healthz and /readyz.
type API struct {
	o Options
}

// New returns the API.
func New(o Options) *API { return &API{o: o} }

// Handler routes the admin listener.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", a.ready)
	mux.HandleFunc("GET /metrics", a.guarded(a.o.Metrics.ServeHTTP))
	for pattern, fn := range map[string]func(http.ResponseWriter, *http.Request){
		"GET /api/v1/incidents":              a.incidents,
		"GET /api/v1/incidents/{n}":          a.incident,
		"GET /api/v1/incidents/{n}/timeline": a.timeline,
		"GET /api/v1/incidents/{n}/raw":      a.rawBodies,
		"GET /api/v1/incidents/{n}/evidence": a.evidence,

		"GET /api/v1/incidents/{n}/evidence/{name}": a.evidenceBody,
		"GET /api/v1/silences":                      a.silences,
		"GET /api/v1/holds":                         a.holds,
		"GET /api/v1/held":                          a.held,
		"GET /api/v1/changes":                       a.changes,
		"GET /api/v1/upstreams":                     a.upstreams,
		"GET /api/v1/verdict":                       a.verdict,
		"GET /api/v1/deployments":                   a.deployments,
		"GET /api/v1/migrations":                    a.migrations,
		"GET /api/v1/shadow":                        a.shadow,
		"GET /api/v1/quarantine":                    a.quarantine,
		"GET /api/v1/quarantine/{name}":             a.quarantined,
		"GET /api/v1/why":                           a.why,
		"GET /api/v1/plans":                         a.plans,
		"GET /api/v1/dry-run":                       a.dryRun,
		"GET /api/v1/state":                         a.state,
		"GET /api/v1/watches":                       a.watches,
		"GET /api/v1/watches/promotions":            a.promotions,
		"GET /api/v1/tokens":                        a.tokens,
		"GET /api/v1/cluster":                       a.cluster,
		"GET /api/v1/backup":                        a.backup,
		"POST /api/v1/tokens":                       a.changeToken,
		"POST /api/v1/commands":                     a.command,
		"POST /api/v1/config":                       a.changeConfig,
		"POST /api/v1/quarantine/replay":            a.replay,
	} {
		mux.HandleFunc(pattern, a.guarded(fn))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing here; the API is under /api/v1, see `backout --help`")
	})
	return unframed(mux)
}

// guarded lets reads through without a token only on loopback listeners, and only
// when the request is one of somebody on this machine, see local.
func (a *API) guarded(fn func(http.ResponseWriter, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if a.publishes(r) {
			fail(w, http.StatusForbidden, "this token may publish events to /hooks/events and nothing else")
			return
		}
		open := a.o.Open && r.Method == http.MethodGet && local(r)
		if _, ok := a.token(r); !ok && !open {
			fail(w, http.StatusUnauthorized, "a valid token is needed: --token, BACKOUT_TOKEN, or the file admin.token in the data folder")
			return
		}
		fn(w, r)
	}
}

// HashToken is how a token is stored.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// token finds whose token the request carries.
func (a *API) token(r *http.Request) (orchestrator.Token, bool) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || bearer == "" {
		return orchestrator.Token{}, false
	}
	return a.lookup(r.Context(), bearer)
}

// publishes reports a token that may only publish: it opens nothing, not even what
// is open without one.
func (a *API) publishes(r *http.Request) bool {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || bearer == "" {
		return false
	}
	t, ok := a.find(r.Context(), bearer)
	return ok && t.Scope == scopePublish
}

func (a *API) lookup(ctx context.Context, secret string) (t orchestrator.Token, ok bool) {
	t, ok = a.find(ctx, secret)
	return t, ok && !t.Revoked && t.Scope != scopePublish
}

// find looks a token up. The last commit knows nearly all: making and revoking one
// waits for a commit. Only for one that it does not know the newest state is waited
// for, since another instance may have made it a moment ago.
func (a *API) find(ctx context.Context, secret string) (t orchestrator.Token, ok bool) {
	look := func(s *orchestrator.State) error {
		t, ok = s.Token(HashToken(secret))
		return nil
	}
	err := a.o.Backend.Peek(look)
	if err == nil && !ok {
		err = a.o.Backend.Read(ctx, 0, look)
	}
	return t, ok && err == nil
}

// Words answers a command given as words and a token, as NATS requests bring it.
func (a *API) Words(ctx context.Context, token, words, via string) orchestrator.Reply {
	t, ok := a.lookup(ctx, token)
	if !ok {
		return orchestrator.Reply{Text: "the token is unknown, revoked, or for publishing only; make one with `backout token create --person ID`"}
	}
	return a.say(ctx, words, via, t, "")
}

func (a *API) say(ctx context.Context, words, via string, t orchestrator.Token, id string) orchestrator.Reply {
	c, err := a.o.Parse(words)
	if err != nil {
		return orchestrator.Reply{Text: err.Error()}
	}
	if c.Verb == "help" {
		return orchestrator.Reply{OK: true, Text: a.o.Help}
	}
	c.Via, c.Person, c.Scope, c.ID = via, t.Person, t.Scope, id
	if c.ID == "" {
		c.ID = a.o.NewID()
	}
	ctx, cancel := context.WithTimeout(ctx, commandWait)
	defer cancel()
	reply, err := a.o.Backend.Command(ctx, c)
	if err != nil {
		return orchestrator.Reply{ID: c.ID, Text: err.Error()}
	}
	return reply
}

func (a *API) command(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Words string `json:"words"`
		ID    string `json:"id"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		fail(w, http.StatusBadRequest, "send {\"words\": \"approve INC-1 back\"}")
		return
	}
	t, _ := a.token(r)
	write(w, http.StatusOK, a.say(r.Context(), in.Words, "cli", t, in.ID))
}

func (a *API) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
	defer cancel()
	notes, err := a.o.Ready(ctx)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	write(w, http.StatusOK, notes)
}

func (a *API) read(w http.ResponseWriter, r *http.Request, fn func(*orchestrator.State) (any, error)) {
	minSeq, err := strconv.ParseUint(cmp.Or(r.URL.Query().Get("min_seq"), "0"), 10, 64)
	if err != nil {
		fail(w, http.StatusBadRequest, "min_seq must be the number of an entry: "+err.Error())
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	var out any
	var seq uint64
	err = a.o.Backend.Read(ctx, minSeq, func(s *orchestrator.State) (err error) {
		seq = s.Meta().Cursor
		out, err = fn(s)
		return err
	})
	var missing *notFound
	switch {
	case errors.As(err, &missing):
		fail(w, http.StatusNotFound, err.Error())
	case err != nil:
		a.o.Logger.WarnContext(ctx, "a read failed", "path", r.URL.Path, "error", err)
		fail(w, http.StatusServiceUnavailable, err.Error())
	default:
		w.Header().Set("Backout-Seq", strconv.FormatUint(seq, 10))
		write(w, http.StatusOK, out)
	}
}

type notFound struct{ what string }

func (n *notFound) Error() string { return n.what }

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, why string) {
	write(w, status, map[string]string{"error": why})
}
