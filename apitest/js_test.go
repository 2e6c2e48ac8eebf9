package apitest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tight limits stop a script soon enough for a test, and late enough for an honest one.
var tight = scriptLimits{timeout: 300 * time.Millisecond, memory: 32 << 20}

func TestScriptsAreStopped(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"endless loop", "for (;;) {}", "ran longer than"},
		{"endless loop in a callback", "[1].forEach(() => { for (;;) {} })", "ran longer than"},
		{"endless recursion", "(function f() { f() })()", "calls itself too deeply"},
		{"growing text", "let s = 'x'; for (;;) { s += s + 'y' }", "memory"},
		{"growing object", "const o = {}; for (let i = 0; ; i++) { o['key' + i] = 'item number ' + i }", "memory"},
		{"a script of a megabyte", strings.Repeat(" ", 1<<20) + "1", "at most 65536 are run"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			limits := tight
			if tc.want == "memory" {
				limits.timeout = time.Minute
			}
			_, _, err := limits.runScript(t.Context(), tc.script, scriptScope{}, false)
			assert.ErrorContains(t, err, tc.want)
			if !strings.Contains(tc.want, "run") || tc.want == "ran longer than" {
				assert.ErrorIs(t, err, ErrScriptLimit)
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
		"JSON.parse('['.repeat(1e6))",
		"new ArrayBuffer(1e9)",
		"new Uint8Array(1e9)",
	} {
		t.Run(script, func(t *testing.T) {
			_, _, err := scriptLimits{timeout: time.Minute, memory: 16 << 20}.runScript(t.Context(), script, scriptScope{}, false)
			require.Error(t, err)
			assert.NotErrorIs(t, err, ErrScriptLimit, "the call itself must refuse")
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
			got, _, err := patientLimits.runScript(t.Context(), script, scriptScope{}, false)
			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

func TestScriptsSeeVariables(t *testing.T) {
	scope := scriptScope{vars: map[string]any{
		"S": "text", "N": 7, "L": []any{1, "b"}, "O": map[string]any{"k": true}, "NONE": nil, "odd-name": 1, "JSON": "hidden",
	}}
	for script, want := range map[string]any{
		"S + N":                      "text7",
		"L.map(x => x + '!').join()": "1!,b!",
		"Object.keys(O)[0]":          "k",
		"typeof NONE":                "undefined",
		"globalThis['odd-name']":     1,
		"JSON":                       "hidden",
	} {
		got, _, err := patientLimits.runScript(t.Context(), script, scope, false)
		require.NoError(t, err, script)
		assert.Equal(t, want, got, script)
	}
}

func TestScriptsDoNotShareState(t *testing.T) {
	_, _, err := patientLimits.runScript(t.Context(), "globalThis.leak = 1; String.prototype.trim = 1", scriptScope{}, false)
	require.NoError(t, err)
	got, _, err := patientLimits.runScript(t.Context(), "typeof leak + typeof ''.trim", scriptScope{}, false)
	require.NoError(t, err)
	assert.Equal(t, "undefinedfunction", got)
}

func TestScriptsEndWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, _, err := scriptLimits{timeout: time.Minute, memory: 32 << 20}.runScript(ctx, "for (;;) {}", scriptScope{}, false)
	assert.ErrorContains(t, err, "enough")
}

func TestRunAppliesScriptLimits(t *testing.T) {
	base, opts := service(t, echoService)
	cfg := &Config{ID: "t", Test: []Step{get(base+"/json", Expr("(() => { for (;;) {} })()"), Expr("true"))}}
	res, err := Run(t.Context(), cfg, append(opts, WithScriptLimits(2*time.Second, 32<<20))...)
	require.NoError(t, err)
	got := res.Results[0][0]
	assert.Equal(t, []bool{false, true}, got.Assertions)
	assert.ErrorIs(t, got.Err, ErrScriptLimit)
}
