package jsyaml

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// Error is a text that cannot be read.
type Error struct {
	// Reason says what is wrong, in js-yaml's words.
	Reason string
	// Line and Column say where, from 1; 0 where js-yaml gives no place. A column counts UTF-16 units.
	Line, Column int
	// Excerpt shows the lines around the place with a mark under it; empty where there is no place.
	Excerpt string
	// Limit says that js-yaml has no such error: the text exceeds a bound of this package.
	Limit bool
}

// Error returns reason, place and excerpt as js-yaml's message does.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	head := fmt.Sprintf("%s (%d:%d)", e.Reason, e.Line, e.Column)
	if e.Excerpt == "" {
		return head
	}
	return head + "\n\n" + e.Excerpt
}

// The layout of an excerpt.
const (
	excerptWidth  = 79
	excerptIndent = 1
	linesBefore   = 3
	linesAfter    = 2
)

// excerpt shows the lines of text around position, an index of a byte in line, which counts from 0.
func excerpt(text string, position, line int) string {
	if text == "" {
		return ""
	}
	units := utf16.Encode([]rune(text))
	at := UTF16Len(text[:min(position, len(text))])
	starts, ends := []int{0}, []int{}
	found := -1
	for i := 0; i < len(units); i++ {
		c := units[i]
		if c != '\n' && c != '\r' && c != 0 {
			continue
		}
		end := i
		if c == '\r' && i+1 < len(units) && units[i+1] == '\n' {
			i++
		}
		ends, starts = append(ends, end), append(starts, i+1)
		if at <= end && found < 0 {
			found = len(starts) - 2
		}
	}
	if found < 0 {
		found = len(starts) - 1
	}
	x := excerpter{units: units, starts: starts, ends: ends}
	x.digits = len(strconv.Itoa(min(line+linesAfter, len(ends))))
	var out []string
	for i := max(0, found-linesBefore); i < found; i++ {
		shown, _ := x.line(i, at-(starts[found]-starts[i]), line+1-(found-i))
		out = append(out, shown)
	}
	shown, column := x.line(found, at, line+1)
	out = append(out, shown, strings.Repeat("-", max(0, excerptIndent+x.digits+3+column))+"^")
	for i := found + 1; i <= found+linesAfter && i < len(ends); i++ {
		shown, _ := x.line(i, at-(starts[found]-starts[i]), line+1+(i-found))
		out = append(out, shown)
	}
	return strings.Join(out, "\n")
}

type excerpter struct {
	units        []uint16
	starts, ends []int
	digits       int
}

// line returns line i with its number, cut around position at, and the place of at in what is shown.
func (x *excerpter) line(i, at, number int) (shown string, column int) {
	half := (excerptWidth-(excerptIndent+x.digits+3))/2 - 1
	start, end := x.starts[i], len(x.units)
	cutEnd := i < len(x.ends)
	if cutEnd {
		end = x.ends[i]
	}
	head, tail := "", ""
	if at-start > half {
		head = " ... "
		start = at - half + len(head)
	}
	if cutEnd && end-at > half {
		tail = " ..."
		end = at + half - len(tail)
	}
	part := ""
	if start = max(0, start); start < end {
		part = string(utf16.Decode(x.units[start:min(end, len(x.units))]))
	}
	text := head + strings.ReplaceAll(part, "\t", "→") + tail
	return fmt.Sprintf("%*s%*d | %s", excerptIndent, "", x.digits, number, text), at - start + len(head)
}
