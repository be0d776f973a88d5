package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// control builds the /_sandbox/ endpoints every stand-in has; they are not in the call log.
func (f *front) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { // for container health checks; no system has it
		show(w, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /_sandbox/calls", func(w http.ResponseWriter, _ *http.Request) {
		show(w, f.calls.of(f.stand.name()))
	})
	mux.HandleFunc("DELETE /_sandbox/calls", func(w http.ResponseWriter, _ *http.Request) {
		f.calls.forget(f.stand.name())
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/fault", func(w http.ResponseWriter, _ *http.Request) {
		show(w, f.faults.list())
	})
	mux.HandleFunc("POST /_sandbox/fault", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(fault Fault) (any, error) { return fault, f.faults.arm(fault) })
	})
	mux.HandleFunc("DELETE /_sandbox/fault", func(w http.ResponseWriter, _ *http.Request) {
		f.faults.disarm()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/state", func(w http.ResponseWriter, _ *http.Request) {
		show(w, f.stand.state())
	})
	f.stand.control(mux)
	return mux
}

func show(w http.ResponseWriter, v any) { asJSON(http.StatusOK, v).send(w) }

// ask decodes a control request strictly, so that a mistyped key is not a silent no-op.
func ask[T any](w http.ResponseWriter, r *http.Request, do func(T) (any, error)) {
	var in T
	decoder := json.NewDecoder(io.LimitReader(r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil {
		asText(http.StatusBadRequest, fmt.Sprintf("reading the request body: %v\n", err)).send(w)
		return
	}
	out, err := do(in)
	if err != nil {
		asText(http.StatusBadRequest, err.Error()+"\n").send(w)
		return
	}
	show(w, out)
}
