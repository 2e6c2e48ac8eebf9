package metlootel

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/metlo-go/metlo"
)

// Hooks returns hooks for metlo.WithHooks that record attempts as spans and metrics, and waits as metrics. Any number
// of clients may share them. A program's own hooks may call them.
func Hooks(opts ...Option) metlo.Hooks {
	c := configure(opts)
	h := &hooks{
		tracer: c.tracers.Tracer(scope, trace.WithInstrumentationVersion(metlo.Version), trace.WithSchemaURL(semconv.SchemaURL)),
		attempts: histogram(c.meter(), "http.client.request.duration", "Duration of HTTP client requests.",
			0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
		waits: histogram(c.meter(), "metlo.client.wait.duration", "Duration of waits before attempts.",
			0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
	}
	return metlo.Hooks{Attempt: h.attempt, Wait: h.wait}
}

type hooks struct {
	tracer   trace.Tracer
	attempts metric.Float64Histogram
	waits    metric.Float64Histogram
}

// histogram returns an instrument for seconds. OpenTelemetry's error handler receives an error, not the calls.
func histogram(meter metric.Meter, name, description string, bounds ...float64) metric.Float64Histogram {
	h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description),
		metric.WithExplicitBucketBoundaries(bounds...))
	if err != nil {
		otel.Handle(err)
		return noop.Float64Histogram{}
	}
	return h
}

func (h *hooks) attempt(ctx context.Context, a metlo.AttemptInfo) {
	end := time.Now()
	method, known := methodOf(a.Method)
	common := target(method, a.Host, a.Route)
	if a.StatusCode != 0 {
		common = append(common, semconv.HTTPResponseStatusCode(a.StatusCode))
	}
	failure := errorType(a)
	if failure != "" {
		common = append(common, semconv.ErrorTypeKey.String(failure))
	}

	only := []attribute.KeyValue{} // attributes of the span only
	if a.Number > 1 {
		only = append(only, semconv.HTTPRequestResendCount(a.Number-1))
	}
	if !known {
		only = append(only, semconv.HTTPRequestMethodOriginal(a.Method))
	}
	ctx, span := h.tracer.Start(ctx, spanName(method, a.Route, known), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithTimestamp(end.Add(-a.Duration)), trace.WithAttributes(common...), trace.WithAttributes(only...))
	if failure != "" {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(end))

	h.attempts.Record(ctx, a.Duration.Seconds(), metric.WithAttributes(common...)) // the span becomes its exemplar
}

func (h *hooks) wait(ctx context.Context, w metlo.WaitInfo) {
	method, _ := methodOf(w.Method)
	h.waits.Record(ctx, w.Duration.Seconds(), metric.WithAttributes(
		append(target(method, w.Host, w.Route), attribute.String("metlo.wait.reason", string(w.Reason)))...))
}

// target describes the server and route of a request.
func target(method, host, route string) []attribute.KeyValue {
	u := url.URL{Host: host}
	attributes := append(make([]attribute.KeyValue, 0, 8), semconv.HTTPRequestMethodKey.String(method), semconv.ServerAddress(u.Hostname()))
	if port, err := strconv.Atoi(u.Port()); err == nil {
		attributes = append(attributes, semconv.ServerPort(port))
	}
	if hasTemplate(route) {
		attributes = append(attributes, semconv.URLTemplate(route))
	}
	return attributes
}

// hasTemplate reports whether a route is a template. The route of Client.Call is a word.
func hasTemplate(route string) bool { return len(route) > 0 && route[0] == '/' }

func spanName(method, route string, known bool) string {
	if !known {
		method = "HTTP"
	}
	if !hasTemplate(route) {
		return method
	}
	return method + " " + route
}

// methodOf returns a method as the conventions spell it, and reports whether they define it.
func methodOf(method string) (string, bool) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method, true
	}
	return semconv.HTTPRequestMethodOther.Value.AsString(), false
}

// errorType returns the class of an attempt's failure, or "" for a success.
func errorType(a metlo.AttemptInfo) string {
	switch {
	case a.Err != nil:
		return classOf(a.Err)
	case a.StatusCode >= http.StatusBadRequest:
		return strconv.Itoa(a.StatusCode)
	}
	return ""
}

func classOf(err error) string {
	var (
		limit       interface{ Timeout() bool }
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
		connection  *net.OpError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.As(err, &limit) && limit.Timeout():
		return "timeout"
	case errors.As(err, &name):
		return "name_resolution"
	case errors.As(err, &certificate):
		return "certificate"
	case errors.As(err, &connection) && (connection.Op == "dial" || connection.Op == "proxyconnect"):
		return "connection_failed"
	case connection != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection_broken"
	}
	return semconv.ErrorTypeOther.Value.AsString()
}
