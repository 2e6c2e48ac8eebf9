package apitest

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestUntil(t *testing.T) {
	for _, tc := range []struct {
		name  string
		after int32
		until time.Duration
		want  Outcome
	}{
		{"the value appears", 4, 10 * time.Second, Passed},
		{"it never does", 1000, 10 * time.Second, Failed},
		{"it appears at the end of the time", 4, 500 * time.Millisecond, Passed},
		{"it appears after the time", 5, 500 * time.Millisecond, Failed},
		{"without until", 2, 0, Failed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int32
				slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					if n.Add(1) < tc.after {
						reply(w, 404, map[string]any{})
						return
					}
					reply(w, 200, map[string]any{"id": 7})
				})
				s := get("http://x.test/", Equal("resp.status", 200))
				s.Extract, s.Until = []Extractor{{Name: "ID", Value: "resp.data.id"}}, tc.until
				cfg := &Config{ID: "t", Test: []Step{s, get("http://x.test/{{ID}}", Equal("resp.status", 200))}}
				begun := time.Now()
				res, err := Run(t.Context(), viaFile(t, cfg), WithHandler(slow))
				require.NoError(t, err)
				assert.Equal(t, tc.want, res.Outcome, res)
				assert.LessOrEqual(t, time.Since(begun), tc.until)
				if tc.want == Passed {
					assert.EqualValues(t, tc.after, res.Results[0][0].Attempts)
					assert.Equal(t, "http://x.test/7", res.Results[1][0].Request.URL)
				}
			})
		})
	}
}

// TestUntilIsNotForWhatCannotBeSent runs steps that fail in the same way when they are repeated.
func TestUntilIsNotForWhatCannotBeSent(t *testing.T) {
	for name, url := range map[string]string{"a variable that is not set": "http://x.test/{{NOBODY}}", "a host that is not allowed": "http://y.test/"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := get(url, Equal("resp.status", 200))
				s.Until = time.Hour
				begun := time.Now()
				client := WithHTTPClient(&http.Client{Transport: handlerTransport{always(200)}})
				res, _ := Run(t.Context(), &Config{ID: "t", Test: []Step{s}}, AllowHosts("x.test"), client)
				assert.Equal(t, Inconclusive, res.Outcome, res)
				assert.Zero(t, time.Since(begun))
			})
		})
	}
}

func TestWithHandler(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/panic":
			panic("boom")
		case "/hang":
			<-r.Context().Done()
		case "/host":
			_, _ = w.Write([]byte(r.Host))
		default:
			echoService(w, r)
		}
	})
	res := run(t, step("GET", "{{BASE_URL}}/host", "    assert: [resp.data == 'handler.test']"), WithHandler(handler))
	assert.Equal(t, VerdictProven, res.Verdict, res)
	res = run(t, step("POST", "https://any.example.com/echo?a=b", "      data: text\n    assert: [resp.data.body == 'text', resp.data.query == '?a=b']"), WithHandler(handler))
	assert.Equal(t, VerdictProven, res.Verdict, res)
	res = run(t, step("GET", "{{BASE_URL}}/panic", "    assert: [resp.status < 500]"), WithHandler(handler))
	assert.Equal(t, VerdictFailed, res.Verdict, res)
	assert.Contains(t, allReasons(res)[0], "the handler panicked: boom")
	res = run(t, step("GET", "{{BASE_URL}}/hang", "    assert: [resp.status < 500]"), WithHandler(handler), WithStepTimeout(10*time.Millisecond))
	assert.Equal(t, VerdictFailed, res.Verdict, res)
	_, err := Run(t.Context(), &Config{}, WithHandler(nil))
	assert.ErrorContains(t, err, "the handler is nil")
}

func TestRerunFailed(t *testing.T) {
	test := func(id string, status int) *Config {
		return &Config{ID: id, File: id + ".yaml", Test: []Step{get("http://x.test/", Equal("resp.status", status))}}
	}
	tests := []*Config{test("passes", 200), test("fails", 201), {ID: "broken", File: "broken.yaml"}, test("twin", 200)}
	results, err := RunAll(t.Context(), tests, WithHandler(always(200)))
	require.ErrorContains(t, err, "test broken.yaml: broken: test: has no step")
	assert.Equal(t, "4 tests: 2 proven, 0 uncontrolled, 1 inconclusive, 1 failed", SummaryLine(results...))
	text, err := json.Marshal(results)
	require.NoError(t, err)
	before, err := ParseResults(text)
	require.NoError(t, err)
	failed := before.NotPassed(append(tests, test("new", 200)))
	ids := make([]string, len(failed))
	for i, c := range failed {
		ids[i] = c.ID
	}
	assert.Equal(t, []string{"fails", "broken", "new"}, ids)
	assert.Equal(t, failed, before.NotProven(append(tests, test("new", 200))))
	tests[0].Test[0].Assert[0].Value = 204
	assert.Len(t, before.NotPassed(tests[:1]), 1, "its steps are others now")
	tests[0].Test[0].Assert[0].Value = 200
	tests[0].Env = []KeyValue{{"A", "b"}}
	assert.Len(t, before.NotPassed(tests[:1]), 1, "its variables are others now")
	tests[0].Env = nil
	one, err := json.Marshal(results[0])
	require.NoError(t, err)
	before, err = ParseResults(one)
	require.NoError(t, err)
	assert.Empty(t, before.NotPassed(tests[:1]))
	for _, bad := range []string{"", "{}", "[{}]", `"x"`} {
		_, err = ParseResults([]byte(bad))
		assert.ErrorContains(t, err, "not the JSON of results", bad)
	}
}

// TestRerunOfWhatIsNotProven asks for a control, of which the earlier run knew nothing.
func TestRerunOfWhatIsNotProven(t *testing.T) {
	c := &Config{ID: "t", Test: []Step{get("http://x.test/", Equal("resp.status", 403))}}
	res, err := Run(t.Context(), c, WithHandler(always(403)))
	require.NoError(t, err)
	require.Equal(t, VerdictUncontrolled, res.Verdict, res)
	text, err := json.Marshal(res)
	require.NoError(t, err)
	before, err := ParseResults(text)
	require.NoError(t, err)
	assert.Empty(t, before.NotPassed([]*Config{c}))
	assert.Len(t, before.NotProven([]*Config{c}), 1)
}

// TestRerunKnowsATestWithSecrets compares a test with its results, in which secrets are masked.
func TestRerunKnowsATestWithSecrets(t *testing.T) {
	test := func() *Config {
		s := get("http://x.test/a?api_key=hidden-in-url&b=c", Equal("resp.status", 200))
		s.Request.Headers = []KeyValue{{"Authorization", "Bearer hidden-token"}, {"X-Other", "{{GIVEN}}"}}
		s.Request.Data = `{"password": "hidden password", "name": "ann"}`
		return &Config{ID: "t", Env: []KeyValue{{"A", "hidden-token"}}, Test: []Step{s}}
	}
	res, err := Run(t.Context(), test(), WithHandler(always(200)), WithEnv(map[string]string{"GIVEN": "given-value"}))
	require.NoError(t, err)
	text, err := json.Marshal(res)
	require.NoError(t, err)
	assert.NotContains(t, string(text), "hidden")
	before, err := ParseResults(text)
	require.NoError(t, err)
	assert.Empty(t, before.NotPassed([]*Config{test()}))
	for name, change := range map[string]func(c *Config){
		"a value": func(c *Config) { c.Test[0].Request.Data = `{"password": "hidden password", "name": "bob"}` },
		"a path":  func(c *Config) { c.Test[0].Request.URL += "d" },
		"a step":  func(c *Config) { c.Test = append(c.Test, c.Test[0]) },
	} {
		changed := test()
		change(changed)
		assert.Len(t, before.NotPassed([]*Config{changed}), 1, name)
	}
}

func TestSelect(t *testing.T) {
	test := func(id string, severity Severity, tags ...string) *Config {
		return &Config{ID: id, Meta: &Meta{Severity: severity, Tags: tags}}
	}
	tests := []*Config{test("a", SeverityHigh, "BOLA"), test("b", SeverityLow, "CSP", "web"), {ID: "c"}}
	assert.Len(t, Select(tests, nil, ""), 3)
	assert.Equal(t, tests[:1], Select(tests, nil, SeverityMedium))
	assert.Equal(t, tests[1:2], Select(tests, []string{"WEB"}, ""))
	assert.Empty(t, Select(tests, []string{"web"}, SeverityCritical))
}

// TestWhatCouldNotRunHasItsRow looks for a broken file in every report.
func TestWhatCouldNotRunHasItsRow(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.yaml")
	require.NoError(t, os.WriteFile(file, []byte("id: x\ntest: 1\n"), 0o600))
	_, err := Load(file)
	require.Error(t, err)
	res := NotRun(&Config{File: file}, err)
	assert.Equal(t, Inconclusive, Summarize(res))
	assert.Equal(t, "1 test: 0 proven, 0 uncontrolled, 1 inconclusive, 0 failed", SummaryLine(res))
	assert.Contains(t, res.String(), "INCONCLUSIVE "+file+"\n  the test could not run: "+file+":2:7: test: must be a list")
	report, err := JUnit(res)
	require.NoError(t, err)
	var doc junitSuites
	require.NoError(t, xml.Unmarshal(report, &doc))
	assert.Equal(t, []int{1, 0, 1}, []int{doc.Tests, doc.Failures, doc.Errors})
	assert.Equal(t, file, doc.Suites[0].Name)
	raw, err := json.Marshal(res)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"verdict":"inconclusive"`)
	assert.Contains(t, NotRun(nil, errors.New("why")).String(), "the test could not run: why")
}

// TestControlsAcrossTests uses a request of one test as the control of another.
func TestControlsAcrossTests(t *testing.T) {
	as := func(token, path string, a Assertion) Step {
		s := get("http://x.test"+path, a)
		s.Request.Headers = []KeyValue{{"Authorization", "Bearer " + token}}
		return s
	}
	service := byToken(403, map[string]int{"ann": 200})
	denied := &Config{ID: "denied", Test: []Step{as("bob", "/1", Equal("resp.status", 403)), as("ann", "/1", Equal("resp.status", 200))}}
	bobWorks := &Config{ID: "bob-works", Test: []Step{as("bob", "/mine", Equal("resp.status", 200))}}
	results, err := RunAll(t.Context(), []*Config{denied}, WithHandler(service))
	require.NoError(t, err)
	assert.Equal(t, VerdictUncontrolled, results[0].Verdict)
	mixed := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mine" {
			reply(w, 200, nil)
			return
		}
		service(w, r)
	})
	results, err = RunAll(t.Context(), []*Config{denied, bobWorks}, WithHandler(mixed), RequireControls())
	require.NoError(t, err)
	assert.Equal(t, VerdictProven, results[0].Verdict, results[0])
	named := &Config{ID: "named", Test: []Step{as("bob", "/2", Equal("resp.status", 403))}}
	for control, want := range map[string]Verdict{"bob-works": VerdictProven, "nobody": VerdictInconclusive} {
		named.Test[0].Control = control
		results, err = RunAll(t.Context(), []*Config{named, bobWorks}, WithHandler(mixed))
		require.NoError(t, err)
		assert.Equal(t, want, results[0].Verdict, control)
	}
}
