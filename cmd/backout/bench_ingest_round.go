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

// round runs one engine in a folder of its own until the time or the alerts are
// over, waits until everything is folded and on disk, and checks every alert.
func (b *ingestBench) round(ctx context.Context, dir, way string) (ingestRound, error) {
	world := benchWorld{environments: b.environments(), asks: true, routes: true}
	rig, err := startBenchRig(ctx, benchRigOptions{Dir: dir, World: world, Action: &benchAction{}, Log: b.log})
	if err != nil {
		return ingestRound{}, err
	}
	got, err := b.timed(ctx, rig, way)
	if err == nil {
		got.bytes, err = stateSize(dir)
	}
	return got, errors.Join(err, rig.close(), os.RemoveAll(dir))
}

func stateSize(dir string) (int64, error) {
	info, err := os.Stat(filepath.Join(dir, "state.db"))
	if err != nil {
		return 0, fmt.Errorf("looking at the state: %w", err)
	}
	return info.Size(), nil
}

func (b *ingestBench) timed(ctx context.Context, rig *benchRig, way string) (ingestRound, error) {
	in, err := rig.way(way, b.senders)
	if err != nil {
		return ingestRound{}, err
	}
	first, err := rig.cursor(ctx)
	if err != nil {
		return ingestRound{}, err
	}
	load := newAlertLoad(in, b.senders, b.environments(), b.most())
	pace := rig.pace(ctx, b.window())
	cpu, start := cpuTime(), time.Now()
	count, err := load.drive(ctx, b.until())
	if err == nil {
		err = rig.folded(ctx, count, benchSettle+b.flags.lasts)
	}
	got := ingestRound{count: count, took: time.Since(start), cpu: cpuTime() - cpu}
	got.windows = pace.end(got)
	got.repeats, got.refused = int(load.repeats.Load()), int(load.refused.Load())
	if err != nil {
		return got, err
	}
	last, err := rig.cursor(ctx)
	if err != nil {
		return got, err
	}
	got.entries = last - first
	return got, rig.auditAlerts(ctx, load.sent)
}

// way opens a way in.
func (r *benchRig) way(way string, senders int) (alertWay, error) {
	if way == wayNATS {
		return newInboxWay(r.server.URL(), senders)
	}
	token, err := newToken()
	if err != nil {
		return nil, err
	}
	url, err := r.hook(token, nil)
	if err != nil {
		return nil, err
	}
	return newHookWay(url+"/hooks/alertmanager", token, senders), nil
}

// hook opens the real public listener with one source and a chat, and returns its
// URL.
func (r *benchRig) hook(token string, chat http.Handler) (string, error) {
	o := gateway.Options{
		Sources: []gateway.Source{{Name: "alertmanager", Auth: gateway.AuthBearer, Secrets: []string{token}}},
		Append:  r.engine.Ingest, PutBlob: r.bus.PutBlob, Logger: r.o.Logger, Loopback: true,
	}
	if chat != nil {
		o.Chat = map[string]http.Handler{"slack": chat}
	}
	g, err := gateway.New(o)
	if err != nil {
		return "", err
	}
	ln, err := r.listen("the hook", "127.0.0.1:0", g.Handler())
	if err != nil {
		return "", err
	}
	return "http://" + ln.Addr().String(), nil
}

// events is how many events the committed state has counted.
func (r *benchRig) events(ctx context.Context) (got uint64, err error) {
	err = r.engine.Read(ctx, 0, func(s *orchestrator.State) error {
		got = s.Meta().Events
		return nil
	})
	return got, err
}

// folded waits until the committed state has counted so many different events.
func (r *benchRig) folded(ctx context.Context, count int, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	changed, stop := r.engine.Watch()
	defer stop()
	for {
		got, err := r.events(ctx)
		if err != nil || got >= uint64(count) {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d alerts were folded in %s", got, count, wait)
		}
	}
}

// pacer counts the folded events at the end of every window.
type pacer struct {
	window time.Duration
	cancel context.CancelFunc
	done   chan []float64
}

func (r *benchRig) pace(ctx context.Context, window time.Duration) *pacer {
	ctx, cancel := context.WithCancel(ctx)
	p := &pacer{window: window, cancel: cancel, done: make(chan []float64, 1)}
	go func() {
		var rates []float64
		ticks := time.NewTicker(window)
		defer ticks.Stop()
		at, before := time.Now(), uint64(0)
		for {
			select {
			case <-ctx.Done():
				p.done <- rates
				return
			case <-ticks.C:
			}
			now, err := r.events(ctx)
			if err != nil {
				continue
			}
			rates = append(rates, float64(now-before)/time.Since(at).Seconds())
			at, before = time.Now(), now
		}
	}()
	return p
}

// end returns the rates; a round shorter than a window is one itself.
func (p *pacer) end(r ingestRound) []float64 {
	p.cancel()
	if rates := <-p.done; len(rates) > 0 {
		return rates
	}
	return []float64{float64(r.count) / r.took.Seconds()}
}

// auditAlerts checks that every different alert stands in the incident of its
// environment exactly once, and that nothing else does.
func (r *benchRig) auditAlerts(ctx context.Context, sent []int) error {
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
			if err := auditIncident(s, n+1, want); err != nil {
				return err
			}
		}
		return nil
	})
}

func auditIncident(s *orchestrator.State, n uint64, want map[string]int) error {
	inc, steps := s.Incident(n)
	signals := s.Signals(n, ingestEach+1)
	if inc == nil || len(signals) != want[inc.Environment] || inc.Firing != len(signals) || inc.Distinct != len(signals) || len(steps) != 1 {
		return fmt.Errorf("%s has %d signals, %d were sent", orchestrator.IncidentName(n), len(signals), want[inc.Environment])
	}
	for i := range signals {
		if signals[i].Count != 1 || !signals[i].Firing {
			return fmt.Errorf("%s: alert %s was counted %d times", orchestrator.IncidentName(n), signals[i].Fingerprint, signals[i].Count)
		}
	}
	return nil
}

// control posts the same messages to a server that only reads them and returns the
// processor time of each different alert, in microseconds: what senders and HTTP cost.
func (b *ingestBench) control(ctx context.Context) (float64, error) {
	addr, srv, err := controlServer(ctx)
	if err != nil {
		return 0, err
	}
	way := newHookWay("http://"+addr+"/hooks/alertmanager", "none", b.senders)
	way.control = true
	load := newAlertLoad(way, b.senders, b.environments(), min(b.most(), 2000*ingestNew))
	cpu := cpuTime()
	count, err := load.drive(ctx, b.until())
	return 1000 * ms(cpuTime()-cpu) / float64(max(1, count)), errors.Join(err, srv.Close())
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
