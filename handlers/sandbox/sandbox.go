package sandbox

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Options say how unkind the sandbox is and where it listens.
type Options struct {
	// Host to listen on; empty means 127.0.0.1.
	Host string
	// BasePort is the port of Vercel; SendGrid, GitHub, Slack, the shop, Stripe, Toss,
	// a status page, Supabase, Prometheus and Sentry follow. 0 takes free ports.
	BasePort int
	// Seed makes lags and random errors repeatable; 0 picks one, see Sandbox.Seed.
	Seed uint64
	// Token is the only bearer token accepted; empty accepts any, but not none.
	Token string
	// CallLog is the path of an append-only file of JSON lines, one per call,
	// synced before the call is answered; empty keeps calls in memory only.
	CallLog string
	// Kind turns the unkind defaults off: no random errors, no lag, jobs of 20 ms.
	Kind bool
	// JobDelay is how long an alias job or a workflow run takes; 0 means 1 s.
	JobDelay time.Duration
	// MaxLag bounds how long an effect stays invisible after it was accepted;
	// 0 means 2 s, a negative value none.
	MaxLag time.Duration
	// ErrorRate n answers one mutating call in n with 500 after doing the work;
	// 0 means 20, a negative value never.
	ErrorRate int
	// WebhookURL gets Vercel's webhooks, signed with WebhookSecret; empty sends none.
	WebhookURL, WebhookSecret string
	// EventURL gets SendGrid's events; empty sends none.
	EventURL string
	// EventKey signs SendGrid's events (P-256); nil makes a key, see EventPublicKey.
	EventKey *ecdsa.PrivateKey
	// Logger gets what the sandbox could not do; nil discards.
	Logger *slog.Logger
	// Now is the clock of all state; nil is time.Now.
	Now func() time.Time
}

// URLs are the base addresses of the stand-ins, without a final slash.
type URLs struct {
	Vercel   string `json:"vercel"`
	SendGrid string `json:"sendgrid"`
	GitHub   string `json:"github"`
	Slack    string `json:"slack"`
	Shop     string `json:"shop"`
	Stripe   string `json:"stripe"`
	Toss     string `json:"toss"`
	Status   string `json:"status"`
	Supabase string `json:"supabase"`

	Prometheus string `json:"prometheus"`
	Sentry     string `json:"sentry"`
}

// Sandbox is a running set of stand-ins; its methods are safe for concurrent use.
type Sandbox struct {
	opts      Options
	urls      URLs
	calls     *callLog
	courier   *courier
	servers   []*http.Server
	serving   sync.WaitGroup
	stop      context.CancelFunc
	eventKey  string
	closeOnce sync.Once
	closeErr  error
}

// Start listens on the ports and serves until Close. Cancelling ctx
// releases hanging calls and stops webhooks, but only Close frees the ports.
func Start(ctx context.Context, o Options) (*Sandbox, error) {
	o = o.withDefaults()
	listeners, err := listen(ctx, o)
	if err != nil {
		return nil, err
	}
	calls, err := openCallLog(o.CallLog)
	if err != nil {
		closeAll(listeners)
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &Sandbox{opts: o, calls: calls, stop: stop, courier: startCourier(ctx, o.Logger)}
	s.urls = urlsOf(listeners)
	stands, err := s.stands()
	if err != nil {
		closeAll(listeners)
		return nil, errors.Join(err, s.Close(ctx))
	}
	for i, stand := range stands {
		s.serve(ctx, listeners[i], newFront(ctx, o, stand, calls))
	}
	return s, nil
}

// URLs answers where each stand-in listens.
func (s *Sandbox) URLs() URLs { return s.urls }

// Seed answers the seed in use; the same seed and calls give the same lags and errors.
func (s *Sandbox) Seed() uint64 { return s.opts.Seed }

// EventPublicKey answers SendGrid's event verification key: base64 of the PKIX form.
func (s *Sandbox) EventPublicKey() string { return s.eventKey }

// Close stops webhooks, ends hanging calls and frees the ports; ctx bounds the wait.
func (s *Sandbox) Close(ctx context.Context) error {
	s.closeOnce.Do(func() {
		s.stop()
		var errs []error
		for _, server := range s.servers {
			if err := server.Shutdown(ctx); err != nil {
				errs = append(errs, err, server.Close())
			}
		}
		s.serving.Wait()
		s.courier.wait()
		errs = append(errs, s.calls.close())
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}

// stands builds the stand-ins in the order of their ports.
func (s *Sandbox) stands() ([]standIn, error) {
	vercel := newVercel(s.opts, s.courier)
	mail, err := newSendGrid(s.opts, s.courier)
	if err != nil {
		return nil, err
	}
	s.eventKey = mail.publicKey
	github := newGitHub(s.opts, s.urls.GitHub, vercel.pushAt)
	slack := newSlack(s.opts, s.urls.Slack)
	return []standIn{
		vercel, mail, github, slack, newShop(vercel), newStripe(s.opts, s.courier), newToss(s.opts, s.courier), newStatusPage(), newSupabase(s.opts),
		newPrometheus(s.opts), newSentry(s.opts),
	}, nil
}

func (s *Sandbox) serve(ctx context.Context, l net.Listener, handler http.Handler) {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          slog.NewLogLogger(s.opts.Logger.Handler(), slog.LevelWarn),
	}
	s.servers = append(s.servers, server)
	s.serving.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.opts.Logger.Error("stand-in stopped serving", "address", l.Addr().String(), "error", err)
		}
	})
}

const standCount = 11

func listen(ctx context.Context, o Options) ([]net.Listener, error) {
	var (
		config    net.ListenConfig
		listeners []net.Listener
	)
	for i := range standCount {
		port := 0
		if o.BasePort != 0 {
			port = o.BasePort + i
		}
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(o.Host, strconv.Itoa(port)))
		if err != nil {
			closeAll(listeners)
			return nil, fmt.Errorf("sandbox listening on port %d (choose another base port): %w", port, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close() // Nothing was served yet, so nothing can be lost.
	}
}

func urlsOf(listeners []net.Listener) URLs {
	at := func(i int) string { return "http://" + listeners[i].Addr().String() }
	return URLs{
		Vercel: at(0), SendGrid: at(1), GitHub: at(2), Slack: at(3), Shop: at(4), Stripe: at(5), Toss: at(6), Status: at(7), Supabase: at(8),
		Prometheus: at(9), Sentry: at(10),
	}
}
