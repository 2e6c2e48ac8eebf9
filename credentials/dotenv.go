package credentials

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// entry is an assignment, or another line, which has no name.
type entry struct {
	name string
	text string
	line int // line number, from 1
}

// assignment matches the syntax of dotenv: three kinds of quotes, multi-line values, export before the name, a colon
// for the equals sign, and comments after a value. Variables are not expanded: a key may contain $.
var assignment = regexp.MustCompile("(?m)^[ \\t]*(?:export[ \\t]+)?([\\w.-]+)(?:[ \\t]*=[ \\t]*|:[ \\t]+)" +
	"('(?:\\\\'|[^'])*'|\"(?:\\\\\"|[^\"])*\"|`(?:\\\\`|[^`])*`|[^#\\n]*)[ \\t]*(?:#.*)?$")

func parse(text string) []entry {
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	var entries []entry
	at, line := 0, 1
	for _, m := range assignment.FindAllStringSubmatchIndex(text, -1) {
		entries = append(entries, others(text[at:m[0]], line)...)
		line += strings.Count(text[at:m[0]], "\n")
		entries = append(entries, entry{name: text[m[2]:m[3]], text: value(text[m[4]:m[5]]), line: line})
		line += strings.Count(text[m[0]:m[1]], "\n")
		at = m[1]
	}
	return append(entries, others(text[at:], line)...)
}

// others returns the lines between two assignments, without blank lines and comments.
func others(text string, line int) []entry {
	var entries []entry
	for i, s := range strings.Split(text, "\n") {
		if s = strings.TrimSpace(s); s != "" && s[0] != '#' {
			entries = append(entries, entry{text: s, line: line + i})
		}
	}
	return entries
}

func value(raw string) string {
	raw = strings.TrimSpace(raw)
	if len(raw) < 2 || !strings.ContainsRune("'\"`", rune(raw[0])) || raw[len(raw)-1] != raw[0] {
		return raw
	}
	inner := raw[1 : len(raw)-1]
	if raw[0] == '"' {
		inner = strings.NewReplacer(`\n`, "\n", `\r`, "\r").Replace(inner)
	}
	return strings.TrimSpace(inner)
}

// decode returns a text in UTF-8 without a byte order mark.
func decode(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return decode16(data[2:], binary.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return decode16(data[2:], binary.BigEndian)
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		return decode16(data, binary.LittleEndian)
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		return decode16(data, binary.BigEndian)
	}
	if i := invalidByte(data); i >= 0 {
		return "", fmt.Errorf("line %d is not text in UTF-8 or UTF-16: save the file as UTF-8", 1+bytes.Count(data[:i], []byte("\n")))
	}
	return string(data), nil
}

// invalidByte returns the index of the first NUL or byte outside UTF-8, or -1.
func invalidByte(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if data[i] == 0 || r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

func decode16(data []byte, order binary.ByteOrder) (string, error) {
	if len(data)%2 != 0 {
		return "", errors.New("is UTF-16 text that ends within a character: save the file as UTF-8")
	}
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units)), nil
}
