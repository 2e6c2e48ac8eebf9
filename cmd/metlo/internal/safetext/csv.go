package safetext

import (
	"strings"
	"unicode"
)

// CSV returns one record with its line break. A spreadsheet in any locale shows its cells as text. Each cell is as safe
// as a [Line]. CSV puts an apostrophe before a character that would start a formula, at the start of a cell or after a
// character that some locale reads as a separator. It quotes such cells.
func CSV(cells ...string) string {
	var out strings.Builder
	for i, cell := range cells {
		if i > 0 {
			out.WriteByte(',')
		}
		if plain(cell) {
			out.WriteString(cell)
			continue
		}
		text := Cell(cell)
		if text != cell || strings.ContainsAny(text, "\",;|") || strings.TrimSpace(text) != text {
			out.WriteString(`"` + strings.ReplaceAll(text, `"`, `""`) + `"`)
		} else {
			out.WriteString(text)
		}
	}
	out.WriteByte('\n')
	return out.String()
}

// plain reports whether text needs no check of each character, as most cells do not. A plain text starts with a letter, a
// digit, a slash or a brace, and contains only letters, digits and the characters of paths and times.
func plain(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '{', c == '}':
		case i > 0 && (c == '.' || c == '-' || c == '_' || c == ':' || c == '^' || c == ' ' && i < len(text)-1):
		default:
			return false
		}
	}
	return true
}

// Cell returns the text of a cell as [CSV] writes it, without quotes.
func Cell(text string) string {
	text = Line(text)
	var out strings.Builder
	start := true // the next character starts a cell in some locale
	for _, r := range text {
		switch {
		case start && startsFormula(r):
			out.WriteByte('\'')
			start = false
		case strings.ContainsRune(",;|", r):
			start = true
		case r != '"' && !unicode.IsSpace(r):
			start = false
		}
		out.WriteRune(r)
	}
	return out.String()
}

// startsFormula reports whether a spreadsheet may evaluate a text that begins with the character: =, +, -, @ and their
// full-width, small, mathematical, superscript and subscript forms.
func startsFormula(r rune) bool {
	return strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−⁼⁺⁻₌₊₋", r)
}
