package capture

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/metlo-go/metlo"
)

// item is a record on its way out.
type item struct {
	data     []byte // the record
	analyzed *metlo.AnalyzedTrace
	trace    *metlo.Trace // instead, with WithValues
}

// sink takes traces in their order. Of those that it was given, the first sent ones arrived, and of the unknown ones that
// follow nobody knows; the others surely did not arrive.
type sink interface {
	send(ctx context.Context, items []*item) (sent, unknown int, err error)
}

// collectorSink sends what was analysed.
type collectorSink struct{ client *metlo.Client }

func (s collectorSink) send(ctx context.Context, items []*item) (sent, unknown int, err error) {
	traces := make([]*metlo.AnalyzedTrace, len(items))
	for i, item := range items {
		traces[i] = item.analyzed
	}
	err = s.client.Collector.LogAnalyzedBatch(ctx, traces)
	var partly *metlo.AnalyzedBatchError
	switch {
	case err == nil:
		return len(items), 0, nil
	case errors.As(err, &partly):
		return len(partly.Sent), len(partly.Unknown), err
	}
	return 0, 0, err
}

// valuesSink sends masked values.
type valuesSink struct{ client *metlo.Client }

func (s valuesSink) send(ctx context.Context, items []*item) (sent, unknown int, err error) {
	traces := make([]*metlo.Trace, len(items))
	for i, item := range items {
		traces[i] = item.trace
	}
	err = s.client.Collector.LogBatch(ctx, traces)
	var partly *metlo.BatchError
	switch {
	case err == nil:
		return len(items), 0, nil
	case errors.As(err, &partly):
		return len(partly.Sent), len(partly.Unknown), err
	}
	return 0, 0, err
}

// outputSink writes one line of JSON for each trace.
type outputSink struct {
	w      io.Writer
	broken bool // the line before is not whole
}

func (s *outputSink) send(_ context.Context, items []*item) (sent, unknown int, err error) {
	for i, item := range items {
		var line []byte
		if item.trace != nil {
			line, err = json.Marshal(item.trace)
		} else {
			line, err = json.Marshal(item.analyzed)
		}
		if err != nil {
			return i, 0, err
		}
		if s.broken {
			line = append([]byte{'\n'}, line...)
		}
		n, err := s.w.Write(append(line, '\n'))
		if err != nil {
			s.broken = n > 0
			return i, min(n, 1), err
		}
		s.broken = false
	}
	return len(items), 0, nil
}
