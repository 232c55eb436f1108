package server

import (
	"iter"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/waddle-social/waddle/internal/engine"
)

// metrics are what /metrics tells, in a registry of their own.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.CounterVec
	authFailures *prometheus.CounterVec
	operations   *prometheus.CounterVec
	stepSeconds  *prometheus.HistogramVec
	streams      prometheus.Gauge

	mu    sync.Mutex
	began map[string]time.Time // of running steps, by operation and step
}

func newMetrics(e Engine) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		began:    map[string]time.Time{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "waddle_requests_total", Help: "Requests by operation of the contract and HTTP status.",
		}, []string{"operation", "status"}),
		authFailures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "waddle_auth_failures_total", Help: "Failed authentications by reason.",
		}, []string{"reason"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "waddle_operations_ended_total", Help: "Operations that have ended since the start, by final state.",
		}, []string{"state"}),
		stepSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "waddle_step_duration_seconds", Help: "How long steps of operations took.",
			Buckets: []float64{.01, .05, .1, .5, 1, 5, 15, 60, 300, 1800},
		}, []string{"step", "state"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "waddle_event_streams", Help: "Clients that follow an event stream.",
		}),
	}
	m.registry.MustRegister(m.requests, m.authFailures, m.operations, m.stepSeconds, m.streams,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), engineCollector{e})
	return m
}

// follow counts what the events tell, until they end.
func (m *metrics) follow(events iter.Seq2[engine.Event, error]) {
	for ev, err := range events {
		if err != nil {
			return
		}
		m.event(ev)
	}
}

func (m *metrics) event(ev engine.Event) {
	switch ev.Type {
	case engine.EventOperation:
		if state := engine.OperationState(ev.State); state != engine.OpRunning && state != "" {
			m.operations.WithLabelValues(ev.State).Inc()
		}
	case engine.EventStep:
		m.step(ev)
	}
}

func (m *metrics) step(ev engine.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := ev.Operation + " " + ev.Step
	if ev.State == string(engine.StepRunning) {
		m.began[id] = ev.Time
		return
	}
	if began, ok := m.began[id]; ok {
		m.stepSeconds.WithLabelValues(ev.Step, ev.State).Observe(ev.Time.Sub(began).Seconds())
		delete(m.began, id)
	}
}

// engineCollector asks the engine when the metrics are asked for.
type engineCollector struct{ e Engine }

var (
	runningDesc = prometheus.NewDesc("waddle_operations_running", "Operations that are running.", nil, nil)
	driftDesc   = prometheus.NewDesc("waddle_drift", "Applied steps that are not as the platform document says, by what is done about it.", []string{"kind"}, nil)
)

func (engineCollector) Describe(d chan<- *prometheus.Desc) {
	d <- runningDesc
	d <- driftDesc
}

func (c engineCollector) Collect(out chan<- prometheus.Metric) {
	running, _, err := c.e.Operations(engine.OperationFilter{States: []engine.OperationState{engine.OpRunning}})
	if err != nil {
		out <- prometheus.NewInvalidMetric(runningDesc, err)
	} else {
		out <- prometheus.MustNewConstMetric(runningDesc, prometheus.GaugeValue, float64(len(running)))
	}
	kinds := map[engine.DriftKind]int{
		engine.DriftRepairing: 0, engine.DriftFailed: 0, engine.DriftPending: 0,
		engine.DriftBlocked: 0, engine.DriftGate: 0, engine.DriftUnknown: 0,
	}
	for _, d := range c.e.Drift() {
		kinds[d.Kind]++
	}
	for kind, n := range kinds {
		out <- prometheus.MustNewConstMetric(driftDesc, prometheus.GaugeValue, float64(n), string(kind))
	}
}

// metricsAnswer writes the metrics in the text format.
type metricsAnswer struct{ registry *prometheus.Registry }

// VisitGetMetricsResponse writes the answer.
func (a metricsAnswer) VisitGetMetricsResponse(w http.ResponseWriter) error {
	families, err := a.registry.Gather()
	if err != nil {
		return err
	}
	format := expfmt.NewFormat(expfmt.TypeTextPlain)
	w.Header().Set("Content-Type", string(format))
	enc := expfmt.NewEncoder(w, format)
	for _, f := range families {
		if err := enc.Encode(f); err != nil {
			return err
		}
	}
	return nil
}
