package output

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

const (
	gap       = "  "
	minWidth  = 8  // minimum width of a shortened column
	minVital  = 20 // minimum width of a shortened vital column
	minID     = 8  // minimum length of an id on a terminal
	narrowest = 40 // minimum width of a terminal for a table; a narrower one shows a line for each field
)

// look describes how a column is shown.
type look struct {
	id, vital bool
	alarm     string
}

func (l look) alarms(cell string) bool { return l.alarm != "" && cell == l.alarm }

// writeTable writes a line for each item. On a terminal it shows unique prefixes of ids, and the ages of times. If a
// line does not fit the terminal, writeTable drops columns that are not vital from the last on, and shortens the
// widest. Elsewhere it shortens nothing, so that the text depends only on the items.
func writeTable[T any](p *Printer, items iter.Seq2[T, error], columns []Column[T]) error {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Wide && p.columns == nil })
	header, looks := make([]string, len(columns)), make([]look, len(columns))
	for i, c := range columns {
		header[i], looks[i] = title(c.Name), lookOf(&c)
	}
	if len(looks) > 0 {
		looks[0].vital = true
	}
	rows := [][]string{header}
	for item, err := range items {
		if err != nil {
			return err
		}
		rows = append(rows, cells(p, &item, columns))
	}
	if p.Width == 0 {
		return p.lines(rows, looks, naturalWidths(rows))
	}
	shorten(rows, looks)
	widths, fits := fit(rows, looks, p.Width)
	if !fits {
		return p.blocks(rows, looks)
	}
	return p.lines(rows, looks, widths)
}

func lookOf[T any](c *Column[T]) look { return look{id: c.ID, vital: c.Vital || c.ID, alarm: c.Alarm} }

// cells returns the texts of an item's columns.
func cells[T any](p *Printer, item *T, columns []Column[T]) []string {
	row := make([]string, len(columns))
	for i, c := range columns {
		row[i] = safetext.Line(c.Value(item))
		if c.Time && p.Width > 0 {
			row[i] = age(row[i], time.Now())
		}
	}
	return row
}

// writeFields writes a line for each field of one item.
func writeFields[T any](p *Printer, item *T, columns []Column[T]) error {
	columns = slices.DeleteFunc(slices.Clone(columns), func(c Column[T]) bool { return c.Combined })
	header, row, looks := make([]string, len(columns)), make([]string, len(columns)), make([]look, len(columns))
	for i, c := range columns {
		header[i], row[i], looks[i] = title(c.Name), safetext.Line(c.Value(item)), lookOf(&c)
	}
	return p.blocks([][]string{header, row}, looks)
}

// age returns the age of an exact time as a terminal shows it. A time over 60 days ago becomes its date.
func age(exact string, now time.Time) string {
	at, err := time.Parse(time.RFC3339, exact)
	if err != nil {
		return exact
	}
	passed, suffix := now.Sub(at), "ago"
	if passed < 0 {
		passed, suffix = -passed, "ahead"
	}
	switch {
	case passed < time.Minute:
		return "just now"
	case passed < time.Hour:
		return fmt.Sprintf("%dm %s", passed/time.Minute, suffix)
	case passed < 48*time.Hour:
		return fmt.Sprintf("%dh %s", passed/time.Hour, suffix)
	case passed < 60*24*time.Hour:
		return fmt.Sprintf("%dd %s", passed/(24*time.Hour), suffix)
	}
	return at.Format(time.DateOnly)
}

// shorten cuts the ids of each column to the shortest length at which they are unique.
func shorten(rows [][]string, looks []look) {
	for i := range looks {
		if !looks[i].id {
			continue
		}
		length := minID
		for distinct(rows, i, length) < distinct(rows, i, 1<<10) {
			length++
		}
		for _, row := range rows[1:] {
			row[i] = row[i][:min(length, len(row[i]))]
		}
	}
}

func distinct(rows [][]string, column, length int) int {
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[row[column][:min(length, len(row[column]))]] = true
	}
	return len(seen)
}

func (p *Printer) lines(rows [][]string, looks []look, widths []int) error {
	var out strings.Builder
	shown := []int{}
	for i, width := range widths {
		if width > 0 {
			shown = append(shown, i)
		}
	}
	for r, row := range rows {
		var line strings.Builder
		for n, i := range shown {
			cell, alarm := row[i], looks[i].alarms(row[i])
			color := row[i]
			if p.Width > 0 {
				cell = snip(cell, widths[i], looks[i].vital && r > 0)
			}
			line.WriteString(p.paint(color, cell, r == 0, alarm))
			if n < len(shown)-1 {
				line.WriteString(strings.Repeat(" ", max(0, widths[i]-text.StringWidth(cell))) + gap)
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " "))
		out.WriteByte('\n')
	}
	_, err := io.WriteString(p.w, out.String())
	return err
}

// snip shortens a cell. It cuts a vital cell in its middle, because both ends of an endpoint identify it.
func snip(cell string, width int, middle bool) string {
	if !middle || text.StringWidth(cell) <= width {
		return text.Snip(cell, width, "…")
	}
	runes, head, tail := []rune(cell), "", ""
	for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
		if text.StringWidth(tail+string(runes[j]))+text.StringWidth(head) > width-1 {
			break
		}
		tail = string(runes[j]) + tail
		if text.StringWidth(head+string(runes[i]))+text.StringWidth(tail) > width-1 {
			break
		}
		head += string(runes[i])
	}
	return head + "…" + tail
}

// blocks writes a line for each field of each item, and an empty line between items. On a terminal it wraps a field
// that is too long, except an id, because an id can be copied only from one line.
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
			if p.Width > margin && !looks[i].id {
				parts = strings.Split(text.WrapHard(row[i], p.Width-margin), "\n")
			}
			line := p.paint("", name, true, false) + strings.Repeat(" ", margin-text.StringWidth(name))
			for _, part := range parts {
				out.WriteString(strings.TrimRight(line+p.paint(part, part, false, looks[i].alarms(row[i])), " ") + "\n")
				line = strings.Repeat(" ", margin)
			}
		}
	}
	_, err := io.WriteString(p.w, out.String())
	return err
}

func naturalWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for i := range widths {
		for _, row := range rows {
			widths[i] = max(widths[i], text.StringWidth(row[i]))
		}
	}
	return widths
}

// fit returns the widths of the columns that fit a line of the total width; 0 for a column that is left out. It reports
// whether all vital columns fit. It shortens a vital column only after it has left out all others.
func fit(rows [][]string, looks []look, total int) (widths []int, fits bool) {
	widths = naturalWidths(rows)
	least := slices.Clone(widths)
	for i := range least {
		if !looks[i].vital {
			least[i] = min(least[i], minWidth)
		}
	}
	for i := len(looks) - 1; i >= 0 && room(least) > total; i-- {
		if !looks[i].vital {
			widths[i], least[i] = 0, 0
		}
	}
	if room(least) > total {
		for i := range looks {
			if looks[i].vital && !looks[i].id {
				least[i] = min(least[i], minVital)
			}
		}
	}
	if len(rows) > 1 && (room(least) > total || total < narrowest) {
		return nil, false
	}
	for sum := room(widths); sum > total; sum-- {
		widest := -1
		for i, width := range widths {
			if width > least[i] && (widest < 0 || width > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // an empty list has titles only
		}
		widths[widest]--
	}
	return widths, true
}

func room(widths []int) int {
	sum := -len(gap)
	for _, width := range widths {
		if width > 0 {
			sum += width + len(gap)
		}
	}
	return sum
}

// colors maps the values that a reader looks for to colors.
var colors = map[string]text.Colors{
	"high": {text.FgRed}, "medium": {text.FgYellow}, "low": {text.FgCyan},
	"Open": {text.Bold},
}

// paint colors a cell according to its value.
func (p *Printer) paint(value, cell string, name, alarm bool) string {
	color := colors[value]
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

// title returns DATA CLASSES for dataClasses.
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
