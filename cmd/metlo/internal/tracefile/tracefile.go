// Package tracefile reads files of traces, one JSON object a line, as package capture writes them with WithOutput.
package tracefile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/metlo-go/metlo"
)

// Trace represents one line of a file.
type Trace struct {
	Line     int                  // Line is the number of the line, from 1.
	Analyzed *metlo.AnalyzedTrace // Analyzed is the analyzed trace; nil if the line holds values.
	Values   *metlo.Trace         // Values is the trace with its values, as a recorder with WithValues writes it; nil if Analyzed is set.
}

// LineError describes a line that is not a trace.
type LineError struct {
	Line   int // Line is the number of the line, from 1.
	Reason string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// maxLine is the maximum length of a line. The collector accepts requests of 2 MiB.
const maxLine = 4 << 20

// Read returns an iterator over the traces of a file. It continues after a *LineError, which is about one line; any
// other error is the last. It skips empty lines.
func Read(r io.Reader) iter.Seq2[Trace, error] {
	return func(yield func(Trace, error) bool) {
		lines := bufio.NewReaderSize(Text(r), 64<<10)
		for number := 1; ; number++ {
			line, isLong, err := readLine(lines)
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Trace{}, err)
				return
			}
			isLast := err != nil
			if isLast && len(line) == 0 && !isLong {
				return
			}
			var trace Trace
			switch text := bytes.TrimSpace(line); {
			case isLong:
				err = fmt.Errorf("it is over %d MiB", maxLine>>20)
			case len(text) == 0:
				if isLast {
					return
				}
				continue
			default:
				trace, err = parse(text)
			}
			trace.Line = number
			if err != nil {
				trace, err = Trace{}, &LineError{number, err.Error()}
			}
			if !yield(trace, err) || isLast {
				return
			}
		}
	}
}

// readLine returns the next line. It skips a line that is too long, and reports that it did.
func readLine(r *bufio.Reader) (line []byte, isLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if isLong = isLong || len(line)+len(part) > maxLine; isLong {
			line = nil
		} else {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, isLong, err
		}
	}
}

// parse parses a line with types, or one with values.
func parse(line []byte) (trace Trace, err error) {
	var kind struct {
		Request   json.RawMessage `json:"request"`
		Response  json.RawMessage `json:"response"`
		Processed json.RawMessage `json:"processedTraceData"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return trace, Fault(err)
	}
	switch {
	case kind.Request == nil || kind.Response == nil:
		return trace, errors.New("it is not a trace: an object with request and response is expected")
	case kind.Processed == nil:
		err = json.Unmarshal(line, &trace.Values)
	default:
		err = json.Unmarshal(line, &trace.Analyzed)
	}
	if err != nil {
		return trace, Fault(err)
	}
	switch t := trace.Analyzed; {
	case t == nil:
	case holdsValues(t):
		err = errors.New("it holds values beside their types: record it again, or remove processedTraceData to have the values analyzed")
	case !t.Redacted || t.AnalysisType != metlo.AnalysisFull:
		err = errors.New("it does not come from a recorder: redacted is not true, or analysisType is not full")
	}
	return trace, err
}

// holdsValues reports whether an analyzed trace still holds values that its analysis should have replaced.
func holdsValues(t *metlo.AnalyzedTrace) bool {
	return t.Request.Body != "" || t.Response.Body != "" || len(t.Request.Headers) > 0 || len(t.Response.Headers) > 0 ||
		len(t.Request.URL.Parameters) > 0
}

// Fault returns an error of encoding/json in terms of the file: the member that has the wrong type, or the place where
// the text is not JSON.
func Fault(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("it is a JSON %s, and an object is expected", kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("%s is a JSON %s, which is the wrong type", kind.Field, kind.Value)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax) && syntax.Error() == "unexpected end of JSON input":
		return errors.New("it is cut short")
	case errors.As(err, &syntax):
		return fmt.Errorf("it is not JSON: %w", err)
	}
	return err
}

// Text returns a reader of r in UTF-8, without the byte order mark that Windows tools write. Some of them write UTF-16.
func Text(r io.Reader) io.Reader {
	return transform.NewReader(r, unicode.BOMOverride(transform.Nop))
}
