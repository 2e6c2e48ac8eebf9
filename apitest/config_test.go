package apitest

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

const everything = `id: all
meta: {name: All of it, severity: CRITICAL, tags: [a, b]}
options: {stopOnFailure: true}
env:
  - name: A
    value: 1
  - {name: B, value: true}
  - {name: C, value: '{{A}}'}
test:
  - request:
      method: POST
      url: 'http://x/{{A}}'
      query: [{name: q, value: 1.5}]
      headers: [{name: h, value: v}]
      form: [{name: f, value: v}]
      data: |
        line one
          line two
      graphql: query { a }
    extract:
      - {name: X, value: resp.data}
      - {name: Y, type: JS, value: '1'}
    assert:
      - resp.status < 300
      - {key: resp.status, value: 200}
      - {description: d, type: REGEXP, key: k, value: ^a}
      - {type: JS, value: 'true'}
      - {key: k, value: [1, two, false, 2.5]}
    payload:
      - {key: P, value: XSS}
`

func TestParseReadsEverything(t *testing.T) {
	got, err := Parse([]byte(everything))
	require.NoError(t, err)
	assert.Equal(t, &Config{
		ID:            "all",
		Meta:          &Meta{Name: "All of it", Severity: SeverityCritical, Tags: []string{"a", "b"}},
		StopOnFailure: true,
		Env:           []KeyValue{{"A", "1"}, {"B", "true"}, {"C", "{{A}}"}},
		Test: []Step{{
			Request: Request{
				Method: "POST", URL: "http://x/{{A}}",
				Query: []KeyValue{{"q", "1.5"}}, Headers: []KeyValue{{"h", "v"}}, Form: []KeyValue{{"f", "v"}},
				Data: "line one\n  line two\n", GraphQL: "query { a }",
			},
			Extract: []Extractor{{"X", ExtractValue, "resp.data"}, {"Y", ExtractJS, "1"}},
			Assert: []Assertion{
				Expr("resp.status < 300"),
				Equal("resp.status", 200),
				{Description: "d", Type: AssertRegexp, Key: "k", Value: "^a"},
				JS("true"),
				OneOf("k", 1, "two", false, 2.5),
			},
			Payload: []Payload{{"P", "XSS"}},
		}},
	}, got)
}

func TestParseYAMLForms(t *testing.T) {
	value := func(t *testing.T, text string) string {
		t.Helper()
		c, err := Parse([]byte("id: t\nenv:\n  - name: V\n    value: " + text + "\n" + tail))
		require.NoError(t, err)
		return c.Env[0].Value
	}
	for text, want := range map[string]string{
		"plain":                "plain",
		"'it''s'":              "it's",
		`"tab\tand \u00e9"`:    "tab\tand é",
		"<<USER_A_userId>>":    "<<USER_A_userId>>",
		"12":                   "12",
		"012":                  "012",
		"0x10":                 "0x10",
		"0o17":                 "0o17",
		"0b101":                "0b101",
		"1_000":                "1_000",
		"-3":                   "-3",
		"1.50":                 "1.50",
		"1e3":                  "1e3",
		"'12'":                 "12",
		"True":                 "True",
		"no":                   "no",
		"yes":                  "yes",
		"2020-01-01":           "2020-01-01",
		"!!str 12":             "12",
		">-\n      a\n      b": "a b",
		"|+\n      a\n":        "a\n\n",
	} {
		t.Run(text, func(t *testing.T) { assert.Equal(t, want, value(t, text)) })
	}
	t.Run("anchors, aliases and merged mappings", func(t *testing.T) {
		c, err := Parse([]byte(`id: t
env: [{name: A, value: &v one}, {name: B, value: *v}]
test:
  - request: &r {method: GET, url: http://x/, headers: [{name: h, value: v}]}
  - request:
      <<: *r
      url: http://x/2
`))
		require.NoError(t, err)
		assert.Equal(t, "one", c.Env[1].Value)
		assert.Equal(t, Request{Method: "GET", URL: "http://x/2", Headers: []KeyValue{{"h", "v"}}}, c.Test[1].Request)
	})
	t.Run("JSON", func(t *testing.T) {
		c, err := Parse([]byte(`{"id": "t", "options": {}, "test": [{"request": {"method": "GET", "url": "http:\/\/x\/\u00e9"}}]}`))
		require.NoError(t, err)
		assert.Equal(t, "http://x/é", c.Test[0].Request.URL)
	})
}

const tail = "test: [{request: {method: GET, url: http://x/}}]\n"

func TestParseFaults(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"empty", "", "1:1: the file is empty"},
		{"broken YAML", "id: [", "2:1: not valid YAML"},
		{"two documents", "id: a\n" + tail + "---\nid: b\n", "write one test per file"},
		{"a list", "- id\n", "1:1: must be a mapping, not a list"},
		{"no id", tail, "id is missing"},
		{"id of a number", "id: 12\n" + tail, "1:5: id: must be a string: put 12 in quotes"},
		{"id of signs", "id: '!'\n" + tail, "1:5: id: needs a letter"},
		{"null id", "id:\n" + tail, "id: must be a string, but is empty"},
		{"no test", "id: a\n", "test is missing"},
		{"empty test", "id: a\ntest: []\n", "2:7: test: has no step: add at least one"},
		{"unknown key", "id: a\nenvs: []\n" + tail, `2:1: unknown key "envs"; did you mean env?`},
		{"duplicate key", "id: a\nid: b\n" + tail, "2:1: not valid YAML"},
		{"severity", "id: a\nmeta:\n  severity: high\n" + tail, "3:13: meta.severity: must be one of LOW, MEDIUM, HIGH, CRITICAL"},
		{"tags", "id: a\nmeta: {tags: x}\n" + tail, "2:14: meta.tags: must be a list, not a scalar"},
		{"option", "id: a\noptions: {stopOnFailure: 1}\n" + tail, "2:26: options.stopOnFailure: must be true or false"},
		{"env value", "id: a\nenv: [{name: A, value: [1]}]\n" + tail, "2:24: env[0].value: must be a string, a number or a bool"},
		{"env name", "id: a\nenv: [{name: '', value: 1}]\n" + tail, "2:14: env[0].name: is empty"},
		{"method", "id: a\ntest: [{request: {method: get, url: x}}]\n", "2:27: test[0].request.method: must be one of GET, HEAD"},
		{"no request", "id: a\ntest: [{assert: []}]\n", "test[0]: request is missing"},
		{"no url", "id: a\ntest: [{request: {method: GET}}]\n", "test[0].request: url is missing"},
		{"extractor type", "id: a\ntest: [{request: {method: GET, url: x}, extract: [{name: a, type: XML, value: b}]}]\n", "extract[0].type: must be one of VALUE, JS, REGEXP, HTML"},
		{"assertion without key", "id: a\ntest: [{request: {method: GET, url: x}, assert: [{value: 1}]}]\n", "2:50: test[0].assert[0].key: is missing"},
		{"regexp of a number", "id: a\ntest: [{request: {method: GET, url: x}, assert: [{type: REGEXP, key: a, value: 1}]}]\n", "assert[0].value: must be a string"},
		{"script of a number", "id: a\ntest: [{request: {method: GET, url: x}, assert: [{type: JS, value: 1}]}]\n", "assert[0].value: must be a string: the script"},
		{"assertion of a number", "id: a\ntest: [{request: {method: GET, url: x}, assert: [3]}]\n", "assert[0]: must be a string: put 3 in quotes"},
		{"empty list of values", "id: a\ntest: [{request: {method: GET, url: x}, assert: [{key: a, value: []}]}]\n", "is an empty list"},
		{"null in a list", "id: a\ntest: [{request: {method: GET, url: x}, assert: [{key: a, value: [~]}]}]\n", "assert[0].value[0]: must be a string, a number or a bool"},
		{"payload twice", "id: a\ntest: [{request: {method: GET, url: x}, payload: [{key: a, value: X}, {key: a, value: Y}]}]\n", `2:77: test[0].payload[1].key: "a" is used twice`},
		{"unknown alias", "id: a\nenv: [{name: A, value: *nope}]\n" + tail, "nope"},
		{"infinity as a value", "id: a\ntest: [{request: {method: GET, url: x}, assert: [{key: a, value: .inf}]}]\n", "must be a string, a number or a bool"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.text))
			require.Error(t, err)
			assert.Contains(t, err.Error(), tc.want)
			var fault *ConfigError
			require.ErrorAs(t, err, &fault)
			assert.Positive(t, fault.Line)
			assert.Positive(t, fault.Column)
		})
	}
	t.Run("all faults at once", func(t *testing.T) {
		_, err := Parse([]byte("id: 1\nmeta: {severity: x}\ntest: []\nmore: 1\n"))
		require.Error(t, err)
		assert.Len(t, strings.Split(err.Error(), "\n"), 4)
	})
	t.Run("aliases of aliases", func(t *testing.T) {
		text := "id: t\nenv:\n  - &a0 {name: A, value: b}\n"
		bomb := "x: &l0 [a]\n"
		for i := range 30 {
			bomb += "x" + strings.Repeat("x", i+1) + ": &l" + string(rune('a'+i%26)) + " []\n"
		}
		_, err := Parse([]byte(text + bomb + tail))
		assert.Error(t, err)
		_, err = Parse([]byte("id: t\ntest: &a\n  - *a\n"))
		assert.Error(t, err)
		_, err = Parse([]byte("id: &a *a\n" + tail))
		assert.Error(t, err)
	})
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.yaml")
	require.NoError(t, os.WriteFile(path, []byte("id: a\ntest: 1\n"), 0o600))
	_, err := Load(path)
	assert.ErrorContains(t, err, path+":2:7: test: must be a list")
	require.NoError(t, os.WriteFile(path, []byte(everything), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	assert.Equal(t, "all", c.ID)
	_, err = Load(path + ".missing")
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestMarshal(t *testing.T) {
	c, err := Parse([]byte(everything))
	require.NoError(t, err)
	text, err := c.Marshal()
	require.NoError(t, err)
	assert.Equal(t, `id: all

meta:
  name: All of it
  severity: CRITICAL
  tags:
    - a
    - b

options:
  stopOnFailure: true

env:
  - name: A
    value: '1'
  - name: B
    value: 'true'
  - name: C
    value: '{{A}}'

test:
  - request:
      method: POST
      url: http://x/{{A}}
      query:
        - name: q
          value: '1.5'
      headers:
        - name: h
          value: v
      form:
        - name: f
          value: v
      data: |
        line one
          line two
      graphql: query { a }
    payload:
      - key: P
        value: XSS
    extract:
      - name: X
        type: VALUE
        value: resp.data
      - name: 'Y'
        type: JS
        value: '1'
    assert:
      - resp.status < 300
      - type: EQ
        key: resp.status
        value: 200
      - description: d
        type: REGEXP
        key: k
        value: ^a
      - type: JS
        value: 'true'
      - type: EQ
        key: k
        value:
          - 1
          - two
          - false
          - 2.5
`, strings.Replace(string(text), "name: Y", "name: 'Y'", 1))
	back, err := Parse(text)
	require.NoError(t, err)
	assert.Equal(t, c, back)
}

func TestMarshalKeepsEveryString(t *testing.T) {
	for _, s := range []string{
		" lead", "trail ", "a: b", "a #b", "- a", "? x", ": x", "#", "'", `"`, "a\tb", "a\r\nb", "\x01", "\u2028", "\ufeff", "😀", "null", "~", "1e3",
		"0x1f", "<<", "<<X>>", "{{X}}", "[", "&a", "*a", "!a", "%a", "@a", "`a", "|", ">", "=", "a\nb", "a\n\nb\n", "\na", " a\nb", "a \nb", "\n\n",
		"a\n b\n", strings.Repeat("word ", 40), strings.Repeat("x", 200), strings.Repeat("word ", 40) + "\n\n" + strings.Repeat("more ", 30), "\\", "---", "...", "2020-01-01",
		"a:b", "x:", "- ", "-", "--- a", "key: |", "\u0085", "a\u00a0b", "é: x",
	} {
		t.Run(s, func(t *testing.T) {
			c := &Config{ID: "t", Env: []KeyValue{{Name: "V", Value: s}}, Test: []Step{{
				Request: Request{Method: "GET", URL: "u" + s, Data: s},
				Assert:  []Assertion{{Description: s, Type: AssertEqual, Key: "k", Value: []any{s}}, Expr(jsvalue.JSON(s))},
			}}}
			text, err := c.Marshal()
			require.NoError(t, err)
			back, err := Parse(text)
			require.NoError(t, err, string(text))
			assert.Equal(t, c.normal(), back)
		})
	}
	_, err := (&Config{ID: "t", Env: []KeyValue{{"V", "\xff"}}, Test: []Step{get("u")}}).Marshal()
	assert.ErrorContains(t, err, "not valid UTF-8")
}

func TestValidate(t *testing.T) {
	bad := &Config{
		ID: "", Meta: &Meta{Severity: "low"}, Env: []KeyValue{{}},
		Test: []Step{{
			Request: Request{Method: "get", Headers: []KeyValue{{}}},
			Extract: []Extractor{{Type: "X"}},
			Assert:  []Assertion{{Type: "X", Value: 1}, {Key: "k"}, {Key: "k", Value: struct{}{}}, {Key: "k", Value: []any{nil}}, {Type: AssertEqual, Bare: true, Key: "k", Value: 1}},
			Payload: []Payload{{}, {Key: "a", Value: "b"}, {Key: "a", Value: "b"}},
		}},
	}
	err := bad.Validate()
	require.Error(t, err)
	for _, want := range []string{
		"id: needs a letter", "meta.severity: \"low\"", "env[0].name: is empty", "request.method: \"get\"", "request.url: is empty",
		"request.headers[0].name", "extract[0].name", "extract[0].type: \"X\"", "assert[0].type: \"X\"", "assert[1].value: is missing",
		"assert[2].value: struct {} is not", "assert[3].value: element 0: is missing", "assert[4]: is bare", "payload[0].key", "payload[0].value", "payload[2].key: \"a\" is used twice",
	} {
		assert.ErrorContains(t, err, want)
	}
	_, err = bad.Marshal()
	assert.Error(t, err)
}

func TestValuesOfAnyNumberType(t *testing.T) {
	for _, v := range []any{200, int8(100), int16(200), int32(200), int64(200), float32(200), 200.0, []int{1}, []string{"a"}} {
		a := Equal("k", v)
		_, msg := a.fault()
		assert.Empty(t, msg, "%T", v)
	}
}

func TestConfigJSON(t *testing.T) {
	c, err := Parse([]byte(everything))
	require.NoError(t, err)
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"options":{"stopOnFailure":true}`)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(everything))
	raw, err := os.ReadFile("testdata/generated.json")
	if err != nil {
		f.Fatal(err)
	}
	var golden goldenGenerated
	if err := json.Unmarshal(raw, &golden); err != nil {
		f.Fatal(err)
	}
	for _, c := range golden.Cases {
		f.Add([]byte(c.YAML))
		f.Add([]byte(c.Test))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(text)
		if err != nil {
			var fault *ConfigError
			if !errors.As(err, &fault) {
				t.Fatalf("not a ConfigError: %v", err)
			}
			return
		}
		out, err := c.Marshal()
		if err != nil {
			if strings.Contains(err.Error(), "UTF-8") {
				return
			}
			t.Fatalf("marshal: %v", err)
		}
		back, err := Parse(out)
		if err != nil {
			t.Fatalf("parse again: %v\n%s", err, out)
		}
		assert.Equal(t, c.normal(), back.normal())
	})
}
