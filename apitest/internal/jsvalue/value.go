// Package jsvalue converts and compares values as JavaScript does: strings, bools, numbers, lists and objects.
package jsvalue

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
)

// String converts a value to text as JavaScript does, except that lists and objects become JSON. nil becomes the empty
// string.
func String(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case float64:
		switch {
		case v == 0:
			return "0"
		case math.IsNaN(v):
			return "NaN"
		case math.IsInf(v, 0):
			return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+") + "inity"
		}
	}
	return JSON(v)
}

// JSON returns v as compact JSON without HTML escapes.
func JSON(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		b.Reset()
		if err := enc.Encode(Finite(v)); err != nil {
			return ""
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// StrictEqual reports whether a === b for primitives: equal type and value. A list or an object never equals a
// primitive.
func StrictEqual(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return false
	case string:
		s, ok := b.(string)
		return ok && s == a
	case bool:
		v, ok := b.(bool)
		return ok && v == a
	case int:
		switch b := b.(type) {
		case int:
			return a == b
		case float64:
			return float64(a) == b
		}
	case float64:
		switch b := b.(type) {
		case int:
			return a == float64(b)
		case float64:
			return a == b
		}
	}
	return false
}

// LooseEqual reports whether a == b for primitives: "401" equals 401, and true equals 1.
func LooseEqual(a, b any) bool {
	if StrictEqual(a, b) {
		return true
	}
	if _, bothText := a.(string); bothText {
		if _, bothText = b.(string); bothText {
			return false
		}
	}
	x, okX := toNumber(a)
	y, okY := toNumber(b)
	return okX && okY && x == y
}

func toNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int:
		return float64(v), true
	case float64:
		return v, true
	case string:
		return textToNumber(strings.TrimSpace(v))
	}
	return 0, false
}

func textToNumber(s string) (float64, bool) {
	switch {
	case s == "":
		return 0, true
	case strings.Trim(s, "+-") == "Infinity":
		f, err := strconv.ParseFloat(s, 64)
		return f, err == nil
	case len(s) > 2 && s[0] == '0' && strings.ContainsRune("xXoObB", rune(s[1])) && s[2] != '_':
		n, err := strconv.ParseUint(s, 0, 64)
		return float64(n), err == nil && !strings.Contains(s, "_")
	case strings.Trim(s, "0123456789.eE+-") != "":
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange)
}

// Decode decodes JSON into string, bool, int, float64, nil, []any and map[string]any. It keeps all digits of integers
// of up to 63 bits.
func Decode(text []byte) (any, bool) {
	dec := json.NewDecoder(strings.NewReader(string(text)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, false
	}
	if dec.More() || strings.TrimSpace(string(text[dec.InputOffset():])) != "" {
		return nil, false
	}
	return Map(v, exactNumber), true
}

func exactNumber(v any) any {
	number, ok := v.(json.Number)
	if !ok {
		return v
	}
	if n, err := strconv.Atoi(number.String()); err == nil {
		return n
	}
	f, err := number.Float64()
	if err != nil {
		return number.String()
	}
	return Shrink(f)
}

// Shrink converts a whole float to an int, so that 200 and 200.0 are the same value, as in JavaScript.
func Shrink(f float64) any {
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return int(f)
	}
	return f
}

// Map returns a copy of v in which leaf has replaced everything but lists and objects.
func Map(v any, leaf func(any) any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = Map(e, leaf)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[k] = Map(e, leaf)
		}
		return out
	}
	return leaf(v)
}

// Copy returns a deep copy of lists and objects.
func Copy(v any) any {
	return Map(v, func(v any) any { return v })
}

// Finite returns v with each number that JSON cannot represent, such as NaN, replaced by nil, as JSON.stringify does.
func Finite(v any) any {
	return Map(v, func(v any) any {
		if f, ok := v.(float64); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
			return nil
		}
		return v
	})
}

// UTF16Len returns the length of s in JavaScript.
func UTF16Len(s string) int { return len(utf16.Encode([]rune(s))) }
