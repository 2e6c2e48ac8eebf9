// Package qs parses query strings like the npm package of that name.
package qs

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

const (
	qsParameterLimit = 1000
	qsArrayLimit     = 20
	qsDepth          = 5
)

// Parse parses a query string like the npm package qs 6.11 with Express' settings. Repeated keys, k[]=a and k[0]=a
// (with an index up to 20) become arrays, and larger indexes become objects. Parameters after the 1000th are dropped.
func Parse(raw string) *js.Object { return parse(raw, qsArrayLimit) }

// ParseForm parses a form like body-parser, for which arrays may be as long as the number of parameters.
func ParseForm(raw string) *js.Object {
	return parse(raw, max(100, strings.Count(raw, "&")+1))
}

func parse(raw string, arrayLimit int) *js.Object {
	result := js.New()
	if raw == "" {
		return result
	}
	bracket := regexp.MustCompile(`\[[^\[\]]*\]`)
	flat := qsFlat(raw)
	for _, key := range flat.Keys {
		if key == "" {
			continue
		}
		branch := qsNest(qsSegments(bracket, key), flat.Values[key], arrayLimit)
		result, _ = qsMerge(result, branch).(*js.Object)
	}
	return qsCompact(result).(*js.Object)
}

// qsFlat splits the parameters without parsing brackets; repeated names become arrays.
func qsFlat(raw string) *js.Object {
	flat := js.New()
	parts := strings.Split(raw, "&")
	if len(parts) > qsParameterLimit {
		parts = parts[:qsParameterLimit]
	}
	for _, part := range parts {
		if part == "" {
			continue
		}
		at := strings.Index(part, "=")
		if i := strings.Index(part, "]="); i >= 0 {
			at = i + 1
		}
		key, value := qsDecode(part), any("")
		if at >= 0 {
			key, value = qsDecode(part[:at]), qsDecode(part[at+1:])
		}
		if flat.Has(key) {
			value = qsConcat(flat.Get(key), value)
		}
		flat.Set(key, value)
	}
	return flat
}

func qsConcat(a, b any) []any {
	var out []any
	for _, v := range []any{a, b} {
		if list, ok := v.([]any); ok {
			out = append(out, list...)
		} else {
			out = append(out, v)
		}
	}
	return out
}

func qsDecode(s string) string {
	s = strings.ReplaceAll(s, "+", " ")
	if out, err := url.PathUnescape(s); err == nil {
		return out
	}
	return s
}

// qsSegments splits a[b][c] into a, [b], [c]; deeper parts than five levels remain one segment.
func qsSegments(bracket *regexp.Regexp, key string) []string {
	spots := bracket.FindAllStringIndex(key, -1)
	if len(spots) == 0 {
		return []string{key}
	}
	var segments []string
	if parent := key[:spots[0][0]]; parent != "" {
		segments = append(segments, parent)
	}
	for i, spot := range spots {
		if i == qsDepth {
			return append(segments, "["+key[spot[0]:]+"]")
		}
		segments = append(segments, key[spot[0]:spot[1]])
	}
	return segments
}

func qsNest(segments []string, leaf any, arrayLimit int) any {
	for i := len(segments) - 1; i >= 0; i-- {
		segment := segments[i]
		name := segment
		if strings.HasPrefix(segment, "[") && strings.HasSuffix(segment, "]") {
			name = segment[1 : len(segment)-1]
		}
		index, err := strconv.Atoi(name)
		switch {
		case segment == "[]":
			leaf = qsConcat(leaf, []any{})
		case err == nil && segment != name && strconv.Itoa(index) == name && index >= 0 && index <= arrayLimit:
			list := make([]any, index+1)
			for j := range list {
				list[j] = js.Undefined{}
			}
			list[index] = leaf
			leaf = list
		default:
			leaf = js.New(name, leaf)
		}
	}
	return leaf
}

// qsMerge implements merge of qs' utils.js.
func qsMerge(target, source any) any {
	switch s := source.(type) {
	case []any:
		return qsMergeList(target, s)
	case *js.Object:
		return qsMergeObject(target, s)
	}
	switch t := target.(type) {
	case []any:
		return append(t, source)
	case *js.Object:
		t.Set(js.String(source), true)
		return t
	}
	return []any{target, source}
}

func qsMergeList(target any, source []any) any {
	t, ok := target.([]any)
	if o, isObject := target.(*js.Object); isObject {
		for i, v := range source {
			key := strconv.Itoa(i)
			if o.Has(key) {
				v = qsMerge(o.Get(key), v)
			}
			o.Set(key, v)
		}
		return o
	}
	if !ok {
		return qsConcat(target, source)
	}
	for i, v := range source {
		switch {
		case js.IsUndefined(v):
		case i >= len(t):
			for len(t) < i {
				t = append(t, js.Undefined{})
			}
			t = append(t, v)
		case js.IsUndefined(t[i]):
			t[i] = v
		case qsIsContainer(t[i]) && qsIsContainer(v):
			t[i] = qsMerge(t[i], v)
		default:
			t = append(t, v)
		}
	}
	return t
}

func qsMergeObject(target any, source *js.Object) any {
	t, ok := target.(*js.Object)
	if list, isList := target.([]any); isList {
		t, ok = js.New(), true
		for i, v := range list {
			if !js.IsUndefined(v) {
				t.Set(strconv.Itoa(i), v)
			}
		}
	}
	if !ok {
		return []any{target, source}
	}
	for _, key := range source.Keys {
		v := source.Values[key]
		if t.Has(key) {
			v = qsMerge(t.Get(key), v)
		}
		t.Set(key, v)
	}
	return t
}

func qsIsContainer(v any) bool {
	switch v.(type) {
	case []any, *js.Object:
		return true
	}
	return false
}

// qsCompact removes the holes of sparse indexes.
func qsCompact(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if !js.IsUndefined(e) {
				out = append(out, qsCompact(e))
			}
		}
		return out
	case *js.Object:
		for _, key := range v.Keys {
			v.Values[key] = qsCompact(v.Values[key])
		}
		return v
	}
	return v
}
