package graphql

import (
	"strings"
	"testing"
)

// TestProblem compares messages with those of buildSchema of graphql 16. For syntax errors and suggestions it compares
// only the beginning.
func TestProblem(t *testing.T) {
	for _, test := range []struct{ schema, want string }{
		{"type Query { me: String }", ""},
		{"", "Syntax Error: "},
		{"{", "Syntax Error: "},
		{"type Query {", "Syntax Error: "},
		{"type Query { me: Missing }", "Unknown type \"Missing\"."},
		{"type Query { me: String me: Int }", "Field \"Query.me\" can only be defined once."},
		{"type A { a: String } type A { b: String }", "There can be only one type named \"A\"."},
		{"extend type B { a: Int }", "Cannot extend type \"B\" because it is not defined."},
		{"type Query { a: String @nope }", "Unknown directive \"@nope\"."},
		{"type Query { a(x: Int, x: Int): String }", "Argument \"Query.a(x:)\" can only be defined once."},
		{"enum E { A A }", "Enum value \"E.A\" can only be defined once."},
		{"union U = Missing", "Unknown type \"Missing\"."},
		{"input I { a: Query } type Query { a: String }", ""},
		{"type Query implements N { a: String }", "Unknown type \"N\"."},
		{"interface N { id: ID! } type Query implements N { id: ID! }", ""},
		{"scalar Date type Query { d: Date }", ""},
		{"directive @d on FIELD_DEFINITION type Query { a: String @d }", ""},
		{"directive @d on FIELD_DEFINITION directive @d on OBJECT", "There can be only one directive named \"@d\"."},
		{"schema { query: Q } type Q { a: Int }", ""},
		{"schema { query: Missing }", "Unknown type \"Missing\"."},
		{"schema { query: Q } schema { query: Q } type Q { a: Int }", "Must provide only one schema definition.\n\nThere can be only one query type in schema."},
		{"type Query { a: String = 1 }", "Syntax Error: "},
		{"type query", ""},
		{"type Query { a: [Int }", "Syntax Error: "},
		{"type Query { a: String } §", "Syntax Error: "},
		{"type Query { a: \"x\" }", "Syntax Error: "},
		{"# only a comment", "Syntax Error: "},
		{"type Query { a(b: Int = 1): String! }", ""},
		{"type Query @deprecated { a: Int }", "Directive \"@deprecated\" may not be used on OBJECT."},
		{"input I { a: Int @deprecated(reason: \"x\") a: Int }", "Field \"I.a\" can only be defined once."},
		{"enum Query { A } type X { q: Query z: Zed y: Yed }", "Unknown type \"Zed\".\n\nUnknown type \"Yed\"."},
	} {
		if got := Problem(test.schema); got != test.want && !(test.want == "Syntax Error: " && strings.HasPrefix(got, test.want)) {
			t.Errorf("%q:\n got %q\nwant %q", test.schema, got, test.want)
		}
	}
}
