// Package safetext makes text from a server safe to show. Hosts, paths and descriptions come from requests to a watched
// API, which anybody can send. Without this package they could control the terminal or the CI job that prints them.
package safetext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns text on one line, safe for terminals and CI logs at any place of a line. It replaces control, format and
// invisible characters and bytes outside UTF-8 by Go escapes, such as \x1b, \n and \u202e. It puts a backslash into the
// commands of CI systems: ##[…], ##vso[…], ##teamcity[…], and :: at the start. Texts that are printed without a
// separator between them must be passed as one.
func Line(text string) string { return defuseCommands(escape(text, false)) }

// Linef formats as [fmt.Sprintf] does, and returns the [Line] of the result.
func Linef(format string, args ...any) string { return Line(fmt.Sprintf(format, args...)) }

// Terminal returns text with its line breaks and tabs. Each line is as safe as a [Line].
func Terminal(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = defuseCommands(escape(line, true))
	}
	return strings.Join(lines, "\n")
}

func escape(text string, tabs bool) string {
	if isPlain(text) {
		return text
	}
	first := strings.IndexFunc(text, func(r rune) bool { return r == utf8.RuneError || hidden(r) })
	if first < 0 {
		return text
	}
	var out strings.Builder
	out.WriteString(text[:first])
	for i := first; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&out, `\x%02x`, text[i])
		case r == '\t' && tabs:
			out.WriteByte('\t')
		case hidden(r):
			out.WriteString(escapeOf(r))
		default:
			out.WriteRune(r)
		}
		i += size
	}
	return out.String()
}

// isPlain reports whether text has only visible ASCII characters and blanks.
func isPlain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return true
}

// hidden reports whether a character has another effect than to appear: C0, DEL, C1, bidi controls, zero-width and tag
// characters, line and paragraph separators, and blank letters. It excludes variation selectors, which emoji contain.
func hidden(r rune) bool {
	if r < utf8.RuneSelf {
		return r < ' ' || r == 0x7f
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\u2800'
}

func escapeOf(r rune) string {
	switch r {
	case '\n':
		return `\n`
	case '\r':
		return `\r`
	case '\t':
		return `\t`
	}
	switch {
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}

// defuseCommands breaks the commands that a CI system recognizes in a log. GitHub Actions recognizes :: at the start of
// a line, even after blanks. GitHub Actions and Azure Pipelines recognize ##[ and ##vso[ anywhere, and TeamCity
// ##teamcity[.
func defuseCommands(line string) string {
	trimmed := strings.TrimLeftFunc(line, unicode.IsSpace)
	if strings.HasPrefix(trimmed, "::") {
		line = line[:len(line)-len(trimmed)] + `\` + trimmed
	}
	for i := 0; ; {
		at := strings.Index(line[i:], "##")
		if at < 0 {
			return line
		}
		i += at + 1
		word := strings.TrimLeftFunc(line[i+1:], func(r rune) bool {
			return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-'
		})
		if strings.HasPrefix(word, "[") {
			line = line[:i] + `\` + line[i:]
			i++
		}
	}
}
