// Package capturetest tests adapters of package capture for web frameworks.
//
// [Run] tests the requirements for every adapter. For an adapter's own tests, [New] returns a recorder whose traces stay in the
// process, and [Send] sends requests over a connection.
package capturetest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
)

// timeout limits the wait for events that should happen immediately.
const timeout = 10 * time.Second

// collector stores the traces that it receives.
type collector struct {
	mu     sync.Mutex
	traces []metlo.AnalyzedTrace
}

func (c *collector) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Body != nil {
		var batch []metlo.AnalyzedTrace
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			return nil, err
		}
		c.traces = append(c.traces, batch...)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
}

// New returns a recorder for every host, and a function that shuts it down and returns its traces and counts. The recorder uses no
// network and fetches no configuration.
func New(t testing.TB, opts ...capture.Option) (rec *capture.Recorder, finish func() ([]metlo.AnalyzedTrace, capture.Stats)) {
	t.Helper()
	var c collector
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.made-up-key",
		metlo.WithCollectorURL("https://collector.example.com"), metlo.WithHTTPClient(&http.Client{Transport: &c}))
	if err != nil {
		t.Fatal(err)
	}
	rec, err = capture.New(client, append([]capture.Option{capture.WithAnyHost(), capture.WithoutAgentConfig()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return rec, func() ([]metlo.AnalyzedTrace, capture.Stats) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if err := rec.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		return c.traces, rec.Stats()
	}
}

// Send serves handler on loopback, sends the requests one after the other, and reads the responses. It returns an error that joins
// those of the requests without a complete response.
func Send(t testing.TB, handler http.Handler, requests ...*http.Request) error {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	var failed error
	for _, req := range requests {
		out, err := http.NewRequestWithContext(t.Context(), req.Method, server.URL+req.URL.String(), req.Body)
		if err != nil {
			t.Fatal(err)
		}
		out.Header = req.Header
		resp, err := server.Client().Do(out)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			err = errors.Join(err, resp.Body.Close())
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

// Request returns a request with a JSON body.
func Request(method, target, body string) *http.Request {
	req := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	return req
}

// Route describes a route for [Run].
type Route struct {
	Method string
	// Path is a template in the form of package net/http, such as /orders/{id}.
	Path    string
	Handler http.HandlerFunc
}

// Run tests an adapter. newHandler must return a handler of the framework that serves the routes behind the adapter's middleware.
// Panics of routes must reach the server of package net/http.
func Run(t *testing.T, newHandler func(rec *capture.Recorder, routes ...Route) http.Handler) {
	a := adapter{newHandler}
	t.Run("records", a.records)
	t.Run("samples by the template", a.samples)
	t.Run("streams", a.streams)
	t.Run("records once", a.recordsOnce)
	t.Run("reports the template to a recorder in front", a.behind)
	t.Run("skips hijacked connections", a.hijacks)
	t.Run("does not recover panics", a.panics)
}

type adapter struct {
	newHandler func(rec *capture.Recorder, routes ...Route) http.Handler
}

func reply(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// through sends requests to routes behind a recorder.
func (a adapter) through(t *testing.T, routes []Route, requests ...*http.Request) ([]metlo.AnalyzedTrace, capture.Stats) {
	t.Helper()
	rec, finish := New(t, capture.WithoutSampling())
	_ = Send(t, a.newHandler(rec, routes...), requests...)
	return finish()
}

// seen returns a line for each trace: method, template, status and the fields of its bodies.
func seen(traces []metlo.AnalyzedTrace) (list []string) {
	for _, trace := range traces {
		var fields []string
		for path, types := range trace.Analysis.DataTypes {
			if strings.Contains(path, "Body") {
				fields = append(fields, path+"="+strings.Join(types, ","))
			}
		}
		slices.Sort(fields)
		list = append(list, fmt.Sprintf("%s %s %d %s", trace.Request.Method, trace.Request.URL.EndpointPath, trace.Response.Status, strings.Join(fields, " ")))
	}
	return list
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

func (a adapter) records(t *testing.T) {
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.Copy(w, r.Body)
	}
	traces, stats := a.through(t, []Route{
		{http.MethodPost, "/orders/{id}", echo},
		{http.MethodDelete, "/orders/{id}", reply(http.StatusNoContent, "")},
	}, Request("POST", "/orders/7", `{"sku":"A1"}`), Request("DELETE", "/orders/7", ""), Request("GET", "/none", ""))
	equal(t, seen(traces), []string{
		"POST /orders/{id} 201 reqBody.sku=string resBody.sku=string", "DELETE /orders/{id} 204 resBody=string",
	})
	if stats.Skipped != 1 {
		t.Errorf("%d exchanges skipped, want the one without a route", stats.Skipped)
	}
	if len(traces) > 0 && traces[0].Request.URL.Path != "/orders/1" {
		t.Errorf("path %q, want a placeholder for the number", traces[0].Request.URL.Path)
	}
}

func (a adapter) samples(t *testing.T) {
	rec, finish := New(t, capture.WithSampling(capture.Sampling{First: 2}))
	handler := a.newHandler(rec, Route{http.MethodGet, "/orders/{id}", reply(http.StatusOK, "")})
	if err := Send(t, handler, Request("GET", "/orders/a", ""), Request("GET", "/orders/b", ""), Request("GET", "/orders/c", "")); err != nil {
		t.Error(err)
	}
	if traces, stats := finish(); len(traces) != 2 || stats.SampledOut != 1 {
		t.Errorf("%d traces, %d sampled out; want 2 and 1: the adapter must report the template of the route", len(traces), stats.SampledOut)
	}
}

func (a adapter) streams(t *testing.T) {
	read := make(chan struct{})
	rec, finish := New(t)
	server := httptest.NewServer(a.newHandler(rec, Route{http.MethodGet, "/events", func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Error("SetWriteDeadline:", err)
		}
		_, _ = io.WriteString(w, "data: one\n")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error("Flush:", err)
		}
		select {
		case <-read:
		case <-r.Context().Done():
		}
	}}))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "data: one\n" {
		t.Errorf("read %q, %v before the handler ended", line, err)
	}
	close(read)
	finish()
}

func (a adapter) recordsOnce(t *testing.T) {
	rec, finish := New(t, capture.WithoutSampling())
	handler := rec.Handler(a.newHandler(rec, Route{http.MethodGet, "/a", reply(http.StatusOK, "once")}))
	if err := Send(t, handler, Request("GET", "/a", "")); err != nil {
		t.Error(err)
	}
	traces, _ := finish()
	equal(t, seen(traces), []string{"GET /a 200 resBody=string"})
}

type layer struct{}

// behind puts a recorder in front of middleware that copies the request and strips a prefix.
func (a adapter) behind(t *testing.T) {
	rec, finish := New(t, capture.WithoutSampling())
	inner := a.newHandler(rec, Route{http.MethodGet, "/users/{id}", reply(http.StatusOK, "")})
	copies := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/api", inner).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), layer{}, true)))
	})
	if err := Send(t, rec.Handler(copies), Request("GET", "/api/users/secret-7", "")); err != nil {
		t.Error(err)
	}
	traces, _ := finish()
	equal(t, seen(traces), []string{"GET /api/users/{id} 200 resBody=string"})
}

func (a adapter) hijacks(t *testing.T) {
	rec, finish := New(t, capture.WithoutSampling())
	server := httptest.NewServer(a.newHandler(rec, Route{http.MethodGet, "/ws", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error("Hijack:", err)
			return
		}
		defer conn.Close()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	}}))
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(timeout))
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nping\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "ping\n" {
		t.Errorf("read %q, %v", line, err)
	}
	server.Close()
	for deadline := time.Now().Add(timeout); rec.Stats().Seen == 0 && time.Now().Before(deadline); { // a server does not wait for hijacked connections
		<-time.After(time.Millisecond)
	}
	if traces, stats := finish(); len(traces) > 0 || stats.Skipped != 1 {
		t.Errorf("%d traces, %d skipped", len(traces), stats.Skipped)
	}
}

func (a adapter) panics(t *testing.T) {
	rec, finish := New(t, capture.WithoutSampling())
	var caught []any
	inner := a.newHandler(rec,
		Route{http.MethodGet, "/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		Route{http.MethodGet, "/written", func(w http.ResponseWriter, r *http.Request) {
			reply(http.StatusAccepted, "part")(w, r)
			panic("late")
		}})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			caught = append(caught, recover())
			panic(http.ErrAbortHandler)
		}()
		inner.ServeHTTP(w, r)
	})
	_ = Send(t, handler, Request("GET", "/abort", ""), Request("GET", "/written", ""))
	if !slices.Equal(caught, []any{http.ErrAbortHandler, "late"}) {
		t.Errorf("the server saw the panics %v", caught)
	}
	traces, _ := finish()
	equal(t, seen(traces), []string{"GET /abort 500 resBody=string", "GET /written 202 resBody=string"})
}
