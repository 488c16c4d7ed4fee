// A small server of the Open Inference Protocol (V2) for tests: it behaves as its model file says, so that a test can
// have a version that fails, is slow, crashes or never becomes ready. Everything else is as MLServer does it: the same
// environment variables, paths, status codes and metric names, and the connection is closed after a 500.
//
// With MODEL_NAME it is a server that Plimsoll has no preset for: it wants no model-settings.json, finds ./model.json in MODELS_DIR, and
// answers predictions as TensorFlow Serving does. -behaviour or BEHAVIOUR, JSON as in the model file, changes how any version behaves.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const maxBody = 16 << 20

// settings is MLServer's model-settings.json, as far as it matters here.
type settings struct {
	Name       string `json:"name"`
	Parameters struct {
		URI     string `json:"uri"`
		Version string `json:"version"`
	} `json:"parameters"`
}

// model is the content of the model's file: how this version behaves.
type model struct {
	Features int `json:"features"`
	// FailPercent of the requests get a 500, chosen at random; unless it is all of them, not those of zeros alone,
	// which is what a probe sends.
	FailPercent float64 `json:"failPercent"`
	// FailBurst requests fail in a row, once one is chosen to; so failures come together, as they do in the world.
	FailBurst int `json:"failBurst"`
	// WrongPercent of the answers are wrong, as labels say that come at once.
	WrongPercent float64 `json:"wrongPercent"`
	// ZeroPercent of the answers are 0, whatever the request: another distribution of predictions.
	ZeroPercent float64 `json:"zeroPercent"`
	// FailWhenFirstAtLeast fails every request whose first number is at least this.
	FailWhenFirstAtLeast *float64 `json:"failWhenFirstAtLeast"`
	LatencyMs            float64  `json:"latencyMs"`
	// SlowPercent of the requests take SlowMs longer, chosen at random.
	SlowPercent       float64 `json:"slowPercent"`
	SlowMs            float64 `json:"slowMs"`
	CrashAfterSeconds float64 `json:"crashAfterSeconds"`
	AllocateMiB       int     `json:"allocateMiB"`
	NeverReady        bool    `json:"neverReady"`
}

type server struct {
	settings settings
	model    model
	metrics  *metrics
	ready    atomic.Bool
	// Told to stop.
	leaving atomic.Bool
	// Requests that still fail of the burst that has begun.
	burst atomic.Int64
}

func chance(percent float64) bool {
	return rand.Float64()*100 < percent
}

func allZero(numbers []float64) bool {
	for _, number := range numbers {
		if number != 0 {
			return false
		}
	}
	return true
}

func (s *server) failsAtRandom() bool {
	if s.burst.Add(-1) >= 0 {
		return true
	}
	s.burst.Store(0)
	if !chance(s.model.FailPercent) {
		return false
	}
	s.burst.Store(int64(s.model.FailBurst - 1))
	return true
}

func env(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

func readJSON(path string, into any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// load reads the settings in dir and the model that they point to; without a pointer it is ./model/model.json.
func load(dir string) (settings, model, error) {
	var s settings
	m := model{Features: 4}
	if name := os.Getenv("MODEL_NAME"); name != "" {
		s.Name = name
		return s, m, readJSON(filepath.Join(dir, "model.json"), &m)
	}
	if err := readJSON(filepath.Join(dir, "model-settings.json"), &s); err != nil {
		return s, m, err
	}
	path := filepath.Join(dir, "model")
	if s.Parameters.URI != "" {
		path = s.Parameters.URI
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, "model.json")
	}
	return s, m, readJSON(path, &m)
}

// hold allocates memory and writes to each page, so that it counts against the container's limit.
func hold(mib int) []byte {
	block := make([]byte, mib<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	return block
}

type input struct {
	Name     string `json:"name"`
	Shape    []int  `json:"shape"`
	Datatype string `json:"datatype"`
	Data     any    `json:"data"`
}

type request struct {
	ID     string  `json:"id"`
	Inputs []input `json:"inputs"`
}

// flatten lists the numbers of V2 data, which may be flat or nested; it reports whether all of it was numbers.
func flatten(data any, into []float64) ([]float64, bool) {
	switch value := data.(type) {
	case float64:
		return append(into, value), true
	case []any:
		for _, each := range value {
			var ok bool
			if into, ok = flatten(each, into); !ok {
				return into, false
			}
		}
		return into, true
	default:
		return into, false
	}
}

// predict answers one number per row, or says why this version fails on the request.
func (s *server) predict(in input) ([]int, error) {
	if len(in.Shape) != 2 || in.Shape[0] < 1 || in.Shape[1] != s.model.Features {
		return nil, fmt.Errorf("X has shape %v, but the model expects [-1, %d]", in.Shape, s.model.Features)
	}
	numbers, ok := flatten(in.Data, nil)
	if !ok {
		return nil, errors.New("data must be numbers")
	}
	if len(numbers) != in.Shape[0]*in.Shape[1] {
		return nil, fmt.Errorf("cannot reshape %d numbers into shape %v", len(numbers), in.Shape)
	}
	if limit := s.model.FailWhenFirstAtLeast; limit != nil && numbers[0] >= *limit {
		return nil, fmt.Errorf("found unknown category %g", numbers[0])
	}
	if (s.model.FailPercent >= 100 || !allZero(numbers)) && s.failsAtRandom() {
		return nil, errors.New("this version fails at random")
	}
	answers := make([]int, in.Shape[0])
	for row := range answers {
		sum := 0.0
		for _, number := range numbers[row*in.Shape[1] : (row+1)*in.Shape[1]] {
			sum += number
		}
		answers[row] = int(sum) % 10
		if chance(s.model.ZeroPercent) {
			answers[row] = 0
		}
		s.metrics.predicted(answers[row], chance(s.model.WrongPercent))
	}
	return answers, nil
}

func (s *server) wait() {
	delay := s.model.LatencyMs
	if chance(s.model.SlowPercent) {
		delay += s.model.SlowMs
	}
	if delay > 0 {
		time.Sleep(time.Duration(delay * float64(time.Millisecond)))
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusInternalServerError {
		w.Header().Set("Connection", "close") // MLServer does the same: clients with keep-alive must cope
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

type problem struct {
	Error string `json:"error"`
}

func (s *server) infer(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name != s.settings.Name {
		s.metrics.failed(name)
		answer(w, http.StatusNotFound, problem{fmt.Sprintf("Model %s not found", name)})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		answer(w, http.StatusRequestEntityTooLarge, problem{err.Error()})
		return
	}
	var in request
	if err := json.Unmarshal(body, &in); err != nil || len(in.Inputs) == 0 || in.Inputs[0].Datatype == "" {
		answer(w, http.StatusUnprocessableEntity, problem{"body must be a V2 request with at least one input"})
		return
	}
	s.wait()
	result, err := s.predict(in.Inputs[0])
	if err != nil {
		s.metrics.failed(name)
		answer(w, http.StatusInternalServerError, problem{err.Error()})
		return
	}
	s.metrics.succeeded(name)
	answer(w, http.StatusOK, map[string]any{
		"model_name": name, "model_version": s.settings.Parameters.Version, "id": in.ID,
		"outputs": []map[string]any{{"name": "predict", "shape": []int{len(result), 1}, "datatype": "INT64", "data": result}},
	})
}

// predictAll answers as TensorFlow Serving does: POST /v1/models/NAME:predict with {"instances": [[...], ...]}.
func (s *server) predictAll(w http.ResponseWriter, r *http.Request) {
	name, isPredict := strings.CutSuffix(r.PathValue("name"), ":predict")
	if !isPredict || name != s.settings.Name {
		answer(w, http.StatusNotFound, problem{"Could not find a valid model handle for " + name})
		return
	}
	var in struct {
		Instances [][]float64 `json:"instances"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil || len(in.Instances) == 0 {
		answer(w, http.StatusBadRequest, problem{"Missing 'instances' key"})
		return
	}
	s.wait()
	predictions := make([]int, 0, len(in.Instances))
	for _, row := range in.Instances {
		data := make([]any, len(row))
		for i, number := range row {
			data[i] = number
		}
		result, err := s.predict(input{Shape: []int{1, len(row)}, Data: data})
		if err != nil {
			answer(w, http.StatusInternalServerError, problem{err.Error()})
			return
		}
		predictions = append(predictions, result...)
	}
	answer(w, http.StatusOK, map[string]any{"predictions": predictions})
}

func (s *server) metadata(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("name") != s.settings.Name {
		answer(w, http.StatusNotFound, problem{"Model " + r.PathValue("name") + " not found"})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"name": s.settings.Name, "versions": []string{}, "platform": "",
		"inputs":  []map[string]any{{"name": "predict", "datatype": "FP64", "shape": []int{-1, s.model.Features}}},
		"outputs": []map[string]any{{"name": "predict", "datatype": "INT64", "shape": []int{-1, 1}}},
	})
}

func (s *server) health(w http.ResponseWriter, r *http.Request) {
	if name := r.PathValue("name"); name != "" && name != s.settings.Name {
		answer(w, http.StatusNotFound, problem{"Model " + name + " not found"})
		return
	}
	if !s.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/health/live", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /v2/health/ready", s.health)
	mux.HandleFunc("GET /v2/models/{name}/ready", s.health)
	mux.HandleFunc("GET /v2/models/{name}", s.metadata)
	mux.HandleFunc("GET /v1/models/{name}", s.health)
	mux.HandleFunc("POST /v1/models/{name}", s.predictAll)
	mux.Handle("POST /v2/models/{name}/infer", s.metrics.timed("/v2/models/{model_name}/infer", http.HandlerFunc(s.infer)))
	return mux
}

// A server that closes a connection between two requests may do so just as the next one comes. So for this long it asks its callers to close theirs.
const farewellTime = time.Second

func (s *server) farewell(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func run(behaviour string) error {
	set, mod, err := load(env("MODELS_DIR", "/mnt/models"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(behaviour), &mod); err != nil {
		return fmt.Errorf("behaviour: %w", err)
	}
	s := &server{settings: set, model: mod, metrics: newMetrics()}
	held := hold(mod.AllocateMiB)
	defer runtime.KeepAlive(held)
	if mod.CrashAfterSeconds > 0 {
		time.AfterFunc(time.Duration(mod.CrashAfterSeconds*float64(time.Second)), func() { log.Fatal("crashing, as the model says") })
	}
	main := &http.Server{Addr: ":" + env("MLSERVER_HTTP_PORT", "8080"), Handler: s.farewell(s.routes()), ReadHeaderTimeout: 10 * time.Second}
	monitor := &http.Server{Addr: ":" + env("MLSERVER_METRICS_PORT", "8082"), Handler: s.metrics, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 2)
	for _, each := range []*http.Server{main, monitor} {
		go func() { failed <- each.ListenAndServe() }()
	}
	s.ready.Store(!mod.NeverReady)
	log.Printf("serving model %q on %s, metrics on %s", set.Name, main.Addr, monitor.Addr)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-failed:
		return err
	case <-stop:
	}
	s.ready.Store(false)
	s.leaving.Store(true)
	time.Sleep(farewellTime)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return errors.Join(main.Shutdown(ctx), monitor.Close())
}

func main() {
	log.SetFlags(0)
	behaviour := flag.String("behaviour", env("BEHAVIOUR", "{}"), "JSON as in the model file, laid over it")
	flag.Parse()
	if err := run(*behaviour); err != nil {
		log.Fatal(err)
	}
}
