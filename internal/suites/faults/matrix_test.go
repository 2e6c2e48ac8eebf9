package faults_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/internal/suites/matrix"
	"github.com/metlo-go/metlo/metlotest"
)

// TestFaultMatrix makes every call against every failure, with and without a deadline. Each call must end in bounded
// time with the right error, without leaking goroutines and connections, and with bounded memory. A change may reach
// the server again only if the server declined it before.
func TestFaultMatrix(t *testing.T) {
	const memory = 128 << 20
	expected := expectations()
	unbounded, leaks, doubles := 0, 0, 0
	var longest time.Duration
	var most uint64
	heap := matrix.StartPeak()
	failures, calls := matrix.Every(t, func(t *testing.T, c *matrix.Cell) {
		want, ok := expected[c.Failure.Name]
		if !ok {
			t.Fatalf("%s: no expectation", c.Failure.Name)
		}
		c.Run(t, func(t *testing.T) {
			assert.Empty(t, wrong(c, want[c.Call.Name]), c.Name())
		})
		if !c.Bounded {
			unbounded++
			t.Errorf("%s: took %v", c.Name(), c.Took)
		}
		if c.Open > 0 || c.Leak != nil {
			leaks++
			t.Errorf("%s: %d connections and these goroutines are left: %v", c.Name(), c.Open, c.Leak)
		}
		if n := processed(c); n > 1 {
			doubles++
			t.Errorf("%s: the server had the change %d times", c.Name(), n)
		}
		for _, r := range c.Requests {
			assert.Equal(t, "backend", r.Service, c.Name())
		}
		if !c.Failure.NeedsSocket {
			longest = max(longest, c.Took)
		}
	}, func(failure metlotest.Failure) {
		grown := heap.Bytes()
		if grown > memory {
			unbounded++
			t.Errorf("%s: the heap grew by %d MiB", failure.Name, grown>>20)
		}
		most = max(most, grown)
		heap = matrix.StartPeak()
	})
	heap.Bytes()
	t.Logf("longest call %v, heap grew by at most %d MiB with responses limited to %d MiB", longest, most>>20, matrix.MaxResponse>>20)
	if t.Failed() {
		t.Fatalf("%d faults × %d calls: %d not bounded, %d leaks, %d double writes", failures, calls, unbounded, leaks, doubles)
	}
	t.Logf("%d faults × %d calls: all bounded, 0 leaks, 0 double writes", failures, calls)
}

// wrong returns a description of a wrong outcome, or "".
func wrong(c *matrix.Cell, want error) string {
	if c.Err != nil {
		if text := kit.Malformed(c.Err); text != "" {
			return text
		}
	}
	ended := c.Wait.Cause != nil && errors.Is(c.Err, c.Wait.Cause)
	switch {
	case c.Wait.Always && !c.Failure.NeedsSocket:
		if !ended {
			return "want " + c.Wait.Cause.Error() + ", have " + textOf(c.Err)
		}
		return ""
	case ended, isWanted(c.Err, want):
	default:
		return "want " + textOf(want) + ", have " + textOf(c.Err)
	}
	if c.Err == nil && c.Call.Name == "walk" && c.Failure.Name != "null" && c.Items != matrix.WalkedEndpoints {
		return "the walk was short"
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
		return errors.Is(err, metlo.ErrNoResponse) && errors.As(err, &e) && e.StatusCode == 0 && !errors.Is(err, context.DeadlineExceeded)
	case want.Error() == late:
		return errors.Is(err, context.DeadlineExceeded) && kit.CountSentinels(err) == 1
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

// processed returns how often the server received the complete change and did not decline it.
func processed(c *matrix.Cell) int {
	if !c.Call.Write {
		return 0
	}
	n := 0
	for _, r := range c.Requests {
		declined := r.Status == 429 || (r.Status == 503 && r.Method == "PUT" && hasRetryAfter(c.Failure.Name))
		if r.Whole && r.Method != "GET" && !declined {
			n++
		}
	}
	return n
}

// hasRetryAfter reports whether a 503 has a valid Retry-After.
func hasRetryAfter(failure string) bool {
	form, ok := strings.CutPrefix(failure, "503 Retry-After ")
	return ok && form != "negative" && form != "garbage"
}

// TestDefaultLimitsBoundMemory reads a body that does not end under the default limits.
func TestDefaultLimitsBoundMemory(t *testing.T) {
	heap := matrix.StartPeak()
	c := &matrix.Cell{Call: matrix.Calls()[0], Wait: matrix.Waits()[0]}
	for _, f := range metlotest.Failures() {
		if f.Name == "body without end" {
			c.Failure = f
		}
	}
	c.Run(t, func(t *testing.T) { assert.ErrorIs(t, c.Err, metlo.ErrInvalidResponse) }, metlo.WithMaxResponseBytes(64<<20))
	grown := heap.Bytes()
	t.Logf("the heap grew by %d MiB, garbage included", grown>>20)
	assert.Less(t, grown, uint64(5*64<<20))
}
