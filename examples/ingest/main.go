// Ingest feeds the traffic of a service to Metlo with package capture: the requests that it serves and the requests that
// it makes. The service and its traffic are small and made up.
package main

import (
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
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `ingest runs a small service whose traffic goes to Metlo, and prints the endpoints that Metlo finds in it.

  ingest -requests 50

It talks to METLO_HOST and METLO_COLLECTOR_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 endpoints found, 1 failed, 2 wrong flags.

`

func main() {
	flags := flag.NewFlagSet("ingest", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	requests := flags.Int("requests", 20, "`number` of orders that are placed with the service")
	queue := flags.Int("queue", 10_000, "`number` of traces that wait for the collector before some are dropped")
	patience := flags.Duration("patience", 30*time.Second, "longest `time` until Metlo shows the endpoints")
	switch err := flags.Parse(os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil || flags.NArg() > 0 || *requests < 1 || *queue < 1:
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
	rec, err := capture.New(client, capture.WithHost(ordersHost), capture.WithQueueItems(queue))
	if err != nil {
		return err
	}
	trafficErr := traffic(ctx, rec, requests)
	shutdownErr := rec.Shutdown(ctx)
	s := rec.Stats()
	fmt.Printf("%d traces sent, %d dropped, %d failed\n", s.Sent, s.Dropped, s.Failed+s.Unknown)
	if err := errors.Join(trafficErr, shutdownErr); err != nil {
		return err
	}
	return printEndpoints(ctx, client)
}

// connect returns a client and what to call when done with it.
func connect() (*metlo.Client, func(), error) {
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo(), metlotest.InstantAnalysis())
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
func traffic(ctx context.Context, rec *capture.Recorder, requests int) error {
	stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"inStock":true}`)
	}))
	defer stock.Close()
	outgoing := &http.Client{Transport: rec.Transport(nil)}

	service := http.NewServeMux()
	service.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, stock.URL+"/items/"+r.PathValue("id"), http.NoBody)
		if err == nil {
			req.Host = stockHost // by which Metlo files it
			err = do(outgoing, req)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	})
	orders := httptest.NewServer(rec.Handler(service))
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
