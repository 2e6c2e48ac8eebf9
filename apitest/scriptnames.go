package apitest

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// scriptSyntax holds the words and expressions that the search for names uses. The first search compiles it, because most
// programs search no script.
type scriptSyntax struct {
	words      map[string]bool // JavaScript's own words and the names that every script has
	conditions map[string]bool // words whose brackets hold no parameters, though a block follows

	texts       *regexp.Regexp // parts without names: comments, strings, regular expressions, templates, names behind typeof
	name        *regexp.Regexp
	keyword     *regexp.Regexp // begins a declaration
	declaration *regexp.Regexp // rest of a declaration behind its keyword, including continued lines
	loop        *regexp.Regexp
	target      *regexp.Regexp // a name before =, => or ==, the variable of a loop, and a label
}

var javaScript = sync.OnceValue(func() *scriptSyntax {
	return &scriptSyntax{
		words: setOf(strings.Fields(`await async break case catch class const continue debugger default delete do else enum
	export extends false finally for function get if implements import in instanceof interface let new null of package
	private protected public return set static super switch this throw true try typeof var void while with yield
	Array BigInt Boolean Date Error EvalError Function Infinity Intl JSON Map Math NaN Number Object Promise Proxy
	RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError WeakMap WeakSet arguments
	decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt
	undefined unescape resp`)),
		conditions: setOf(strings.Fields("if while for switch with")),
		texts: regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{\{.*?\}\}|\btypeof\s+[\w$]+|` +
			`([=>(,:;!&|?{}\[+\n]|\breturn|^)\s*/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n*\[])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])*/[a-z]*`),
		name:        regexp.MustCompile(`[\p{L}_$][\p{L}\p{N}_$]*`),
		keyword:     regexp.MustCompile(`\b(?:const|let|var|class)\b`),
		declaration: regexp.MustCompile(`^\s*(?:[,{\[(=]\s*\n|\n\s*[,}\])=]|[^;\n])*`),
		loop:        regexp.MustCompile(`\s(?:of|in)\s`),
		target: regexp.MustCompile(`[\p{L}_$][\p{L}\p{N}_$]*\s*=+|\bfor\s*\(\s*[\p{L}_$][\p{L}\p{N}_$]*\s+(?:of|in)\b|` +
			`\b(?:break|continue)[ \t]+[\p{L}_$][\p{L}\p{N}_$]*`),
	}
})

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// unknownNames returns the names that a script reads and does not declare. When in doubt it leaves a name out. A name
// that is declared anywhere counts as declared. For a script with a template literal it returns nothing.
func unknownNames(source string, known func(string) bool) []string {
	if strings.Contains(source, "`") {
		return nil
	}
	code := strings.TrimSpace(javaScript().texts.ReplaceAllStringFunc(source, withoutNames))
	seen := declaredNames(code)
	var out []string
	for _, at := range javaScript().name.FindAllStringIndex(code, -1) {
		name := code[at[0]:at[1]]
		if !javaScript().words[name] && !seen[name] && isReference(code, at) && !known(name) {
			seen[name], out = true, append(out, name)
		}
	}
	return out
}

// isConstant reports whether a script reads neither the response nor a variable. It returns false when in doubt.
func isConstant(source string) bool {
	if strings.ContainsAny(source, "`{") || strings.Contains(source, "typeof") {
		return false
	}
	code := javaScript().texts.ReplaceAllStringFunc(source, withoutNames)
	return !slices.ContainsFunc(javaScript().name.FindAllString(code, -1), func(name string) bool {
		return !javaScript().words[name] || slices.Contains([]string{"resp", "eval", "Function", "globalThis", "this"}, name)
	})
}

// withoutNames replaces a comment by a space and other text by a number. It keeps what precedes a regular expression.
func withoutNames(text string) string {
	switch {
	case strings.HasPrefix(text, "//"), strings.HasPrefix(text, "/*"):
		return " "
	case strings.HasPrefix(text, "{{"):
		return " 0 "
	case strings.HasPrefix(text, "return"):
		return "return 0 "
	case strings.ContainsAny(text[:1], "=>(,:;!&|?{}[+\n"):
		return text[:1] + " 0 "
	}
	return " 0 "
}

// declaredNames returns the names that a script declares. It may return others too.
func declaredNames(code string) map[string]bool {
	declared := map[string]bool{}
	add := func(text string) {
		for _, name := range javaScript().name.FindAllString(text, -1) {
			declared[name] = true
		}
	}
	for i, part := range javaScript().keyword.Split(code, -1) {
		if i > 0 {
			addDeclaration(part, add)
		}
	}
	for _, target := range javaScript().target.FindAllString(code, -1) {
		if !strings.HasSuffix(target, "==") {
			add(target)
		}
	}
	for _, at := range bracketsOfNames(code) {
		add(code[at[0]:at[1]])
	}
	return declared
}

// addDeclaration adds the names before the equals signs of a declaration.
func addDeclaration(text string, add func(string)) {
	text = javaScript().declaration.FindString(text)
	if loop := javaScript().loop.FindStringIndex(text); loop != nil {
		text = text[:loop[0]]
	}
	for part := range strings.SplitSeq(text, ",") {
		names, _, _ := strings.Cut(part, "=")
		add(names)
	}
}

// bracketsOfNames returns the places of parameter lists, including the name of the function, and of destructuring
// patterns. No place is inside another.
func bracketsOfNames(code string) (places [][2]int) {
	var open []int
	for i := range len(code) {
		switch code[i] {
		case '(', '[', '{':
			open = append(open, i)
		case ')', ']', '}':
			if len(open) == 0 {
				continue
			}
			start := open[len(open)-1]
			open = open[:len(open)-1]
			if start, holds := holdsNames(code, start, i); holds {
				for len(places) > 0 && places[len(places)-1][0] >= start {
					places = places[:len(places)-1]
				}
				places = append(places, [2]int{start, i})
			}
		}
	}
	return places
}

// holdsNames reports whether brackets hold names that are declared, and where the text of the names begins.
func holdsNames(code string, start, end int) (begin int, holds bool) {
	after := strings.TrimLeft(code[end+1:], " \t\r\n")
	if code[end] != ')' {
		return start, strings.HasPrefix(after, "=") && !strings.HasPrefix(after, "==") && !strings.HasPrefix(after, "=>")
	}
	word := wordBefore(code, start)
	return start - len(word), strings.HasPrefix(after, "=>") ||
		strings.HasPrefix(after, "{") && !javaScript().conditions[strings.TrimSpace(word)]
}

// wordBefore returns the word before a place, with the spaces that follow it.
func wordBefore(code string, at int) string {
	trimmed := strings.TrimRight(code[:at], " \t\r\n")
	begin := len(trimmed)
	for begin > 0 && isWordByte(trimmed[begin-1]) {
		begin--
	}
	return code[begin:at]
}

func isWordByte(b byte) bool {
	return b == '_' || b == '$' || b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b|0x20 && b|0x20 <= 'z'
}

// isReference reports whether the word at a place is a name that is read, and not a property, a key, a label or part of
// a number.
func isReference(code string, at []int) bool {
	before, after := strings.TrimSpace(code[:at[0]]), strings.TrimSpace(code[at[1]:])
	last := before[max(len(before)-1, 0):]
	switch {
	case strings.HasSuffix(before, ".") && !strings.HasSuffix(before, "..."), last == "#",
		strings.HasPrefix(after, ":") && (last == "" || strings.ContainsAny(last, "{,;")),
		at[0] > 0 && strings.ContainsAny(code[at[0]-1:at[0]], "0123456789"):
		return false
	}
	return true
}
