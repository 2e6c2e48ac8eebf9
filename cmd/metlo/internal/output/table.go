package output

import (
	"io"
	"iter"
	"slices"
	"strings"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

const (
	gap        = "  "
	minWidth   = 8 // of a column that is shortened to fit
	minColumns = 3 // of a table on a terminal; a narrower terminal gets a line for each field
)

// look is how a column is shown.
type look struct {
	key   bool
	alarm string
}

func (l look) alarms(cell string) bool { return l.alarm != "" && cell == l.alarm }

// writeTable writes a line for each item. On a terminal the last columns are left out and the widest ones shortened until
// a line fits; elsewhere nothing is, so that the text depends on nothing but the items.
func writeTable[T any](p *Printer, items iter.Seq2[T, error], columns []Column[T]) error {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Wide })
	header, looks := make([]string, len(columns)), make([]look, len(columns))
	for i, c := range columns {
		header[i], looks[i] = title(c.Name), look{c.Key, c.Alarm}
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
	widths, fits := fit(rows, looks, p.Width)
	if !fits {
		return p.blocks(rows, looks)
	}
	return p.lines(rows, looks, widths)
}

// writeFields writes a line for each field of one item.
func writeFields[T any](p *Printer, item *T, columns []Column[T]) error {
	header, row, looks := make([]string, len(columns)), make([]string, len(columns)), make([]look, len(columns))
	for i, c := range columns {
		header[i], row[i], looks[i] = title(c.Name), safetext.Line(c.Value(item)), look{c.Key, c.Alarm}
	}
	return p.blocks([][]string{header, row}, looks)
}

func (p *Printer) lines(rows [][]string, looks []look, widths []int) error {
	var out strings.Builder
	for r, row := range rows {
		var line strings.Builder
		for i, width := range widths {
			cell, alarm := row[i], looks[i].alarms(row[i])
			if p.Width > 0 {
				cell = text.Snip(cell, width, "…")
			}
			line.WriteString(p.paint(cell, r == 0, alarm))
			if i < len(widths)-1 {
				line.WriteString(strings.Repeat(" ", max(0, width-text.StringWidth(cell))) + gap)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " "))
		out.WriteByte('\n')
	}
	_, err := io.WriteString(p.w, out.String())
	return err
}

// blocks writes a line for each field of each item, and an empty one between items. On a terminal a field that is too
// long goes on below itself, except a key, which can be copied only from one line.
func (p *Printer) blocks(rows [][]string, looks []look) error {
	names := 0
	for _, name := range rows[0] {
		names = max(names, text.StringWidth(name))
	}
	margin := names + len(gap)
	var out strings.Builder
	for r, row := range rows[1:] {
		if r > 0 {
			out.WriteByte('\n')
		}
		for i, name := range rows[0] {
			parts := []string{row[i]}
			if p.Width > margin && !looks[i].key {
				parts = strings.Split(text.WrapHard(row[i], p.Width-margin), "\n")
			}
			line := p.paint(name, true, false) + strings.Repeat(" ", margin-text.StringWidth(name))
			for _, part := range parts {
				out.WriteString(strings.TrimRight(line+p.paint(part, false, looks[i].alarms(row[i])), " ") + "\n")
				line = strings.Repeat(" ", margin)
			}
		}
	}
	_, err := io.WriteString(p.w, out.String())
	return err
}

// fit returns the widths of the columns, from the first on, that a line of total has room for. It reports whether those
// are enough for a table; a total of 0 has room for all.
func fit(rows [][]string, looks []look, total int) (widths []int, fits bool) {
	widths, least := make([]int, len(looks)), make([]int, len(looks))
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], text.StringWidth(row[i]))
		}
		if least[i] = widths[i]; !looks[i].key {
			least[i] = min(widths[i], minWidth)
		}
	}
	if total == 0 {
		return widths, true
	}
	room := func(list []int) int {
		sum := len(gap) * (len(list) - 1)
		for _, width := range list {
			sum += width
		}
		return sum
	}
	shown := len(widths)
	for shown > 1 && room(least[:shown]) > total {
		shown--
	}
	if shown < min(minColumns, len(widths)) || room(least[:shown]) > total {
		return nil, false
	}
	widths = widths[:shown]
	for sum := room(widths); sum > total; sum-- {
		widest := -1
		for i, width := range widths {
			if width > least[i] && (widest < 0 || width > widths[widest]) {
				widest = i
			}
		}
		widths[widest]--
	}
	return widths, true
}

// colors are those of values that a reader looks for.
var colors = map[string]text.Colors{
	"high": {text.FgRed}, "medium": {text.FgYellow}, "low": {text.FgCyan},
	"Open": {text.Bold},
}

func (p *Printer) paint(cell string, name, alarm bool) string {
	color := colors[cell]
	switch {
	case name:
		color = text.Colors{text.Bold}
	case alarm:
		color = text.Colors{text.FgRed}
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
