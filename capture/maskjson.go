package capture

import (
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	deepestJSON = 200 // levels; what lies deeper becomes null
	nestedTexts = 3   // of JSON within a text of JSON
)

// json masks a text of JSON, or several one after the other. With a limit over 0 it is shortened to that: long texts and
// arrays are cut, and what could not be read or has no place is left out with the containers closed. The text is whole
// JSON again. A text in which nothing is masked or cut stays as it is. It is not ok if it is no JSON.
func (m *masker) json(data []byte, limit int) (string, bool) {
	if limit <= 0 {
		w := jsonWriter{masker: m, keep: -1, longest: -1}
		if !w.run(data) || w.stopped {
			return "", false
		}
		if !w.changed {
			return strings.ToValidUTF8(string(data), "\uFFFD"), true
		}
		return string(w.out), true
	}
	for _, step := range []struct{ keep, longest int }{{3, 256}, {1, 48}, {1, 8}} {
		w := jsonWriter{masker: m, keep: step.keep, longest: step.longest, limit: limit, seed: maphash.MakeSeed(), paths: map[uint64]bool{}}
		w.lastStep = step.longest == 8
		if w.run(data); w.tooLong && !w.lastStep {
			continue
		}
		return string(w.out), len(w.out) > 0
	}
	return "", false
}

// errStop ends the reading of what is left: the text is cut, or the limit is reached.
var errStop = errors.New("stop")

// jsonWriter copies one text of JSON while it masks and shortens it.
type jsonWriter struct {
	*masker

	in      *jsontext.Decoder
	out     []byte
	name    []byte // scratch for a name without its escapes
	said    []byte // the text that was read last, within quotes
	changed bool
	stopped bool
	nested  int // texts of JSON around this one

	keep     int // elements of an array that are kept whatever they hold; -1 keeps all
	longest  int // bytes of a text; -1 keeps all
	limit    int
	lastStep bool
	tooLong  bool
	seed     maphash.Seed
	paths    map[uint64]bool // of fields that were written
}

func (w *jsonWriter) run(data []byte) bool {
	if !utf8.Valid(data) {
		data = bytes.ToValidUTF8(data, []byte("\uFFFD"))
		w.changed = true
	}
	w.in = jsontext.NewDecoder(bytes.NewBuffer(data), jsontext.AllowDuplicateNames(true))
	for n := 0; ; n++ {
		if w.in.PeekKind() == 0 {
			_, err := w.in.ReadToken()
			return n > 0 && (err == io.EOF || w.limit > 0) //nolint:errorlint // the decoder returns it as it is
		}
		before := len(w.out)
		if n > 0 {
			w.out = append(w.out, '\n')
		}
		if err := w.value(false, 0, 0); err != nil {
			if w.limit <= 0 {
				return false
			}
			w.stopped = true
			if n > 0 {
				w.out = w.out[:before] // one of several that is not whole
			}
			return true
		}
	}
}

// value copies one value. What is read before an error is whole.
func (w *jsonWriter) value(secret bool, path uint64, depth int) error {
	switch kind := w.in.PeekKind(); kind {
	case '{', '[':
		if depth >= deepestJSON {
			w.out, w.changed = append(w.out, "null"...), true
			return w.stop(w.in.SkipValue())
		}
		if kind == '{' {
			return w.object(secret, path, depth)
		}
		return w.array(secret, path, depth)
	case '"':
		raw, err := w.in.ReadValue()
		if err != nil {
			return errStop
		}
		w.see(path, '"')
		w.said = raw
		w.text(raw, secret)
	case 't', 'f', '0':
		raw, err := w.in.ReadValue()
		if err != nil {
			return errStop
		}
		w.see(path, byte(kind))
		w.scalar(raw, kind, secret)
	default:
		raw, err := w.in.ReadValue()
		if err != nil {
			return errStop
		}
		w.see(path, 'n')
		w.out = append(w.out, raw...)
	}
	return nil
}

func (w *jsonWriter) stop(err error) error {
	if err != nil {
		return errStop
	}
	return nil
}

// scalar masks a number or a boolean without changing its type.
func (w *jsonWriter) scalar(raw []byte, kind jsontext.Kind, secret bool) {
	masked := string(raw)
	if secret {
		masked = "false"
		if kind == '0' {
			masked = "0"
		}
	}
	w.changed = w.changed || masked != string(raw)
	w.out = append(w.out, masked...)
}

// text masks, looks into or cuts a text.
func (w *jsonWriter) text(raw []byte, secret bool) {
	if secret {
		if len(raw) == len(`""`) {
			w.out = append(w.out, raw...)
			return
		}
		w.out, w.changed = append(w.out, `"`+Redacted+`"`...), true
		return
	}
	long := w.longest >= 0 && len(raw) > w.longest+2
	if !long && !suspicious(raw) {
		w.out = append(w.out, raw...)
		return
	}
	plain, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		w.out, w.changed = append(w.out, `""`...), true
		return
	}
	text := w.inner(string(plain))
	if w.longest >= 0 && len(text) > w.longest {
		text = cutText(text, w.longest)
	}
	if text == string(plain) {
		w.out = append(w.out, raw...)
		return
	}
	w.changed = true
	if quoted, err := jsontext.AppendQuote(w.out, text); err == nil {
		w.out = quoted
		return
	}
	w.out = append(w.out, `""`...)
}

// suspicious reports whether a text may hold a name with a value, or a JWT. An escape may stand for any sign.
func suspicious(raw []byte) bool {
	return bytes.ContainsAny(raw, ":=> \\") || bytes.Contains(raw, []byte(jwtBegin))
}

// inner masks what is in a text: JSON again, or names with values.
func (w *jsonWriter) inner(text string) string {
	if w.nested < nestedTexts && looksLikeJSON([]byte(text)) {
		inside := jsonWriter{masker: w.masker, keep: -1, longest: -1, nested: w.nested + 1}
		if inside.run([]byte(text)) {
			if !inside.changed {
				return text
			}
			return string(inside.out)
		}
	}
	if w.hides(text) {
		return Redacted
	}
	return w.masker.text(text)
}

// cutText keeps whole characters, and no more than a part of what is masked.
func cutText(text string, n int) string {
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func (w *jsonWriter) object(secret bool, path uint64, depth int) error {
	if _, err := w.in.ReadToken(); err != nil {
		return errStop
	}
	w.see(path, '{')
	w.out = append(w.out, '{')
	pair := pair{begin: len(w.out)}
	for n := 0; w.in.PeekKind() != '}'; n++ {
		if cut, err := w.member(&pair, n == 0, secret, path, depth); cut {
			return err
		}
	}
	if _, err := w.in.ReadToken(); err != nil {
		return w.cutPair(&pair, len(w.out))
	}
	if pair.secret && len(pair.values) > 0 {
		if w.maskValues(&pair); w.full() {
			return w.close(pair.begin, '}')
		}
	}
	w.out = append(w.out, '}')
	return nil
}

// member masks a name and its value, and reports whether the object ended there because the rest was cut off.
func (w *jsonWriter) member(p *pair, first, secret bool, path uint64, depth int) (cut bool, err error) {
	before := len(w.out)
	raw, err := w.in.ReadValue()
	if err != nil || len(raw) < 2 || raw[0] != '"' {
		return true, w.cutPair(p, before)
	}
	if !first {
		w.out = append(w.out, ',')
	}
	w.out = append(append(w.out, raw...), ':')
	name := raw[1 : len(raw)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		if w.name, err = jsontext.AppendUnquote(w.name[:0], raw); err != nil {
			return true, w.cutPair(p, before)
		}
		name = w.name
	}
	isName, isValue := isPairName(name), isPairValue(name)
	below := secret || (p.secret && isValue) || w.secretMember(name)
	child, begun := w.child(path, name), len(w.out)
	w.said = nil
	err = w.value(below, child, depth+1)
	if isName {
		p.named = true
		p.secret = p.secret || w.saysSecret()
	}
	if isValue && !below {
		p.values = append(p.values, span{begun, len(w.out)})
	}
	if err != nil || w.full() {
		if err != nil && w.out[len(w.out)-1] != ':' && !w.full() {
			return true, w.cutPair(p, len(w.out)) // the value was cut and closed
		}
		return true, w.cutPair(p, before)
	}
	return false, nil
}

// pair is what is known of an object that may be {"name": …, "value": …}.
type pair struct {
	begin  int    // of what it holds in the output
	named  bool   // its name was read
	secret bool   // and is that of a secret
	values []span // that were written before the name was known
}

// span is a part of the output.
type span struct{ from, to int }

// cutPair ends an object whose rest is left out, which may be the name of a value.
func (w *jsonWriter) cutPair(p *pair, end int) error {
	w.out = w.out[:end]
	if p.secret || !p.named {
		w.maskValues(p)
	}
	if w.full() {
		w.out = w.out[:p.begin]
	}
	return w.close(len(w.out), '}')
}

// maskValues masks the values that were written before the name, as far as they were kept.
func (w *jsonWriter) maskValues(p *pair) {
	for _, value := range slices.Backward(p.values) {
		if value.from >= value.to || value.to > len(w.out) {
			continue
		}
		inside := jsonWriter{masker: w.masker, keep: -1, longest: -1}
		inside.in = jsontext.NewDecoder(bytes.NewReader(w.out[value.from:value.to]), jsontext.AllowDuplicateNames(true))
		if inside.value(true, 0, 0) != nil {
			inside.out = []byte("null")
		}
		w.out, w.changed = slices.Replace(w.out, value.from, value.to, inside.out...), true
	}
	p.values = nil
}

// isPairName reports whether a member is the name in {"name": …, "value": …}, as HAR files and settings have it.
func isPairName(name []byte) bool {
	return len(name) <= len("name") && (bytes.EqualFold(name, []byte("name")) || bytes.EqualFold(name, []byte("key")))
}

// secretMember reports whether what a member holds, which comes next, is masked.
func (w *jsonWriter) secretMember(name []byte) bool {
	return w.secretName(name) && (w.in.PeekKind() != '{' || !w.weak(string(name)))
}

func isPairValue(name []byte) bool { return bytes.EqualFold(name, []byte("value")) }

// saysSecret reports whether the text that was read last is the name of a secret.
func (w *jsonWriter) saysSecret() bool {
	return len(w.said) > 2 && len(w.said) <= longestName && bytes.IndexByte(w.said, ' ') < 0 && w.secretName(w.said[1:len(w.said)-1])
}

func (w *jsonWriter) secretName(name []byte) bool {
	if w.cache != nil {
		if is, known := w.cache[string(name)]; known {
			return is
		}
	}
	return w.secret(string(name))
}

func (w *jsonWriter) array(secret bool, path uint64, depth int) error {
	if _, err := w.in.ReadToken(); err != nil {
		return errStop
	}
	w.see(path, '[')
	w.out = append(w.out, '[')
	element := w.child(path, nil)
	kept := 0
	for n := 0; w.in.PeekKind() != ']'; n++ {
		before, seen := len(w.out), len(w.paths)
		if kept > 0 {
			w.out = append(w.out, ',')
		}
		begun := len(w.out)
		err := w.value(secret, element, depth+1)
		switch {
		case err != nil && len(w.out) > begun && !w.full():
			return w.close(len(w.out), ']')
		case err != nil || w.full():
			return w.close(before, ']')
		case w.keep >= 0 && kept >= w.keep && len(w.paths) == seen:
			w.out, w.changed = w.out[:before], true // it shows no field that was not seen
		default:
			kept++
		}
	}
	if _, err := w.in.ReadToken(); err != nil {
		return w.close(len(w.out), ']')
	}
	w.out = append(w.out, ']')
	return nil
}

// close ends a container whose rest is left out.
func (w *jsonWriter) close(end int, bracket byte) error {
	w.out, w.changed = append(w.out[:end], bracket), true
	return errStop
}

// full reports whether what was written, with the brackets that close it, is over the limit.
func (w *jsonWriter) full() bool {
	if w.limit <= 0 || len(w.out)+w.in.StackDepth()+1 <= w.limit {
		return false
	}
	w.tooLong = true
	return true
}

func (w *jsonWriter) child(path uint64, name []byte) uint64 {
	if w.paths == nil {
		return 0
	}
	return maphash.Bytes(w.seed, name) ^ (path*0x9E3779B97F4A7C15 + uint64(len(name)) + 1)
}

func (w *jsonWriter) see(path uint64, kind byte) {
	if w.paths != nil {
		w.paths[path*31+uint64(kind)] = true
	}
}

// looksLikeJSON reports whether a body begins as an object or an array does.
func looksLikeJSON(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 1 && (trimmed[0] == '{' || trimmed[0] == '[')
}

// hides reports whether a text that is meant as JSON, and is none, names a secret: where its value ends cannot be told.
func (m *masker) hides(text string) bool { return meantAsJSON(text) && m.namesSecret(text) }

// meantAsJSON reports whether a text begins as an object does, or as an array of texts or of containers.
func meantAsJSON(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	if rest, ok := strings.CutPrefix(text, "["); ok {
		rest = strings.TrimLeft(rest, " \t\r\n")
		return rest != "" && strings.IndexByte("[{\"'", rest[0]) >= 0
	}
	return strings.HasPrefix(text, "{")
}

// namesSecret reports whether the name of a secret, or an escape that may stand for a part of one, is in a text.
func (m *masker) namesSecret(text string) bool {
	for i := 0; i < len(text); i++ {
		if strings.HasPrefix(text[i:], `\u`) {
			return true
		}
		begin := i
		for i < len(text) && isNameByte(text[i]) {
			i++
		}
		if begin < i && m.secret(text[begin:i]) {
			return true
		}
	}
	return false
}
