package main

import (
	"net/http"
	"net/url"
	"time"

	"github.com/getsentry/sentry-go"
	sentryhttp "github.com/getsentry/sentry-go/http"
	"go.elastic.co/apm/module/apmhttp/v2"
	"go.elastic.co/apm/v2"
	"go.elastic.co/apm/v2/transport"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// peers returns the compared middleware with default options. Some of them record bodies by an option.
func peers() []watcher {
	unknown := func() string { return "" }
	return []watcher{
		{name: "otelhttp, no-op providers, no bodies", start: func(string) (func(http.Handler) http.Handler, func(), func() string, error) {
			wrap := func(h http.Handler) http.Handler {
				return otelhttp.NewHandler(h, "in", otelhttp.WithTracerProvider(tracenoop.NewTracerProvider()), otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()))
			}
			return wrap, func() {}, unknown, nil
		}},
		{name: "elastic apmhttp, 1 kB of bodies", start: func(collector string) (func(http.Handler) http.Handler, func(), func() string, error) {
			u, err := url.Parse(collector)
			if err != nil {
				return nil, nil, nil, err
			}
			server, err := transport.NewHTTPTransport(transport.HTTPTransportOptions{ServerURLs: []*url.URL{u}})
			if err != nil {
				return nil, nil, nil, err
			}
			tracer, err := apm.NewTracerOptions(apm.TracerOptions{ServiceName: "bench", Transport: server})
			if err != nil {
				return nil, nil, nil, err
			}
			tracer.SetCaptureBody(apm.CaptureBodyAll)
			wrap := func(h http.Handler) http.Handler { return apmhttp.Wrap(h, apmhttp.WithTracer(tracer)) }
			return wrap, tracer.Close, unknown, nil
		}},
		{name: "sentry-go http, traced", start: func(collector string) (func(http.Handler) http.Handler, func(), func() string, error) {
			u, err := url.Parse(collector)
			if err != nil {
				return nil, nil, nil, err
			}
			client, err := sentry.NewClient(sentry.ClientOptions{Dsn: "http://key@" + u.Host + "/1", EnableTracing: true, TracesSampleRate: 1})
			if err != nil {
				return nil, nil, nil, err
			}
			wrap := func(h http.Handler) http.Handler {
				hub := sentry.NewHub(client, sentry.NewScope())
				traced := sentryhttp.New(sentryhttp.Options{}).Handle(h)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					traced.ServeHTTP(w, r.WithContext(sentry.SetHubOnContext(r.Context(), hub.Clone())))
				})
			}
			return wrap, func() { client.Flush(time.Second); client.Close() }, unknown, nil
		}},
	}
}
