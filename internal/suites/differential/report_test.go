package differential

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// report counts the equal answers of two servers, and groups the others by their difference.
type report struct {
	equal, all int
	groups     map[string]*group
}

type group struct {
	count   int
	example string
}

// note adds a difference to its group.
func (r *report) note(kind, example string) {
	if r.groups == nil {
		r.groups = map[string]*group{}
	}
	if r.groups[kind] == nil {
		r.groups[kind] = &group{example: example}
	}
	r.groups[kind].count++
}

// add compares two answers to one request.
func (r *report) add(sent request, want, got answer) {
	r.all++
	difference := differ(sent, want, got)
	if difference == "" {
		r.equal++
		return
	}
	r.note(sent.route+": "+difference, fmt.Sprintf("%s\n\t\tinstance %d %q %.700s\n\t\tfake     %d %q %.700s",
		sent, want.status, want.contentType, mask(want.body), got.status, got.contentType, mask(got.body)))
}

func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %d equal", r.equal, r.all)
	kinds := slices.SortedFunc(maps.Keys(r.groups), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.groups[b].count, r.groups[a].count), strings.Compare(a, b))
	})
	for _, kind := range kinds {
		fmt.Fprintf(&b, "\n%4d × %s", r.groups[kind].count, kind)
		if example := r.groups[kind].example; example != "" {
			b.WriteString("\n\t" + example)
		}
	}
	return b.String()
}

// differ returns how two answers differ, in words that fit all of the kind.
func differ(sent request, want, got answer) string {
	switch {
	case want.status != got.status:
		return fmt.Sprintf("status %d, in place of %d", got.status, want.status)
	case want.contentType != got.contentType:
		return fmt.Sprintf("content type %q, in place of %q", got.contentType, want.contentType)
	case strings.HasPrefix(want.contentType, "application/json"):
		var w, g any
		if json.Unmarshal([]byte(want.body), &w) == nil && json.Unmarshal([]byte(got.body), &g) == nil {
			if strings.HasSuffix(sent.route, "/endpoints/hosts") { // the database hashes them
				w, g = sorted(w), sorted(g)
			}
			if place := firstDifference("", w, g); place != "" && !regexp.MustCompile(`^\.env(Tag|IV)?$`).MatchString(place) {
				return "differs at " + place
			}
			return propertyOrder(want.body, got.body)
		}
	case strings.HasPrefix(want.contentType, "application/zip"):
		if files(want.body) == files(got.body) {
			return ""
		}
	}
	if withoutStack(want.body) != withoutStack(got.body) {
		return "another text"
	}
	return ""
}

func sorted(list any) any {
	texts, _ := list.([]any)
	slices.SortFunc(texts, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// firstDifference returns the first place where two values differ, without its numbers.
func firstDifference(place string, want, got any) string {
	switch w := want.(type) {
	case map[string]any:
		g, same := got.(map[string]any)
		if !same {
			return place + ": another type"
		}
		for _, name := range slices.Sorted(maps.Keys(w)) {
			if _, has := g[name]; !has {
				return place + "." + name + ": is missing"
			}
			if found := firstDifference(place+"."+name, w[name], g[name]); found != "" {
				return found
			}
		}
		for _, name := range slices.Sorted(maps.Keys(g)) {
			if _, has := w[name]; !has {
				return place + "." + name + ": is too much"
			}
		}
	case []any:
		g, same := got.([]any)
		if !same || len(g) != len(w) {
			return place + ": another length"
		}
		for i := range w {
			if found := firstDifference(place+"[]", w[i], g[i]); found != "" {
				return found
			}
		}
	case string:
		if g, same := got.(string); !same || withoutStack(w) != withoutStack(g) {
			return place
		}
	default:
		if want != got {
			return place
		}
	}
	return ""
}

// propertyOrder compares the order of properties, except for objects whose names are data.
func propertyOrder(want, got string) string {
	names := func(body string) string {
		counts := regexp.MustCompile(`"(piiDataTypeCount|alertTypeCount|hostIps|srcIps|items)":\{[^{}]*\}`)
		return strings.Join(regexp.MustCompile(`"[^"\\]*":`).FindAllString(counts.ReplaceAllString(body, ""), -1), "")
	}
	if names(want) != names(got) {
		return "another order of properties"
	}
	return ""
}

// withoutStack returns a text without generated values, and an error page without its stack.
func withoutStack(text string) string {
	if message, _, found := strings.Cut(text, "<br>"); found && strings.Contains(message, "<pre>") {
		text = message
	}
	return mask(text)
}

// mask hides ids, times and keys that a server generates.
func mask(text string) string {
	for _, form := range []string{
		`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`,
		`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`,
		`metlo\.[A-Za-z0-9+/]{4}([A-Za-z0-9+/]{36})?`,
		`"env[A-Za-z]*":"[^"]+"`,
	} {
		text = regexp.MustCompile(form).ReplaceAllStringFunc(text, func(found string) string {
			if strings.HasPrefix(found, "00000000-") || strings.HasPrefix(found, "99999999-") || found < thisRun() && strings.HasPrefix(found, "20") {
				return found
			}
			return "*"
		})
	}
	return text
}

// thisRun returns before any time that a run makes, and after those of the data set that the recordings began with.
func thisRun() string { return time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly) }

// files returns the contents of an archive in hexadecimal digits.
func files(text string) string {
	data, err := hex.DecodeString(text)
	if err != nil {
		return text
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return text
	}
	var b strings.Builder
	for _, f := range archive.File {
		file, err := f.Open()
		if err != nil {
			return text
		}
		contents, err := io.ReadAll(file)
		if err != nil {
			return text
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name, contents)
	}
	return b.String()
}
