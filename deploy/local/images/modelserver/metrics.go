package main

import (
	"bufio"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Upper bounds in seconds of MLServer's latency histogram.
var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

type histogram struct {
	buckets []int
	count   int
	sum     float64
}

// metrics counts under the names that MLServer uses; labels are those of its default settings.
type metrics struct {
	lock      sync.Mutex
	success   map[string]int
	failure   map[string]int
	durations map[int]*histogram
	path      string
	// Answers by class, and those that turned out wrong.
	predictions map[int]int
	wrong       int
}

func newMetrics() *metrics {
	return &metrics{success: map[string]int{}, failure: map[string]int{}, durations: map[int]*histogram{}, predictions: map[int]int{}}
}

func (m *metrics) succeeded(model string) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.success[model]++
}

// failed counts for one of few names: what callers invent must not make series without end.
func (m *metrics) failed(model string) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if _, known := m.failure[model]; !known && len(m.failure) >= 16 {
		return
	}
	m.failure[model]++
}

func (m *metrics) predicted(class int, isWrong bool) {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.predictions[class]++
	if isWrong {
		m.wrong++
	}
}

func (m *metrics) observe(status int, seconds float64) {
	m.lock.Lock()
	defer m.lock.Unlock()
	h := m.durations[status]
	if h == nil {
		h = &histogram{buckets: make([]int, len(bounds))}
		m.durations[status] = h
	}
	for i, bound := range bounds {
		if seconds <= bound {
			h.buckets[i]++
		}
	}
	h.count++
	h.sum += seconds
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// timed measures a handler under the path template that becomes the label.
func (m *metrics) timed(path string, next http.Handler) http.Handler {
	m.path = path
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)
		m.observe(seen.status, time.Since(started).Seconds())
	})
}

func (m *metrics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/metrics" {
		http.NotFound(w, r)
		return
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	out := bufio.NewWriter(w)
	defer out.Flush()
	counter(out, "model_infer_request_success_total", m.success)
	counter(out, "model_infer_request_failure_total", m.failure)
	all := 0
	fmt.Fprintln(out, "# TYPE predictions_total counter")
	for class, count := range m.predictions {
		fmt.Fprintf(out, "predictions_total{class=\"%d\"} %d\n", class, count)
		all += count
	}
	fmt.Fprintf(out, "# TYPE labelled_predictions_total counter\nlabelled_predictions_total %d\n", all)
	fmt.Fprintf(out, "# TYPE wrong_predictions_total counter\nwrong_predictions_total %d\n", m.wrong)
	fmt.Fprintln(out, "# TYPE rest_server_requests_total counter")
	for status, h := range m.durations {
		fmt.Fprintf(out, "rest_server_requests_total{%s} %d\n", m.labels(status), h.count)
	}
	fmt.Fprintln(out, "# TYPE rest_server_request_duration_seconds histogram")
	for status, h := range m.durations {
		labels := m.labels(status)
		for i, bound := range bounds {
			fmt.Fprintf(out, "rest_server_request_duration_seconds_bucket{%s,le=\"%g\"} %d\n", labels, bound, h.buckets[i])
		}
		fmt.Fprintf(out, "rest_server_request_duration_seconds_bucket{%s,le=\"+Inf\"} %d\n", labels, h.count)
		fmt.Fprintf(out, "rest_server_request_duration_seconds_sum{%s} %g\n", labels, h.sum)
		fmt.Fprintf(out, "rest_server_request_duration_seconds_count{%s} %d\n", labels, h.count)
	}
}

func (m *metrics) labels(status int) string {
	return fmt.Sprintf("app_name=\"mlserver\",method=\"POST\",path=%q,status_code=\"%d\"", m.path, status)
}

func counter(out *bufio.Writer, name string, values map[string]int) {
	fmt.Fprintf(out, "# TYPE %s counter\n", name)
	for model, value := range values {
		fmt.Fprintf(out, "%s{model=%q,version=\"None\"} %d\n", name, model, value)
	}
}
