package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/aimarketplace/backout/orchestrator"
)

func (a *API) incidents(w http.ResponseWriter, r *http.Request) {
	limit := intQuery(r, "limit", 50, 1000)
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		return List(s, limit, r.URL.Query().Get("open") == "true"), nil
	})
}

func (a *API) incident(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		inc, ok := Load(s, orchestrator.ParseIncidentName(r.PathValue("n")))
		if !ok {
			return nil, noIncident(r)
		}
		return inc, nil
	})
}

func noIncident(r *http.Request) error {
	return &notFound{"there is no incident " + strconv.Quote(r.PathValue("n")) + "; `backout incident list` shows them"}
}

func (a *API) timeline(w http.ResponseWriter, r *http.Request) {
	from := intQuery(r, "from", 0, 1<<30)
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		n := orchestrator.ParseIncidentName(r.PathValue("n"))
		if inc, _ := s.Incident(n); inc == nil {
			return nil, noIncident(r)
		}
		return Lines(s, n, uint32(from), 2000), nil
	})
}

func (a *API) verdict(w http.ResponseWriter, r *http.Request) {
	a.recount(r)
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		project, env, err := place(s, r)
		if err != nil {
			return nil, err
		}
		state := s.Env(project, env)
		return Verdict{
			Project: project, Environment: env, Serving: state.Promoted, Commit: state.Commit, Since: at(state.PromotedAt),
			Hold: state.Hold, BlindSince: state.BlindSince, Now: at(s.Meta().Now), Plan: s.Settings(project, env).Plan, ReadOnly: s.ReadOnlyText(project, env), Verdict: s.VerdictNow(project, env),
		}, nil
	})
}

// Verdict is the answer to "can we go back" with what serves.
type Verdict struct {
	Project     string             `json:"project"`
	Environment string             `json:"environment"`
	Serving     string             `json:"serving"`
	Commit      string             `json:"commit"`
	Since       any                `json:"since"`
	Hold        *orchestrator.Hold `json:"hold"`
	BlindSince  int64              `json:"blind_since,omitempty"`
	// Now is the time of the newest entry; Plan is the provider's.
	Now  any    `json:"now"`
	Plan string `json:"plan,omitempty"`
	// ReadOnly says that the application may not write to the database.
	ReadOnly string `json:"read_only,omitempty"`
	orchestrator.Verdict
}

func (a *API) deployments(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		project, env, err := place(s, r)
		if err != nil {
			return nil, err
		}
		return s.Ledger(project, env), nil
	})
}

// place reads project and environment from the query; the environment defaults
// to production.
func place(s *orchestrator.State, r *http.Request) (project, env string, err error) {
	q := r.URL.Query()
	pr, ok := s.Config().Project(q.Get("project"))
	if !ok {
		return "", "", &notFound{"there is no project " + strconv.Quote(q.Get("project")) + " in the configuration"}
	}
	env = q.Get("environment")
	if env == "" {
		env = pr.Production()
	}
	if _, ok := pr.Environment(env); !ok {
		return "", "", &notFound{"project " + pr.ID + " has no environment " + strconv.Quote(env)}
	}
	return pr.ID, env, nil
}

func (a *API) why(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	a.read(w, r, func(s *orchestrator.State) (any, error) {
		found := s.Why(q.Get("origin"), q.Get("id"))
		if len(found) == 0 && q.Get("origin") == "" {
			found = s.WhyAlert(q.Get("id"))
		}
		if len(found) == 0 {
			return nil, &notFound{"no event and no alert's fingerprint " + strconv.Quote(q.Get("id")) + " was seen in the last 7 days; ids are kept per origin, such as http/alertmanager or nats/shop"}
		}
		return found, nil
	})
}

func (a *API) plans(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) { return s.Meta().Playbooks, nil })
}

func (a *API) state(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) { return s.Meta(), nil })
}

func (a *API) cluster(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), commandWait)
	defer cancel()
	c, err := a.o.Cluster(ctx)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	write(w, http.StatusOK, c)
}

// backup hands out a copy of everything; only an admin may have it.
func (a *API) backup(w http.ResponseWriter, r *http.Request) {
	who, _ := a.token(r)
	if who.Scope != "admin" {
		fail(w, http.StatusForbidden, "only an admin token may take a backup: it holds everything")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := a.o.Backup(w); err != nil {
		a.o.Logger.WarnContext(r.Context(), "a backup broke off", "error", err)
		panic(http.ErrAbortHandler) // half a copy must not look like a whole one
	}
}

func (a *API) tokens(w http.ResponseWriter, r *http.Request) {
	a.read(w, r, func(s *orchestrator.State) (any, error) { return s.Tokens(), nil })
}

// changeToken stores or revokes a token; only its hash is ever sent here.
func (a *API) changeToken(w http.ResponseWriter, r *http.Request) {
	who, _ := a.token(r)
	if who.Scope != "admin" {
		fail(w, http.StatusForbidden, "only an admin token may make or revoke tokens")
		return
	}
	var t orchestrator.Token
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&t); err != nil || len(t.Hash) != 64 {
		fail(w, http.StatusBadRequest, "send {\"hash\": sha256 of the token in hex, \"person\": ..., \"scope\": ...}")
		return
	}
	if t.Person != "" && t.Person != orchestrator.AdminPerson && !t.Revoked && !a.knows(r, t.Person) {
		fail(w, http.StatusBadRequest, "nobody in the configuration is called "+strconv.Quote(t.Person)+"; people are listed under `people`")
		return
	}
	if why := a.misfit(r, &t); why != "" {
		fail(w, http.StatusBadRequest, why)
		return
	}
	if err := a.o.Backend.Configure(r.Context(), orchestrator.Record{Token: &t}); err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	write(w, http.StatusOK, t)
}

// misfit says what is wrong with a new token's scope; one that is revoked may be as
// it was.
func (a *API) misfit(r *http.Request, t *orchestrator.Token) string {
	switch {
	case t.Revoked:
		return ""
	case t.Scope != scopePublish && t.Scope != "person" && t.Scope != "admin":
		return "a token's scope is person, admin or publish, not " + strconv.Quote(t.Scope)
	case t.Scope == "person" && t.Person == "":
		return "say whose this token is"
	case t.Scope != scopePublish && t.Project != "":
		return "only a token of the scope publish belongs to a project"
	case t.Scope != scopePublish:
		return ""
	case t.Person != "":
		return "a token of the scope publish is nobody's: leave the person out"
	case t.Project == "":
		return "say for which project this token may publish"
	}
	known := false
	err := a.o.Backend.Read(r.Context(), 0, func(s *orchestrator.State) error {
		_, known = s.Config().Project(t.Project)
		return nil
	})
	if err != nil || !known {
		return "there is no project " + strconv.Quote(t.Project) + " in the configuration"
	}
	return ""
}

func (a *API) knows(r *http.Request, person string) (known bool) {
	err := a.o.Backend.Read(r.Context(), 0, func(s *orchestrator.State) error {
		_, known = s.Config().Person(person)
		return nil
	})
	return known && err == nil
}

// changeConfig makes a document the current configuration, set of rules or playbook of
// its name. It holds no secrets:
// those stay with the process that reads them.
func (a *API) changeConfig(w http.ResponseWriter, r *http.Request) {
	who, _ := a.token(r)
	if who.Scope != "admin" {
		fail(w, http.StatusForbidden, "only an admin token may change the configuration")
		return
	}
	var d orchestrator.Doc
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&d); err != nil || d.Hash == "" {
		fail(w, http.StatusBadRequest, "send the document that `backout config apply` makes")
		return
	}
	if err := readable(&d); err != nil {
		fail(w, http.StatusBadRequest, err.Error())
		return
	}
	d.By = who.Person
	switches, err := a.switches(r.Context(), &d)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	if err := a.o.Backend.Configure(r.Context(), orchestrator.Record{Doc: &d}); err != nil {
		fail(w, http.StatusServiceUnavailable, err.Error())
		return
	}
	write(w, http.StatusOK, Changed{Hash: d.Hash, Switches: switches})
}

// readable checks that the fold can work with a document.
func readable(d *orchestrator.Doc) error {
	var into any
	switch d.Kind {
	case orchestrator.DocConfig:
		into = &orchestrator.Config{}
	case orchestrator.DocRules:
		into = &orchestrator.RuleSet{}
	case orchestrator.DocPlaybook:
		into = &orchestrator.Plan{}
	default:
		return fmt.Errorf("a document is config, rules or playbook, not %q", d.Kind)
	}
	if err := json.Unmarshal(d.Body, into); err != nil {
		return fmt.Errorf("the document is no %s: %w", d.Kind, err)
	}
	return nil
}

func intQuery(r *http.Request, name string, otherwise, most int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return min(n, most)
}
