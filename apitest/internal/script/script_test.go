package script

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tight limits stop a script soon enough for a test, and late enough for one that ends.
var tight = Limits{Timeout: 300 * time.Millisecond, Memory: 32 << 20}

// patient limits allow for a busy machine.
var patient = Limits{Timeout: time.Minute, Memory: 128 << 20}

func eval(t *testing.T, limits Limits, source string, vars map[string]any) (any, error) {
	t.Helper()
	e := New(limits, nil)
	defer e.Close()
	return e.Eval(t.Context(), source, vars)
}

func TestScriptsAreStopped(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"endless loop", "for (;;) {}", "ran longer than"},
		{"endless loop in a callback", "[1].forEach(() => { for (;;) {} })", "ran longer than"},
		{"endless recursion", "(function f() { f() })()", "calls itself too deeply"},
		{"growing text", "const l = []; for (let i = 0; ; i++) { l.push('x'.repeat(1000) + i) }", "memory"},
		{"a text nested too deeply", "JSON.parse('['.repeat(1e6))", "calls itself too deeply"},
		{"backtracking", "/^(a+)+$/.test('a'.repeat(40) + 'b')", "ran longer than"},
		{"growing object", "const o = {}; for (let i = 0; ; i++) { o['key' + i] = 'item number ' + i }", "memory"},
		{"a script of a megabyte", strings.Repeat(" ", 1<<20) + "1", "at most 65536 are run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			limits := tight
			if tc.want != "ran longer than" { // another limit must be reached first, even on a slow machine
				limits.Timeout = time.Minute
			}
			_, err := eval(t, limits, tc.script, nil)
			assert.ErrorContains(t, err, tc.want)
			if !strings.Contains(tc.want, "run") || tc.want == "ran longer than" {
				assert.ErrorIs(t, err, ErrLimit)
			}
		})
	}
}

func TestSingleCallsThatWouldNotEndAreRefused(t *testing.T) {
	for _, script := range []string{
		"'x'.repeat(1e9)",
		"'x'.padEnd(1e9)",
		"'x'.padStart(1e9)",
		"new Array(1e9).fill(0)",
		"Array.from({length: 1e9})",
		"[...new Array(1e9)]",
		"new Array(1e8).join('xxxxxxxxxx')",
		"Array.prototype.forEach.call({length: 2 ** 50}, () => {})",
		"'a'.repeat(1e6).replaceAll('a', 'b'.repeat(1e6))",
		"'a'.repeat(1e6).replaceAll('a', '$`')",
		"'a'.repeat(2e6).split('').length",
		"[...'a'.repeat(2e6)].length",
		"let a = 'x'; for (let i = 0; i < 40; i++) { a = [a, a] }; JSON.stringify(a)",
		"let a = 'x'; for (let i = 0; i < 40; i++) { a = [a, a] }; String(a)",
		"let a = []; for (let i = 0; i < 5000; i++) { a = [a] }; JSON.stringify(a)",
		"let a = []; for (let i = 0; i < 5000; i++) { a = [a] }; a.flat(Infinity)",
		"new ArrayBuffer(1e9)",
		"new Uint8Array(1e9)",
	} {
		t.Run(script, func(t *testing.T) {
			_, err := eval(t, Limits{Timeout: time.Minute, Memory: 16 << 20}, script, nil)
			require.Error(t, err)
			assert.NotErrorIs(t, err, ErrLimit, "the call itself must refuse")
		})
	}
}

func TestGuardsLeaveHonestScriptsAlone(t *testing.T) {
	for script, want := range map[string]any{
		"'ab'.repeat(3)":                                     "ababab",
		"'a'.padStart(3, '-') + 'b'.padEnd(2)":               "--ab ",
		"'a-b-c'.replace('-', '+').replaceAll('-', '$&$&')":  "a+b--c",
		"'abc'.replace(/b/g, m => m.toUpperCase())":          "aBc",
		"'a,b'.split(',').map(x => x + x).join('|')":         "aa|bb",
		"[...'día'].length + [...[1, 2]].length":             5,
		"[3, 1, 2].sort().toString()":                        "1,2,3",
		"[[1, [2]]].flat(Infinity).length":                   2,
		"Array.from({length: 3}, (_, i) => i).includes(2)":   true,
		"JSON.stringify({b: 1, a: [1, {c: null}]}, null, 1)": "{\n \"b\": 1,\n \"a\": [\n  1,\n  {\n   \"c\": null\n  }\n ]\n}",
		"JSON.parse('{\"a\": [1]}').a[0]":                    1,
		"'x1y2'.match(/\\d/g).length":                        2,
		"new Array(3).fill(0).length":                        3,
		"Array.prototype.map.name + ''.repeat.name":          "maprepeat",
		"'12345678901234567890'":                             "12345678901234567890",
		"12345678901234567890n":                              "12345678901234567890",
		"0.1 + 0.2":                                          0.30000000000000004,
	} {
		t.Run(script, func(t *testing.T) {
			got, err := eval(t, patient, script, nil)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestScriptsSeeVariables(t *testing.T) {
	vars := map[string]any{
		"S": "text", "N": 7, "L": []any{1, "b"}, "O": map[string]any{"k": true}, "NONE": nil, "odd-name": 1, "JSON": "hidden",
	}
	for script, want := range map[string]any{
		"S + N":                      "text7",
		"L.map(x => x + '!').join()": "1!,b!",
		"Object.keys(O)[0]":          "k",
		"typeof NONE":                "undefined",
		"globalThis['odd-name']":     1,
		"JSON":                       "hidden",
	} {
		got, err := eval(t, patient, script, vars)
		require.NoError(t, err, script)
		assert.Equal(t, want, got, script)
	}
}

func TestScriptsDoNotShareState(t *testing.T) {
	e := New(patient, &Response{Fields: map[string]any{"status": 200}, Body: `{"a": [1]}`, JSON: true})
	defer e.Close()
	for _, script := range []string{
		"globalThis.leak = 1; String.prototype.trim = 1",
		"let x = 1; const y = 2; var z = 3; function f() {}; x",
		"let x = 2; x",
		"JSON = 1", "resp = 1", "V = 2",
	} {
		_, err := e.Eval(t.Context(), script, map[string]any{"V": 1})
		require.NoError(t, err, script)
	}
	got, err := e.Eval(t.Context(), "[typeof leak, typeof x, typeof z, typeof f, typeof V, typeof ''.trim, typeof JSON.parse, resp.status].join()", nil)
	require.NoError(t, err)
	assert.Equal(t, "undefined,undefined,undefined,undefined,undefined,function,function,200", got)
}

func TestAssigningToTheResponseIsAFault(t *testing.T) {
	e := New(patient, &Response{Fields: map[string]any{"status": 500}})
	defer e.Close()
	_, err := e.Truthy(t.Context(), "resp.status = 200", nil, true)
	assert.ErrorContains(t, err, "to compare, write == or ===")
}

func TestTheBodyIsParsedOnceAndOnDemand(t *testing.T) {
	resp := &Response{Fields: map[string]any{"status": 200}, Body: "not JSON at all", JSON: true}
	e := New(patient, resp)
	defer e.Close()
	holds, err := e.Truthy(t.Context(), "resp.status == 200", nil, true)
	require.NoError(t, err, "a script that does not touch resp.data parses nothing")
	assert.True(t, holds)
	resp.Body = `{"a": {"b": 1}}`
	for range 3 {
		got, err := e.Eval(t.Context(), "resp.data.a.b", nil)
		require.NoError(t, err)
		assert.Equal(t, 1, got)
		resp.Body = "gone"
	}
}

func TestParsingTheBodyIsNotTheScriptsTimeNorMemory(t *testing.T) {
	body := "[" + strings.Repeat(`{"id": 12345, "name": "some name", "tags": ["a", "b"]},`, 100_000) + "1]"
	e := New(Limits{Timeout: 50 * time.Millisecond, Memory: 2 << 20}, &Response{Body: body, JSON: true})
	defer e.Close()
	got, err := e.Eval(t.Context(), "resp.data.length", nil)
	require.NoError(t, err)
	assert.Equal(t, 100_001, got)
}

func TestLimitsDoNotDependOnNeighbours(t *testing.T) {
	stop := make(chan struct{})
	var neighbours sync.WaitGroup
	for range 4 {
		neighbours.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = make([]byte, 64<<20)
				}
			}
		})
	}
	errs := make(chan error)
	for range 8 {
		go func() {
			e := New(Limits{Timeout: 20 * time.Second, Memory: 8 << 20}, nil)
			defer e.Close()
			_, err := e.Eval(t.Context(), "let n = 0; for (let i = 0; i < 1e5; i++) n += i; n", nil)
			errs <- err
		}()
	}
	for range 8 {
		assert.NoError(t, <-errs)
	}
	close(stop)
	neighbours.Wait()
}

func TestPatterns(t *testing.T) {
	e := New(tight, &Response{Body: `{ "a": [1] }`, JSON: true})
	defer e.Close()
	match, found, err := e.Match(t.Context(), "(?<=token=)\\w+", "token=abc; x")
	require.NoError(t, err)
	assert.Equal(t, []any{"abc", true}, []any{match, found})
	match, _, err = e.MatchBody(t.Context(), "\\[.\\]")
	require.NoError(t, err)
	assert.Equal(t, "[1]", match)
	_, found, err = e.Match(t.Context(), "x", "y")
	require.NoError(t, err)
	assert.False(t, found)
	_, _, err = e.Match(t.Context(), "^(a+)+$", strings.Repeat("a", 40)+"b")
	assert.ErrorIs(t, err, ErrLimit)
	match, _, err = e.Match(t.Context(), "a", "a")
	require.NoError(t, err, "the engine goes on after a limit")
	assert.Equal(t, "a", match)
}

func TestChecker(t *testing.T) {
	var c Checker
	defer c.Close()
	require.NoError(t, c.Script("resp.status == 200 && [1].includes(1)"))
	require.NoError(t, c.Pattern("(?<=a)b"))
	var fault *SyntaxError
	require.ErrorAs(t, c.Script("let a = 1\nlet b = ;"), &fault)
	assert.Equal(t, 2, fault.Line)
	require.ErrorAs(t, c.Pattern("(a"), &fault)
	require.ErrorAs(t, c.Script(strings.Repeat(" ", MaxSource+1)), &fault)
}

func TestReferenceErrors(t *testing.T) {
	_, err := eval(t, patient, "EXPECTD == 1", nil)
	var fault *ReferenceError
	require.ErrorAs(t, err, &fault)
	assert.Contains(t, err.Error(), "EXPECTD")
}

func TestScriptsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	e := New(Limits{Timeout: time.Minute, Memory: 32 << 20}, nil)
	defer e.Close()
	_, err := e.Eval(ctx, "for (;;) {}", nil)
	assert.ErrorContains(t, err, "enough")
}
