package ajv

import (
	"testing"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// TestRules compares with the messages of ajv 8.
func TestRules(t *testing.T) {
	list := func(values ...any) []any { return values }
	for _, test := range []struct {
		name           string
		rule           Rule
		value          any
		pointer, error string
	}{
		{"a type", Type("string"), "x", "", ""},
		{"another type", Type("string"), 1.0, "/at", "must be string"},
		{"null", Type("object"), nil, "/at", "must be object"},
		{"rules after the type", Type("string", Length(2, 0)), "x", "/at", "must NOT have fewer than 2 characters"},
		{"too long", Length(0, 2), "abc", "/at", "must NOT have more than 2 characters"},
		{"characters, not bytes", Length(0, 2), "üü", "", ""},
		{"a pattern", Pattern("^a$"), "b", "/at", `must match pattern "^a$"`},
		{"a regex", RegexFormat, "(?<name>a)b", "", ""},
		{"a lookbehind", RegexFormat, "(?<=a)b", "/at", `must match format "regex": metlotest runs patterns with package regexp, which does not have (?<=a)b`},
		{"no regex", RegexFormat, "(", "/at", `must match format "regex"`},
		{"Perl's end", RegexFormat, `a\Z`, "/at", `must match format "regex"`},
		{"an enum", Enum("a", "b"), "c", "/at", "must be equal to one of the allowed values"},
		{"an enum and a number", Enum("1"), 1.0, "/at", "must be equal to one of the allowed values"},
		{"too few items", Items(1, 0, false, Anything), list(), "/at", "must NOT have fewer than 1 items"},
		{"too many items", Items(0, 1, false, Anything), list("a", "b"), "/at", "must NOT have more than 1 items"},
		{"items that differ", Items(0, 0, true, Anything), list("a", "b", "a"), "/at", "must NOT have duplicate items (items ## 2 and 0 are identical)"},
		{"an item", Items(0, 0, false, Type("string")), list("a", 2.0), "/at/1", "must be string"},
		{"too few properties", Properties(1, 0), js.New(), "/at", "must NOT have fewer than 1 properties"},
		{"too many properties", Properties(0, 1), js.New("a", 1.0, "b", 2.0), "/at", "must NOT have more than 1 properties"},
		{"required", Required("a", "b"), js.New("a", 1.0), "/at", "must have required property 'b'"},
		{"only", Only(Named("a", Anything)), js.New("b", 1.0), "/at", "must NOT have additional properties"},
		{"the rule of a member", Only(Named("a/b~", Type("string"))), js.New("a/b~", 1.0), "/at/a~1b~0", "must be string"},
		{"members may be absent", Members(Named("a", Type("string"))), js.New("b", 1.0), "", ""},
		{"any of", AnyOf(Type("string"), Type("number")), 1.0, "", ""},
		{"none of", AnyOf(Type("string"), Type("number")), true, "/at", "must be string"},
		{"if it is so", If("kind", "a", Required("b")), js.New("kind", "a"), "/at", "must have required property 'b'"},
		{"if it is not", If("kind", "a", Required("b")), js.New("kind", "c"), "", ""},
		{"if it is absent", If("kind", "a", Required("b")), js.New(), "/at", "must have required property 'b'"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.rule("/at", test.value)
			switch {
			case err == nil && test.error != "":
				t.Errorf("passes; want %q", test.error)
			case err != nil && (err.Message != test.error || err.Pointer != test.pointer):
				t.Errorf("%q at %q; want %q at %q", err.Message, err.Pointer, test.error, test.pointer)
			}
		})
	}
}

func TestUnexpectedAndAllowed(t *testing.T) {
	err := Each(func(name string) (Rule, bool) { return Anything, name == "a" })("", js.New("a", 1.0, "b", 2.0))
	if err == nil || err.Unexpected != "b" {
		t.Errorf("%+v", err)
	}
	err = Enum("x", "y")("", "z")
	if err == nil || len(err.Allowed) != 2 {
		t.Errorf("%+v", err)
	}
}
