package wire

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseFailure(t *testing.T) {
	tests := map[string]struct {
		body string
		want Failure
	}{
		"nothing":         {"", Failure{}},
		"a text":          {"Not Found", Failure{Message: "Not Found"}},
		"an object":       {`{"message":"a"}`, Failure{Message: "a"}},
		"an unknown type": {`{"type":"NEW","message":"a","err":{}}`, Failure{Message: "a"}},
		"an issue": {
			` {"type":"ZOD","message":"a: b","err":{"issues":[{"code":"too_small","path":["a",0,"b"],"message":"b\nc","expected":"string","received":null}]}}`,
			Failure{Type: "ZOD", Message: "a: b", Issues: []Issue{{Path: "a.0.b", Code: "too_small", Message: "b c", Expected: "string", Received: "null"}}},
		},
		"options of any kind": {
			`{"type":"ZOD","message":"a","err":{"issues":[{"options":["x",1,true,1.50,-0],"path":[]}]}}`,
			Failure{Type: "ZOD", Message: "a", Issues: []Issue{{Options: []string{"x", "1", "true", "1.50", "-0"}}}},
		},
		"unions in unions": {
			`{"type":"ZOD","message":"a","err":{"issues":[{"message":"Invalid input","unionErrors":[
				{"issues":[{"message":"want a number","expected":"number","received":"string"}]},
				{"issues":[{"unionErrors":[{"issues":[{"message":"want a date","expected":"date","received":"object"}]},{"issues":[{"options":["x"]}]}]}]}]}]}}`,
			Failure{Type: "ZOD", Message: "a", Issues: []Issue{{Message: "want a date", Expected: "number | date", Received: "object", Options: []string{"x"}}}},
		},
		"no issues":                {`{"type":"ZOD","message":"a","err":{"issues":[]}}`, Failure{Type: "ZOD", Message: "a"}},
		"issues that are none":     {`{"type":"ZOD","message":"a","err":"b"}`, Failure{Message: "a"}},
		"no err":                   {`{"type":"ZOD","message":"a"}`, Failure{Message: "a"}},
		"a syntax error":           {`{"type":"RAW","message":"a","startLine":1,"startColumn":"2","endLine":3,"endColumn":4}`, Failure{Type: "RAW", Message: "a", StartLine: 1, StartColumn: 2, EndLine: 3, EndColumn: 4}},
		"one that is nowhere":      {`{"type":"RAW","message":"a"}`, Failure{Type: "RAW", Message: "a"}},
		"one at a senseless place": {`{"type":"RAW","message":"a","startLine":{}}`, Failure{Message: "a"}},
		"cut":                      {`{"type":"ZOD","message":"a","err":{"iss`, Failure{Message: `{"type":"ZOD","message":"a","err":{"iss`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { assert.Equal(t, tt.want, ParseFailure([]byte(tt.body))) })
	}
}

func TestFailuresOfRecordings(t *testing.T) {
	zod := 0
	for name, r := range recordings(t) {
		if r.Response.Status < 400 {
			continue
		}
		f := ParseFailure([]byte(r.Response.Body))
		if strings.TrimSpace(r.Response.Body) != "" {
			assert.NotEmpty(t, f.Message, name)
		}
		assert.NotContains(t, f.Message, "<pre>", name)
		assert.Equal(t, strings.Contains(r.Response.Body, `"type":"ZOD"`), f.Type == "ZOD", name)
		assert.Equal(t, strings.Contains(r.Response.Body, `"type":"RAW"`), f.Type == "RAW", name)
		if f.Type == "ZOD" {
			zod++
			require.NotEmpty(t, f.Issues, name)
			for _, issue := range f.Issues {
				assert.NotEmpty(t, issue.Code, name)
				assert.NotEmpty(t, issue.Message, name)
			}
		}
	}
	assert.Positive(t, zod)
}

func TestUnionOfARecording(t *testing.T) {
	f := ParseFailure(recorded(t, "endpoints.json/list_limit_negative"))
	assert.Equal(t, []Issue{{Path: "limit", Code: "invalid_union", Message: "Invalid", Expected: "number", Received: "string"}}, f.Issues)
}

func TestSyntaxErrorOfARecording(t *testing.T) {
	f := ParseFailure(recorded(t, "testing.json/config_put_syntax_error"))
	assert.Equal(t, [4]int{1, 1, 1, 2}, [4]int{f.StartLine, f.StartColumn, f.EndLine, f.EndColumn})
	assert.Contains(t, f.Message, `but "R" found`)
}

func FuzzParseFailure(f *testing.F) {
	for _, r := range recordings(f) {
		if r.Response.Status >= 400 {
			f.Add([]byte(r.Response.Body))
		}
	}
	f.Add([]byte(`{"type":"ZOD","err":{"issues":[{"unionErrors":[{"issues":[{"options":[{}]}]}]}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		failure := ParseFailure(body)
		if string(body) != before {
			t.Fatal("the body was changed")
		}
		requireOneLine(t, failure.Message)
		if failure.Type != "ZOD" && failure.Issues != nil {
			t.Fatalf("issues of type %q", failure.Type)
		}
		for _, issue := range failure.Issues {
			requireOneLine(t, issue.Code)
			requireOneLine(t, issue.Message)
			requireOneLine(t, issue.Received)
			for _, option := range issue.Options {
				requireOneLine(t, option)
			}
		}
	})
}

// TestWorkOfAFailureIsBounded parses 1 MB of input that could keep the client busy.
func TestWorkOfAFailureIsBounded(t *testing.T) {
	const size = 1 << 20
	zod := func(issues string) string { return `{"type":"ZOD","err":{"issues":` + issues + `}}` }
	deep := func(levels int) string {
		return `[` + strings.Repeat(`{"options":["a"],"unionErrors":[{"issues":[`, levels) + strings.Repeat(`]}]}`, levels) + `]`
	}
	for name, text := range map[string]string{
		"issues":             zod(`[` + many(`{}`, size) + `]`),
		"branches":           zod(`[{"unionErrors":[` + many(`{"issues":[{"message":"m"}]}`, size) + `]}]`),
		"issues of a branch": zod(`[{"unionErrors":[{"issues":[` + many(`{"expected":"e"}`, size) + `]}]}]`),
		"options":            zod(`[{"options":[` + many(`"o"`, size) + `]}]`),
		"elements of a path": zod(`[{"path":[` + many(`"p"`, size) + `]}]`),
		"a long message":     zod(`[{"message":"` + strings.Repeat("m", size) + `"}]`),
		"unions in unions":   zod(deep(2000)),
		"unions in all":      zod(`[` + many(deep(20)[1:len(deep(20))-1], size) + `]`),
	} {
		t.Run(name, func(t *testing.T) {
			allocated := testing.AllocsPerRun(1, func() { ParseFailure([]byte(text)) })
			assert.Less(t, allocated, 100_000.0)
			f := ParseFailure([]byte(text))
			require.Equal(t, "ZOD", f.Type)
			assert.LessOrEqual(t, len(f.Issues), 1000)
			for _, issue := range f.Issues {
				assert.LessOrEqual(t, len(issue.Options), 64)
				assert.LessOrEqual(t, len(issue.Path)+len(issue.Expected)+len(issue.Message), 3*520)
			}
		})
	}
}
