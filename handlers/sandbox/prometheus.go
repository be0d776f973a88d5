package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// prometheus answers every query with the one value it was told.
type prometheus struct {
	token string

	mu   sync.Mutex
	says prometheusSetup
}

// prometheusSetup is the body of POST /_sandbox/setup. Value is what every query gives,
// as Prometheus writes numbers (0.0144, NaN); empty is no series. Queries gives those that
// contain a text a value of their own. Error is what it answers instead, with 422.
type prometheusSetup struct {
	Value    string            `json:"value"`
	Queries  map[string]string `json:"queries"`
	Error    string            `json:"error"`
	Warnings []string          `json:"warnings"`
}

func newPrometheus(o Options) *prometheus { return &prometheus{token: o.Token} }

func (p *prometheus) name() string { return "prometheus" }

func (p *prometheus) redact(body []byte) string { return string(body) }

func (p *prometheus) admit(r *request) (answer, bool) {
	if p.token != "" && bearer(r.Request) != p.token {
		return p.refuse(refuseRevoked), false
	}
	return answer{}, true
}

func (p *prometheus) refuse(why refusal) answer {
	switch why {
	case refuseLimited:
		return asText(http.StatusTooManyRequests, "too many requests\n")
	case refuseRevoked:
		return asText(http.StatusUnauthorized, "Unauthorized\n")
	case refuseUnknown:
		return asText(http.StatusNotFound, "404 page not found\n")
	case refuseBroken, refuseTooBig:
	}
	return asText(http.StatusServiceUnavailable, "Service Unavailable")
}

func (p *prometheus) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/query", endpoint(p.query))
	return mux
}

func (p *prometheus) query(r *request) answer {
	form, err := url.ParseQuery(r.URL.RawQuery + "&" + string(r.body))
	if err != nil || form.Get("query") == "" {
		return asJSON(http.StatusBadRequest, object{"status": "error", "errorType": "bad_data", "error": `invalid parameter "query": unknown position: parse error: no expression found in input`})
	}
	says := p.saying()
	if says.Error != "" {
		return asJSON(http.StatusUnprocessableEntity, object{"status": "error", "errorType": "execution", "error": says.Error})
	}
	value := says.Value
	for part, own := range says.Queries {
		if strings.Contains(form.Get("query"), part) {
			value = own
		}
	}
	result := []object{}
	if value != "" {
		at, _ := strconv.ParseFloat(form.Get("time"), 64)
		result = append(result, object{"metric": object{}, "value": []any{at, value}})
	}
	body := object{"status": "success", "data": object{"resultType": "vector", "result": result}}
	if len(says.Warnings) > 0 {
		body["warnings"] = says.Warnings
	}
	return asJSON(http.StatusOK, body)
}

func (p *prometheus) saying() prometheusSetup {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.says
}

func (p *prometheus) state() any { return p.saying() }

func (p *prometheus) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/setup", func(w http.ResponseWriter, r *http.Request) {
		ask(w, r, func(in prometheusSetup) (any, error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.says = in
			return in, nil
		})
	})
}
