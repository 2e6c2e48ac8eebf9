package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// WithHandler sends every request to h, in this process and without a port, whatever its host. AllowHosts is not
// needed. BASE_URL is http://handler.test unless WithEnv or the test sets it. If h panics, the step has no response.
func WithHandler(h http.Handler) Option {
	return func(s *settings) error {
		if h == nil {
			return errors.New("apitest: the handler is nil: pass one")
		}
		s.handler = h
		if _, ok := s.env["BASE_URL"]; !ok {
			s.env["BASE_URL"] = "http://handler.test"
		}
		return nil
	}
}

// inProcess is an http.RoundTripper that calls a handler.
type inProcess struct{ handler http.Handler }

// RoundTrip runs the handler until it returns or the context of the request ends.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr, in.Host = r.URL.RequestURI(), "192.0.2.1:1234", r.Host
	if in.Host == "" {
		in.Host = r.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	w := &recorder{header: http.Header{}}
	done := make(chan error, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("the handler panicked: %v", p)
			}
		}()
		p.handler.ServeHTTP(w, in)
		done <- nil
	}()
	select {
	case err := <-done:
		if err != nil {
			return nil, err
		}
		w.WriteHeader(http.StatusOK)
		return w.response(r), nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// recorder is an http.ResponseWriter that keeps what a handler writes.
type recorder struct {
	header, sent http.Header
	status       int
	body         bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

// WriteHeader records the first status that is not informational.
func (w *recorder) WriteHeader(status int) {
	if w.status != 0 || status < 200 {
		return
	}
	w.status, w.sent = status, w.header.Clone()
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 && w.header.Get("Content-Type") == "" {
		w.header.Set("Content-Type", http.DetectContentType(p))
	}
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush does nothing, because the response is read after the handler has returned.
func (w *recorder) Flush() {}

func (w *recorder) response(r *http.Request) *http.Response {
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}
}
