package apitest

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// yamlString writes s in the style that js-yaml chooses, or in double quotes
// if the parser would not read that style back.
func yamlString(s string, level int) string {
	text := yamlStyled(s, level)
	if readsBack(text, s, level) {
		return text
	}
	return yamlDoubleQuoted(s)
}

func yamlStyled(s string, level int) string {
	if s == "" {
		return "''"
	}
	odd := strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !yamlPrintable(r) })
	if odd || s == "\n" || strings.HasSuffix(s, "\n\n") {
		return yamlDoubleQuoted(s)
	}
	width := max(40, 80-2*level)
	var long, multi bool
	for line := range strings.SplitSeq(s, "\n") {
		long = long || utf8.RuneCountInString(line) > width && line[0] != ' '
	}
	multi = strings.Contains(s, "\n")
	switch {
	case long:
		return ">" + yamlBlock(s, yamlFold(s, width), level)
	case multi:
		return "|" + yamlBlock(s, s, level)
	case yamlPlain(s):
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

// readsBack says whether the parser reads text, as a value at that level, as s.
func readsBack(text, s string, level int) bool {
	doc := strings.Repeat("  ", max(0, level-1)) + "v: " + text + "\n"
	tree, err := parser.ParseBytes([]byte(doc), 0)
	if err != nil || len(tree.Docs) != 1 {
		return false
	}
	m, ok := tree.Docs[0].Body.(ast.MapNode)
	if !ok {
		return false
	}
	it := m.MapRange()
	if !it.Next() {
		return false
	}
	got, ok := (&yamlDecoder{}).scalar(it.Value())
	return ok && got == s && !it.Next()
}

func yamlPrintable(r rune) bool {
	return r != utf8.RuneError && r != '\ufeff' && r != '\u2028' && r != '\u2029' && r != '\t' && unicode.IsPrint(r)
}

var yamlPlainStart = regexp.MustCompile("^[^\\s\\-?:,\\[\\]{}#&*!|=>'\"%@`]")

// yamlPlain says whether s can be written without quotes and still be that string.
func yamlPlain(s string) bool {
	start := yamlPlainStart.MatchString(s) ||
		len(s) > 1 && strings.ContainsRune("-?:", rune(s[0])) && yamlPlainStart.MatchString(s[1:])
	if !start || strings.HasSuffix(s, " ") || strings.HasSuffix(s, ":") || strings.Contains(s, ": ") || strings.Contains(s, " #") {
		return false
	}
	if yamlTimestamp.MatchString(s) || s == "<<" {
		return false
	}
	_, isString := plainScalar(s).(string)
	return isString
}

var yamlTimestamp = regexp.MustCompile(`^\d{4}-\d\d?-\d\d?($|[Tt]|[ \t])`)

func yamlBlock(s, body string, level int) string {
	header := ""
	if strings.HasPrefix(strings.TrimLeft(s, "\n"), " ") {
		header = "2"
	}
	if !strings.HasSuffix(s, "\n") {
		header += "-"
	}
	var b strings.Builder
	b.WriteString(header)
	pad := strings.Repeat("  ", level)
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		b.WriteByte('\n')
		if line != "" {
			b.WriteString(pad + line)
		}
	}
	return b.String()
}

// yamlFold breaks long lines at single spaces. Lines that start with a space stay whole,
// and a line break between other lines is doubled, since a single one would read as a space.
func yamlFold(s string, width int) string {
	var b strings.Builder
	lines := strings.Split(s, "\n")
	afterText := false
	for i, line := range lines {
		isText := line != "" && line[0] != ' '
		if i > 0 {
			b.WriteByte('\n')
			if afterText && isText {
				b.WriteByte('\n')
			}
		}
		if isText {
			b.WriteString(foldLine(line, width))
			afterText = true
		} else if line != "" {
			b.WriteString(line)
			afterText = false
		}
	}
	return b.String()
}

func foldLine(line string, width int) string {
	var out []string
	rest := line
	for utf8.RuneCountInString(rest) > width {
		cut := lastBreak(rest, width)
		if cut < 0 {
			break
		}
		out = append(out, rest[:cut])
		rest = rest[cut+1:]
	}
	return strings.Join(append(out, rest), "\n")
}

// lastBreak finds the last single space within width, else the first one after it, else -1.
func lastBreak(s string, width int) int {
	found, column := -1, 0
	for i, r := range s {
		single := r == ' ' && i > 0 && s[i-1] != ' ' && i+1 < len(s) && s[i+1] != ' '
		if single && (column <= width || found < 0) {
			found = i
		}
		if column >= width && found >= 0 {
			break
		}
		column++
	}
	return found
}

func yamlDoubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case yamlPrintable(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02X`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	return b.String() + `"`
}
