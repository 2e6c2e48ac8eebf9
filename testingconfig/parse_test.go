package testingconfig_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/testingconfig"
)

// goldenCase is a text with the server's result.
type goldenCase struct {
	Name, Text         string
	Statements, Issues string
	SyntaxError        *struct {
		Message                                    string
		StartLine, StartColumn, EndLine, EndColumn int
	}
}

func goldenCases(t testing.TB) (cases []goldenCase) {
	t.Helper()
	raw, err := os.ReadFile("testdata/resource-language.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &cases))
	require.NotEmpty(t, cases)
	return cases
}

func TestAsTheServer(t *testing.T) {
	cases := goldenCases(t)
	equal := 0
	for _, c := range cases {
		if t.Run(c.Name, func(t *testing.T) { checkGolden(t, c) }) {
			equal++
		}
	}
	fmt.Printf("testingconfig: %d of %d texts as the server: statements, schema issues and syntax errors\n", equal, len(cases))
}

func checkGolden(t *testing.T, c goldenCase) {
	statements, err := testingconfig.ParseExact(c.Text)
	if want := c.SyntaxError; want != nil {
		var failure *testingconfig.SyntaxError
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, testingconfig.SyntaxError{
			Message: want.Message, Line: want.StartLine, Column: want.StartColumn, EndLine: want.EndLine, EndColumn: want.EndColumn,
		}, *failure)
		assert.Equal(t, fmt.Sprintf("%d:%d: %s", want.StartLine, want.StartColumn, want.Message), err.Error())
		return
	}
	require.NoError(t, err)
	assert.Equal(t, c.Statements, statementsJSON(statements))
	issues := testingconfig.Validate(statements)
	if c.Issues == "" {
		assert.Empty(t, issues)
		return
	}
	assert.JSONEq(t, c.Issues, zodJSON(issues))
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		kinds      []testingconfig.Kind
	}{
		{"empty", "", nil},
		{"white space", " \n\t\r\n", nil},
		{"a comment and a line break", "host a {}\n# end\n", []testingconfig.Kind{testingconfig.KindHost, testingconfig.KindComment}},
		{"a statement", "host a {}\n", []testingconfig.Kind{testingconfig.KindHost}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			statements, err := testingconfig.Parse(tt.text)
			require.NoError(t, err)
			var kinds []testingconfig.Kind
			for _, s := range statements {
				kinds = append(kinds, s.Kind)
			}
			assert.Equal(t, tt.kinds, kinds)
		})
	}
	_, err := testingconfig.ParseExact("")
	require.EqualError(t, err, `1:1: Expected "#", "actor", "has_permission", "host", or "resource" but end of input found.`)
	_, err = testingconfig.Parse("host a\n")
	require.EqualError(t, err, `2:1: Expected "{" but end of input found.`, "the place is that in the text as it is")
}

func TestParseLimits(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"deep lists", "host a { x = " + strings.Repeat("[", 600), "1:514: Values are nested more than 500 deep."},
		{"deep objects", "host a { x = " + strings.Repeat(`{"a":`, 600), "1:2514: Values are nested more than 500 deep."},
		{"deep permissions", "has_permission(A, " + strings.Repeat("[", 600), "1:520: Values are nested more than 500 deep."},
		{"bytes that are no text", "# \xff", "1:3: The text is not valid UTF-8."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := testingconfig.ParseExact(tt.text)
			require.EqualError(t, err, tt.want)
		})
	}
	_, err := testingconfig.ParseExact("host a { x = " + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}")
	require.NoError(t, err)
}

// TestForms has each form that a statement, a member and a value can take.
func TestForms(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a quoted name", `actor "Shop Customer 2" {}`, `[{"type":"actor","name":"Shop Customer 2","members":{}}]`},
		{"a quoted member", `host a { "testingHost" = "b" }`, `[{"type":"host","name":"a","members":{"testingHost":"b"}}]`},
		{"filters", `has_permission(A(n=1, "x y"="z"), ["p", "q"], B)`,
			`[{"type":"permission_def","actor":{"name":"A","filters":{"n":1,"x y":"z"}},"permissions":["p","q"],"resource":"B"}]`},
		{"values", `actor A { items = [{"s": "a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00", "n": [-1, 0.5, 1e3, 12E-1], "t": [true, false, null], "o": {}}] }`,
			`[{"type":"actor","name":"A","members":{"items":[{"s":"a\"\\/\b\f\n\r\té😀","n":[-1,0.5,1000,1.2],"t":[true,false,null],"o":{}}]}}]`},
		{"the last of two members", `actor A { items = [], items = [{"a": 1, "a": 2}] }`, `[{"type":"actor","name":"A","members":{"items":[{"a":2}]}}]`},
		{"a resource rule", `resource R { endpoints = [{"permissions": ["x"], "contains_resource": {"path": "req.path", "type": "A"}, "method": ["GET", "PUT"]}] }`,
			`[{"type":"resource","name":"R","members":{"endpoints":[{"permissions":["x"],"contains_resource":{"path":"req.path","type":"A"},"method":["GET","PUT"]}]}}]`},
		{"a comment", "#  two  ", `[{"type":"comment","val":"  two  "}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			statements, err := testingconfig.ParseExact(tt.text)
			require.NoError(t, err)
			assert.Empty(t, testingconfig.Validate(statements))
			assert.Equal(t, tt.want, statementsJSON(statements))
		})
	}
}

func TestSyntaxErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"space before a permission", " \n\thas_permission(A, [], B)", `2:2: Expected "#", "actor", "host", or "resource" but "h" found.`},
		{"only space", "  \n ", `2:2: Expected "#", "actor", "host", or "resource" but end of input found.`},
		{"no name", "host {}", `1:6: Expected Identifier or string but "{" found.`},
		{"a digit in a name", "host a1 {}", `1:7: Expected "{" but "1" found.`},
		{"no brace", "host a", `1:7: Expected "{" but end of input found.`},
		{"no value", "host a { x = }", `1:14: Expected "[", "false", "null", "true", "{", number, or string but "}" found.`},
		{"no equals sign", "host a { x \"y\" }", `1:12: Expected "=" but "\"" found.`},
		{"an open string", "host a { x = \"y }", `1:14: Expected "[", "false", "null", "true", "{", number, or string but "\"" found.`},
		{"a line break in a string", "host a { x = \"y\n\" }", `1:14: Expected "[", "false", "null", "true", "{", number, or string but "\"" found.`},
		{"a bad escape", `host a { x = "\q" }`, `1:14: Expected "[", "false", "null", "true", "{", number, or string but "\"" found.`},
		{"a bad unicode escape", `host a { x = "\u12" }`, `1:14: Expected "[", "false", "null", "true", "{", number, or string but "\"" found.`},
		{"a trailing comma", `host a { x = 1, }`, `1:17: Expected Identifier or string but "}" found.`},
		{"a trailing comma in a list", `host a { x = [1,] }`, `but "]" found.`},
		{"a selector with a quoted name", `has_permission("A", [], B)`, `1:16: Expected Identifier but "\"" found.`},
		{"a filter with a list", `has_permission(A(x=[]), [], B)`, `1:20: Expected number or string but "[" found.`},
		{"no permissions", `has_permission(A, B)`, `1:19: Expected permissions list but "B" found.`},
		{"columns in UTF-16", "host \"😀\" x", `1:11: Expected "{" but "x" found.`},
		{"a later line", "host a {}\r\n\r\nhost b {]", `3:9: Expected "}", Identifier, or string but "]" found.`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := testingconfig.ParseExact(tt.text)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestPlaces(t *testing.T) {
	statements, err := testingconfig.ParseExact("\n host \"é😀\" { a = 1,\n  \"b\" = [\"😀\", {\"c\": 2}] }\n# c\nhas_permission(A(x=1), [\"p\"], B)")
	require.NoError(t, err)
	require.Len(t, statements, 3)
	host, comment, permission := statements[0], statements[1], statements[2]
	assert.Equal(t, [2]int{2, 2}, [2]int{host.Line, host.Column})
	assert.Equal(t, [2]int{2, 15}, [2]int{host.Members[0].Line, host.Members[0].Column})
	b := host.Members[1]
	assert.Equal(t, [2]int{3, 3}, [2]int{b.Line, b.Column})
	assert.Equal(t, [2]int{3, 9}, [2]int{b.Value.Line, b.Value.Column})
	object := b.Value.V.([]testingconfig.Value)[1]
	assert.Equal(t, [2]int{3, 16}, [2]int{object.Line, object.Column}, "a character beyond the first plane is two columns")
	assert.Equal(t, [2]int{4, 1}, [2]int{comment.Line, comment.Column})
	assert.Equal(t, [2]int{5, 1}, [2]int{permission.Line, permission.Column})
	assert.Equal(t, [2]int{5, 18}, [2]int{permission.Subject.Filters[0].Line, permission.Subject.Filters[0].Column})
}

func TestIssues(t *testing.T) {
	statements, err := testingconfig.ParseExact("host a {\n  headerKey = 1,\n  color = 2 }\nresource b { endpoints = [{\"method\": \"get\"}] }")
	require.NoError(t, err)
	var got []string
	for _, issue := range testingconfig.Validate(statements) {
		got = append(got, issue.String())
	}
	assert.Equal(t, []string{
		"2:15: 0.members.headerKey: Expected string, received number",
		"3:3: 0.members: Unrecognized key(s) in object: 'color'",
		"4:27: 1.members.endpoints.0.permissions: Required",
		"4:38: 1.members.endpoints.0.method: Invalid input",
	}, got)
}

func TestSchemaIssues(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"two unknown members", "host a {\n b = 1,\n c = 2 }", []string{"2:2", "Unrecognized key(s) in object: 'b', 'c'"}},
		{"a number for a text", "host a { headerKey = 1 }", []string{"1:22", "Expected string, received number"}},
		{"null for an enum", "host a { authType = null }", []string{"received null"}},
		{"no list", "actor a { items = {} }", []string{"1:19", "Expected array, received object"}},
		{"no object", `actor a { items = [[], true] }`, []string{"1:20", "Expected object, received array", "1:24", "Expected object, received boolean"}},
		{"a rule without permissions", `resource a { endpoints = [{"method": "GET"}] }`, []string{"1:27", "permissions: Required"}},
		{"a rule of text", `resource a { endpoints = ["x"] }`, []string{"Expected object, received string"}},
		{"a method in lower case", `resource a { endpoints = [{"permissions": [], "method": "get"}] }`, []string{"Invalid input", "received 'get'"}},
		{"a method list", `resource a { endpoints = [{"permissions": [], "method": ["get"]}] }`, []string{"Invalid input", "received 'get'"}},
		{"a permission that is a number", `has_permission(A, [1], B)`, []string{"Expected string, received number"}},
		{"a rule without a path", `resource a { endpoints = [{"permissions": [], "contains_resource": {}}] }`, []string{"path: Required"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			statements, err := testingconfig.ParseExact(tt.text)
			require.NoError(t, err)
			issues := testingconfig.Validate(statements)
			require.NotEmpty(t, issues)
			text := zodJSON(issues)
			for _, issue := range issues {
				text += "\n" + issue.String()
			}
			for _, want := range tt.want {
				assert.Contains(t, text, want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range goldenCases(f) {
		f.Add(c.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := testingconfig.ParseExact(text)
		if err != nil {
			var failure *testingconfig.SyntaxError
			if !errors.As(err, &failure) || failure.Line < 1 || failure.Column < 1 || failure.Message == "" {
				t.Fatalf("an error without a place: %+v", err)
			}
			return
		}
		issues := testingconfig.Validate(statements)
		pretty := testingconfig.Format(statements)
		again, err := testingconfig.ParseExact(pretty)
		if err != nil {
			t.Fatalf("the formatted text does not parse: %v\n%s", err, pretty)
		}
		if got := testingconfig.Format(again); got != pretty {
			t.Fatalf("formatting is not stable:\n%q\n%q", pretty, got)
		}
		assert.Equal(t, testingconfig.NewConfig(statements), testingconfig.NewConfig(again))
		assert.Len(t, testingconfig.Validate(again), len(issues))
	})
}
