package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strconv"

	"github.com/aimarketplace/backout/orchestrator"
)

// How many changes and signals their files have.
const (
	changesKept = 200
	signalsKept = 1000
)

// Evidence is a file of what is known of an incident: kept when its plan began, told by
// its senders, or read from the log.
type Evidence struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	// From says where it is from, and whether it is whole.
	From string `json:"from"`
	// Body is set when one file is asked for.
	Body string `json:"body,omitempty"`
	blob string
}

// keptOf is what the steps of an incident kept, and what its verdict says.
func keptOf(inc *orchestrator.Incident, steps []*orchestrator.Step) []Evidence {
	var out []Evidence
	for _, e := range orchestrator.EvidenceOf(steps) {
		out = append(out, Evidence{Name: e.Name, Bytes: e.Bytes, From: e.Note, blob: e.Blob})
	}
	for _, st := range slices.Backward(steps) {
		if st.ID == "verdict" && st.Round == inc.Run().Round && len(st.Output) > 0 {
			body := indented(json.RawMessage(st.Output))
			return append(out, Evidence{Name: "verdict.json", Bytes: len(body), Body: body, From: "the log: could it go back, and what else would: migrations, variables, crons"})
		}
	}
	return out
}

// evidenceOf is all there is of an incident: keptOf, the changes around it and the
// bodies of its senders.
func evidenceOf(s *orchestrator.State, n uint64) ([]Evidence, bool) {
	inc, steps := s.Incident(n)
	if inc == nil {
		return nil, false
	}
	out := keptOf(inc, steps)
	if list := s.Changes(inc.Project, inc.Environment, inc.StartedAt-changesDay); len(list) > 0 {
		body := indented(list[:min(len(list), changesKept)])
		out = append(out, Evidence{Name: "changes.json", Bytes: len(body), Body: body, From: "the log: deployments, flags, variables and secrets since a day before it began"})
	}
	if list := s.Signals(n, signalsKept); len(list) > 0 {
		body := indented(list)
		out = append(out, Evidence{Name: "signals.json", Bytes: len(body), Body: body, From: "the log: what fired, how often, and since when"})
	}
	for i, raw := range RawBodies(s, n) {
		if raw.hash == "" {
			continue
		}
		out = append(out, Evidence{Name: "signal-" + strconv.Itoa(i+1) + ".json", From: "sent by " + raw.Events[0].Source + ": " + raw.Events[0].Signal, blob: raw.hash})
	}
	return out, true
}

func indented(v any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// evidence lists the files of an incident. Sizes of senders' bodies are those of what
// is still there.
func (a *API) evidence(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	list, ok := a.evidenceIn(ctx, w, r)
	if !ok {
		return
	}
	for i := range withoutBodies(list) {
		if list[i].Bytes > 0 || list[i].blob == "" {
			continue
		}
		if body, err := a.o.Blob(ctx, list[i].blob); err == nil {
			list[i].Bytes = len(body)
		} else {
			list[i].From += "; gone: it is kept for 30 days"
		}
	}
	write(w, http.StatusOK, append([]Evidence{}, list...))
}

// evidenceBody hands out one file. It needs a token on any listener: it may tell of
// users.
func (a *API) evidenceBody(w http.ResponseWriter, r *http.Request) {
	if _, ok := a.token(r); !ok {
		fail(w, http.StatusUnauthorized, "evidence needs a token, on loopback too: --token, BACKOUT_TOKEN, or the file admin.token in the data folder")
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	list, ok := a.evidenceIn(ctx, w, r)
	if !ok {
		return
	}
	name := path.Base(r.PathValue("name"))
	i := slices.IndexFunc(list, func(e Evidence) bool { return e.Name == name })
	if i < 0 {
		fail(w, http.StatusNotFound, "there is no evidence "+strconv.Quote(name)+"; `backout incident evidence "+r.PathValue("n")+"` lists it")
		return
	}
	one := list[i]
	if one.blob != "" {
		body, err := a.o.Blob(ctx, one.blob)
		if err != nil {
			fail(w, http.StatusNotFound, name+" is gone: evidence is kept for 30 days")
			return
		}
		one.Body, one.Bytes = string(body), len(body)
	}
	write(w, http.StatusOK, one)
}

// evidenceIn reads the list, or answers why there is none.
func (a *API) evidenceIn(ctx context.Context, w http.ResponseWriter, r *http.Request) (list []Evidence, ok bool) {
	found := false
	err := a.o.Backend.Read(ctx, 0, func(s *orchestrator.State) error {
		list, found = evidenceOf(s, orchestrator.ParseIncidentName(r.PathValue("n")))
		return nil
	})
	switch {
	case err != nil:
		fail(w, http.StatusServiceUnavailable, err.Error())
	case !found:
		fail(w, http.StatusNotFound, "there is no incident "+strconv.Quote(r.PathValue("n"))+"; `backout incident list` shows them")
	}
	return list, err == nil && found
}

func withoutBodies(list []Evidence) []Evidence {
	for i := range list {
		list[i].Body = ""
	}
	return list
}
