package pg

import (
	"slices"
	"testing"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// The tables hold answers of PostgreSQL 15.

func TestParseBool(t *testing.T) {
	for _, test := range []struct {
		text         string
		value, valid bool
	}{
		{"t", true, true},
		{"tr", true, true},
		{"TRUE", true, true},
		{" yes ", true, true},
		{"y", true, true},
		{"on", true, true},
		{"o", false, false},
		{"1", true, true},
		{"f", false, true},
		{"fal", false, true},
		{"no", false, true},
		{"N", false, true},
		{"of", false, true},
		{"off", false, true},
		{"0", false, true},
		{"", false, false},
		{"2", false, false},
		{"truex", false, false},
		{"10", false, false},
	} {
		if value, valid := ParseBool(test.text); value != test.value || valid != test.valid {
			t.Errorf("%q: %t, %t", test.text, value, valid)
		}
	}
}

func TestParseUUID(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000a"},
		{"00000000-0000-4000-8000-00000000000A", "00000000-0000-4000-8000-00000000000a"},
		{"{00000000-0000-4000-8000-00000000000a}", "00000000-0000-4000-8000-00000000000a"},
		{"0000000000004000800000000000000a", "00000000-0000-4000-8000-00000000000a"},
		{"{00000000-0000-4000-8000-00000000000a", ""},
		{"00000000-0000-4000-8000-00000000000a}", ""},
		{"0000-0000-0000-4000-8000-0000-0000-000a", "00000000-0000-4000-8000-00000000000a"},
		{"00-000000-0000-4000-8000-00000000000a", ""},
		{"-00000000-0000-4000-8000-00000000000a", ""},
		{"00000000-0000-4000-8000-00000000000a-", ""},
		{"0000--0000-0000-4000-8000-00000000000a", ""},
		{"00000000-0000-4000-8000-00000000000", ""},
		{"00000000-0000-4000-8000-00000000000a0", ""},
		{"x", ""},
		{"", ""},
		{"{}", ""},
		{" 00000000-0000-4000-8000-00000000000a", ""},
	} {
		if got, valid := ParseUUID(test.text); got != test.want || valid != (test.want != "") {
			t.Errorf("%q: %q, %t; want %q", test.text, got, valid, test.want)
		}
	}
}

func TestILike(t *testing.T) {
	for _, test := range []struct {
		text, pattern string
		want          bool
	}{
		{"/v1/Orders", "orders", true},
		{"/v1/orders", "%", true},
		{"a_b", "_", true},
		{"ab", "a_b", false},
		{"a%b", "a\\%b", true},
		{"axb", "a\\%b", false},
		{"ab\\", "\\\\", true},
		{"ÜBER", "über", true},
		{"", "_", false},
		{"abc", "a%c", true},
		{"aXbXc", "x_x", true},
		{"a\nb", "a_b", true},
	} {
		if got := ILike(test.text, test.pattern); got != test.want {
			t.Errorf("%q ILIKE %q: %t", test.text, test.pattern, got)
		}
	}
}

func TestILikeOfManyWildcardsEnds(t *testing.T) {
	const wildcards, letters = 40, 400
	if ILike(string(slices.Repeat([]byte("a"), letters)), string(slices.Repeat([]byte("%a"), wildcards))+"%b") {
		t.Error("a pattern with b matches a text without")
	}
}

func TestRegexp(t *testing.T) {
	for _, test := range []struct {
		text, pattern string
		match         bool
		problem       string
	}{
		{"abc", "^a.c$", true, ""},
		{"a\nc", "a.c", true, ""},
		{"foo bar", "\\yfoo\\y", true, ""},
		{"foobar", "\\yfoo\\y", false, ""},
		{"foobar", "\\mfoo", true, ""},
		{"xfoo", "\\mfoo", false, ""},
		{"xfoo", "foo\\M", true, ""},
		{"foox", "foo\\M", false, ""},
		{"abab", "(ab)\\1", false, `invalid regular expression: metlotest runs patterns with package regexp, which does not have \1`},
		{"ab", "a(?=b)", false, "invalid regular expression: metlotest runs patterns with package regexp, which does not have (?="},
		{"ac", "a(?!b)", false, "invalid regular expression: metlotest runs patterns with package regexp, which does not have (?!"},
		{"ab", "(?<=a)b", false, "invalid regular expression: metlotest runs patterns with package regexp, which does not have (?<=a)b"},
		{"ABC", "(?i)abc", true, ""},
		{"a1", "[[:digit:]]", true, ""},
		{"a]", "[]]", true, ""},
		{"aab", "a{2}b", true, ""},
		{"a", "a{", false, ""},
		{"x", "(", false, "invalid regular expression: parentheses () not balanced"},
		{"x", ")", false, "invalid regular expression: parentheses () not balanced"},
		{"x", "[", false, "invalid regular expression: brackets [] not balanced"},
		{"x", "*", false, "invalid regular expression: quantifier operand invalid"},
		{"x", "a**", false, "invalid regular expression: quantifier operand invalid"},
		{"x", "a{2,1}", false, "invalid regular expression: invalid repetition count(s)"},
		{"x", "\\", false, "invalid regular expression: invalid escape \\ sequence"},
		{"x", "[b-a]", false, "invalid regular expression: invalid character range"},
		{"x", "(?z)", false, "invalid regular expression: invalid embedded option"},
		{"tab\t", "\\t", true, ""},
		{"a.b", "***=a.b", true, ""},
		{"axb", "***=a.b", false, ""},
		{"ab", "(?x)a b", false, "invalid regular expression: metlotest runs patterns with package regexp, which does not have (?x"},
		{"aaa", "^a+?$", true, ""},
		{"", "^$", true, ""},
		{"x", "[[:foo:]]", false, "invalid regular expression: invalid character class"},
		{"a-b", "[a\\-b]", true, ""},
		{"q", "\\q", false, "invalid regular expression: invalid escape \\ sequence"},
		{"A", "\\u0041", true, ""},
		{"1", "\\d", true, ""},
		{"x", "\\D", true, ""},
		{"x", "[^\\d]", true, ""},
		{"a\nb", "^b", false, ""},
		{"a\nb", "(?n)^b", true, ""},
		{"x", "x|", true, ""},
		{"y", "x||y", true, ""},
	} {
		re, err := Compile(test.pattern, false)
		switch {
		case test.problem != "":
			if err == nil || err.Error() != test.problem {
				t.Errorf("%q: error %v, want %q", test.pattern, err, test.problem)
			}
		case err != nil:
			t.Errorf("%q: %v", test.pattern, err)
		case re.MatchString(test.text) != test.match:
			t.Errorf("%q ~ %q: %t", test.text, test.pattern, !test.match)
		}
	}
}

func TestPage(t *testing.T) {
	for _, test := range []struct {
		rows, keys, limit, offset int
		want                      []int
	}{
		{10, 3, 2, 0, []int{3, 6}},
		{10, 3, 2, 2, []int{6, 4}},
		{10, 3, 4, 2, []int{3, 10, 4, 7}},
		{20, 1, 3, 0, []int{2, 3, 1}},
		{20, 1, 3, 3, []int{5, 6, 1}},
		{20, 1, 10, 5, []int{6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
		{50, 4, 5, 0, []int{16, 8, 4, 12, 20}},
		{50, 4, 5, 10, []int{12, 28, 17, 25, 13}},
		{50, 4, 30, 0, []int{4, 24, 20, 16, 48, 40, 36, 8, 44, 32, 28, 12, 1, 5, 9, 13, 17, 21, 25, 29, 33, 37, 41, 45, 49, 26, 50, 30, 10, 46}},
		{50, 4, 1000, 45, []int{23, 35, 7, 47, 19}},
	} {
		rows := make([]int, test.rows)
		for i := range rows {
			rows[i] = i + 1
		}
		got := Page(rows, func(a, b int) int { return a%test.keys - b%test.keys }, test.limit, test.offset)
		if !slices.Equal(got, test.want) {
			t.Errorf("%d rows, %d keys, limit %d, offset %d:\n got %v\nwant %v", test.rows, test.keys, test.limit, test.offset, got, test.want)
		}
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"}, {true, "true"}, {1.5, "1.5"}, {"x", "x"},
		{[]any{"a", nil, 1.0, []any{"b"}}, `{"a",NULL,"1",{"b"}}`}, {[]any{`q"\`}, `{"q\"\\"}`}, {[]any{}, "{}"},
		{js.New("a", []any{1.0}), `{"a":[1]}`},
	} {
		if got := Text(test.value); got != test.want {
			t.Errorf("%v: %s, want %s", test.value, got, test.want)
		}
	}
}
