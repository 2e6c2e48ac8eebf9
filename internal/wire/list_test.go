package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func plenty() ListOptions { return ListOptions{MaxItem: 1 << 20, MaxRows: 1 << 20} }

// streamed hides that a text is in memory.
type streamed struct{ io.Reader }

// readers returns the ways in which a list can be read.
func readers() map[string]func(text string, opts ListOptions) ([]item, Tail, error) {
	list := func(src func(string) io.Reader) func(string, ListOptions) ([]item, Tail, error) {
		return func(text string, opts ListOptions) ([]item, Tail, error) {
			items := []item{}
			tail, err := List(src(text), opts, func(i *item) error {
				items = append(items, *i)
				return nil
			})
			return items, tail, err
		}
	}
	return map[string]func(string, ListOptions) ([]item, Tail, error){
		"memory":   list(func(s string) io.Reader { return bytes.NewBufferString(s) }),
		"stream":   list(func(s string) io.Reader { return streamed{strings.NewReader(s)} }),
		"bytewise": list(func(s string) io.Reader { return iotest.OneByteReader(strings.NewReader(s)) }),
		"items":    func(s string, opts ListOptions) ([]item, Tail, error) { return Items[item]([]byte(s), opts) },
	}
}

func TestListForms(t *testing.T) {
	tests := map[string]struct {
		text  string
		ids   string
		total int
	}{
		"items and their total":            {`[[{"uuid":"a"},{"uuid":"b"}],7]`, "a b", 7},
		"a total that is a string":         {`[[{"uuid":"a"}],"7"]`, "a", 7},
		"a total over every integer":       {`[[],99999999999999999999]`, "", math.MaxInt},
		"no items and their total":         {`[[],0]`, "", 0},
		"items alone":                      {`[{"uuid":"a"},{"uuid":"b"}]`, "a b", -1},
		"no items":                         {`[]`, "", -1},
		"null":                             {`null`, "", -1},
		"white space":                      {" [ [ {\"uuid\" : \"a\"} ] ,\n 7 ]\n ", "a", 7},
		"documented endpoints":             {`{"endpoints":[{"uuid":"a"}],"totalCount":7}`, "a", 7},
		"documented alerts":                {`{"alerts":[{"uuid":"a"}],"total":"7"}`, "a", 7},
		"items by name":                    {`{"total":7,"items":[{"uuid":"a"}]}`, "a", 7},
		"null by name":                     {`{"items":null}`, "", -1},
		"an envelope":                      {`{"ok":true,"data":[{"uuid":"a"}]}`, "a", -1},
		"an envelope with a total":         {`{"ok":true,"data":[[{"uuid":"a"}],7]}`, "a", 7},
		"an envelope of a documented form": {`{"ok":true,"data":{"endpoints":[{"uuid":"a"}],"totalCount":7}}`, "a", 7},
		"members that mean nothing":        {`{"page":{"items":[1]},"items":[{"uuid":"a","items":[]}],"ok":{"ok":false}}`, "a", -1},
		"names that come twice":            {`[{"uuid":"a","uuid":"b"}]`, "b", -1},
		"invalid UTF-8":                    {"[[{\"uuid\":\"a\xff\"}],1]", "a\ufffd", 1},
		"an item without an id":            {`[{},{"uuid":"b"}]`, " b", -1},
	}
	for name, tt := range tests {
		for kind, read := range readers() {
			t.Run(name+"/"+kind, func(t *testing.T) {
				items, tail, err := read(tt.text, plenty())
				require.NoError(t, err)
				var ids []string
				for _, i := range items {
					ids = append(ids, i.UUID)
				}
				assert.Equal(t, tt.ids, strings.Join(ids, " "))
				assert.Equal(t, Tail{Rows: len(items), Total: tt.total}, tail)
			})
		}
	}
}

func TestListsThatAreNone(t *testing.T) {
	tests := map[string]struct {
		text string
		want string
		cut  bool // IsTruncated
	}{
		"nothing":                        {"", "no value", false},
		"white space":                    {" \n", "no value", false},
		"a text":                         {"OK", "invalid character 'O'", false},
		"a page":                         {"<!DOCTYPE html>", "invalid character '<'", false},
		"a string":                       {`"OK"`, "want a list, have a JSON string", false},
		"a number":                       {"1", "want a list, have a JSON number", false},
		"true":                           {"true", "want a list, have a JSON true", false},
		"an object":                      {"{}", "the object contains no list", false},
		"an object with something else":  {`{"hosts":[]}`, "the object contains no list", false},
		"two lists":                      {`{"items":[],"alerts":[]}`, "more than one list", false},
		"the same list twice":            {`{"items":[],"items":[]}`, "more than one list", false},
		"a list in too many objects":     {`{"data":{"data":{"data":[]}}}`, "wrapped in too many objects", false},
		"a list that is a string":        {`{"items":"none"}`, "want a list, have a JSON string", false},
		"half a tuple":                   {`[[{"uuid":"a"}]]`, "not followed by their total", false},
		"a tuple of three":               {`[[{"uuid":"a"}],1,2]`, "the total is followed by another value", false},
		"a total that is null":           {`[[],null]`, "the total of the list is not a count", false},
		"a total that is negative":       {`[[],-1]`, "the total of the list is not a count", false},
		"a total that is a fraction":     {`[[],1.5]`, "the total of the list is not a count", false},
		"a total that is a word":         {`[[],"many"]`, "the total of the list is not a count", false},
		"a total that is an object":      {`[[],{}]`, "the total of the list is not a count", false},
		"an item that is null":           {`[{"uuid":"a"},null]`, "item 2 of the list is null", false},
		"an item that is a string":       {`["a"]`, "unmarshal JSON string", false},
		"a list of lists":                {`[{"uuid":"a"},[{"uuid":"b"}]]`, "unmarshal JSON array", false},
		"more text":                      {`[[],0] []`, "followed by more text", false},
		"more that is no JSON":           {`[[],0]<br>`, "invalid character '<'", false},
		"no comma":                       {`[{"uuid":"a"}{"uuid":"b"}]`, "invalid character '{'", false},
		"a comma too many":               {`[{"uuid":"a"},]`, "invalid character ','", false},
		"a wrong bracket":                {`[{"uuid":"a"}}`, "invalid character '}'", false},
		"a failure":                      {`{"ok":false}`, "without saying why", false},
		"a failure that says why":        {`{"ok":false,"message":"the database is down"}`, "the database is down", false},
		"a failure that said why before": {`{"error":"the database is down","ok":false,"data":null}`, "the database is down", false},
		"cut at once":                    {"[", "unexpected EOF", true},
		"cut in an item":                 {`[[{"uuid":"a`, "unexpected EOF", true},
		"cut after an item":              {`[[{"uuid":"a"}`, "unexpected EOF", true},
		"cut before the next item":       {`[[{"uuid":"a"},`, "unexpected EOF", true},
		"cut after the items":            {`[[{"uuid":"a"}]`, "unexpected EOF", true},
		"cut before the total":           {`[[{"uuid":"a"}],`, "unexpected EOF", true},
		"cut in the total":               {`[[{"uuid":"a"}],1`, "unexpected EOF", true},
		"cut in an object":               {`{"items":[]`, "unexpected EOF", true},
		"cut before a list":              {`{"items":`, "unexpected EOF", true},
		"cut in a number":                {`[{"numEndpoints":1`, "unexpected EOF", true},
		"cut in free JSON":               {`[{"context":{"a":`, "unexpected EOF", true},
		"cut in a word":                  {`nul`, "unexpected EOF", true},
	}
	for name, tt := range tests {
		for kind, read := range readers() {
			for _, lenient := range []bool{false, true} {
				t.Run(fmt.Sprint(name, "/", kind, "/", lenient), func(t *testing.T) {
					opts := plenty()
					opts.Lenient = lenient
					_, _, err := read(tt.text, opts)
					require.ErrorContains(t, err, tt.want)
					assert.Equal(t, tt.cut, IsTruncated(err))
					if tt.cut {
						assert.False(t, IsMismatch(err), "%v", err)
					}
				})
			}
		}
	}
}

func TestLenientLists(t *testing.T) {
	const text = `[{"uuid":"a","numEndpoints":8,"context":null},{"uuid":"b","numEndpoints":"9","context":{"a":1}}]`
	for kind, read := range readers() {
		t.Run(kind, func(t *testing.T) {
			opts := plenty()
			opts.Lenient = true
			items, _, err := read(text, opts)
			require.NoError(t, err)
			require.Len(t, items, 2)
			assert.Equal(t, item{UUID: "a", NumEndpoints: 8}, items[0], "null is nil")
			assert.Equal(t, item{UUID: "b", NumEndpoints: 9, Context: []byte(`{"a":1}`)}, items[1])

			opts.Lenient = false
			items, _, err = read(text, opts)
			if kind == "items" {
				require.NoError(t, err, "Items turns lenient by itself")
				require.Len(t, items, 2)
				return
			}
			require.Error(t, err)
			assert.True(t, IsMismatch(err), "%v", err)
		})
	}
}

func TestItemsKeepNothingOfTheOneBefore(t *testing.T) {
	for kind, read := range readers() {
		t.Run(kind, func(t *testing.T) {
			items, _, err := read(`[{"uuid":"a","numEndpoints":8,"context":{"long":"text"}},{"uuid":"b"},{"context":1}]`, plenty())
			require.NoError(t, err)
			assert.Equal(t, []item{{UUID: "a", NumEndpoints: 8, Context: []byte(`{"long":"text"}`)}, {UUID: "b"}, {Context: []byte("1")}}, items)
		})
	}
}

func TestListLimits(t *testing.T) {
	const size = 2 << 20
	long := `{"uuid":"` + strings.Repeat("x", size) + `"}`
	short := `{"uuid":"` + strings.Repeat("x", 1000) + `"}`
	tests := map[string]struct {
		text    string
		maxItem int64
		maxRows int
		tooLong bool
		rows    error
	}{
		"an item that fits":               {"[" + long + "]", size + 100, 1, false, nil},
		"an item that does not":           {"[" + long + "]", size, 1, true, nil},
		"one that is far too long":        {"[" + long + "]", 100, 1, true, nil},
		"a long list of short items":      {"[" + strings.Repeat(short+",", 2500) + short + "]", 2000, 10000, false, nil},
		"a long one before short ones":    {"[[" + long + strings.Repeat(","+short, 2500) + "],2501]", size + 100, 10000, false, nil},
		"a long one after short ones":     {"[[" + strings.Repeat(short+",", 2500) + long + "],2501]", size - 1, 10000, true, nil},
		"no limit":                        {"[" + long + "]", math.MaxInt64, 1, false, nil},
		"as many rows as there may be":    {"[{},{},{}]", 100, 3, false, nil},
		"more rows":                       {"[[{},{},{},{}],4]", 100, 3, false, ErrRows},
		"white space without end":         {"[{}" + strings.Repeat(" ", size) + "]", 100, 10, true, nil},
		"an unknown member of great size": {`{"x":"` + strings.Repeat("x", size) + `","items":[]}`, 100, 10, true, nil},
	}
	for name, tt := range tests {
		for kind, read := range readers() {
			if kind != "stream" && (strings.Contains(name, "white space") || strings.Contains(name, "unknown member") || kind == "bytewise") {
				continue // the caller limits data in memory
			}
			t.Run(name+"/"+kind, func(t *testing.T) {
				_, _, err := read(tt.text, ListOptions{MaxItem: tt.maxItem, MaxRows: tt.maxRows})
				var long *ItemTooLargeError
				require.Equal(t, tt.tooLong, errors.As(err, &long), "%v", err)
				if long != nil {
					assert.Equal(t, tt.maxItem, long.Limit)
					return
				}
				require.ErrorIs(t, err, tt.rows)
			})
		}
	}
}

func TestVisitorEndsAList(t *testing.T) {
	for _, src := range []io.Reader{bytes.NewBufferString(`[{},{},{}]`), strings.NewReader(`[{},{},{}]`)} {
		visited := 0
		tail, err := List(src, plenty(), func(*item) error {
			if visited++; visited == 2 {
				return errStop
			}
			return nil
		})
		require.Equal(t, errStop, err)
		assert.Equal(t, 2, visited)
		assert.Equal(t, 2, tail.Rows)
	}
}

func TestListsWithinLists(t *testing.T) {
	var seen []string
	for range 3 { // so that decoders are used again
		_, err := List(bytes.NewBufferString(`[{"uuid":"a"},{"uuid":"b"}]`), plenty(), func(outer *item) error {
			_, err := List(bytes.NewBufferString(`[[{"uuid":"x"},{"uuid":"y"}],2]`), plenty(), func(inner *item) error {
				seen = append(seen, outer.UUID+inner.UUID)
				return nil
			})
			return err
		})
		require.NoError(t, err)
	}
	assert.Equal(t, strings.Fields(strings.Repeat("ax ay bx by ", 3)), seen)
}

// exploding panics when it is decoded.
type exploding struct{}

func (*exploding) UnmarshalJSON([]byte) error { panic("decoded") }

func TestListAfterAPanic(t *testing.T) {
	for range 10 {
		assert.Panics(t, func() { _, _, _ = Items[exploding]([]byte(`[{}]`), plenty()) })
		items, _, err := Items[item]([]byte(`[{"uuid":"a"}]`), plenty())
		require.NoError(t, err)
		assert.Equal(t, []item{{UUID: "a"}}, items)
	}
}

func TestReadErrorWithinAList(t *testing.T) {
	errRead := errors.New("reset")
	for _, text := range []string{``, `[`, `[[{"uuid":"a"}`, `[[{"uuid":"a`, `[[{"uuid":"a"}],`, `[[{"numEndpoints":1`, `{"items":[{"context":[`, `{"message":"`} {
		for _, lenient := range []bool{false, true} {
			opts := plenty()
			opts.Lenient = lenient
			_, err := List(io.MultiReader(strings.NewReader(text), iotest.ErrReader(errRead)), opts, func(*item) error { return nil })
			require.ErrorIs(t, err, errRead, "%q", text)
			assert.False(t, IsMismatch(err), "%q: %v", text, err)
		}
	}
}

func FuzzList(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add([]byte(r.Response.Body), r.Response.Status%2 == 0)
	}
	for _, text := range []string{`[[{"uuid":"a"}],"7"]`, `{"ok":true,"data":{"endpoints":[{}],"totalCount":7}}`, `{"ok":false,"msg":"x"}`, `[[]`, `null`, `{"items":null,"total":1}`} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, lenient bool) {
		opts := ListOptions{Lenient: lenient, MaxItem: 1 << 12, MaxRows: 100}
		read := func(src io.Reader) (string, Tail, error) {
			var seen strings.Builder
			rows := 0
			tail, err := List(src, opts, func(i *item) error {
				rows++
				fmt.Fprintf(&seen, "%q %d %q\n", i.UUID, i.NumEndpoints, i.Context)
				return nil
			})
			if rows != tail.Rows || rows > opts.MaxRows {
				t.Fatalf("%d rows visited, %d counted, %d allowed", rows, tail.Rows, opts.MaxRows)
			}
			return seen.String(), tail, err
		}
		before := bytes.Clone(data)
		whole, tail, err := read(bytes.NewBuffer(data))
		if !bytes.Equal(before, data) {
			t.Fatal("the body was changed")
		}
		some, streamTail, streamErr := read(streamed{iotest.HalfReader(bytes.NewReader(data))})
		if whole != some || tail != streamTail || (err == nil) != (streamErr == nil) {
			t.Fatalf("memory gives %q %v %v, a stream %q %v %v", whole, tail, err, some, streamTail, streamErr)
		}
		if err != nil {
			return
		}
		if n := len(bytes.TrimSpace(data)); n > 0 {
			if _, _, err := read(bytes.NewBuffer(bytes.TrimSpace(data)[:n-1])); err == nil {
				t.Fatal("a list without its last byte is a list")
			}
		}
		if _, _, err := read(bytes.NewBuffer(append(before, 'x'))); err == nil {
			t.Fatal("text after a list is taken")
		}
	})
}

var errStop = errors.New("stop")
