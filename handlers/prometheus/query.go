package prometheus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aimarketplace/backout/handlers/outbound"
	"github.com/aimarketplace/backout/orchestrator"
)

// The limits of a query: what Prometheus may take itself, the whole exchange, and the
// answer, which is one number.
const (
	queryFor   = 8 * time.Second
	timeout    = 10 * time.Second
	maxBody    = 256 << 10
	maxWindows = 8
	// shortest is the least of a window: below it a rate has too few scrapes.
	shortest = time.Minute
)

// Options say where Prometheus is. Token goes as a bearer token; User and Password as
// basic authentication. Neither is needed.
type Options struct {
	URL                   string
	Token, User, Password string
	// AllowPrivate lists private networks the dialer may reach, see outbound.Options.
	AllowPrivate []string
	// Logger gets a debug line per call; nil discards.
	Logger *slog.Logger
}

// Query is the action prometheus.query; it is safe for concurrent use.
type Query struct {
	url    string
	header http.Header
	web    *outbound.Client
}

// New makes the action. It connects to nothing.
func New(o Options) (*Query, error) {
	web, err := outbound.New(outbound.Options{
		Timeout: timeout, AllowPrivate: o.AllowPrivate, MaxBody: maxBody, Logger: o.Logger, Redact: []string{o.Token, o.Password},
	})
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	q := &Query{url: strings.TrimSuffix(o.URL, "/") + "/api/v1/query", web: web, header: http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"},
	}}
	switch {
	case o.Token != "":
		q.header.Set("Authorization", "Bearer "+o.Token)
	case o.User != "":
		q.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(o.User+":"+o.Password)))
	}
	return q, nil
}

// Actions answers the action by name.
func (q *Query) Actions() map[string]orchestrator.Action {
	return map[string]orchestrator.Action{"prometheus.query": q}
}

// Spec implements orchestrator.Action.
func (q *Query) Spec() orchestrator.Spec {
	return orchestrator.Spec{
		Name: "prometheus.query", Safety: orchestrator.Repeatable, CallTimeout: 30_000,
		Inputs: []string{"query", "sample?", "windows?", "since?", "now?"}, Permissions: []string{"read of the query API"},
	}
}

// input is what a call asks for. $window in the queries becomes each of the windows, or
// the time since Since when there are none; times are Unix milliseconds, windows
// milliseconds.
type input struct {
	Query   string  `json:"query"`
	Sample  string  `json:"sample"`
	Windows []int64 `json:"windows"`
	Since   int64   `json:"since"`
	Now     int64   `json:"now"`
}

// output is what was found: Value in thousandths, Windows in millionths by the window's
// milliseconds, Sample as what the query for it gives, rounded down.
type output struct {
	Value    *int64           `json:"value,omitempty"`
	Windows  map[string]int64 `json:"windows,omitempty"`
	Sample   int64            `json:"sample"`
	Warnings int              `json:"warnings,omitempty"`
}

// Do asks once.
func (q *Query) Do(ctx context.Context, c orchestrator.Call) (orchestrator.Output, error) {
	in := input{Now: time.Now().UnixMilli()}
	if err := c.Input(&in); err != nil {
		return orchestrator.Output{}, err
	}
	if in.Query == "" || len(in.Windows) > maxWindows {
		return orchestrator.Output{}, orchestrator.Permanent(errors.New("prometheus.query needs a query, and at most " + strconv.Itoa(maxWindows) + " windows"))
	}
	out := output{Sample: 1}
	text, err := q.measure(ctx, in, &out)
	switch {
	case errors.Is(err, errNothing):
		return orchestrator.Output{NoData: true, Text: text}, nil
	case err != nil:
		return orchestrator.Output{Errored: true, Text: err.Error()}, nil //nolint:nilerr // What could not be asked is the reading.
	}
	data, err := json.Marshal(out)
	if err != nil {
		return orchestrator.Output{}, fmt.Errorf("encoding the answer of Prometheus: %w", err)
	}
	return orchestrator.Output{Data: data, Text: text}, nil
}

// measure fills in what is found, and says it in words.
func (q *Query) measure(ctx context.Context, in input, out *output) (string, error) {
	if in.Sample != "" {
		n, err := q.ask(ctx, in.windowed(in.Sample, 0), 0)
		if errors.Is(err, errNothing) {
			return "nothing was counted: " + in.Sample + " has no data", err
		}
		if err != nil {
			return "", err
		}
		if out.Sample = n.value; n.value <= 0 {
			return "nothing was counted: " + in.Sample + " is 0", errNothing
		}
	}
	if len(in.Windows) > 0 {
		return q.measureWindows(ctx, in, out)
	}
	n, err := q.ask(ctx, in.windowed(in.Query, 0), 3)
	out.Warnings = n.warnings
	if err != nil {
		return "the query has no data", err
	}
	out.Value = &n.value
	return "it is " + n.text, nil
}

// measureWindows asks for each window; one without data is left out.
func (q *Query) measureWindows(ctx context.Context, in input, out *output) (string, error) {
	out.Windows = map[string]int64{}
	for _, w := range in.Windows {
		n, err := q.ask(ctx, in.windowed(in.Query, w), 6)
		if errors.Is(err, errNothing) {
			continue
		}
		if err != nil {
			return "", err
		}
		out.Windows[strconv.FormatInt(w, 10)] = n.value
		out.Warnings += n.warnings
	}
	if len(out.Windows) == 0 {
		return "the query has no data in any window", errNothing
	}
	return strconv.Itoa(len(out.Windows)) + " windows have data", nil
}

// windowed puts the window into a query: never longer than the deployment serves, so that
// what the one before it did does not count.
func (in input) windowed(query string, window int64) string {
	if in.Since > 0 && in.Since < in.Now {
		if age := in.Now - in.Since; window == 0 || window > age {
			window = age
		}
	}
	seconds := max(int64(shortest/time.Second), window/1000)
	return strings.ReplaceAll(query, "$window", strconv.FormatInt(seconds, 10)+"s")
}

// ask asks one query for its number with so many decimals.
func (q *Query) ask(ctx context.Context, query string, decimals int) (number, error) {
	form := url.Values{"query": {query}, "timeout": {strconv.Itoa(int(queryFor/time.Second)) + "s"}}
	a, err := q.web.Do(ctx, outbound.Request{Method: http.MethodPost, URL: q.url, Header: q.header, Body: []byte(form.Encode())})
	if err != nil {
		return number{}, fmt.Errorf("asking Prometheus: %w", err)
	}
	return read(a, decimals)
}

// Verify implements orchestrator.Action; a read has nothing to verify.
func (q *Query) Verify(context.Context, orchestrator.Call, string) (orchestrator.Outcome, error) {
	return orchestrator.Outcome{Kind: orchestrator.OutcomeCannotTell, Text: "a query only looks"}, nil
}

// Plan implements orchestrator.Action.
func (q *Query) Plan(_ context.Context, c orchestrator.Call) (orchestrator.Preview, error) {
	var in input
	if err := c.Input(&in); err != nil {
		return orchestrator.Preview{}, err
	}
	return orchestrator.Preview{Text: "Ask Prometheus: " + in.Query}, nil
}
