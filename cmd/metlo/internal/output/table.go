package output

import (
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/metlo-go/metlo/internal/safetext"
)

const (
	gap      = "  "
	minWidth = 8 // of a column that is shortened to fit
)

// writeTable writes a line for each item. On a terminal the widest columns are shortened until a line fits; elsewhere
// nothing is, so that the text depends on nothing but the items.
func writeTable[T any](p *Printer, items iter.Seq2[T, error], columns []Column[T]) error {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Wide })
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i] = title(c.Name)
	}
	rows := [][]string{header}
	for item, err := range items {
		if err != nil {
			return err
		}
		row := make([]string, len(columns))
		for i, c := range columns {
			row[i] = safetext.Line(c.Value(&item))
		}
		rows = append(rows, row)
	}
	return p.lines(rows, true)
}

// writeFields writes a line for each field of one item.
func writeFields[T any](p *Printer, item *T, columns []Column[T]) error {
	rows := make([][]string, 0, len(columns))
	for _, c := range columns {
		rows = append(rows, []string{title(c.Name), safetext.Line(c.Value(item))})
	}
	return p.lines(rows, false)
}

func (p *Printer) lines(rows [][]string, header bool) error {
	widths := fit(rows, p.Width)
	var out strings.Builder
	for r, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if p.Width > 0 {
				cell = text.Snip(cell, widths[i], "…")
			}
			padding := max(0, widths[i]-text.StringWidth(cell))
			line.WriteString(p.paint(cell, header && r == 0 || !header && i == 0))
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", padding) + gap)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " "))
		out.WriteByte('\n')
	}
	_, err := io.WriteString(p.w, out.String())
	return err
}

// fit returns the width of each column such that a line takes at most total, unless total is 0.
func fit(rows [][]string, total int) []int {
	widths := make([]int, len(rows[0]))
	sum := len(gap) * (len(widths) - 1)
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], text.StringWidth(row[i]))
		}
		sum += widths[i]
	}
	for ; total > 0 && sum > total; sum-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= minWidth {
			break
		}
		widths[widest]--
	}
	return widths
}

// colors are those of values that a reader looks for.
var colors = map[string]text.Colors{
	"high": {text.FgRed}, "medium": {text.FgYellow}, "low": {text.FgCyan},
	"Open": {text.Bold}, "NO": {text.FgRed},
}

func (p *Printer) paint(cell string, name bool) string {
	color := colors[cell]
	if name {
		color = text.Colors{text.Bold}
	}
	if !p.Color || color == nil {
		return cell
	}
	return "\x1b[" + strings.Trim(color.EscapeSeq(), "\x1b[m") + "m" + cell + "\x1b[0m"
}

// title writes dataClasses as DATA CLASSES.
func title(name string) string {
	var out strings.Builder
	previous := ' '
	for _, r := range name {
		if unicode.IsUpper(r) && unicode.IsLower(previous) {
			out.WriteByte(' ')
		}
		out.WriteRune(unicode.ToUpper(r))
		previous = r
	}
	return out.String()
}
