package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/cmd/metlo/internal/har"
	"github.com/metlo-go/metlo/cmd/metlo/internal/tracefile"
)

// traffic reads recorded traffic from files and drops the values.
type traffic struct {
	app      *app
	analyzer *capture.Analyzer
	checker  *metlo.Client                                                             // client that reports the traces which a client would reject
	wants    func(host string) bool                                                    // reports whether to keep the traffic of a normalized host
	take     func(ctx context.Context, where string, trace *metlo.AnalyzedTrace) error // receives each trace

	otherHosts, skipped, damaged int
}

// trafficReader reads one kind of file.
type trafficReader func(ctx context.Context, t *traffic, name string, r io.Reader) error

func newTraffic(a *app) (*traffic, error) {
	analyzer, err := capture.NewAnalyzer()
	if err != nil {
		return nil, err
	}
	checker, err := metlo.NewClient("https://metlo.invalid", "", metlo.WithCollectorURL("https://metlo.invalid"))
	if err != nil {
		return nil, err
	}
	return &traffic{app: a, analyzer: analyzer, checker: checker, wants: func(string) bool { return true }}, nil
}

// file reads a file. Its errors name the file once.
func (t *traffic) file(ctx context.Context, name string, read trafficReader) error {
	r, err := t.app.open(name)
	if err != nil {
		return err // the error names the file
	}
	defer r.Close()
	err = read(ctx, t, name, &contextReader{ctx, r})
	var of *fs.PathError
	if err == nil || errors.As(err, &of) && of.Path == name {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// anyTraffic reads an HTTP archive if the name or the beginning of the file indicates one, and traces otherwise.
func anyTraffic(ctx context.Context, t *traffic, name string, r io.Reader) error {
	text := bufio.NewReader(tracefile.Text(r))
	beginning, _ := text.Peek(512) // the first read returns the same error
	isHAR := strings.EqualFold(filepath.Ext(name), ".har")
	if rest, isObject := bytes.CutPrefix(bytes.TrimSpace(beginning), []byte("{")); isObject {
		isHAR = isHAR || bytes.HasPrefix(bytes.TrimSpace(rest), []byte(`"log"`))
	}
	if isHAR {
		return readHAR(ctx, t, name, text)
	}
	return readTraces(ctx, t, name, text)
}

func readHAR(ctx context.Context, t *traffic, name string, r io.Reader) error {
	entry := 0
	for trace, err := range har.Read(r) {
		entry++
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var skip *har.SkipError
		switch {
		case errors.As(err, &skip):
			t.skipped++
			t.app.note("%s: %v", name, skip)
			continue
		case err != nil:
			return err
		}
		if err := t.values(ctx, fmt.Sprintf("%s: entry %d", name, entry), trace); err != nil {
			return err
		}
	}
	return nil
}

func readTraces(ctx context.Context, t *traffic, name string, r io.Reader) error {
	for trace, err := range tracefile.Read(r) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var fault *tracefile.LineError
		switch where := fmt.Sprintf("%s:%d", name, trace.Line); {
		case errors.As(err, &fault):
			t.damaged++
			t.app.fault("%s:%d: %s", name, fault.Line, fault.Reason)
			continue
		case err != nil:
			return err
		case trace.Values != nil:
			err = t.values(ctx, where, trace.Values)
		default:
			err = t.analyzed(ctx, where, trace.Analyzed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// values analyzes a trace with values and passes on the result.
func (t *traffic) values(ctx context.Context, where string, trace *metlo.Trace) error {
	if !t.wants(capture.NormalizeHost(trace.Request.URL.Host)) {
		t.otherHosts++
		return nil
	}
	analyzed, err := t.analyzer.Analyze(trace, "")
	if err != nil {
		t.skip(where, string(trace.Request.Method), trace.Request.URL.Host, err)
		return nil
	}
	return t.take(ctx, where, analyzed)
}

func (t *traffic) analyzed(ctx context.Context, where string, trace *metlo.AnalyzedTrace) error {
	host := capture.NormalizeHost(trace.Request.URL.Host)
	if !t.wants(host) {
		t.otherHosts++
		return nil
	}
	trace.Request.URL.Host = host
	return t.take(ctx, where, trace)
}

// check returns the error with which a client would reject a trace. It sends nothing, because its context has ended.
func (t *traffic) check(trace *metlo.AnalyzedTrace) error {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := t.checker.Collector.LogAnalyzed(ended, trace); errors.Is(err, metlo.ErrInvalidArgument) {
		return err
	}
	return nil
}

// skip counts a request that is left out, and prints a line about it.
func (t *traffic) skip(where, method, host string, err error) {
	t.skipped++
	t.app.note("%s: %s %s: %s", where, method, host, message(err))
}

// leftOut returns the numbers of requests that were left out and the reasons; empty for none.
func (t *traffic) leftOut() (text string) {
	if t.otherHosts > 0 {
		text += fmt.Sprintf(", %d of other hosts left out", t.otherHosts)
	}
	if t.skipped > 0 {
		text += fmt.Sprintf(", %d that a recorder would not send left out", t.skipped)
	}
	return text
}

// fault returns an error if lines were left out because they are not traces.
func (t *traffic) fault() error {
	switch t.damaged {
	case 0:
		return nil
	case 1:
		return errors.New("1 line that is not a trace was left out, which a line above names")
	}
	return fmt.Errorf("%d lines that are not traces were left out, which the lines above name", t.damaged)
}

// contextReader returns an error when its context ends, even within a large entry.
type contextReader struct {
	ctx context.Context //nolint:containedctx // context of the one read
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
