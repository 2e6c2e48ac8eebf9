package metlootel_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlootel"
	"github.com/metlo-go/metlo/metlotest"
)

// telemetry records spans and metrics in memory.
type telemetry struct {
	t       *testing.T
	spans   *tracetest.InMemoryExporter
	tracers *sdktrace.TracerProvider
	reader  *sdkmetric.ManualReader
	meters  *sdkmetric.MeterProvider
}

func newTelemetry(t *testing.T) *telemetry {
	t.Helper()
	spans, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
	return &telemetry{
		t: t, spans: spans, tracers: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)),
		reader: reader, meters: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
	}
}

func (tm *telemetry) options() []metlootel.Option {
	return []metlootel.Option{metlootel.WithTracerProvider(tm.tracers), metlootel.WithMeterProvider(tm.meters)}
}

// metrics returns the recorded metrics by name.
func (tm *telemetry) metrics() map[string]metricdata.Metrics {
	tm.t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(tm.t, tm.reader.Collect(context.WithoutCancel(tm.t.Context()), &data))
	byName := map[string]metricdata.Metrics{}
	for _, s := range data.ScopeMetrics {
		assert.Equal(tm.t, "github.com/metlo-go/metlo/metlootel", s.Scope.Name)
		assert.Equal(tm.t, metlo.Version, s.Scope.Version)
		for _, m := range s.Metrics {
			byName[m.Name] = m
		}
	}
	return byName
}

// seconds returns the points of a histogram by their attributes.
func (tm *telemetry) seconds(name string) map[string]metricdata.HistogramDataPoint[float64] {
	tm.t.Helper()
	m := tm.metrics()[name]
	assert.Equal(tm.t, "s", m.Unit, name)
	data, ok := m.Data.(metricdata.Histogram[float64])
	require.True(tm.t, ok, "%s is %T", name, m.Data)
	points := map[string]metricdata.HistogramDataPoint[float64]{}
	for _, p := range data.DataPoints {
		points[text(p.Attributes.ToSlice())] = p
	}
	return points
}

// text writes attributes one after the other, ordered by their keys.
func text(attributes []attribute.KeyValue) string {
	set := attribute.NewSet(attributes...)
	return set.Encoded(attribute.DefaultEncoder())
}

// TestCall follows a call that gets a Retry-After and then succeeds.
func TestCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := newTelemetry(t)
		server := metlotest.NewServer(metlotest.Demo(), metlotest.InMemory())
		defer server.Close()
		client := server.Client(metlo.WithHooks(metlootel.Hooks(tm.options()...)))
		defer client.CloseIdleConnections()
		server.Inject(metlotest.Fault{Path: "/endpoints/hosts", Status: 503, RetryAfter: "3", Delay: time.Second, Times: 1})

		ctx, parent := tm.tracers.Tracer("test").Start(t.Context(), "nightly job")
		begin := time.Now()
		_, err := client.Hosts.Names(ctx)
		require.NoError(t, err)
		parent.End()

		at, err := url.Parse(server.URL)
		require.NoError(t, err)
		where := "server.address=" + at.Hostname() + ",server.port=" + at.Port()
		spans := tm.spans.GetSpans()
		require.Len(t, spans, 3)
		want := []string{
			"error.type=503,http.request.method=GET,http.response.status_code=503," + where + ",url.template=/endpoints/hosts",
			"http.request.method=GET,http.request.resend_count=1,http.response.status_code=200," + where + ",url.template=/endpoints/hosts",
		}
		for i, span := range spans[:2] {
			assert.Equal(t, "GET /endpoints/hosts", span.Name)
			assert.Equal(t, trace.SpanKindClient, span.SpanKind)
			assert.Equal(t, want[i], text(span.Attributes))
			assert.Equal(t, parent.SpanContext().SpanID(), span.Parent.SpanID())
			assert.Equal(t, parent.SpanContext().TraceID(), span.SpanContext.TraceID())
			assert.Empty(t, span.Events)
		}
		assert.Equal(t, begin, spans[0].StartTime)
		assert.Equal(t, begin.Add(time.Second), spans[0].EndTime)
		assert.Equal(t, sdktrace.Status{Code: codes.Error}, spans[0].Status)
		assert.Equal(t, sdktrace.Status{}, spans[1].Status)
		assert.GreaterOrEqual(t, spans[1].StartTime.Sub(spans[0].EndTime), 3*time.Second, "the wait is in no span")

		attempts := tm.seconds("http.client.request.duration")
		require.Len(t, attempts, 2)
		first := attempts[want[0]]
		assert.EqualValues(t, 1, first.Count, attempts)
		assert.InDelta(t, 1, first.Sum, 1e-9)
		assert.Equal(t, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}, first.Bounds)
		require.Len(t, first.Exemplars, 1)
		spanID := spans[0].SpanContext.SpanID()
		assert.Equal(t, spanID[:], first.Exemplars[0].SpanID, "a slow request leads to its span")
		assert.EqualValues(t, 1, attempts[strings.Replace(want[1], "http.request.resend_count=1,", "", 1)].Count, attempts)

		waits := tm.seconds("metlo.client.wait.duration")
		require.Len(t, waits, 1)
		for attributes, w := range waits {
			assert.Equal(t, "http.request.method=GET,metlo.wait.reason=retry,"+where+",url.template=/endpoints/hosts", attributes)
			assert.GreaterOrEqual(t, w.Sum, 3.0)
		}
	})
}

// TestNoValues makes calls whose paths, queries and answers hold values.
func TestNoValues(t *testing.T) {
	tm := newTelemetry(t)
	server := metlotest.New(t, metlotest.Demo())
	client := server.Client(metlo.WithHooks(metlootel.Hooks(tm.options()...)))
	const id = "99999999-9999-4999-8999-999999999999"
	_, err := client.Endpoints.Get(t.Context(), id)
	require.ErrorIs(t, err, metlo.ErrNotFound)
	_, err = client.Endpoints.List(t.Context(), &metlo.EndpointFilter{Hosts: []string{"planted.example.com"}}, 0, 0)
	require.NoError(t, err)
	require.Error(t, client.Call(t.Context(), http.MethodGet, "/planted-path", nil, nil, nil))

	names := []string{}
	for _, span := range tm.spans.GetSpans() {
		names = append(names, span.Name)
		assert.NotRegexp(t, "planted|"+id, fmt.Sprintf("%+v", span))
	}
	assert.Equal(t, []string{"GET /endpoint/{uuid}", "GET /endpoints", "GET"}, names)
	for name := range tm.seconds("http.client.request.duration") {
		assert.NotRegexp(t, "planted|"+id, name)
	}
}

func TestAttempt(t *testing.T) {
	for _, test := range []struct {
		name     string
		info     metlo.AttemptInfo
		span     string
		ofMetric string
		ofSpan   string // besides
		status   codes.Code
	}{
		{
			"success", metlo.AttemptInfo{Method: "GET", Host: "metlo.example.com:8443", Route: "/alerts", Number: 1, StatusCode: 200},
			"GET /alerts", "http.request.method=GET,http.response.status_code=200,server.address=metlo.example.com,server.port=8443,url.template=/alerts",
			"", codes.Unset,
		},
		{
			"no port", metlo.AttemptInfo{Method: "PUT", Host: "metlo.example.com", Route: "/alert/{uuid}", Number: 1, StatusCode: 200},
			"PUT /alert/{uuid}", "http.request.method=PUT,http.response.status_code=200,server.address=metlo.example.com,url.template=/alert/{uuid}",
			"", codes.Unset,
		},
		{
			"IPv6", metlo.AttemptInfo{Method: "GET", Host: "[2001:db8::1]:81", Route: "/alerts", Number: 1, StatusCode: 304},
			"GET /alerts", "http.request.method=GET,http.response.status_code=304,server.address=2001:db8::1,server.port=81,url.template=/alerts",
			"", codes.Unset,
		},
		{
			"third attempt", metlo.AttemptInfo{Method: "GET", Host: "h", Route: "/alerts", Number: 3, StatusCode: 429},
			"GET /alerts", "error.type=429,http.request.method=GET,http.response.status_code=429,server.address=h,url.template=/alerts",
			"http.request.resend_count=2", codes.Error,
		},
		{
			"a body that broke off", metlo.AttemptInfo{Method: "GET", Host: "h", Route: "/alerts", Number: 1, StatusCode: 200, Err: io.ErrUnexpectedEOF},
			"GET /alerts", "error.type=connection_broken,http.request.method=GET,http.response.status_code=200,server.address=h,url.template=/alerts",
			"", codes.Error,
		},
		{
			"Client.Call", metlo.AttemptInfo{Method: "DELETE", Host: "h", Route: "Call", Number: 1, StatusCode: 404},
			"DELETE", "error.type=404,http.request.method=DELETE,http.response.status_code=404,server.address=h", "", codes.Error,
		},
		{
			"a method that is not known", metlo.AttemptInfo{Method: "PURGE", Host: "h", Route: "Call", Number: 1, StatusCode: 200},
			"HTTP", "http.request.method=_OTHER,http.response.status_code=200,server.address=h", "http.request.method_original=PURGE", codes.Unset,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tm := newTelemetry(t)
			metlootel.Hooks(tm.options()...).Attempt(t.Context(), test.info)
			span := tm.spans.GetSpans()[0]
			assert.Equal(t, test.span, span.Name)
			assert.Equal(t, sdktrace.Status{Code: test.status}, span.Status)
			var besides []attribute.KeyValue
			points := tm.seconds("http.client.request.duration")
			require.Contains(t, points, test.ofMetric)
			ofMetric := points[test.ofMetric].Attributes
			for _, a := range span.Attributes {
				if !ofMetric.HasValue(a.Key) {
					besides = append(besides, a)
				}
			}
			assert.Len(t, span.Attributes, ofMetric.Len()+len(besides))
			assert.Equal(t, test.ofSpan, text(besides))
		})
	}
}

// TestErrorTypes covers the errors of real connections, and further possible ones.
func TestErrorTypes(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = discard()
	untrusted.StartTLS()
	defer untrusted.Close()
	closing := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer closing.Close()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	rt := http.DefaultTransport
	fails := func(err error) http.RoundTripper {
		return roundTrip(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name      string
		ctx       context.Context
		address   string
		transport http.RoundTripper
		want      string
	}{
		{"nobody listens", t.Context(), gone.URL, rt, "connection_failed"},
		{"no such name", t.Context(), "http://localhost", fails(&net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}), "name_resolution"},
		{"a resolver that is slow", t.Context(), "http://localhost", fails(&net.DNSError{IsTimeout: true}), "timeout"},
		{"an unknown authority", t.Context(), untrusted.URL, rt, "certificate"},
		{"a connection that is closed", t.Context(), closing.URL, rt, "connection_broken"},
		{"a connection that is reset", t.Context(), "http://localhost", fails(&net.OpError{Op: "read", Err: errors.New("reset")}), "connection_broken"},
		{"a proxy that is away", t.Context(), "http://localhost", fails(&net.OpError{Op: "proxyconnect", Err: errors.New("refused")}), "connection_failed"},
		{"a call that is canceled", canceled, "http://localhost", fails(fmt.Errorf("with planted-key: %w", context.Canceled)), "canceled"},
		{"a time limit", t.Context(), "http://localhost", fails(fmt.Errorf("with planted-key: %w", context.DeadlineExceeded)), "timeout"},
		{"anything else", t.Context(), "http://localhost", fails(&tls.RecordHeaderError{Msg: "no TLS"}), "_OTHER"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tm := newTelemetry(t)
			hooks := metlootel.Hooks(tm.options()...)
			if test.ctx.Err() != nil { // a client sends nothing then
				_, err := test.transport.RoundTrip(nil)
				hooks.Attempt(test.ctx, metlo.AttemptInfo{Method: "GET", Host: "localhost", Route: "/alerts", Number: 1, Err: err})
			} else {
				client, err := metlo.NewClient(test.address, "planted-key", metlo.WithHooks(hooks), metlo.WithoutRetry(),
					metlo.WithHTTPClient(&http.Client{Transport: test.transport}))
				require.NoError(t, err)
				_, err = client.Hosts.Names(t.Context())
				require.Error(t, err)
				client.CloseIdleConnections()
			}
			spans := tm.spans.GetSpans()
			require.Len(t, spans, 1)
			set := attribute.NewSet(spans[0].Attributes...)
			class, _ := set.Value("error.type")
			assert.Equal(t, test.want, class.AsString())
			assert.False(t, set.HasValue("http.response.status_code"))
			assert.Equal(t, sdktrace.Status{Code: codes.Error}, spans[0].Status, "the text of an error may hold values")
		})
	}
}

func TestWait(t *testing.T) {
	tm := newTelemetry(t)
	hooks := metlootel.Hooks(tm.options()...)
	for _, reason := range []metlo.WaitReason{metlo.WaitRetry, metlo.WaitCoolDown, metlo.WaitRateLimit, metlo.WaitRateLimit} {
		hooks.Wait(t.Context(), metlo.WaitInfo{Method: "GET", Host: "h:1", Route: "/alerts", Number: 1, Reason: reason, Duration: 1500 * time.Millisecond})
	}
	points := tm.seconds("metlo.client.wait.duration")
	require.Len(t, points, 3)
	for reason, n := range map[string]uint64{"retry": 1, "cool-down": 1, "rate limit": 2} {
		p := points["http.request.method=GET,metlo.wait.reason="+reason+",server.address=h,server.port=1,url.template=/alerts"]
		assert.Equal(t, n, p.Count, reason)
		assert.InDelta(t, 1.5*float64(n), p.Sum, 1e-9)
	}
	assert.Empty(t, tm.spans.GetSpans())
}

// TestProviders records with the global providers, which may be set later, and without any.
func TestProviders(t *testing.T) {
	attempt := metlo.AttemptInfo{Method: "GET", Host: "h", Route: "/alerts", Number: 1, StatusCode: 200}
	early := metlootel.Hooks()
	tm := newTelemetry(t)
	otel.SetTracerProvider(tm.tracers)
	otel.SetMeterProvider(tm.meters)
	t.Cleanup(func() {
		otel.SetTracerProvider(tracenoop.NewTracerProvider())
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
	})
	early.Attempt(t.Context(), attempt)
	metlootel.Hooks(metlootel.WithTracerProvider(nil), metlootel.WithMeterProvider(nil)).Attempt(t.Context(), attempt)
	metlootel.Hooks(metlootel.WithTracerProvider(tracenoop.NewTracerProvider())).Attempt(t.Context(), attempt)
	metlootel.Hooks(metlootel.WithMeterProvider(metricnoop.NewMeterProvider())).Attempt(t.Context(), attempt)
	assert.Len(t, tm.spans.GetSpans(), 3)
	for _, p := range tm.seconds("http.client.request.duration") {
		assert.EqualValues(t, 3, p.Count)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
