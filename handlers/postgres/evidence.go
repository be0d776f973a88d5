package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/handlers/postgres/direct"
	"github.com/aimarketplace/backout/orchestrator"
)

// Database is one that is asked. URL is a secret.
type Database struct {
	Project, Environment string
	URL                  string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	Queries      []orchestrator.SQLSignal
}

// Evidence is every query of every database; it is the action postgres.query and safe
// for concurrent use.
type Evidence struct {
	queries []*query
}

// New prepares the queries. It connects to nothing; its errors never hold a URL.
func New(databases []Database) (*Evidence, error) {
	e := &Evidence{}
	for _, d := range databases {
		cfg, err := connConfig(d.URL, d.AllowPrivate)
		if err != nil {
			return nil, fmt.Errorf("database.evidence_url of %s/%s: %w", d.Project, d.Environment, err)
		}
		for _, q := range d.Queries {
			e.queries = append(e.queries, &query{project: d.Project, env: d.Environment, spec: q, config: cfg})
		}
	}
	return e, nil
}

// connConfig reads an address; the error never holds it.
func connConfig(url string, allow []string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, errors.New("it is not the address of a PostgreSQL database; write postgres://USER:PASSWORD@HOST:5432/NAME?sslmode=verify-full")
	}
	if cfg.DialFunc, err = dialer(allow); err != nil {
		return nil, err
	}
	cfg.RuntimeParams["application_name"] = "backout"
	// One statement at a time, and none prepared: a pooler in between loses those.
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.ConnectTimeout = connectWait
	return cfg, nil
}

func dialer(allow []string) (pgDial, error) {
	return outbound.Dialer(allow)
}

// Sources answers a source for each query.
func (e *Evidence) Sources() []orchestrator.Source {
	out := make([]orchestrator.Source, len(e.queries))
	for i, q := range e.queries {
		out[i] = q
	}
	return out
}

// Actions answers the action by name.
func (e *Evidence) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{"postgres.query": e}
}

// Spec implements orchestrator.Action.
func (e *Evidence) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "postgres.query", Safety: orchestrator.Repeatable, CallTimeout: 30_000, Inputs: []string{"query"},
		Permissions: []string{"select on what the query reads"},
	}
}

// Do asks one query of the environment. Its output is {query, value}; what could not
// be read is no data.
func (e *Evidence) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	q, err := e.find(c)
	if err != nil {
		return orchestrator.Output{}, err
	}
	value, err := q.value(ctx)
	if err != nil {
		return orchestrator.Output{Errored: true, Text: direct.Said(err)}, nil
	}
	data, err := json.Marshal(map[string]any{"query": q.spec.ID, "value": value})
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the value of query %s: %w", q.spec.ID, err)
	}
	return orchestrator.Output{Data: data, Text: q.spec.ID + " is " + strconv.FormatInt(value, 10)}, nil
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (e *Evidence) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a query only looks"}, nil
}

// Plan implements orchestrator.Action.
func (e *Evidence) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	q, err := e.find(c)
	if err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Ask the database of " + c.Project + "/" + c.Environment + ": " + q.spec.SQL}, nil
}

func (e *Evidence) find(c orchestrator.Call) (*query, error) {
	var in struct {
		Query string `json:"query"`
	}
	if err := c.Input(&in); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(e.queries, func(q *query) bool {
		return q.project == c.Project && q.env == c.Environment && q.spec.ID == in.Query
	})
	if i < 0 {
		return nil, orchestrator.Permanent(errors.New("there is no query " + strconv.Quote(in.Query) + " for " + c.Project + "/" + c.Environment + "; write it under the environment's signals"))
	}
	return e.queries[i], nil
}
