package apitest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// pieceLength is the length of the shortest part of a secret that is masked.
const pieceLength = 8

// masker masks secrets in texts. It masks secrets shorter than a piece as a whole, and each piece of longer ones. It
// finds them in hex, in base64 at any offset, and escaped up to twice by percent-encoding, JSON and HTML.
type masker struct {
	pieces map[string]bool
	short  *strings.Replacer
}

func newMasker(secrets []string) *masker {
	m := &masker{pieces: map[string]bool{}}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	for _, t := range secrets {
		encoded := append(base64Forms(t), hex.EncodeToString([]byte(t)), strings.ToUpper(hex.EncodeToString([]byte(t))))
		if len(t) < pieceLength {
			for _, form := range append(escapedForms(t), encoded...) {
				if len(form) >= 4 {
					pairs = append(pairs, form, masked)
				}
			}
			continue
		}
		for _, form := range append(encoded, t, strings.ReplaceAll(t, " ", "+")) {
			for i := 0; i+pieceLength <= len(form); i++ {
				m.pieces[form[i:i+pieceLength]] = true
			}
		}
	}
	m.short = strings.NewReplacer(pairs...)
	return m
}

// escapedForms returns a short text in the forms that common encoders write.
func escapedForms(t string) []string {
	var out []string
	for _, form := range []string{t, url.QueryEscape(t), escapeQuery(t), url.PathEscape(t), encodeTarget("http://h/?" + t)[10:], html.EscapeString(t)} {
		escaped, _ := json.Marshal(form)
		for _, f := range []string{form, jsvalue.JSON(form), string(escaped)} {
			if unquoted, ok := strings.CutPrefix(f, `"`); ok && f != form {
				f = strings.TrimSuffix(unquoted, `"`)
			}
			out = append(out, f, lowerPercent(f))
		}
	}
	return out
}

// lowerPercent converts percent-encoding to lower-case digits.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], bytes.ToLower(b[i+1:i+3]))
		}
	}
	return string(b)
}

// base64Forms returns the base64 of t that does not depend on the text around it, for each of the three offsets and in
// both alphabets.
func base64Forms(t string) []string {
	var out []string
	for offset, first := range []int{0, 2, 3} {
		padded := append(make([]byte, offset), t...)
		end := len(padded) * 8 / 6
		for _, alphabet := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if text := alphabet.EncodeToString(padded); first < end {
				out = append(out, text[first:end])
			}
		}
	}
	return out
}

// mask replaces every secret in text.
func (m *masker) mask(text string) string {
	if len(m.pieces) > 0 {
		text = m.maskPieces(text)
	}
	return m.short.Replace(text)
}

func (m *masker) maskPieces(text string) string {
	hidden := make([]bool, len(text))
	found := false
	layer := plainLayer(text)
	for range 3 {
		for i := 0; i+pieceLength <= len(layer.text); i++ {
			if !m.pieces[string(layer.text[i:i+pieceLength])] {
				continue
			}
			found = true
			for at := layer.start[i]; at < layer.end[i+pieceLength-1]; at++ {
				hidden[at] = true
			}
		}
		next, escaped := layer.unescape()
		if !escaped {
			break
		}
		layer = next
	}
	if !found {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			b.WriteByte(text[i])
		case i == 0 || !hidden[i-1]:
			b.WriteString(masked)
		}
	}
	return b.String()
}

// textLayer is a text with some levels of escapes decoded. start and end hold the place of each byte in the original
// text.
type textLayer struct {
	text       []byte
	start, end []int
}

func plainLayer(text string) *textLayer {
	l := &textLayer{text: []byte(text), start: make([]int, len(text)), end: make([]int, len(text))}
	for i := range len(text) {
		l.start[i], l.end[i] = i, i+1
	}
	return l
}

// unescape decodes one level of escapes.
func (l *textLayer) unescape() (out *textLayer, escaped bool) {
	if !bytes.ContainsAny(l.text, `%\&`) {
		return l, false
	}
	out = &textLayer{}
	for i := 0; i < len(l.text); {
		plain, width := unescapeAt(l.text[i:])
		if width == 0 {
			plain, width = l.text[i:i+1], 1
		} else {
			escaped = true
		}
		for _, c := range plain {
			out.text = append(out.text, c)
			out.start, out.end = append(out.start, l.start[i]), append(out.end, l.end[i+width-1])
		}
		i += width
	}
	return out, escaped
}

// unescapeAt decodes the escape that b starts with. width is its length, or 0 if there is none.
func unescapeAt(b []byte) (plain []byte, width int) {
	number := func(digits []byte, base, width int) ([]byte, int) {
		n, err := strconv.ParseUint(string(digits), base, 21)
		if err != nil {
			return nil, 0
		}
		return utf8.AppendRune(nil, rune(n)), width
	}
	switch {
	case b[0] == '%' && len(b) > 2 && isHex(b[1]) && isHex(b[2]):
		n, _ := strconv.ParseUint(string(b[1:3]), 16, 8)
		return []byte{byte(n)}, 3
	case b[0] == '\\' && len(b) > 5 && b[1] == 'u':
		return number(b[2:6], 16, 6)
	case b[0] == '\\' && len(b) > 1:
		if i := strings.IndexByte(`"\/'nrtbf`, b[1]); i >= 0 {
			return []byte("\"\\/'\n\r\t\b\f"[i : i+1]), 2
		}
	case b[0] == '&':
		end := bytes.IndexByte(b[:min(len(b), 10)], ';')
		if end < 2 {
			return nil, 0
		}
		if text := html.UnescapeString(string(b[:end+1])); len(text) < end+1 {
			return []byte(text), end + 1
		}
	}
	return nil, 0
}
