package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aimarketplace/backout/handlers/gateway"
	"github.com/aimarketplace/backout/orchestrator"
)

// round runs one engine with its hook in a folder of its own until the time or
// the alerts are over, waits until everything is folded and on disk, and checks
// every alert.
func (b *eventsBench) round(ctx context.Context, dir string) (eventsRound, error) {
	world := benchWorld{environments: eventEnvironments, asks: true, routes: true}
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: dir, World: world, Action: &benchAction{}, Log: b.log})
	if err != nil {
		return eventsRound{}, err
	}
	got, err := b.timed(ctx, rig, dir)
	return got, errors.Join(err, rig.close(), os.RemoveAll(dir))
}

func (b *eventsBench) timed(ctx context.Context, rig *benchRig, dir string) (eventsRound, error) {
	token, err := newToken()
	if err != nil {
		return eventsRound{}, err
	}
	url, err := rig.hook(token)
	if err != nil {
		return eventsRound{}, err
	}
	first, err := rig.cursor(ctx)
	if err != nil {
		return eventsRound{}, err
	}
	load := newEventsLoad(url, token, b.senders, b.most())
	cpu, start := cpuTime(), time.Now()
	count, err := load.drive(ctx, b.until())
	if err == nil {
		err = rig.folded(ctx, count)
	}
	got := eventsRound{count: count, took: time.Since(start), cpu: cpuTime() - cpu}
	if err != nil {
		return got, err
	}
	last, err := rig.cursor(ctx)
	if err != nil {
		return got, err
	}
	got.entries = last - first
	info, err := os.Stat(filepath.Join(dir, "state.db"))
	if err != nil {
		return got, fmt.Errorf("looking at the state: %w", err)
	}
	got.bytes = info.Size()
	return got, rig.auditEvents(ctx, &load.sent)
}

// hook opens the real public listener with one source and returns the URL.
func (r *benchRig) hook(token string) (string, error) {
	g, err := gateway.New(gateway.Options{
		Sources: []gateway.Source{{Name: "alertmanager", Auth: gateway.AuthBearer, Secrets: []string{token}}},
		Append:  r.engine.Ingest, PutBlob: r.bus.PutBlob, Logger: r.o.Logger, Loopback: true,
	})
	if err != nil {
		return "", err
	}
	ln, err := r.listen("the hook", "127.0.0.1:0", g.Handler())
	if err != nil {
		return "", err
	}
	return "http://" + ln.Addr().String() + "/hooks/alertmanager", nil
}

// folded waits until the committed state has counted so many different events.
func (r *benchRig) folded(ctx context.Context, count int) error {
	ctx, cancel := context.WithTimeout(ctx, benchSettle)
	defer cancel()
	changed, stop := r.engine.Watch()
	defer stop()
	for {
		var got uint64
		err := r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
			got = s.Meta().Events
			return nil
		})
		if err != nil || got >= uint64(count) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d alerts were folded in %s", got, count, benchSettle)
		}
	}
}

// auditEvents checks that every different alert stands in the incident of its
// environment exactly once, and that nothing else does.
func (r *benchRig) auditEvents(ctx context.Context, sent *[eventEnvironments]int) error {
	want := map[string]int{}
	total := 0
	for e, n := range sent {
		if total += n; n > 0 {
			want[benchEnvironment(e)] = n
		}
	}
	return r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		if m := s.Meta(); m.Events != uint64(total) || m.Quarantined != 0 || m.NextIncident != uint64(len(want)) {
			return fmt.Errorf("%d alerts of %d environments were sent; %d were folded, %d quarantined, %d incidents opened",
				total, len(want), m.Events, m.Quarantined, m.NextIncident)
		}
		for n := range s.Meta().NextIncident {
			inc, steps := s.Incident(n + 1)
			signals := s.Signals(n+1, eventsEach+1)
			if inc == nil || len(signals) != want[inc.Environment] || inc.Firing != len(signals) || inc.Distinct != len(signals) || len(steps) != 1 {
				return fmt.Errorf("%s has %d signals, %d were sent", orchestrator.IncidentName(n+1), len(signals), want[inc.Environment])
			}
			for i := range signals {
				if signals[i].Count != 1 || !signals[i].Firing {
					return fmt.Errorf("%s: alert %s was counted %d times", orchestrator.IncidentName(n+1), signals[i].Fingerprint, signals[i].Count)
				}
			}
		}
		return nil
	})
}

// control posts the same messages to a server that only reads them, so that what
// senders and HTTP cost is known.
func (b *eventsBench) control(ctx context.Context) (eventsRound, error) {
	ln, srv, err := controlServer(ctx)
	if err != nil {
		return eventsRound{}, err
	}
	load := newEventsLoad("http://"+ln+"/hooks/alertmanager", "none", b.senders, min(b.most(), 2000*eventsNew))
	cpu, start := cpuTime(), time.Now()
	count, err := load.drive(ctx, b.until())
	got := eventsRound{count: max(1, count), took: time.Since(start), cpu: cpuTime() - cpu}
	return got, errors.Join(err, srv.Close())
}

func controlServer(ctx context.Context) (addr string, srv *http.Server, err error) {
	ln, err := listenLoopback(ctx)
	if err != nil {
		return "", nil, err
	}
	srv = gateway.Server("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err == nil {
			_, _ = io.WriteString(w, `{"accepted":1}`)
		}
	}))
	go func() { _ = srv.Serve(ln) }()
	return ln.Addr().String(), srv, nil
}
