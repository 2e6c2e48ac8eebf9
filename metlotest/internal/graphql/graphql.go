// Package graphql says what buildSchema of graphql-js 16 says about a schema.
package graphql

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// Problem is why a schema cannot be built, "" when it can.
func Problem(source string) string {
	if strings.Trim(source, " \t\r\n,\ufeff") == "" {
		return "Syntax Error: Unexpected <EOF>."
	}
	document, err := parser.ParseSchema(&ast.Source{Input: source})
	if err != nil {
		return "Syntax Error: " + syntaxError(source, err)
	}
	if len(document.Definitions)+len(document.Extensions)+len(document.Directives)+len(document.Schema)+len(document.SchemaExtension) == 0 {
		return "Syntax Error: Unexpected <EOF>."
	}
	v := newValidator(document)
	v.validate()
	return strings.Join(v.problems, "\n\n")
}

var (
	expectedFound = regexp.MustCompile(`^Expected (.+), found (.+)$`)
	atLeastOne    = regexp.MustCompile(`^expected at least one definition, found (.+)$`)
	unexpected    = regexp.MustCompile(`^Unexpected (.+)$`)
	strangeChar   = regexp.MustCompile(`^Cannot parse the unexpected character "(.*)"\.$`)
)

// syntaxError puts the parser's error into the words of graphql-js, which quote punctuation and show names.
func syntaxError(source string, err error) string {
	var found *gqlerror.Error
	if !errors.As(err, &found) {
		return err.Error()
	}
	message := found.Message
	token := tokenAt(source, found.Locations)
	if r, size := utf8.DecodeRuneInString(token); strangeChar.MatchString(message) || size > 0 && r >= utf8.RuneSelf {
		return "Unexpected character: " + character(token) + "."
	}
	if m := expectedFound.FindStringSubmatch(message); m != nil {
		return "Expected " + kindName(m[1]) + ", found " + describe(token) + "."
	}
	if atLeastOne.MatchString(message) {
		return "Expected Name, found " + describe(token) + "."
	}
	if unexpected.MatchString(message) && !strings.HasSuffix(message, ".") {
		if next, ok := afterBrace(source, token); ok {
			return "Expected Name, found " + describe(next) + "."
		}
		return "Unexpected " + describe(token) + "."
	}
	if !strings.HasSuffix(message, ".") {
		message += "."
	}
	return message
}

// afterBrace is the token behind a brace that begins a query, if it is none that may follow there.
func afterBrace(source, token string) (string, bool) {
	if token != "{" || strings.Count(source, "{") > 1 {
		return "", false
	}
	_, rest, _ := strings.Cut(source, "{")
	next := tokenForm.FindString(strings.TrimLeft(rest, " \t\r\n,"))
	return next, next != "..." && !regexp.MustCompile(`^[_A-Za-z]`).MatchString(next)
}

func kindName(kind string) string {
	if strings.HasPrefix(kind, `"`) || kind == "Name" || kind == "<EOF>" {
		return kind
	}
	if kind != "" && kind[0] >= 'A' && kind[0] <= 'Z' {
		return kind
	}
	return `"` + kind + `"`
}

var tokenForm = regexp.MustCompile(`^(?:"""|"(?:[^"\\\n]|\\.)*"|[_A-Za-z][_0-9A-Za-z]*|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|\.\.\.|.)`)

// tokenAt is the text of the token at a place, "" at the end.
func tokenAt(source string, places []gqlerror.Location) string {
	if len(places) == 0 {
		return ""
	}
	lines := strings.SplitAfter(source, "\n")
	if places[0].Line > len(lines) {
		return ""
	}
	line := []rune(lines[places[0].Line-1])
	start := min(max(places[0].Column-1, 0), len(line))
	if start > 0 && line[start-1] == '"' { // the parser points behind the quotation mark
		start--
	}
	rest := string(line[start:])
	return tokenForm.FindString(strings.TrimRight(rest, "\r\n"))
}

func describe(token string) string {
	switch {
	case token == "":
		return "<EOF>"
	case strings.HasPrefix(token, `"`) && len(token) > 1:
		return "String " + token
	case regexp.MustCompile(`^[_A-Za-z]`).MatchString(token):
		return `Name "` + token + `"`
	case regexp.MustCompile(`^-?[0-9]+$`).MatchString(token):
		return `Int "` + token + `"`
	case regexp.MustCompile(`^-?[0-9]`).MatchString(token):
		return `Float "` + token + `"`
	}
	return `"` + token + `"`
}

func character(token string) string {
	r, _ := utf8.DecodeRuneInString(token)
	if r == '"' {
		return `'"'`
	}
	if r > 0x20 && r < 0x7f {
		return `"` + string(r) + `"`
	}
	return fmt.Sprintf("U+%04X", r)
}

func builtinScalars() []string { return []string{"String", "Int", "Float", "Boolean", "ID"} }

func standardTypes() []string {
	return append(builtinScalars(), "__Schema", "__Directive", "__DirectiveLocation", "__Type", "__Field", "__InputValue",
		"__EnumValue", "__TypeKind")
}

// didYouMean suggests names that are near.
func didYouMean(input string, options []string) string {
	type near struct {
		name     string
		distance int
	}
	threshold := len(input)*4/10 + 1
	var found []near
	for _, option := range options {
		if d := distance(input, option); d <= threshold && !slices.ContainsFunc(found, func(n near) bool { return n.name == option }) {
			found = append(found, near{option, d})
		}
	}
	slices.SortStableFunc(found, func(a, b near) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	const most = 5
	var names []string
	for _, n := range found[:min(len(found), most)] {
		names = append(names, `"`+n.name+`"`)
	}
	switch len(names) {
	case 0:
		return ""
	case 1:
		return " Did you mean " + names[0] + "?"
	case 2:
		return " Did you mean " + names[0] + " or " + names[1] + "?"
	}
	return " Did you mean " + strings.Join(names[:len(names)-1], ", ") + ", or " + names[len(names)-1] + "?"
}

// distance counts edits: letters put in, taken out, replaced or swapped with the next. Another case of
// all letters is one edit.
func distance(a, b string) int {
	if a == b {
		return 0
	}
	a, b = strings.ToLower(a), strings.ToLower(b)
	if a == b {
		return 1
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
