package apitest

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocated returns the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestPlaceholdersCostInProportion searches scripts with n and 8n names, and with nested brackets.
func TestPlaceholdersCostInProportion(t *testing.T) {
	for name, script := range map[string]func(n int) string{
		"names": func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "NAME%d + ", i)
			}
			return b.String() + "1"
		},
		"parameters": func(n int) string { return strings.Repeat("(a", n) + strings.Repeat(") => ", n) + "1" },
		"variables":  func(n int) string { return strings.Repeat("let ", n) + strings.Repeat(" ", n) },
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(n int) (least time.Duration) {
				cfg := &Config{ID: "t", Test: []Step{{Request: Request{Method: "GET", URL: "http://x/"}, Assert: []Assertion{Expr(script(n))}}}}
				for i := range 5 {
					start := time.Now()
					cfg.Placeholders()
					if took := time.Since(start); i == 0 || took < least {
						least = took
					}
				}
				return least
			}
			once, more := cost(3000), cost(24_000)
			t.Logf("%v and %v", once, more)
			assert.Less(t, more, 30*once+10*time.Millisecond)
		})
	}
}

// TestMarshalingCostsInProportion marshals tests of n and 2n parts.
func TestMarshalingCostsInProportion(t *testing.T) {
	for name, test := range map[string]func(n int) *Config{
		"steps": func(n int) *Config {
			s := get("http://x/", Equal("resp.status", 200))
			s.As, s.Control, s.Until, s.Timeout, s.Retry = "ann", "other", 10*time.Second, time.Second, 2
			return &Config{ID: "t", Test: slices.Repeat([]Step{s}, n)}
		},
		"tags": func(n int) *Config {
			return &Config{ID: "t", Meta: &Meta{Severity: SeverityHigh, Tags: slices.Repeat([]string{"BOLA"}, 10*n)}, Test: []Step{get("http://x/")}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			cost := func(n int) uint64 {
				cfg := test(n)
				return allocated(func() {
					_, err := cfg.Marshal()
					require.NoError(t, err)
				})
			}
			cost(1000) // what is made once
			once, twice := cost(1000), cost(2000)
			t.Logf("%d KB and %d KB allocated", once>>10, twice>>10)
			assert.Less(t, float64(twice), 2.3*float64(once)+1e5)
		})
	}
}

// TestMatrixCostsInProportion builds matrices of n and 2n endpoints, from the results of n and 2n runs.
func TestMatrixCostsInProportion(t *testing.T) {
	l := newLaboratory()
	text, err := json.Marshal(l.results(t))
	require.NoError(t, err)
	before, err := ParseResults(text)
	require.NoError(t, err)
	cost := func(n int) uint64 {
		in := &MatrixInput{Earlier: slices.Repeat(before, n), Policy: labPolicy()}
		for i := range n {
			for _, e := range l.endpoints {
				in.Endpoints = append(in.Endpoints, Endpoint{Method: e.Method, Host: fmt.Sprintf("h%d.test", i), Path: e.Path})
			}
		}
		return allocated(func() {
			_, err := NewMatrix(in)
			require.NoError(t, err)
		})
	}
	cost(1)
	once, twice := cost(4), cost(8)
	t.Logf("%d KB and %d KB allocated", once>>10, twice>>10)
	assert.Less(t, float64(twice), 2.3*float64(once)+1e5)
}

// TestLoadingCostsInProportion parses texts of n and 2n parts. Twice the text needs about twice the memory, and never
// hundreds of times its own length.
func TestLoadingCostsInProportion(t *testing.T) {
	const step = "  - request: {method: GET, url: http://x/}\n    assert: [resp.status == 200]\n"
	for _, tt := range []struct {
		name string
		text func(n int) string
		n    int
		says string // text of the error, or empty
	}{
		{"steps", func(n int) string { return "id: a\ntest:\n" + strings.Repeat(step, n) }, 4000, ""},
		{"unknown keys", func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "unknown%d: 1\n", i)
			}
			return "id: a\n" + b.String() + "test:\n" + step
		}, 2000, "unknown"},
		{"unknown keys of steps", func(n int) string {
			return "id: a\ntest:\n" + strings.Repeat(strings.Replace(step, "    assert", "    asert", 1), n)
		}, 2000, "asert"},
		{"nested lists", func(n int) string {
			return "id: a\nenv: " + strings.Repeat("[", n) + "1" + strings.Repeat("]", n) + "\ntest:\n" + step
		}, 800, "env"},
		{"nested mappings", func(n int) string {
			return "id: a\nenv: " + strings.Repeat("{a: ", n) + "1" + strings.Repeat("}", n) + "\ntest:\n" + step
		}, 800, "env"},
		{"lists nested too deeply", func(n int) string { return "id: a\nenv: " + strings.Repeat("[", n) }, 40_000, "nested"},
		{"mappings nested too deeply", func(n int) string { return "id: a\nenv: " + strings.Repeat("{a: ", n) }, 20_000, "nested"},
		{"keys of steps", func(n int) string {
			step := strings.Replace(step, "    assert", "    as: ann\n    control: other\n    until: 10s\n    timeout: 1.5\n    retry: 2\n    assert", 1)
			return "id: a\ntest:\n" + strings.Repeat(step, n)
		}, 3000, ""},
		{"controls that are other steps", func(n int) string {
			return "id: a\ntest:\n" + step + strings.Repeat(strings.Replace(step, "    assert", "    control: 1\n    assert", 1), n)
		}, 3000, ""},
		{"controls that do not exist", func(n int) string {
			return "id: a\ntest:\n" + strings.Repeat(strings.Replace(step, "    assert", "    control: 999999\n    assert", 1), n)
		}, 2000, "is not the number of another step"},
		{"times that are not times", func(n int) string {
			return "id: a\ntest:\n" + strings.Repeat(strings.Replace(step, "    assert", "    until: soon\n    assert", 1), n)
		}, 2000, "must be a positive number"},
		{"tags", func(n int) string {
			return "id: a\nmeta: {severity: HIGH, tags: [" + strings.Repeat("BOLA, ", n) + "x]}\ntest:\n" + step
		}, 8000, ""},
		{"values of one variable", func(n int) string {
			return "id: a\nenv:\n" + strings.Repeat("  - {name: A, value: x}\n", n) + "test:\n" + step
		}, 4000, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cost := func(n int) (bytes, length uint64) {
				text := []byte(tt.text(n))
				var err error
				bytes = allocated(func() { _, err = Parse(text) })
				if tt.says == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, tt.says)
				}
				return bytes, uint64(len(text))
			}
			cost(tt.n) // what is made once
			once, _ := cost(tt.n)
			twice, length := cost(2 * tt.n)
			t.Logf("%d KB of text: %d KB allocated", length>>10, twice>>10)
			assert.Less(t, float64(twice), 2.3*float64(once)+1e5)
			assert.Less(t, twice, 300*length+2<<20)
		})
	}
}
