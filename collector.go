package metlo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/metlo-go/metlo/internal/wire"
)

// maxTraceBody is the longest body that the collector takes, in bytes.
const maxTraceBody = 2 << 20

// CollectorService sends traffic to Metlo. It has an address of its own: see [WithCollectorURL].
type CollectorService struct{ client *Client }

// Verify checks that the collector answers and accepts the API key. A key that it does not accept is
// [ErrUnauthorized]; one that was deleted may be accepted for 5 s more.
//
// GET /verify of the collector
func (s *CollectorService) Verify(ctx context.Context) error {
	return exec(ctx, s.client, collectorRequest(http.MethodGet, "/verify"))
}

// Log hands one trace to the collector. Success means queued at best: the collector drops traces without a word while
// over 1,000 are waiting, and endpoints, data fields and alerts appear only after the analyzer has worked. A trace
// without host, path, method or status, and one of over 2 MiB, is [ErrInvalidArgument].
//
// POST /log-request/single of the collector
func (s *CollectorService) Log(ctx context.Context, trace *Trace) error {
	r := collectorRequest(http.MethodPost, "/log-request/single")
	body, err := encodeTrace(trace, maxTraceBody)
	if err != nil {
		r.fail("the trace: %v", err)
	}
	return exec(ctx, s.client, r.setBody(body))
}

// LogBatch hands traces to the collector in their order, in as few requests as its limit of 2 MiB allows. Success means
// queued at best, as for [CollectorService.Log]. All traces are checked first: if one of them is at fault nothing is
// sent, and the error is [ErrInvalidArgument]. Any other failure is a *[BatchError], which says what was sent. Without a
// trace it does nothing.
//
// POST /log-request/batch of the collector
func (s *CollectorService) LogBatch(ctx context.Context, traces []*Trace) error {
	r := collectorRequest(http.MethodPost, "/log-request/batch")
	encoded := make([][]byte, len(traces))
	for i, trace := range traces {
		var err error
		if encoded[i], err = encodeTrace(trace, maxTraceBody-len("[]")); err != nil {
			r.fail("trace %d: %v", i, err)
		}
	}
	if r.fault != nil {
		return r.fault
	}
	for sent := 0; sent < len(traces); {
		n := fitting(encoded[sent:])
		body := append(append([]byte{'['}, bytes.Join(encoded[sent:sent+n], []byte{','})...), ']')
		if err := exec(ctx, s.client, r.copy().setBody(body)); err != nil {
			if errors.Is(err, ErrInvalidArgument) {
				return err
			}
			return newBatchError(traces, sent, n, err)
		}
		sent += n
	}
	return nil
}

// fitting is how many of the traces go into one request; the first does.
func fitting(encoded [][]byte) int {
	size := len("[]") + len(encoded[0])
	for n, trace := range encoded[1:] {
		if size += len(",") + len(trace); size > maxTraceBody {
			return n + 1
		}
	}
	return len(encoded)
}

func collectorRequest(method, route string) *request {
	r := newRequest(method, route)
	r.collector = true
	return r
}

func encodeTrace(t *Trace, limit int) ([]byte, error) {
	if t == nil {
		return nil, errors.New("it is nil")
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	body, err := wire.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("it cannot be encoded: %w", err)
	}
	if len(body) > limit {
		return nil, fmt.Errorf("it takes %d bytes, over the collector's limit of %d: shorten its bodies", len(body), limit)
	}
	return body, nil
}

// BatchError says how far a batch of traces got before it failed. Together its three parts are the batch, in order.
// Sending Unsent again loses and repeats nothing; Unknown may have arrived in whole, in part or not at all.
type BatchError struct {
	Sent    []*Trace // the collector said that it took them
	Unknown []*Trace // sent, without an answer that tells what became of them
	Unsent  []*Trace // never sent, or refused before the collector looked at them
	Err     error    // why
}

func newBatchError(traces []*Trace, sent, n int, err error) *BatchError {
	e := &BatchError{Sent: traces[:sent:sent], Unsent: traces[sent:], Err: err}
	if !untouched(err) {
		e.Unknown, e.Unsent = traces[sent:sent+n:sent+n], traces[sent+n:]
	}
	return e
}

// Error says in one line how many traces were sent, and why the others were not.
func (e *BatchError) Error() string {
	return fmt.Sprintf("metlo: batch of %d traces: %d sent, %d unknown, %d not sent: %v",
		len(e.Sent)+len(e.Unknown)+len(e.Unsent), len(e.Sent), len(e.Unknown), len(e.Unsent), e.Err)
}

// Unwrap returns why the batch failed.
func (e *BatchError) Unwrap() error { return e.Err }

// Format writes the error's line for every verb, quotes it for %q, and never writes a trace.
func (e *BatchError) Format(f fmt.State, verb rune) { format(f, verb, e) }

// LogValue gives package log/slog the error's parts without the traces.
func (e *BatchError) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("sent", len(e.Sent)), slog.Int("unknown", len(e.Unknown)), slog.Int("unsent", len(e.Unsent)),
		slog.Any("err", e.Err),
	)
}

// untouched reports whether err proves that the collector queued nothing: no attempt reached it, or each was refused
// for its key, its size or its route.
func untouched(err error) bool {
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
	switch a.StatusCode {
	case 0:
		var op *net.OpError
		return errors.As(a.Err, &op) && op.Op == "dial"
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return true
	}
	return a.StatusCode >= 300 && a.StatusCode < 400
}
