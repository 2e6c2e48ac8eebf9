package backend

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/qs"
	"github.com/metlo-go/metlo/testingconfig"
)

func TestParseQuery(t *testing.T) {
	many := strings.Repeat("k[]=a&", 1000) + "last=1"
	tests := []struct{ name, query, want string }{
		{"one with brackets", "k[]=a", `{"k":["a"]}`},
		{"two with brackets", "k[]=a&k[]=b", `{"k":["a","b"]}`},
		{"encoded brackets", "k%5B%5D=a", `{"k":["a"]}`},
		{"repeated", "k=a&k=b", `{"k":["a","b"]}`},
		{"single", "k=a", `{"k":"a"}`},
		{"comma", "k=a,b", `{"k":"a,b"}`},
		{"index", "k[0]=a", `{"k":["a"]}`},
		{"sparse indexes", "k[2]=a&k[9]=b", `{"k":["a","b"]}`},
		{"index 20", "k[20]=a", `{"k":["a"]}`},
		{"index 21 makes an object", "k[21]=a", `{"k":{"21":"a"}}`},
		{"named member", "k[x]=a&k[y]=b", `{"k":{"x":"a","y":"b"}}`},
		{"plus and percent", "k=a+b%20c", `{"k":"a b c"}`},
		{"broken percent stays", "k=%zz", `{"k":"%zz"}`},
		{"no value", "k&l=", `{"k":"","l":""}`},
		{"mixed forms", "k[]=a&k=b", `{"k":["a","b"]}`},
		{"the 1001st parameter is dropped", many, `{"k":[` + strings.Repeat(`"a",`, 999) + `"a"]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.want, string(js.Encode(qs.Parse(tt.query))))
		})
	}
}

func TestResourceLanguage(t *testing.T) {
	data, err := os.ReadFile("testdata/resource-language.json")
	require.NoError(t, err)
	var cases []struct {
		Name, Text   string
		Statements   json.RawMessage
		SchemaIssues json.RawMessage
		SyntaxError  *struct {
			Message                                    string
			StartLine, StartColumn, EndLine, EndColumn int
		}
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for _, tt := range cases {
		t.Run(tt.Name, func(t *testing.T) {
			statements, err := testingconfig.ParseExact(tt.Text)
			if want := tt.SyntaxError; want != nil {
				var fault *testingconfig.SyntaxError
				require.ErrorAs(t, err, &fault)
				assert.Equal(t, testingconfig.SyntaxError{
					Message: want.Message, Line: want.StartLine, Column: want.StartColumn, EndLine: want.EndLine, EndColumn: want.EndColumn,
				}, *fault)
				return
			}
			require.NoError(t, err)
			if tt.SchemaIssues != nil {
				assert.JSONEq(t, string(tt.SchemaIssues), string(js.Encode(resourceIssues(testingconfig.Validate(statements)))))
				return
			}
			assert.Nil(t, resourceProblem(statements))
			assert.JSONEq(t, string(tt.Statements), string(js.Encode(resourceObjects(statements))))
		})
	}
}

func TestParameterize(t *testing.T) {
	tests := []struct{ path, want string }{
		{"/", "/"},
		{"/users", "/users"},
		{"/v2/users/17", "/v2/users/{param1}"},
		{"/users/1b4e28ba-2fa1-41d2-883f-0016d3cca427/orders/9", "/users/{param1}/orders/{param2}"},
		{"/files/jane@example.com", "/files/{param1}"},
		{"/commits/9fceb02d0ae598e9", "/commits/{param1}"},
		{"/oauth2/token", "/oauth2/token"},
		{"/h/deadbeefdeadbeef/x", "/h/{param1}/x"},
		{"/files/report-2026.pdf/a1b2c3", "/files/{param1}/{param2}"},
		{"/user-profiles/by_name", "/user-profiles/by_name"},
		{"/a//b/", "/a/b"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) { assert.Equal(t, tt.want, newStore().parameterize(tt.path)) })
	}
}

func TestDataClasses(t *testing.T) {
	tests := []struct {
		name  string
		value any
		want  []any
	}{
		{"mail", "jane@example.com", []any{"Email"}},
		{"card", "4111-1111-1111-1111", []any{"Credit Card Number"}},
		{"card", "4111-1111-1111-1112", []any{"Credit Card Number"}}, // check digits are ignored
		{"card", 4111111111111111.0, []any{"Credit Card Number"}},
		{"ssn", "219-09-9999", []any{"Social Security Number"}},
		{"phone", "+1 415-555-0132", []any{"Phone Number"}},
		{"ip", "203.0.113.5", []any{"IP Address"}},
		{"ip", "999.0.113.5", nil},
		{"birthday", "1988-04-17", nil},
		{"vin", "1HGCM82633A004352", nil},
		{"address", "x", []any{"Address"}},
		{"street", "12 Harbor Street", nil},
		{"place", "37.80, -122.27", []any{"Geographic Coordinates"}},
		{"cpf", "529.982.247-25", []any{"Brazil CPF"}},
		{"cpf", "529.982.247-26", nil},
		{"aadhar", "2341 2341 2346", []any{"Aadhar Number"}},
		{"aadhar", "2341 2341 2347", nil},
		{"note", "hello", nil},
		{"none", nil, nil},
	}
	st := newStore()
	for _, tt := range tests {
		assert.Equal(t, tt.want, st.scan(tt.name, tt.value), "%s=%v", tt.name, tt.value)
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, seed := range []string{"a[]=1&a=2", "a[b][c]=1&a[0]=2&a=3", "a[25]=1&a[]=2", "[]=1&[a=2&]=3&=", "a[b][c][d][e][f][g][h]=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) { js.Encode(qs.Parse(raw)) })
}
