package metlo_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// TestFaultMatrix has every failure meet every call, with and without patience. Each call must end in bounded time with
// the right error, leave no goroutine and no connection behind, and keep memory bounded; a change may reach the server
// again only if the server declined it before.
func TestFaultMatrix(t *testing.T) {
	const memory = 128 << 20
	expected := expectations()
	unbounded, leaks, doubles := 0, 0, 0
	var longest time.Duration
	var most uint64
	heap := startPeak()
	failures, calls := everyCell(t, func(t *testing.T, c *cell) {
		want, ok := expected[c.failure.Name]
		if !ok {
			t.Fatalf("%s: no expectation", c.failure.Name)
		}
		c.run(t, func(t *testing.T) {
			assert.Empty(t, c.wrong(want[c.call.name]), c.name())
		})
		if !c.bounded {
			unbounded++
			t.Errorf("%s: took %v", c.name(), c.took)
		}
		if c.open > 0 || c.leak != nil {
			leaks++
			t.Errorf("%s: %d connections and these goroutines are left: %v", c.name(), c.open, c.leak)
		}
		if n := c.processed(); n > 1 {
			doubles++
			t.Errorf("%s: the server had the change %d times", c.name(), n)
		}
		for _, r := range c.requests {
			assert.Equal(t, "backend", r.Service, c.name())
		}
		if !c.failure.NeedsSocket {
			longest = max(longest, c.took)
		}
	}, func(failure metlotest.Failure) {
		grown := heap.bytes()
		if grown > memory {
			unbounded++
			t.Errorf("%s: the heap grew by %d MiB", failure.Name, grown>>20)
		}
		most = max(most, grown)
		heap = startPeak()
	})
	heap.bytes()
	t.Logf("longest call %v, heap grew by at most %d MiB with responses limited to %d MiB", longest, most>>20, cellBytes>>20)
	if t.Failed() {
		t.Fatalf("%d faults × %d calls: %d not bounded, %d leaks, %d double writes", failures, calls, unbounded, leaks, doubles)
	}
	t.Logf("%d faults × %d calls: all bounded, 0 leaks, 0 double writes", failures, calls)
}

// wrong says what is wrong with the outcome.
func (c *cell) wrong(want error) string {
	if c.err != nil {
		if text := c.malformed(); text != "" {
			return text
		}
	}
	ended := c.patience.cause != nil && errors.Is(c.err, c.patience.cause) && countSentinels(c.err) == 0
	switch {
	case c.patience.always && !c.failure.NeedsSocket:
		if !ended {
			return "want " + c.patience.cause.Error() + ", have " + textOf(c.err)
		}
		return ""
	case ended, isWanted(c.err, want):
	default:
		return "want " + textOf(want) + ", have " + textOf(c.err)
	}
	if c.err == nil && c.call.name == "walk" && c.failure.Name != "null" && c.items != estateSize {
		return "the walk was short"
	}
	return ""
}

// malformed says what is wrong with an error of any kind.
func (c *cell) malformed() string {
	var e *metlo.Error
	var incomplete *metlo.IncompleteError
	text := c.err.Error()
	switch {
	case !errors.As(c.err, &e) && !errors.As(c.err, &incomplete):
		return "neither an Error nor an IncompleteError: " + text
	case countSentinels(c.err) > 1:
		return "more than one sentinel: " + text
	case strings.ContainsAny(text, "\r\n\x00\x1b") || len(text) > 4<<10:
		return "not one printable line: " + text
	case e != nil && len(e.Body) > 16<<10:
		return "the error keeps too much of the body"
	}
	return ""
}

func isWanted(err, want error) bool {
	var e *metlo.Error
	var incomplete *metlo.IncompleteError
	switch {
	case want == nil || err == nil:
		return want == nil && err == nil
	case want.Error() == lost:
		return errors.As(err, &e) && e.StatusCode == 0 && countSentinels(err) == 0 && !errors.Is(err, context.DeadlineExceeded)
	case want.Error() == late:
		return errors.Is(err, context.DeadlineExceeded) && countSentinels(err) == 0
	case want.Error() == short:
		return errors.As(err, &incomplete) && errors.Is(err, metlo.ErrInvalidResponse)
	}
	return errors.Is(err, want) && errors.As(err, &e) && e.StatusCode != 0
}

func textOf(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// processed is how often the server got the change whole without declining it.
func (c *cell) processed() int {
	if !c.call.write {
		return 0
	}
	n := 0
	for _, r := range c.requests {
		declined := r.Status == 429 || (r.Status == 503 && r.Method == "PUT" && asksToComeBack(c.failure.Name))
		if r.Whole && r.Method != "GET" && !declined {
			n++
		}
	}
	return n
}

// asksToComeBack reports whether a 503 says when to come back, in a form that can be read.
func asksToComeBack(failure string) bool {
	form, ok := strings.CutPrefix(failure, "503 Retry-After ")
	return ok && form != "negative" && form != "garbage"
}

// TestDefaultLimitsBoundMemory has the defaults meet a body that does not end.
func TestDefaultLimitsBoundMemory(t *testing.T) {
	heap := startPeak()
	c := &cell{call: faultCalls()[0], patience: patiences()[0]}
	for _, f := range metlotest.Failures() {
		if f.Name == "body without end" {
			c.failure = f
		}
	}
	c.run(t, func(t *testing.T) { assert.ErrorIs(t, c.err, metlo.ErrInvalidResponse) }, metlo.WithMaxResponseBytes(64<<20))
	grown := heap.bytes()
	t.Logf("the heap grew by %d MiB, garbage included", grown>>20)
	assert.Less(t, grown, uint64(5*64<<20))
}
