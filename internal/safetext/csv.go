package safetext

import (
	"strings"
	"unicode"
)

// CSV returns one record with its line break. A spreadsheet in any locale shows its cells as text. Each cell is as safe
// as [Line] makes it. An apostrophe stands before what would start a formula, at the start of a cell or behind a
// character that some locale reads as a separator; such cells are quoted.
func CSV(cells ...string) string {
	var out strings.Builder
	for i, cell := range cells {
		if i > 0 {
			out.WriteByte(',')
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

// Cell returns the text of a cell as [CSV] writes it, without quotes.
func Cell(text string) string {
	text = Line(text)
	var out strings.Builder
	start := true // of a cell, in some locale
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

// startsFormula reports whether a spreadsheet may compute what begins with the character: =, +, -, @ and their
// full-width, small, mathematical and super- and subscript forms.
func startsFormula(r rune) bool {
	return strings.ContainsRune("=+-@＝＋－＠﹦﹢﹣﹫−⁼⁺⁻₌₊₋", r)
}
