package sandbox

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// refusal is a reason to turn a call away, each said in the stand-in's own shape.
type refusal int

const (
	refuseBroken  refusal = iota // 500
	refuseLimited                // 429
	refuseRevoked                // the token is no longer good
	refuseUnknown                // no such route
	refuseTooBig                 // body over the limit
)

// standIn is one outside system behind its front.
type standIn interface {
	// name is how the call log calls it.
	name() string
	// routes answers a mux whose handlers are endpoints.
	routes() http.Handler
	// admit turns away a call without a good token.
	admit(r *request) (answer, bool)
	refuse(why refusal) answer
	// state is what GET /_sandbox/state shows.
	state() any
	// control adds the stand-in's own /_sandbox/ endpoints.
	control(mux *http.ServeMux)
	// redact removes credentials from a body before it is recorded.
	redact(body []byte) string
}

// front stands between the network and one stand-in: it applies faults, asks
// the stand-in, records the call and only then answers.
type front struct {
	stand     standIn
	routes    http.Handler
	admin     http.Handler
	calls     *callLog
	faults    *faultBox
	dice      *dice
	errorRate int
	now       func() time.Time
	log       *slog.Logger
	stopped   <-chan struct{}
}

func newFront(ctx context.Context, o Options, stand standIn, calls *callLog) *front {
	f := &front{
		stand: stand, routes: stand.routes(), calls: calls, faults: &faultBox{},
		dice: newDice(o.Seed, stand.name()+"/errors"), errorRate: o.ErrorRate,
		now: o.Now, log: o.Logger, stopped: ctx.Done(),
	}
	f.admin = f.control()
	return f
}

// maxBody is above every limit the real systems have (SendGrid: 30 MB).
const maxBody = 40 << 20

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sandbox/") || r.URL.Path == "/healthz" {
		f.admin.ServeHTTP(w, r)
		return
	}
	call := Call{At: f.now().UTC(), Server: f.stand.name(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery}
	body, err := readBody(w, r)
	if err != nil {
		f.finish(w, call, f.stand.refuse(refuseTooBig))
		return
	}
	call.Body = f.stand.redact(body)
	fault := f.faults.take(r.Method, r.URL.Path)
	call.Fault = fault.Kind
	if fault.Kind == FaultHang {
		f.hang(w, r, call)
		return
	}
	reply := f.reply(&request{Request: r, body: body}, fault)
	call.Effect = reply.effect
	switch {
	case fault.Kind == FaultDrop:
		call.Dropped = true
	case fault.Kind == FaultAfter:
		reply = f.stand.refuse(refuseBroken)
	case fault.Kind == "" && reply.effect && f.dice.oneIn(f.errorRate):
		call.Fault = "random_500"
		reply = f.stand.refuse(refuseBroken)
	}
	f.finish(w, call, reply)
}

// reply does the work unless the fault forbids it.
func (f *front) reply(r *request, fault Fault) answer {
	switch fault.Kind {
	case FaultBefore:
		return f.stand.refuse(refuseBroken)
	case FaultLimited:
		return f.stand.refuse(refuseLimited).with("Retry-After", strconv.Itoa(fault.RetryAfter))
	case FaultRevoked:
		return f.stand.refuse(refuseRevoked)
	}
	if no, ok := f.stand.admit(r); !ok {
		return no
	}
	c := &capture{body: r.body, header: http.Header{}}
	f.routes.ServeHTTP(c, r.Request)
	if !c.routed {
		return f.stand.refuse(refuseUnknown)
	}
	return c.got
}

// finish records the call and then sends the answer, or nothing when dropped.
func (f *front) finish(w http.ResponseWriter, call Call, reply answer) {
	if !call.Dropped {
		call.Status = reply.status
	}
	if err := f.calls.add(call); err != nil {
		f.log.Error("call log failed", "server", call.Server, "error", err)
	}
	if call.Dropped {
		f.cut(w)
		return
	}
	reply.send(w)
}

func (f *front) hang(w http.ResponseWriter, r *http.Request, call Call) {
	call.Dropped = true
	if err := f.calls.add(call); err != nil {
		f.log.Error("call log failed", "server", call.Server, "error", err)
	}
	select {
	case <-r.Context().Done():
	case <-f.stopped:
	}
	f.cut(w)
}

// cut closes the connection without a byte of answer.
func (f *front) cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		f.log.Error("connection could not be cut", "server", f.stand.name(), "error", err)
		return
	}
	_ = conn.Close() // Closing is the whole point; there is nobody to tell.
}

var errBodyTooBig = errors.New("body too big")

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("reading the request: %w", err)
	}
	if r.Header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	unzip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("unzipping the request: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(unzip, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("unzipping the request: %w", err)
	}
	if len(plain) > maxBody {
		return nil, errBodyTooBig
	}
	return plain, nil
}
