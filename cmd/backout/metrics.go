package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/aimarketplace/backout/orchestrator"
	"github.com/aimarketplace/backout/orchestrator/engine"
)

// metrics counts what the engine does, for /metrics.
type metrics struct {
	entries prometheus.Counter
	lag     prometheus.Gauge
	calls   *prometheus.CounterVec
	took    *prometheus.HistogramVec
	commits prometheus.Histogram
}

func newMetrics(r prometheus.Registerer) *metrics {
	f := promauto.With(r)
	buckets := prometheus.ExponentialBuckets(0.001, 2, 16)
	return &metrics{
		entries: f.NewCounter(prometheus.CounterOpts{Name: "backout_entries_folded_total", Help: "Entries of the log that were folded."}),
		lag:     f.NewGauge(prometheus.GaugeOpts{Name: "backout_fold_lag_seconds", Help: "Age of the entry folded last."}),
		calls:   f.NewCounterVec(prometheus.CounterOpts{Name: "backout_calls_total", Help: "Calls to outside systems by action, kind and outcome."}, []string{"action", "kind", "outcome"}),
		took:    f.NewHistogramVec(prometheus.HistogramOpts{Name: "backout_call_seconds", Help: "How long calls took.", Buckets: buckets}, []string{"action", "kind"}),
		commits: f.NewHistogram(prometheus.HistogramOpts{Name: "backout_commit_seconds", Help: "How long commits of the state took.", Buckets: buckets}),
	}
}

// Folded implements engine.Metrics.
func (m *metrics) Folded(n int, lag time.Duration) {
	m.entries.Add(float64(n))
	m.lag.Set(lag.Seconds())
}

// Called implements engine.Metrics.
func (m *metrics) Called(action string, kind engine.TaskKind, outcome string, took time.Duration) {
	m.calls.WithLabelValues(action, string(kind), outcome).Inc()
	m.took.WithLabelValues(action, string(kind)).Observe(took.Seconds())
}

// Committed implements engine.Metrics.
func (m *metrics) Committed(took time.Duration) { m.commits.Observe(took.Seconds()) }

// stateMetrics are read from the state when somebody asks.
type stateMetrics struct {
	read func(context.Context, uint64, func(*orchestrator.State) error) error
	desc map[string]*prometheus.Desc
}

func newStateMetrics(e *engine.Engine) *stateMetrics {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("backout_"+name, help, labels, nil)
	}
	return &stateMetrics{read: e.Read, desc: map[string]*prometheus.Desc{
		"unknown":     d("steps_unknown", "Attempts whose outcome nobody knows."),
		"running":     d("steps_running", "Attempts under way."),
		"ready":       d("steps_ready", "Steps that wait for a worker."),
		"open":        d("incidents_open", "Incidents that are not closed."),
		"quarantined": d("quarantined_total", "Bodies that could not be understood."),
		"events":      d("events_total", "Events that were folded."),
		"cursor":      d("log_cursor", "Last entry that was folded."),
		"findings":    d("findings", "What Backout finds wrong with itself now, by kind.", "kind"),
		"watch":       d("watch_state", "Watches of promotions that go on or fire, and the newest of each that is over: 1 for the state it is in.", "project", "environment", "watch", "deployment", "state"),
	}}
}

// Describe implements prometheus.Collector.
func (m *stateMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range m.desc {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (m *stateMetrics) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = m.read(ctx, 0, func(s *orchestrator.State) error {
		meta := s.Meta()
		for name, v := range map[string]float64{
			"unknown": float64(s.Count(orchestrator.BucketUnknown)), "running": float64(s.Count(orchestrator.BucketRunning)),
			"ready": float64(s.Count(orchestrator.BucketReady)), "open": float64(s.NotClosed()),
			"quarantined": float64(meta.Quarantined), "events": float64(meta.Events), "cursor": float64(meta.Cursor),
		} {
			ch <- prometheus.MustNewConstMetric(m.desc[name], prometheus.GaugeValue, v)
		}
		found := map[string]float64{}
		for _, f := range s.Findings() {
			found[f.Name]++
		}
		for kind, n := range found {
			ch <- prometheus.MustNewConstMetric(m.desc["findings"], prometheus.GaugeValue, n, kind)
		}
		for _, w := range newestWatches(s) {
			ch <- prometheus.MustNewConstMetric(m.desc["watch"], prometheus.GaugeValue, 1, w.Project, w.Environment, w.Spec.ID, w.Deployment, w.State)
		}
		return nil
	})
}
