package probe

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// The intervals of what is asked by itself, where the configuration names none.
const (
	probeEvery   = 30 * time.Second
	controlEvery = 15 * time.Second
)

// Watch asks one probe of an environment over and over; it implements
// orchestrator.Source.
type Watch struct {
	h        *HTTP
	controls *Controls
	project  string
	env      string
	probe    orchestrator.Probe
}

// Watch makes the source of a probe. controls may be nil: then nobody knows whether a
// failure is this machine's own.
func (h *HTTP) Watch(project, env string, p orchestrator.Probe, controls *Controls) *Watch {
	return &Watch{h: h, controls: controls, project: project, env: env, probe: p}
}

// Name implements orchestrator.Source.
func (w *Watch) Name() string { return "probe/" + w.project + "/" + w.env + "/" + w.probe.ID }

// Every is how often the probe is asked.
func (w *Watch) Every() time.Duration {
	if w.probe.Every > 0 {
		return time.Duration(w.probe.Every) * time.Millisecond
	}
	return probeEvery
}

// Poll implements orchestrator.Source. A wrong answer is a failure; no answer is one
// too, unless the reason lies here: then the reading says nothing.
func (w *Watch) Poll(ctx context.Context) ([]orchestrator.Record, error) {
	r := orchestrator.Reading{
		Kind: orchestrator.ReadProbe, ID: w.probe.ID, Project: w.project, Environment: w.env,
		Verdict: orchestrator.ReadOK, At: time.Now().UnixMilli(),
	}
	why, err := w.h.get(ctx, w.probe)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && ours(err):
		r.Verdict, r.Text = orchestrator.ReadErrored, err.Error()
	case err != nil:
		r.Verdict, r.Text = orchestrator.ReadFailed, err.Error()
	case why != "":
		r.Verdict, r.Text = orchestrator.ReadFailed, why
	}
	if r.Verdict == orchestrator.ReadFailed && w.controls.down(ctx) {
		r.Blind = true
		r.Verdict, r.Text = orchestrator.ReadErrored, "the control probes fail too, so Backout itself is cut off ("+r.Text+")"
	}
	return []orchestrator.Record{{Reading: &r}}, nil
}

// ours tells a call that failed for a reason of this machine: it found no address for
// the name, no way out, no free socket, or may not go there.
func ours(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) || errors.Is(err, outbound.ErrPrivate) {
		return true
	}
	here := []error{syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EADDRNOTAVAIL, syscall.EMFILE, syscall.ENFILE}
	return slices.ContainsFunc(here, func(e error) bool { return errors.Is(err, e) })
}
