package metlo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/internal/wire"
)

// maxTraceBody is the collector's limit for a body, in bytes.
const maxTraceBody = 2 << 20

// CollectorService sends traffic to Metlo. The collector has a separate address: see [WithCollectorURL].
type CollectorService struct{ client *Client }

// Verify checks that the collector answers and accepts the API key. The error is [ErrUnauthorized] for a rejected key.
// The collector may accept a deleted key for 5 more seconds.
//
// GET /verify of the collector
func (s *CollectorService) Verify(ctx context.Context) error {
	return exec(ctx, s.client, collectorRequest("Collector.Verify", http.MethodGet, "/verify"))
}

// Log sends one trace to the collector. A nil error means at most that the trace was queued: the collector silently
// drops traces while more than 1,000 are waiting. Endpoints, data fields and alerts appear after the analyzer has run.
// The error is [ErrInvalidArgument] for a trace without host, path, method or status, and for one over 2 MiB. Log
// changes two things that the collector would reject: repeated slashes in a path, and credentials on which it fails.
//
// POST /log-request/single of the collector
func (s *CollectorService) Log(ctx context.Context, trace *Trace) error {
	r := collectorRequest("Collector.Log", http.MethodPost, "/log-request/single")
	body, err := trace.encode(nil, maxTraceBody)
	if err != nil {
		r.fail("%v", err)
	}
	return exec(ctx, s.client, r.setBody(body))
}

// LogBatch sends traces to the collector in order, in as few requests as the limit of 2 MiB allows. A nil error means
// at most that they were queued, as for [CollectorService.Log]. LogBatch checks all traces first: if one of them is
// invalid it sends nothing and returns [ErrInvalidArgument]. Any other failure is a *[BatchError], which holds the
// traces by what happened to them. Without traces it does nothing.
//
// POST /log-request/batch of the collector
func (s *CollectorService) LogBatch(ctx context.Context, traces []*Trace) error {
	r := collectorRequest("Collector.LogBatch", http.MethodPost, "/log-request/batch")
	batches := encodeTraces(traces, r.fail)
	if r.fault != nil {
		return s.client.redact.fault(r.fault)
	}
	sent, unknown, err := sendBatches(ctx, s.client, r, batches)
	if err == nil || errors.Is(err, ErrInvalidArgument) {
		return err
	}
	e := &BatchError{Err: err}
	e.Sent, e.Unknown, e.Unsent = cut(traces, sent, unknown)
	return e
}

// LogAnalyzed sends one trace without values to the collector. A nil error means only that the collector answered: it
// accepts anything, and drops traces while more than 1,000 are waiting. The error is [ErrInvalidArgument] for a trace
// over 2 MiB and for one without host, path, known method or status. It is also [ErrInvalidArgument] if path and
// template differ in their number of elements. The server derives endpoints, data fields, classes and alerts from such
// traces, but never the alert "Open API Spec Diff".
//
// POST /api/v2/log-request/single of the collector
func (s *CollectorService) LogAnalyzed(ctx context.Context, trace *AnalyzedTrace) error {
	r := collectorRequest("Collector.LogAnalyzed", http.MethodPost, "/log-request/single")
	body, err := encodeAnalyzed(trace, maxTraceBody)
	if err != nil {
		r.fail("%v", err)
	}
	return exec(ctx, s.second(), r.setBody(body))
}

// LogAnalyzedBatch sends traces without values to the collector in order, in as few requests as the limit of 2 MiB
// allows. It checks all traces first: if one of them is invalid it sends nothing and returns [ErrInvalidArgument]. Any
// other failure is an *[AnalyzedBatchError]. Without traces it does nothing. See [CollectorService.LogAnalyzed].
//
// POST /api/v2/log-request/batch of the collector
func (s *CollectorService) LogAnalyzedBatch(ctx context.Context, traces []*AnalyzedTrace) error {
	r := collectorRequest("Collector.LogAnalyzedBatch", http.MethodPost, "/log-request/batch")
	var batches []encodedBatch
	for i, trace := range traces {
		body, err := encodeAnalyzed(trace, maxTraceBody-len("[]"))
		if err != nil {
			r.fail("trace %d: %v", i, err)
			return s.client.redact.fault(r.fault)
		}
		if n := len(batches); n > 0 && len(batches[n-1].body)+len(",]")+len(body) <= maxTraceBody {
			batches[n-1].body = append(append(batches[n-1].body, ','), body...)
			batches[n-1].traces++
			continue
		}
		batches = append(batches, encodedBatch{append([]byte{'['}, body...), 1})
	}
	for i := range batches {
		batches[i].body = append(batches[i].body, ']')
	}
	sent, unknown, err := sendBatches(ctx, s.second(), r, batches)
	if err == nil || errors.Is(err, ErrInvalidArgument) {
		return err
	}
	e := &AnalyzedBatchError{Err: err}
	e.Sent, e.Unknown, e.Unsent = cut(traces, sent, unknown)
	return e
}

// sendBatches sends bodies one after the other. With an error it returns the number of traces that were sent before,
// and how many of the following ones may have arrived.
func sendBatches(ctx context.Context, client *Client, r *request, batches []encodedBatch) (sent, unknown int, err error) {
	for _, batch := range batches {
		if err := exec(ctx, client, r.copy().setBody(batch.body)); err != nil {
			if !notQueued(err) {
				unknown = batch.traces
			}
			return sent, unknown, err
		}
		sent += batch.traces
	}
	return sent, 0, nil
}

// cut returns the three parts of a failed batch.
func cut[T any](traces []T, sent, unknown int) (taken, doubtful, left []T) {
	end := sent + unknown
	if unknown > 0 {
		doubtful = traces[sent:end:end]
	}
	return traces[:sent:sent], doubtful, traces[end:]
}

// batchText returns the message of a batch's error.
func batchText(sent, unknown, unsent int, err error) string {
	text := fmt.Sprintf("metlo: batch of %d traces: %d sent, %d unknown, %d not sent", sent+unknown+unsent, sent, unknown, unsent)
	if err != nil {
		text += ": " + err.Error()
	}
	return text
}

// batchValue returns the parts of a batch's error for package log/slog.
func batchValue(sent, unknown, unsent int, err error) slog.Value {
	return slog.GroupValue(slog.Int("sent", sent), slog.Int("unknown", unknown), slog.Int("unsent", unsent), slog.Any("err", err))
}

// second returns a client for version 2 of the collector's API.
func (s *CollectorService) second() *Client {
	client := *s.client
	if base := client.collector; base != nil {
		second := *base
		setEscapedPath(&second, strings.TrimSuffix(base.EscapedPath(), "/api/v1")+"/api/v2")
		client.collector = &second
	}
	return &client
}

func encodeAnalyzed(trace *AnalyzedTrace, limit int) ([]byte, error) {
	if err := trace.check(); err != nil {
		return nil, err
	}
	body, err := wire.Marshal(trace)
	if err != nil {
		return nil, fmt.Errorf("the trace cannot be encoded: %w", err)
	}
	if n := len(body); n > limit {
		return nil, fmt.Errorf("the trace takes %d bytes, over the collector's limit of %d: leave fields out", n, limit)
	}
	return body, nil
}

// AnalyzedBatchError describes a failed batch of traces without values, like [BatchError].
type AnalyzedBatchError struct {
	Sent    []*AnalyzedTrace // accepted by the collector
	Unknown []*AnalyzedTrace // sent, but without an answer
	Unsent  []*AnalyzedTrace // never sent, or rejected before the collector read them
	Err     error            // reason for the failure
}

// Error returns one line with the numbers of traces and the reason.
func (e *AnalyzedBatchError) Error() string {
	return batchText(len(e.Sent), len(e.Unknown), len(e.Unsent), e.Err)
}

// Unwrap returns Err.
func (e *AnalyzedBatchError) Unwrap() error { return e.Err }

// LogValue returns the error's parts without the traces for package log/slog.
func (e *AnalyzedBatchError) LogValue() slog.Value {
	return batchValue(len(e.Sent), len(e.Unknown), len(e.Unsent), e.Err)
}

// encodedBatch is the body of one request.
type encodedBatch struct {
	body   []byte
	traces int
}

// encodeTraces encodes traces into as few bodies as the collector's limit allows, all in one buffer. It calls fail for
// each invalid trace.
func encodeTraces(traces []*Trace, fail func(format string, args ...any)) []encodedBatch {
	size := 0
	for _, trace := range traces {
		size += trace.roughSize()
	}
	buffer := make([]byte, 0, size)
	starts, counts := []int(nil), []int(nil) // start of each body in buffer, and its number of traces
	for i, trace := range traces {
		before := len(buffer)
		joined := len(starts) > 0
		if joined {
			buffer[before-1] = ',' // replaces the bracket that closed the body
		} else {
			buffer = append(buffer, '[')
		}
		begin := len(buffer)
		var err error
		if buffer, err = trace.encode(buffer, maxTraceBody-len("[]")); err != nil {
			fail("trace %d: %v", i, err)
			return nil
		}
		buffer = append(buffer, ']')
		switch {
		case !joined:
			starts, counts = append(starts, 0), append(counts, 1)
		case len(buffer)-starts[len(starts)-1] <= maxTraceBody:
			counts[len(counts)-1]++
		default:
			buffer = append(buffer, 0)
			copy(buffer[begin+1:], buffer[begin:])
			buffer[begin-1], buffer[begin] = ']', '['
			starts, counts = append(starts, begin), append(counts, 1)
		}
	}
	batches := make([]encodedBatch, len(starts))
	for i, start := range starts {
		end := len(buffer)
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		batches[i] = encodedBatch{buffer[start:end:end], counts[i]}
	}
	return batches
}

func collectorRequest(name, method, route string) *request {
	r := newRequest(name, method, route)
	r.collector = true
	return r
}

// encode appends the trace to b in the collector's format.
func (t *Trace) encode(b []byte, limit int) ([]byte, error) {
	if t == nil {
		return nil, errors.New("the trace is nil: leave it out")
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	before := len(b)
	b, err := wire.Append(b, t.acceptable())
	if err != nil {
		return nil, fmt.Errorf("the trace cannot be encoded: %w", err)
	}
	if n := len(b) - before; n > limit {
		return nil, fmt.Errorf("the trace takes %d bytes, over the collector's limit of %d: shorten its bodies", n, limit)
	}
	return b, nil
}

// roughSize estimates the encoded size of the trace in bytes.
func (t *Trace) roughSize() int {
	if t == nil {
		return 0
	}
	n := 400 + len(t.Request.URL.Path) + (len(t.Request.Body)+len(t.Response.Body))*9/8
	for _, pairs := range [][]NameValue{t.Request.URL.Parameters, t.Request.Headers, t.Response.Headers} {
		for _, pair := range pairs {
			n += len(`{"name":"","value":""},`) + len(pair.Name) + len(pair.Value)
		}
	}
	return n
}

// BatchError describes a failed batch of traces. Its three parts, joined, are the batch in order. Sending Unsent again
// loses and repeats nothing; the collector may have received Unknown in whole, in part or not at all.
type BatchError struct {
	Sent    []*Trace // accepted by the collector
	Unknown []*Trace // sent, but without an answer
	Unsent  []*Trace // never sent, or rejected before the collector read them
	Err     error    // reason for the failure
}

// Error returns one line with the numbers of traces and the reason.
func (e *BatchError) Error() string {
	return batchText(len(e.Sent), len(e.Unknown), len(e.Unsent), e.Err)
}

// Unwrap returns Err.
func (e *BatchError) Unwrap() error { return e.Err }

// LogValue returns the error's parts without the traces, for package log/slog.
func (e *BatchError) LogValue() slog.Value {
	return batchValue(len(e.Sent), len(e.Unknown), len(e.Unsent), e.Err)
}

// notQueued reports whether err proves that the collector queued nothing: no attempt reached it, or it rejected each
// for its key, its size or its route.
func notQueued(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	for _, attempt := range e.Attempts {
		if !refusedUnread(attempt) {
			return false
		}
	}
	return len(e.Attempts) > 0 || e.StatusCode == 0
}

func refusedUnread(a Attempt) bool {
	if a.Unsent {
		return true
	}
	switch a.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusProxyAuthRequired, http.StatusMethodNotAllowed,
		http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return true
	}
	return a.StatusCode >= 300 && a.StatusCode < 400
}
