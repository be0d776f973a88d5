package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/aimarketplace/backout/orchestrator"
)

// Changed is the answer to a change of the configuration: what it let act alone, with
// what is known of that.
type Changed struct {
	Hash     string                `json:"hash"`
	Switches []orchestrator.Switch `json:"switches,omitempty"`
}

// shadow reports what Backout would have done and what people say of it.
func (a *API) shadow(w http.ResponseWriter, r *http.Request) {
	project := r.URL.Query().Get("project")
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		if _, ok := s.Config().Project(project); project != "" && !ok {
			return nil, &notFound{"there is no project " + strconv.Quote(project) + " in the configuration"}
		}
		return s.Shadow(project), nil
	})
}

// switches lists what a document would let act alone, before it counts.
func (a *API) switches(ctx context.Context, d *orchestrator.Doc) (out []orchestrator.Switch, err error) {
	if d.Kind != orchestrator.DocConfig {
		return nil, nil
	}
	var next orchestrator.Config
	if err := json.Unmarshal(d.Body, &next); err != nil {
		return nil, fmt.Errorf("reading the new configuration: %w", err)
	}
	err = a.o.Backend.Read(ctx, 0, func(s *orchestrator.State) error {
		out = s.SwitchesTo(&next, d.By)
		return nil
	})
	return out, err
}

// dryRun walks through a plan: it reads outside, and changes nothing anywhere.
func (a *API) dryRun(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	o := orchestrator.DryOptions{Playbook: q.Get("playbook"), Project: q.Get("project"), Environment: q.Get("environment")}
	if name := q.Get("incident"); name != "" {
		if o.Incident = orchestrator.ParseIncidentName(name); o.Incident == 0 {
			fail(w, http.StatusBadRequest, strconv.Quote(name)+" is no incident; write INC-4")
			return
		}
	}
	report, err := a.o.DryRun(r.Context(), o)
	if err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	write(w, http.StatusOK, report)
}
