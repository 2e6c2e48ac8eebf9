package metlootel

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/metlo-go/metlo"
)

const scope = "github.com/metlo-go/metlo/metlootel"

// Option configures [Hooks] and [ObserveRecorder].
type Option func(*config)

type config struct {
	tracers trace.TracerProvider
	meters  metric.MeterProvider
}

// WithTracerProvider creates spans with a provider instead of the global one. That of
// go.opentelemetry.io/otel/trace/noop disables them.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(c *config) { c.tracers = provider }
}

// WithMeterProvider records metrics with a provider instead of the global one. That of
// go.opentelemetry.io/otel/metric/noop disables them.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(c *config) { c.meters = provider }
}

func configure(opts []Option) *config {
	c := &config{}
	for _, opt := range opts {
		opt(c)
	}
	if c.tracers == nil {
		c.tracers = otel.GetTracerProvider()
	}
	if c.meters == nil {
		c.meters = otel.GetMeterProvider()
	}
	return c
}

func (c *config) meter() metric.Meter {
	return c.meters.Meter(scope, metric.WithInstrumentationVersion(metlo.Version), metric.WithSchemaURL(semconv.SchemaURL))
}
