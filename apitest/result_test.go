package apitest

import (
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mixedResult(t *testing.T) (*Result, string) {
	t.Helper()
	base, opts := service(t, echoService)
	failing := get(base+"/text", Assertion{Description: "it works", Type: AssertEqual, Key: "resp.status", Value: 201}, Expr("1 > 2"))
	failing.Payload = []Payload{{"P", "LIST"}}
	cfg := &Config{ID: "t", Meta: &Meta{Name: "Mixed <&>", Severity: SeverityHigh, Tags: []string{"A", "B"}}, Test: []Step{
		get(base+"/json", Equal("resp.status", 200)), failing, get("http://127.0.0.1:1/", Expr("true")),
	}}
	opts = append(opts, func(s *settings) error { s.lenient = false; return nil })
	res, err := Run(t.Context(), cfg, append(opts, AllowHosts("127.0.0.1:1"), WithPayloads("LIST", "a\x00b"))...)
	require.NoError(t, err)
	for i := range res.Results { // durations differ from run to run
		if res.Results[i][0].Response != nil {
			res.Results[i][0].Response.Duration = 12e6
		}
	}
	return res, base
}

func TestResultPrints(t *testing.T) {
	res, _ := mixedResult(t)
	assert.Equal(t, `FAIL Mixed <&> (HIGH)
  ok   step 1 GET /json: 200 in 12ms
  FAIL step 2 GET /text P="a\u0000b": 200 in 12ms
       it works (expected resp.status is 201; resp.status is 200)
       expected 1 > 2; the response is 200 OK: token=abc123; done
  ?    step 3 GET / P="a\u0000b"
       inconclusive: send: dial tcp 127.0.0.1:1: connect: connection refused
`, res.String())
	assert.Len(t, res.Failed(), 2)
	res.Outcome, res.AbortedAt, res.Test.Meta = Passed, 3, nil
	assert.Contains(t, res.String(), "PASS t\n")
	assert.Contains(t, res.String(), "stopped at assertion 3")
}

func TestJUnit(t *testing.T) {
	res, _ := mixedResult(t)
	report, err := JUnit(res)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(report), "<?xml"))
	assert.NotContains(t, string(report), "testcase name=\"step 1 GET http", "no name holds a port")
	var doc junitSuites
	require.NoError(t, xml.Unmarshal(report, &doc))
	require.Len(t, doc.Suites, 1)
	s := doc.Suites[0]
	assert.Equal(t, []any{"Mixed <&> (HIGH)", "t", 3, 1, 1, 0}, []any{s.Name, s.ID, s.Tests, s.Failures, s.Errors, s.Skipped})
	assert.Equal(t, []junitProperty{{"outcome", "failed"}, {"verdict", "failed"}, {"severity", "HIGH"}, {"tag", "A"}, {"tag", "B"}}, s.Properties)
	assert.Nil(t, s.Cases[0].Failure)
	assert.Equal(t, []string{"proven", "failed", "inconclusive"}, []string{s.Cases[0].Status, s.Cases[1].Status, s.Cases[2].Status})
	assert.Equal(t, "it works (expected resp.status is 201; resp.status is 200)", s.Cases[1].Failure.Message)
	assert.Contains(t, s.Cases[1].Failure.Text, "expected 1 > 2")
	assert.Contains(t, s.Cases[1].Output, "curl -i -X GET 'http://")
	assert.Contains(t, s.Cases[2].Error.Text, "refused")
	assert.Equal(t, "inconclusive", s.Cases[2].Error.Type)
	both, err := JUnit(res, nil, res)
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(both), "<testsuite "))

	res.Results = res.Results[:1]
	res.Reasons = []string{"nothing was tested"}
	report, err = JUnit(res)
	require.NoError(t, err)
	require.NoError(t, xml.Unmarshal(report, &doc))
	s = doc.Suites[len(doc.Suites)-1]
	assert.Equal(t, []int{4, 0, 1, 2}, []int{s.Tests, s.Failures, s.Errors, s.Skipped})
	assert.Equal(t, "skipped", s.Cases[2].Status)
}

func TestResultJSON(t *testing.T) {
	res, _ := mixedResult(t)
	raw, err := json.Marshal(res)
	require.NoError(t, err)
	var got struct {
		Test    map[string]any
		Success bool
		Results [][]struct {
			Idx int
			Ctx struct{ EnvVars, Cookies map[string]any }
			Res *struct {
				Data     any
				Status   int
				Duration int
				Headers  []KeyValue
			}
			Req struct{ Method, URL string }
			Err string
		}
	}
	require.NoError(t, json.Unmarshal(raw, &got))
	assert.Equal(t, "t", got.Test["id"])
	assert.Equal(t, 12, got.Results[1][0].Res.Duration)
	assert.Equal(t, "token=abc123; done", got.Results[1][0].Res.Data)
	assert.Equal(t, 2, got.Results[2][0].Idx)
	assert.Nil(t, got.Results[2][0].Res)
	assert.Contains(t, got.Results[2][0].Err, "refused")
}
