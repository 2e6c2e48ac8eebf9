package jsvalue

import (
	"strconv"
	"strings"
)

// Lookup follows path through objects, lists and strings. It returns nil if there is no value at the path.
func Lookup(v any, path []string) any {
	for _, segment := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[segment]
		case []any:
			v = element(x, segment)
		case string:
			v = nil
			if segment == "length" {
				v = UTF16Len(x)
			}
		default:
			return nil
		}
	}
	return v
}

func element(list []any, segment string) any {
	if segment == "length" {
		return len(list)
	}
	if i, err := strconv.Atoi(segment); err == nil && i >= 0 && i < len(list) {
		return list[i]
	}
	return nil
}

// Get returns the value at a path as lodash's get does. A key of data that equals the whole path takes precedence.
func Get(data map[string]any, key string) any {
	if v, ok := data[key]; ok {
		return v
	}
	return Lookup(data, SplitPath(key))
}

// SplitPath splits a.b[0]['c.d'] into its names.
func SplitPath(key string) []string {
	var path []string
	for key != "" {
		if key[0] == '.' {
			key = key[1:]
			continue
		}
		if key[0] == '[' {
			if name, rest, ok := bracket(key); ok {
				path = append(path, name)
				key = rest
				continue
			}
		}
		end := strings.IndexAny(key[1:], ".[") + 1
		if end == 0 {
			end = len(key)
		}
		path = append(path, key[:end])
		key = key[end:]
	}
	return path
}

// bracket parses [0], ['name'] or ["name"].
func bracket(key string) (name, rest string, ok bool) {
	if len(key) > 1 && (key[1] == '\'' || key[1] == '"') {
		n := QuotedLen(key[1:])
		if n < 0 || !strings.HasPrefix(key[1+n:], "]") {
			return "", "", false
		}
		quote := key[1:2]
		return strings.ReplaceAll(key[2:n], `\`+quote, quote), key[n+2:], true
	}
	name, rest, ok = strings.Cut(key[1:], "]")
	return name, rest, ok
}

// QuotedLen returns the length of the quoted string that s starts with, or -1 if it has no end.
func QuotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	return -1
}
