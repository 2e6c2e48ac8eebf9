package metlotest_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

func (r *replayer) compareBodies(rec recording, want, got string) string {
	switch {
	case strings.HasPrefix(rec.Response.ContentType, "application/json"):
		return r.compareJSON(rec, want, got)
	case strings.HasPrefix(rec.Response.ContentType, "application/zip"):
		return compareZips(want, got)
	case strings.Contains(want, "<pre>"):
		want, got = firstLine(want), firstLine(got)
	case strings.HasPrefix(want, "Syntax Error: "): // a text of graphql-js
		want, got = want[:14], got[:min(14, len(got))]
	case strings.HasSuffix(strings.SplitN(rec.Request.Path, "?", 2)[0], "/graphql-schema"):
		want, got = problems(want), problems(got)
	case strings.HasPrefix(want, "TypeError: "): // a text of V8
		want, got = want[:11], got[:min(11, len(got))]
	case yamlFrame.MatchString(want):
		want, got = yamlFrame.ReplaceAllString(want, "$1"), yamlFrame.ReplaceAllString(got, "$1")
	}
	if want != got {
		return fmt.Sprintf("body %q, recorded %q", got, want)
	}
	return ""
}

// yamlFrame matches the message of a YAML reader. The part before the place is another reader's text.
var yamlFrame = regexp.MustCompile(`^[^\n]+( \(\d+:\d+\)\n\n +\d+ \| )`)

// firstLine returns the message of an error page, without the stack and without the parser's own text.
func firstLine(page string) string {
	found := regexp.MustCompile(`(?s)^(.*<pre>SyntaxError:|.*<pre>.*?<br>|.*<pre>.*?</pre>)`).FindStringSubmatch(page)
	if found == nil {
		return page
	}
	return found[1]
}

// problems returns the rules that a GraphQL schema violates, each once, without suggestions.
func problems(text string) string {
	lines := strings.Split(regexp.MustCompile(` Did you mean .*\?`).ReplaceAllString(text, ""), "\n\n")
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n")
}

func compareZips(want, got string) string {
	files := func(s string) (map[string]string, []string, error) {
		data, err := hex.DecodeString(s)
		if err != nil {
			return nil, nil, err
		}
		archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return nil, nil, err
		}
		contents, order := map[string]string{}, []string{}
		for _, f := range archive.File {
			file, err := f.Open()
			if err != nil {
				return nil, nil, err
			}
			data, err := io.ReadAll(file)
			if err != nil {
				return nil, nil, err
			}
			contents[f.Name] = string(data)
			order = append(order, f.Name)
		}
		return contents, order, nil
	}
	wantFiles, wantOrder, err := files(want)
	if err != nil {
		return "the recording is no archive: " + err.Error()
	}
	gotFiles, gotOrder, err := files(got)
	if err != nil {
		return "the answer is no archive: " + err.Error()
	}
	if fmt.Sprint(wantOrder, wantFiles) != fmt.Sprint(gotOrder, gotFiles) {
		return fmt.Sprintf("archive %v %v, recorded %v %v", gotOrder, gotFiles, wantOrder, wantFiles)
	}
	return ""
}

func (r *replayer) compareJSON(rec recording, want, got string) string {
	w, err := parseOrdered(want)
	if err != nil {
		return "the recording is no JSON: " + err.Error()
	}
	g, err := parseOrdered(got)
	if err != nil {
		return fmt.Sprintf("the answer is no JSON (%v): %.300s", err, got)
	}
	arrangeTies(rec, w, g)
	return r.compare("", w, g)
}

// generatedSince is the time of the recordings; earlier times come from the data set.
var generatedSince = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

const timeForm = "2006-01-02T15:04:05.000Z"

// compare walks two values. The order of properties does not count.
func (r *replayer) compare(place string, want, got any) string {
	switch w := want.(type) {
	case *ordered:
		g, same := got.(*ordered)
		if !same {
			return fmt.Sprintf("%s: %v, recorded an object", place, got)
		}
		wantNames, gotNames := slices.Sorted(slices.Values(w.names)), slices.Sorted(slices.Values(g.names))
		if !slices.Equal(wantNames, gotNames) {
			return fmt.Sprintf("%s: properties %v, recorded %v", place, gotNames, wantNames)
		}
		for _, name := range w.names {
			if problem := r.compare(place+"."+name, w.values[name], g.values[name]); problem != "" {
				return problem
			}
		}
	case []any:
		g, same := got.([]any)
		if !same || len(g) != len(w) {
			return fmt.Sprintf("%s: %d elements, recorded %d", place, len(g), len(w))
		}
		for i := range w {
			if problem := r.compare(fmt.Sprintf("%s[%d]", place, i), w[i], g[i]); problem != "" {
				return problem
			}
		}
	case string:
		if g, same := got.(string); !same || !r.sameText(place, w, g) {
			return fmt.Sprintf("%s: %q, recorded %q", place, got, w)
		}
	default:
		if want != got {
			return fmt.Sprintf("%s: %v, recorded %v", place, got, want)
		}
	}
	return ""
}

func (r *replayer) sameText(place, want, got string) bool {
	if want == got {
		return true
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	key := regexp.MustCompile(`^metlo\.[A-Za-z0-9+/]{4}([A-Za-z0-9+/]{36})?$`)
	for _, form := range []*regexp.Regexp{uuid, key} {
		if form.MatchString(want) && !strings.HasPrefix(want, "00000000-") {
			if known, seen := r.ids[want]; seen {
				return known == got
			}
			r.ids[want] = got
			return form.MatchString(got) && len(got) == len(want)
		}
	}
	if w, err := time.Parse(timeForm, want); err == nil && !w.Before(generatedSince) {
		g, err := time.Parse(timeForm, got)
		return err == nil && !g.Before(generatedSince)
	}
	if strings.HasSuffix(place, ".configString") { // YAML in another layout
		var w, g any
		return yaml.Unmarshal([]byte(want), &w) == nil && yaml.Unmarshal([]byte(got), &g) == nil && reflect.DeepEqual(w, g)
	}
	if strings.HasSuffix(place, ".env") || strings.HasSuffix(place, ".envTag") || strings.HasSuffix(place, ".envIV") {
		w, wantErr := base64.StdEncoding.DecodeString(want)
		g, gotErr := base64.StdEncoding.DecodeString(got)
		return wantErr == nil && gotErr == nil && len(w) == len(g)
	}
	return false
}

// arrangeTies sorts the fake's rows in the recorded order where the database's order is not defined: rows with equal
// sort keys. A page may end amid such rows; then it may hold any of them.
func arrangeTies(rec recording, want, got any) {
	path, _, _ := strings.Cut(rec.Request.Path, "?")
	var sortKey func(row any) string
	wantRows, gotRows, cut := rowsOf(want), rowsOf(got), false
	property := func(names ...string) func(any) string {
		return func(row any) string {
			var key string
			for _, name := range names {
				if o, isObject := row.(*ordered); isObject {
					key += fmt.Sprint(o.values[name], "|")
				}
			}
			return key
		}
	}
	switch strings.TrimPrefix(path, "/api/v1") {
	case "/endpoints":
		sortKey = property("riskScore", "lastActive")
	case "/endpoints/hosts":
		wantRows, gotRows = want.([]any), got.([]any)
		sortKey = func(any) string { return "" }
	case "/agent-config":
		wantRows, gotRows = listIn(want, "endpoints"), listIn(got, "endpoints")
		sortKey = func(any) string { return "" }
	case "/gen-test-endpoints":
		// Fields of one section that were written together are equal in the requested order.
		wantTests, _ := want.([]any)
		gotTests, _ := got.([]any)
		for i := range min(len(wantTests), len(gotTests)) {
			arrange(listIn(wantTests[i], "dataFields"), listIn(gotTests[i], "dataFields"), property("dataSection"))
		}
		return
	case "/hosts":
		sortKey, cut = property("numEndpoints"), strings.Contains(rec.Request.Path, "limit=")
	default:
		return
	}
	if len(wantRows) != len(gotRows) {
		return
	}
	arrange(wantRows, gotRows, sortKey)
	if last := len(wantRows) - 1; cut && last >= 0 && sortKey(wantRows[last]) == sortKey(gotRows[last]) {
		// The rest of the group is on the next page.
		wantRows[last].(*ordered).values = gotRows[last].(*ordered).values
	}
}

// arrange swaps rows with equal keys until their order is the recorded one.
func arrange(wantRows, gotRows []any, sortKey func(row any) string) {
	if len(wantRows) != len(gotRows) {
		return
	}
	for i, row := range wantRows {
		for j := i; j < len(gotRows); j++ {
			if sortKey(gotRows[j]) == sortKey(row) && fmt.Sprint(flat(gotRows[j])) == fmt.Sprint(flat(row)) {
				gotRows[i], gotRows[j] = gotRows[j], gotRows[i]
				break
			}
		}
	}
}

func listIn(v any, name string) []any {
	o, isObject := v.(*ordered)
	if !isObject {
		return nil
	}
	list, _ := o.values[name].([]any)
	return list
}

func rowsOf(v any) []any {
	if pair, isList := v.([]any); isList && len(pair) == 2 {
		rows, _ := pair[0].([]any)
		return rows
	}
	return nil
}

// flat renders a value for comparison.
func flat(v any) any {
	o, isObject := v.(*ordered)
	if !isObject {
		return v
	}
	var parts []any
	for _, name := range slices.Sorted(slices.Values(o.names)) {
		parts = append(parts, name, flat(o.values[name]))
	}
	return parts
}

// ordered is a JSON object that preserves the order of its names.
type ordered struct {
	names  []string
	values map[string]any
}

func parseOrdered(text string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	v, err := parseValue(dec)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("text after the value")
	}
	return v, nil
}

func parseValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := parseValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = dec.Token()
		return list, err
	case json.Delim('{'):
		o := &ordered{values: map[string]any{}}
		for dec.More() {
			name, err := dec.Token()
			if err != nil {
				return nil, err
			}
			o.names = append(o.names, name.(string))
			if o.values[name.(string)], err = parseValue(dec); err != nil {
				return nil, err
			}
		}
		_, err = dec.Token()
		return o, err
	}
	return tok, nil
}
