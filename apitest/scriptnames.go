package apitest

import (
	"regexp"
	"slices"
	"strings"
)

// scriptWords are JavaScript's own words and the names that every script has.
const scriptWords = `await async break case catch class const continue debugger default delete do else enum export
	extends false finally for function get if implements import in instanceof interface let new null of package private
	protected public return set static super switch this throw true try typeof var void while with yield
	Array BigInt Boolean Date Error EvalError Function Infinity Intl JSON Map Math NaN Number Object Promise Proxy
	RangeError ReferenceError Reflect RegExp Set String Symbol SyntaxError TypeError URIError WeakMap WeakSet arguments
	decodeURI decodeURIComponent encodeURI encodeURIComponent escape eval globalThis isFinite isNaN parseFloat parseInt
	undefined unescape resp`

var (
	// scriptTexts matches what holds no names: comments, strings, regular expressions, templates, names behind typeof.
	scriptTexts = regexp.MustCompile(`(?s)//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\{\{.*?\}\}|\btypeof\s+[\w$]+|` +
		`([=(,:;!&|?{}\[+\n]|\breturn|^)\s*/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n*\[])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])*/[a-z]*`)
	// scriptDeclares matches where names are declared, with the names.
	scriptDeclares = regexp.MustCompile(`\b(?:const|let|var|class)\s+([^=;]+)|\bfunction\b([^{]*)|\bcatch\s*\(([^)]*)\)|\(([^()]*)\)\s*=>|([\w$]+)\s*=>`)
	scriptName     = regexp.MustCompile(`[\p{L}_$][\p{L}\p{N}_$]*`)
)

// unknownNames gives the names that a script reads and nothing declares. It sees a script as words: a name that is
// declared anywhere counts as declared, and a script with a template literal is left to the run, which misses nothing.
func unknownNames(source string, known func(string) bool) []string {
	if strings.Contains(source, "`") {
		return nil
	}
	code := scriptTexts.ReplaceAllString(source, "$1 0 ")
	words, seen := strings.Fields(scriptWords), []string{}
	for _, declaration := range scriptDeclares.FindAllString(code, -1) {
		seen = append(seen, scriptName.FindAllString(declaration, -1)...)
	}
	var out []string
	for _, at := range scriptName.FindAllStringIndex(code, -1) {
		name := code[at[0]:at[1]]
		if isReference(code, at) && !slices.Contains(words, name) && !known(name) && !slices.Contains(seen, name) {
			seen, out = append(seen, name), append(out, name)
		}
	}
	return out
}

// isReference says whether the word at a place is a name that is read: no property, key, label, number or target of =.
func isReference(code string, at []int) bool {
	before, after := strings.TrimSpace(code[:at[0]]), strings.TrimSpace(code[at[1]:])
	last := before[max(len(before)-1, 0):]
	switch {
	case strings.HasSuffix(before, ".") && !strings.HasSuffix(before, "..."),
		strings.HasPrefix(after, ":") && strings.Contains("{,;", last),
		strings.HasPrefix(after, "=") && !strings.HasPrefix(after, "=="),
		at[0] > 0 && strings.Contains("0123456789", code[at[0]-1:at[0]]):
		return false
	}
	return true
}
