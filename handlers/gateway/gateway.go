package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/github"
	"github.com/aimarketplace/backout/orchestrator"
)

// MaxBody is the largest body that is read, in bytes; a larger one answers 413.
const MaxBody = 1 << 20

// Options are what a Gateway works with. Append and PutBlob are required.
type Options struct {
	// Sources are the senders that are let in; one that is left out answers 401.
	Sources []Source
	// Append returns nil only after the log has the records on disk. Any error
	// answers 503, so the sender tries again.
	Append func(ctx context.Context, records []orchestrator.Record) error
	// PutBlob keeps bytes beside the log and returns their hash.
	PutBlob func(ctx context.Context, data []byte) (string, error)
	// Tokens finds a token by TokenHash. When set, /hooks/events also takes
	// `Authorization: Bearer TOKEN` of any token that is not revoked.
	Tokens func(ctx context.Context, hash string) (orchestrator.Token, bool)
	// VercelProjects maps Vercel's project ids to Backout's. One that is not
	// listed is left to the match rules, under the label vercel_project.
	VercelProjects map[string]string
	// Repositories says which projects live in which repository of GitHub.
	Repositories github.Places
	// Confirm asks a source, by its name, whether what a delivery says is so. Its
	// answer replaces what was decoded. It must come back within its context, which
	// ends early enough for the sender to be answered in time.
	Confirm map[string]func(ctx context.Context, d Delivery, said Decoded) Decoded
	// Chat handlers are mounted at /chat/NAME and verify their senders themselves.
	Chat map[string]http.Handler
	// Status is mounted at /status and below.
	Status http.Handler
	// Now is the clock behind the log lines and the age of signatures; nil means
	// time.Now.
	Now func() time.Time
	// Logger is told about refused deliveries, never about their content; nil
	// means silence.
	Logger *slog.Logger
	// Loopback says that the listener is bound to a loopback address; auth
	// `none` is refused otherwise.
	Loopback bool
}

// Gateway is the public listener's handler. It is safe for concurrent use.
type Gateway struct {
	opt      Options
	sources  map[string]Source
	decoders map[string]decoder
	raw      rawBudget
	held     held
}

// decoder reads one delivery. Its error means that the envelope is unreadable;
// single items that are wrong come back as Bad records.
type decoder func(d Delivery) (Decoded, error)

// New checks the options.
func New(o Options) (*Gateway, error) {
	if o.Append == nil || o.PutBlob == nil {
		return nil, errors.New("the gateway needs Append and PutBlob: what comes in must be kept")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	g := &Gateway{opt: o, sources: map[string]Source{}, decoders: decoders()}
	if o.Tokens != nil {
		g.sources[sourceEvents] = Source{Name: sourceEvents, Auth: AuthBearer}
	}
	for _, s := range o.Sources {
		if g.decoders[s.Name] == nil {
			return nil, fmt.Errorf("there is no webhook source %q; known are %s", s.Name, g.known(""))
		}
		if err := s.check(o); err != nil {
			return nil, err
		}
		g.sources[s.Name] = s
	}
	return g, nil
}

// known lists the sources there is a decoder for, each behind the prefix.
func (g *Gateway) known(prefix string) string {
	names := slices.Sorted(maps.Keys(g.decoders))
	for i, name := range names {
		names[i] = prefix + name
	}
	return strings.Join(names, ", ")
}

// Handler routes the public listener.
func (g *Gateway) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("POST /hooks/{source}", g.receive)
	mux.HandleFunc("POST /hooks/{source}/{secret}", g.receive)
	if _, configured := g.sources[sourcePagerDuty]; configured {
		mux.HandleFunc("POST "+pagerDutyPath, g.enqueue)
	}
	if s := g.sources[sourceVercelDrain]; s.Verify != "" {
		mux.HandleFunc("GET /hooks/"+sourceVercelDrain, g.drainLooked)
	}
	for name, h := range g.opt.Chat {
		mux.Handle("POST /chat/"+name, g.held.guarded(http.MaxBytesHandler(h, MaxBody)))
	}
	if g.opt.Status != nil {
		mux.Handle("/status", http.MaxBytesHandler(g.opt.Status, MaxBody))
		mux.Handle("/status/", http.MaxBytesHandler(g.opt.Status, MaxBody))
	}
	return mux
}
