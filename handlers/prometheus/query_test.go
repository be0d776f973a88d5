package prometheus_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aimarketplace/backout/handlers/prometheus"
	"github.com/aimarketplace/backout/orchestrator"
)

type found struct {
	Value   *int64
	Windows map[string]int64
	Sample  int64
}

func ask(t *testing.T, o prometheus.Options, in map[string]any) (orchestrator.Output, found) {
	t.Helper()
	o.AllowPrivate = []string{"127.0.0.0/8"}
	q, err := prometheus.New(o)
	if err != nil {
		t.Fatal(err)
	}
	inputs, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out, err := q.Do(t.Context(), orchestrator.Call{Step: "watch errors", Inputs: inputs})
	if err != nil {
		t.Fatal(err)
	}
	var f found
	if len(out.Data) > 0 {
		if err := json.Unmarshal(out.Data, &f); err != nil {
			t.Fatal(err)
		}
	}
	return out, f
}

// What a real Prometheus answers is a value, no data, or an error in its own words.
func TestQuery_aRealPrometheus(t *testing.T) {
	t.Parallel()
	url := server(t)
	now := time.Now().UnixMilli()
	for _, c := range []struct {
		name   string
		in     map[string]any
		value  int64
		nodata string
		err    string
	}{
		{name: "a share in thousandths", in: map[string]any{"query": "share"}, value: 14},
		{name: "a scalar", in: map[string]any{"query": "scalar(share) * 100"}, value: 1440},
		{name: "a rate over the time since the promotion", in: map[string]any{"query": "sum(rate(errors_total[$window])) / sum(rate(requests_total[$window]))", "since": now - 90_000, "now": now}, value: 5},
		{name: "enough was counted", in: map[string]any{"query": "share", "sample": "sum(increase(requests_total[$window]))"}, value: 14},
		{name: "nothing was counted", in: map[string]any{"query": "share", "sample": "sum(increase(idle_total[1m]))"}, nodata: "is 0"},
		{name: "no series", in: map[string]any{"query": "not_there"}, nodata: "no data"},
		{name: "NaN", in: map[string]any{"query": "nothing"}, nodata: "no data"},
		{name: "a share of nothing", in: map[string]any{"query": "sum(idle_total) / sum(idle_total)"}, nodata: "no data"},
		{name: "divided by zero", in: map[string]any{"query": "sum(errors_total) / sum(idle_total)"}, err: "divides by zero"},
		{name: "two series", in: map[string]any{"query": "same"}, err: "gives 2 series"},
		{name: "a range", in: map[string]any{"query": "share[1m]"}, err: "gives a matrix"},
		{name: "a mistake", in: map[string]any{"query": "sum("}, err: `400, bad_data: invalid parameter "query"`},
		{name: "what cannot be done", in: map[string]any{"query": `label_replace(share, "x", "$1", "job", "(")`}, err: "422, execution"},
	} {
		out, f := ask(t, prometheus.Options{URL: url}, c.in)
		switch {
		case c.err != "":
			if !out.Errored || out.NoData || !strings.Contains(out.Text, c.err) {
				t.Errorf("%s: %+v", c.name, out)
			}
		case c.nodata != "":
			if !out.NoData || out.Errored || !strings.Contains(out.Text, c.nodata) {
				t.Errorf("%s: %+v", c.name, out)
			}
		case f.Value == nil || *f.Value != c.value || f.Sample < 1 || out.Errored || out.NoData:
			t.Errorf("%s: %+v %s", c.name, out, out.Data)
		}
	}
	out, f := ask(t, prometheus.Options{URL: url}, map[string]any{
		"query": "sum(rate(errors_total[$window])) / sum(rate(requests_total[$window]))", "windows": []int64{300_000, 3_600_000}, "since": now - 70_000, "now": now,
	})
	if f.Windows["300000"] != 5000 || f.Windows["3600000"] != 5000 {
		t.Errorf("windows in millionths: %+v %s", out, out.Data)
	}
	if out, _ := ask(t, prometheus.Options{URL: url}, map[string]any{"query": "not_there", "windows": []int64{300_000}}); !out.NoData {
		t.Errorf("windows without data: %+v", out)
	}
}

// The credential goes as it was configured; what is no answer of Prometheus is an error,
// and so is one that is too long or does not come.
func TestQuery_whatIsNoAnswer(t *testing.T) {
	t.Parallel()
	const well = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1e-05"]}]},"warnings":["partial"]}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch query := r.PostFormValue("query"); {
		case r.Method != http.MethodPost || r.URL.Path != "/api/v1/query":
			w.WriteHeader(http.StatusNotFound)
		case r.Header.Get("Authorization") != "Bearer secret" && user+password != "annsecret":
			w.WriteHeader(http.StatusUnauthorized)
		case query == "page":
			_, _ = w.Write([]byte("<html>sign in</html>"))
		case query == "away":
			w.WriteHeader(http.StatusBadGateway)
			_, _ = w.Write([]byte("no upstream"))
		case query == "long":
			_, _ = w.Write([]byte(strings.Repeat(" ", 300<<10)))
		case query == "histogram":
			_, _ = w.Write([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}`))
		default:
			_, _ = w.Write([]byte(well))
		}
	}))
	t.Cleanup(s.Close)
	for _, c := range []struct {
		query, token, user, says string
	}{
		{"well", "", "", "look at the credential"},
		{"well", "secret", "", ""},
		{"well", "", "ann", ""},
		{"page", "secret", "", "not one of Prometheus"},
		{"away", "secret", "", "it answered 502: no upstream"},
		{"long", "secret", "", "asking Prometheus"},
		{"histogram", "secret", "", "no number"},
	} {
		out, f := ask(t, prometheus.Options{URL: s.URL + "/", Token: c.token, User: c.user, Password: "secret"}, map[string]any{"query": c.query})
		if c.says == "" && (f.Value == nil || *f.Value != 0 || out.Errored) {
			t.Errorf("%s: %+v", c.query, out)
		}
		if c.says != "" && (!out.Errored || out.NoData || !strings.Contains(out.Text, c.says) || strings.Contains(out.Text, "secret")) {
			t.Errorf("%s: %+v", c.query, out)
		}
	}
}
