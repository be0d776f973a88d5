// Package prometheus asks a Prometheus for the value of a query now: the read action
// prometheus.query, for watches of promotions and gates of playbooks.
//
// It speaks the HTTP API (POST /api/v1/query) of Prometheus or of anything that answers
// like it (Mimir, Thanos, VictoriaMetrics, Grafana Cloud) and decides nothing: whether a
// value is bad is the watch's or the gate's business. No series, NaN and an empty answer
// are no data, which is neither good nor bad; what Prometheus refuses is an error in its
// own words. Start reading at query.go.
package prometheus
