// The test application: one static program for every container of the local cluster that is not under test itself.
//
//	pause               wait for a signal, as the container that holds a pod's network does
//	serve               HTTP on :8080: /, /healthz, /metrics, /resolve?url=, with VERSION, FAIL_PCT and DELAY_MS
//	write FILE TEXT     write TEXT to FILE
//	read FILE ...       print each file's name and content
//	refuse FILE         exit 0 when FILE can NOT be written, 1 when it can
//	allocate MIB        fill MIB mebibytes of memory, then exit
//	api PATH            print the status of a GET of PATH at the API server, as the pod's ServiceAccount
//	fail                exit 1
//
// Several commands may be given, divided by the argument "and".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

var bounds = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5}

func main() {
	var command []string
	for _, argument := range append(os.Args[1:], "and") {
		if argument != "and" {
			command = append(command, argument)
			continue
		}
		if err := run(command); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		command = nil
	}
}

func run(command []string) error {
	switch {
	case len(command) == 1 && command[0] == "pause":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		<-stop
		return nil
	case len(command) == 1 && command[0] == "serve":
		return serve()
	case len(command) == 3 && command[0] == "write":
		return os.WriteFile(command[1], []byte(command[2]), 0o644)
	case len(command) >= 2 && command[0] == "read":
		return read(command[1:])
	case len(command) == 2 && command[0] == "refuse":
		if err := os.WriteFile(command[1], []byte("x"), 0o644); err == nil {
			return fmt.Errorf("%s can be written", command[1])
		}
		return nil
	case len(command) == 2 && command[0] == "allocate":
		return allocate(command[1])
	case len(command) == 2 && command[0] == "api":
		return api(command[1])
	case len(command) == 1 && command[0] == "fail":
		return fmt.Errorf("failing as told")
	}
	return fmt.Errorf("usage: testapp pause | serve | write FILE TEXT | read FILE ... | refuse FILE | allocate MIB | api PATH | fail, not %q", command)
}

func read(files []string) error {
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %s\n", file, content)
	}
	return nil
}

// allocate writes to every page, for memory that is never written does not count against a limit.
func allocate(text string) error {
	mebibytes, err := strconv.Atoi(text)
	if err != nil {
		return err
	}
	blocks := make([][]byte, 0, mebibytes)
	for len(blocks) < mebibytes {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = byte(i)
		}
		blocks = append(blocks, block)
	}
	fmt.Println("allocated", len(blocks), "MiB")
	return nil
}

const account = "/var/run/secrets/kubernetes.io/serviceaccount/"

func api(path string) error {
	token, err := os.ReadFile(account + "token")
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(account + "ca.crt")
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}, Timeout: 10 * time.Second}
	request, err := http.NewRequest(http.MethodGet, "https://kubernetes.default.svc"+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+string(token))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	fmt.Printf("%s: %s\n", path, response.Status)
	return nil
}

func number(name string) float64 { value, _ := strconv.ParseFloat(os.Getenv(name), 64); return value }

// figures are what /metrics shows.
type figures struct {
	sync.Mutex
	codes   map[int]int
	buckets []int
	sum     float64
}

func (f *figures) observe(code int, seconds float64) {
	f.Lock()
	defer f.Unlock()
	f.codes[code]++
	f.sum += seconds
	i := 0
	for i < len(bounds) && seconds > bounds[i] {
		i++
	}
	f.buckets[i]++
}

func (f *figures) write(w http.ResponseWriter, version string) {
	f.Lock()
	defer f.Unlock()
	fmt.Fprintln(w, "# TYPE app_requests_total counter")
	for code, n := range f.codes {
		fmt.Fprintf(w, "app_requests_total{version=%q,code=\"%d\"} %d\n", version, code, n)
	}
	fmt.Fprintln(w, "# TYPE app_request_duration_seconds histogram")
	n := 0
	for i, bound := range bounds {
		n += f.buckets[i]
		fmt.Fprintf(w, "app_request_duration_seconds_bucket{version=%q,le=\"%g\"} %d\n", version, bound, n)
	}
	n += f.buckets[len(bounds)]
	fmt.Fprintf(w, "app_request_duration_seconds_bucket{version=%q,le=\"+Inf\"} %d\n", version, n)
	fmt.Fprintf(w, "app_request_duration_seconds_sum{version=%q} %g\n", version, f.sum)
	fmt.Fprintf(w, "app_request_duration_seconds_count{version=%q} %d\n", version, n)
}

func serve() error {
	version, failPct, delay := os.Getenv("VERSION"), number("FAIL_PCT"), time.Duration(number("DELAY_MS")*float64(time.Millisecond))
	seen := &figures{codes: map[int]int{}, buckets: make([]int, len(bounds)+1)}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	http.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { seen.write(w, version) })
	http.HandleFunc("/resolve", func(w http.ResponseWriter, r *http.Request) { // fetches another URL from inside the pod
		response, err := http.Get(r.URL.Query().Get("url"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		fmt.Fprintln(w, response.Status)
	})
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		start, code := time.Now(), http.StatusOK
		time.Sleep(delay)
		if rand.Float64()*100 < failPct {
			code = http.StatusInternalServerError
		}
		w.Header().Set("X-App-Version", version)
		w.WriteHeader(code)
		fmt.Fprintln(w, "v", version)
		seen.observe(code, time.Since(start).Seconds())
	})
	return http.ListenAndServe(":8080", nil)
}
