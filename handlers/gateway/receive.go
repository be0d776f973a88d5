package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/aimarketplace/backout/orchestrator"
)

// appendWait bounds how long a sender waits for the log; slowAppend is worth a
// line of the log.
const (
	appendWait = 12 * time.Second
	slowAppend = time.Second
	// confirmWait and tossWait together are under the ten seconds that Toss waits.
	confirmWait = 5 * time.Second
	tossWait    = 4 * time.Second
)

// receive takes one delivery: find the source, check who sends, read, check the
// signature, decode, keep, answer.
func (g *Gateway) receive(w http.ResponseWriter, r *http.Request) {
	s, answered := g.sourceOf(w, r)
	if answered {
		return
	}
	s.ownDrain(w)
	admission := g.admitted(r, s)
	if !admission.ok {
		g.refuse(w, r, s)
		return
	}
	d := g.delivery(r, s, admission)
	if s.byBody() && !d.byToken {
		body := g.held.body(r.Body)
		defer body.release()
		r.Body = body
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	d.Body = body
	if err != nil {
		g.unread(w, r, s, d, err)
		return
	}
	if s.Verify != "" && len(body) == 0 {
		g.drainLooked(w, r)
		return
	}
	if !g.proven(r, s, &d) {
		g.refuse(w, r, s)
		return
	}
	g.take(w, r, s, d)
}

// take decodes a verified delivery and answers when the log has it.
func (g *Gateway) take(w http.ResponseWriter, r *http.Request, s Source, d Delivery) {
	decoded, unreadable := g.decoders[s.Name](d)
	if unreadable != nil {
		decoded = single(badItem(d.Origin, unreadable.Error(), s.kept(d.Body)))
	} else if confirm := g.opt.Confirm[s.Name]; confirm != nil {
		ctx, cancel := context.WithTimeout(r.Context(), confirmWait)
		decoded = confirm(ctx, d, decoded)
		cancel()
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.patience())
	defer cancel()
	start := g.opt.Now()
	raw := g.rawOf(s, &d, &decoded)
	if err := g.keep(ctx, decoded.Items); err != nil {
		g.busy(w, r, s, err)
		return
	}
	g.keepRaw(r.Context(), s, raw)
	if took := g.opt.Now().Sub(start); took > slowAppend {
		g.opt.Logger.WarnContext(ctx, "the log took long to take a delivery", "source", s.Name, "took_ms", took.Milliseconds())
	}
	if decoded.Truncated > 0 {
		g.opt.Logger.WarnContext(ctx, "a sender left alerts out of a message; raise its max_alerts", "source", s.Name, "left_out", decoded.Truncated)
	}
	if s.Name == sourcePagerDuty {
		answerEnqueued(w, decoded, unreadable)
		return
	}
	if unreadable != nil {
		answerError(w, http.StatusBadRequest, cleanText(unreadable.Error(), maxReason)+"; it is kept in quarantine")
		return
	}
	answerTaken(w, decoded)
}

// sourceOf finds the source; what is left out of the configuration is refused.
func (g *Gateway) sourceOf(w http.ResponseWriter, r *http.Request) (s Source, answered bool) {
	name := r.PathValue("source")
	s, configured := g.sources[name]
	switch {
	case g.decoders[name] == nil:
		answerError(w, http.StatusNotFound, "there is no such webhook source; known are "+g.known("/hooks/"))
	case !configured:
		answerError(w, http.StatusUnauthorized, "the source "+name+" is not let in; configure it under hooks."+name)
	default:
		return s, false
	}
	return s, true
}

func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, s Source) {
	g.opt.Logger.WarnContext(r.Context(), "a delivery was refused: wrong or missing credentials", "source", s.Name, "auth", s.Auth)
	if s.Auth == AuthBasic {
		w.Header().Set("WWW-Authenticate", `Basic realm="backout"`)
	}
	if s.Name == sourcePagerDuty {
		answerPagerDuty(w, http.StatusUnauthorized, refusalText(s))
		return
	}
	answerError(w, http.StatusUnauthorized, refusalText(s))
}

func refusalText(s Source) string {
	switch s.Auth {
	case AuthHMAC:
		return "the signature is wrong or missing: " + signatureOf(s).says
	case AuthECDSA:
		return "the signature is wrong or missing: " + mailSignature + " must be the ECDSA signature of " + mailTimestamp + " and the raw body by the key of hooks." + s.Name
	case AuthRoutingKey:
		return "'routing_key' is missing, or is not the secret of hooks." + s.Name
	case AuthBasic:
		return "user or password is wrong or missing: send Authorization: Basic"
	case AuthPathSecret:
		if s.Name == sourceToss {
			return "the secret at the end of the path is wrong or missing, or tosspayments-webhook-signature is wrong"
		}
		return "the secret at the end of the path is wrong or missing"
	case AuthNone:
		return "a page of another site asked a browser to send this; it is not taken"
	}
	return "the token is wrong or missing: send Authorization: Bearer TOKEN"
}

// unread answers for a body that could not be read to its end. Some senders
// never repeat what got a 4xx, so a body that is too long leaves a line in
// quarantine when its sender is known.
func (g *Gateway) unread(w http.ResponseWriter, r *http.Request, s Source, d Delivery, err error) {
	if errors.Is(err, errCrowded) {
		g.busy(w, r, s, err)
		return
	}
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); !tooLong {
		answerError(w, http.StatusBadRequest, "the body ended early; send it again")
		return
	}
	if !s.byBody() {
		ctx, cancel := context.WithTimeout(r.Context(), appendWait)
		defer cancel()
		if err := g.keep(ctx, []Item{badItem(d.Origin, "the body is over 1 MiB and was not read; send fewer items at once", s.kept(d.Body))}); err != nil {
			g.busy(w, r, s, err)
			return
		}
	}
	g.opt.Logger.WarnContext(r.Context(), "a delivery was refused: the body is over 1 MiB", "source", s.Name)
	answerError(w, http.StatusRequestEntityTooLarge, "the body is over 1 MiB; send fewer items at once")
}

// busy answers 503, which most senders repeat; Grafana says it again with the
// group's next message, and Sentry may.
func (g *Gateway) busy(w http.ResponseWriter, r *http.Request, s Source, err error) {
	g.opt.Logger.ErrorContext(r.Context(), "a delivery could not be kept; the sender was asked to repeat it", "source", s.Name, "error", err)
	w.Header().Set("Retry-After", "5")
	switch {
	case errors.Is(err, orchestrator.ErrLogFull):
		answerError(w, http.StatusServiceUnavailable, "the log is full; nothing was taken, send it again later")
		return
	case errors.Is(err, orchestrator.ErrLogNearlyFull):
		answerError(w, http.StatusServiceUnavailable, "the log is nearly full, so new signals are refused; nothing was taken, send it again later")
		return
	case errors.Is(err, errCrowded):
		answerError(w, http.StatusServiceUnavailable, "too many large bodies are being read at once; nothing was taken, send it again later")
		return
	case errors.Is(err, orchestrator.ErrLogGone):
		answerError(w, http.StatusServiceUnavailable, "the log cannot be reached; nothing was taken, send it again later")
		return
	}
	answerError(w, http.StatusServiceUnavailable, "the log did not take it in time; send it again, twice does no harm")
}
