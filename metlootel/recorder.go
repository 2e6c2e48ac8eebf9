package metlootel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/metlo-go/metlo/capture"
)

// ObserveRecorder reads the Stats of a recorder at each collection of metrics:
//
//   - metlo.capture.requests counts requests by metlo.capture.outcome: sent, dropped, skipped, sampled_out, failed or
//     unknown, as capture.Stats explains them
//   - metlo.capture.queue.requests is the number of requests that wait or are being sent
//   - metlo.capture.queue.size is the memory that those hold, in bytes
//
// Unregister ends the observation, and releases the memory of the recorder. Observe only one recorder per provider at a
// time: the counts of two would have the same names.
func ObserveRecorder(recorder *capture.Recorder, opts ...Option) (metric.Registration, error) {
	if recorder == nil {
		return nil, errors.New("metlootel: ObserveRecorder: the recorder is nil: pass what capture.New returned")
	}
	meter := configure(opts).meter()
	requests, err1 := meter.Int64ObservableCounter("metlo.capture.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that ended, by what became of them."))
	queued, err2 := meter.Int64ObservableUpDownCounter("metlo.capture.queue.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that wait or are being sent."))
	size, err3 := meter.Int64ObservableUpDownCounter("metlo.capture.queue.size", metric.WithUnit("By"),
		metric.WithDescription("Memory that requests hold which wait or are being sent."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	var outcomes [6]metric.ObserveOption
	for i, name := range []string{"sent", "dropped", "skipped", "sampled_out", "failed", "unknown"} {
		outcomes[i] = metric.WithAttributeSet(attribute.NewSet(attribute.String("metlo.capture.outcome", name)))
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		s := recorder.Stats()
		for i, n := range []int64{s.Sent, s.Dropped, s.Skipped, s.SampledOut, s.Failed, s.Unknown} {
			o.ObserveInt64(requests, n, outcomes[i])
		}
		o.ObserveInt64(queued, s.Queued)
		o.ObserveInt64(size, s.QueuedBytes)
		return nil
	}, requests, queued, size)
}
