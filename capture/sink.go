package capture

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/metlo-go/metlo"
)

// item is a record with its trace.
type item struct {
	data     []byte // the record
	analyzed *metlo.AnalyzedTrace
	trace    *metlo.Trace // the trace with WithValues, in place of the analyzed one
}

// size returns a lower bound of the length of the encoded trace.
func (i *item) size() int {
	n := 0
	if t := i.trace; t != nil {
		n = len(t.Request.URL.Path) + len(t.Request.Body) + len(t.Response.Body)
		for _, pairs := range [][]metlo.NameValue{t.Request.URL.Parameters, t.Request.Headers, t.Response.Headers} {
			for _, pair := range pairs {
				n += len(`{"name":"","value":""}`) + len(pair.Name) + len(pair.Value)
			}
		}
	}
	if t := i.analyzed; t != nil {
		n = len(t.Request.URL.Path) + len(t.Request.URL.EndpointPath)
		for _, lists := range []map[string][]string{t.Analysis.DataTypes, t.Analysis.SensitiveDataDetected} {
			for name, list := range lists {
				n += len(name)
				for _, text := range list {
					n += len(text)
				}
			}
		}
		for _, path := range t.Analysis.GraphQLPaths {
			n += len(path)
		}
	}
	return n
}

// isTooLarge reports whether the encoded trace exceeds the collector's limit.
func (i *item) isTooLarge() bool {
	data, err := i.encode()
	return err == nil && len(data) > largestTrace
}

// encode returns the trace as JSON.
func (i *item) encode() ([]byte, error) {
	if i.trace != nil {
		return json.Marshal(i.trace)
	}
	return json.Marshal(i.analyzed)
}

// sink sends traces in their order. The first sent items arrived, the next unknown items may have arrived, and the others did not
// arrive.
type sink interface {
	send(ctx context.Context, items []*item) (sent, unknown int, err error)
}

// collectorSink sends traces without values to the collector.
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

// valuesSink sends traces with masked values to the collector.
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
	broken bool // the previous line is incomplete
}

func (s *outputSink) send(_ context.Context, items []*item) (sent, unknown int, err error) {
	for i, item := range items {
		line, err := item.encode()
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
