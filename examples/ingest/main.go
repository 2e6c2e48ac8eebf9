// Ingest feeds the traffic of a service to Metlo: the requests that it serves and the requests that it makes. The
// Recorder is what to copy; main is a small service with some traffic.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `ingest runs a small service whose traffic goes to Metlo, and prints the endpoints that Metlo finds in it.

  ingest -requests 50

It talks to METLO_HOST and METLO_COLLECTOR_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 endpoints found, 1 failed, 2 wrong flags.

`

const (
	maxBody   = 64 << 10 // bytes of a body that are kept; Metlo learns nothing from longer ones
	batchSize = 100
	batchWait = time.Second
)

// Recorder sends what it is given to Metlo's collector in batches, from a goroutine of its own. When Metlo is slower
// than the traffic it drops traces and counts them.
type Recorder struct {
	client  *metlo.Client
	queue   chan exchange
	done    chan struct{}
	mu      sync.RWMutex // guards closed, so that nothing is queued after the end
	closed  bool
	sent    atomic.Int64
	dropped atomic.Int64 // found no place in the queue
	failed  atomic.Int64 // were no trace, or could not be sent
}

// exchange is a request and its response, with what was seen of the bodies.
type exchange struct {
	request  *http.Request
	response *http.Response
	host     string
}

// NewRecorder returns a running recorder that keeps up to queue exchanges. Close it.
func NewRecorder(client *metlo.Client, queue int) *Recorder {
	r := &Recorder{client: client, queue: make(chan exchange, queue), done: make(chan struct{})}
	go r.run()
	return r
}

// Handler records what next serves, under the given host.
func (r *Recorder) Handler(host string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		seen := *req // the handler may change its own
		seen.Header = req.Header.Clone()
		body := &copied{ReadCloser: req.Body}
		req.Body = body
		answer := &copiedWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, req)
		seen.Body = body.seen()
		r.record(exchange{&seen, &http.Response{
			StatusCode: answer.status, Header: w.Header().Clone(), Body: io.NopCloser(bytes.NewReader(answer.body.Bytes())),
		}, host})
	})
}

// Transport records what next sends, under the host that is asked, or under the given one.
func (r *Recorder) Transport(host string, next http.RoundTripper) http.RoundTripper {
	return transport(func(req *http.Request) (*http.Response, error) {
		sent := req.Clone(req.Context()) // a RoundTripper must not change the request
		body := &copied{ReadCloser: req.Body}
		if req.Body != nil && req.Body != http.NoBody {
			sent.Body = body
		}
		resp, err := next.RoundTrip(sent)
		if err != nil || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
		seen, answer := *sent, *resp
		answer.Header = resp.Header.Clone()
		answered := &copied{ReadCloser: resp.Body}
		answered.onEnd = func() {
			seen.Body, answer.Body = body.seen(), answered.seen()
			r.record(exchange{&seen, &answer, host})
		}
		resp.Body = answered
		return resp, nil
	})
}

// record never waits: the caller is serving a request.
func (r *Recorder) record(x exchange) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if !r.closed {
		select {
		case r.queue <- x:
			return
		default:
		}
	}
	r.dropped.Add(1)
}

func (r *Recorder) run() {
	defer close(r.done)
	ticker := time.NewTicker(batchWait)
	defer ticker.Stop()
	var batch []*metlo.Trace
	for {
		select {
		case x, open := <-r.queue:
			if !open {
				r.send(batch)
				return
			}
			if batch = r.add(batch, x); len(batch) < batchSize {
				continue
			}
		case <-ticker.C:
		}
		r.send(batch)
		batch = nil
	}
}

func (r *Recorder) add(batch []*metlo.Trace, x exchange) []*metlo.Trace {
	var opts []metlo.TraceOption
	if x.host != "" {
		opts = append(opts, metlo.WithTraceHost(x.host))
	}
	trace, err := metlo.TraceFromHTTP(x.request, x.response, opts...)
	if err != nil {
		r.failed.Add(1) // such as a method that Metlo does not track
		return batch
	}
	return append(batch, trace)
}

func (r *Recorder) send(batch []*metlo.Trace) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := r.client.Collector.LogBatch(ctx, batch)
	sent := len(batch)
	var partly *metlo.BatchError
	if errors.As(err, &partly) {
		sent = len(partly.Sent)
	} else if err != nil {
		sent = 0
	}
	r.sent.Add(int64(sent))
	r.failed.Add(int64(len(batch) - sent))
	if err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
	}
}

// Close sends what is queued, and drops what is recorded from now on.
func (r *Recorder) Close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.queue)
	}
	r.mu.Unlock()
	<-r.done
}

// copied keeps the beginning of a body while somebody else reads it, perhaps in another goroutine.
type copied struct {
	io.ReadCloser

	onEnd func() // called once, at the end of the body or when it is closed
	mu    sync.Mutex
	kept  bytes.Buffer
	once  sync.Once
}

func (c *copied) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.mu.Lock()
	keep(&c.kept, p[:n])
	c.mu.Unlock()
	if err != nil {
		c.end()
	}
	return n, err
}

func (c *copied) Close() error {
	c.end()
	return c.ReadCloser.Close()
}

func (c *copied) end() {
	if c.onEnd != nil {
		c.once.Do(c.onEnd)
	}
}

func (c *copied) seen() io.ReadCloser {
	c.mu.Lock()
	defer c.mu.Unlock()
	return io.NopCloser(bytes.NewReader(bytes.Clone(c.kept.Bytes())))
}

// keep stops one byte after the limit, which tells TraceFromHTTP that the body is too long.
func keep(buffer *bytes.Buffer, data []byte) {
	buffer.Write(data[:min(len(data), maxBody+1-buffer.Len())])
}

// copiedWriter keeps the status and the beginning of the body that a handler writes.
type copiedWriter struct {
	http.ResponseWriter

	status  int
	started bool
	body    bytes.Buffer
}

func (w *copiedWriter) WriteHeader(status int) {
	if !w.started {
		w.status, w.started = status, status >= http.StatusOK // 1xx come before the answer
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *copiedWriter) Write(data []byte) (int, error) {
	w.started = true
	keep(&w.body, data)
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController flush and hijack.
func (w *copiedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func main() {
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	requests := flags.Int("requests", 20, "`number` of orders that are placed with the service")
	queue := flags.Int("queue", 1000, "`number` of exchanges that wait for the collector before some are dropped")
	patience := flags.Duration("patience", 30*time.Second, "longest `time` until Metlo shows the endpoints")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0 || *requests < 1 || *queue < 0:
		fmt.Fprintln(os.Stderr, "ingest: see -h")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, *patience)
	err := run(ctx, *requests, *queue)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "ingest:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, requests, queue int) error {
	client, closeClient, err := connect()
	if err != nil {
		return err
	}
	defer closeClient()
	if err := client.Collector.Verify(ctx); err != nil {
		return err
	}
	recorder := NewRecorder(client, queue)
	err = traffic(ctx, recorder, requests)
	recorder.Close()
	fmt.Printf("%d traces sent, %d dropped, %d failed\n", recorder.sent.Load(), recorder.dropped.Load(), recorder.failed.Load())
	if err != nil {
		return err
	}
	return printEndpoints(ctx, client)
}

// connect returns a client and what to call when done with it.
func connect() (*metlo.Client, func(), error) {
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		return server.Client(), server.Close, nil
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

const (
	ordersHost = "orders.ingest.example.com"
	stockHost  = "stock.ingest.example.com"
)

// traffic places orders with a service, which asks another one for each.
func traffic(ctx context.Context, recorder *Recorder, requests int) error {
	stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"inStock":true}`)
	}))
	defer stock.Close()
	outgoing := &http.Client{Transport: recorder.Transport(stockHost, http.DefaultTransport)}

	service := http.NewServeMux()
	service.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := get(r.Context(), outgoing, stock.URL+"/items/"+r.PathValue("id")); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	})
	orders := httptest.NewServer(recorder.Handler(ordersHost, service))
	defer orders.Close()

	for n := range requests {
		body := strings.NewReader(fmt.Sprintf(`{"sku":"A%d","email":"jane.doe@example.com"}`, n))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/orders/%d", orders.URL, 1000+n), body)
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		if err := do(http.DefaultClient, req); err != nil {
			return err
		}
	}
	return nil
}

func get(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	return do(client, req)
}

func do(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s", req.Method, req.URL, resp.Status)
	}
	return err
}

// printEndpoints waits for both hosts, since a real Metlo works behind a queue.
func printEndpoints(ctx context.Context, client *metlo.Client) error {
	hosts := []string{ordersHost, stockHost}
	for {
		endpoints, err := metlo.Collect(client.Endpoints.All(ctx, &metlo.EndpointListOptions{Hosts: hosts}))
		if err != nil {
			return err
		}
		found := map[string]bool{}
		for _, e := range endpoints {
			found[e.Host] = true
		}
		if len(found) == len(hosts) {
			slices.SortFunc(endpoints, func(a, b metlo.Endpoint) int { return strings.Compare(a.Host, b.Host) })
			for _, e := range endpoints {
				fmt.Printf("%s %s%s  %s\n", e.Method, e.Host, e.Path, strings.Join(e.DataClasses, ", "))
			}
			return nil
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("Metlo shows %d of %d hosts: %w", len(found), len(hosts), ctx.Err())
		}
	}
}
