package har_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/har"
)

func TestRead(t *testing.T) {
	const archive = "\ufeff" + `{"other": {"entries": [1]}, "log": {"version": "1.2", "entries": [
		{"request": {"method": "get", "url": "http://a.example.com:8080?x=%41&y=%zz&z", "headers": [{"name": ":path", "value": "/"}]},
		 "response": {"status": 200, "content": {"text": "hi"}}},
		{"request": {"method": "POST", "url": "https://a.example.com/f", "postData": {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": 5}]}},
		 "response": {"status": 500}},
		{"request": {"method": "GET", "url": "https://a.example.com/i"}, "response": {"status": 200, "content": {"mimeType": "image/png", "text": "abc"}}},
		{"request": {"method": "BREW", "url": "https://a.example.com/"}, "response": {"status": 200}},
		{"request": {"method": "GET", "url": 5}, "response": {"status": 200}},
		{"request": {"method": "GET", "url": "data:text/plain,x"}, "response": {"status": 200}},
		{"request": {"method": "GET", "url": "https://a.example.com/last"}, "response": {"status": 204}}
	], "pages": []}}`
	var got []string
	skipped := 0
	for trace, err := range har.Read(strings.NewReader(archive)) {
		var skip *har.SkipError
		if errors.As(err, &skip) {
			skipped++
			continue
		}
		require.NoError(t, err)
		line := string(trace.Request.Method) + " " + trace.Request.URL.Host + trace.Request.URL.Path + " " + trace.Request.Body + trace.Response.Body
		for _, p := range trace.Request.URL.Parameters {
			line += " " + p.Name + "=" + p.Value
		}
		got = append(got, line)
	}
	assert.Equal(t, []string{
		"GET a.example.com:8080/ hi x=A y=%zz z=", "POST a.example.com/f a=5", "GET a.example.com/i ", "GET a.example.com/last ",
	}, got)
	assert.Equal(t, 3, skipped)
}

// TestReadUTF16 reads an archive of a Windows tool that writes UTF-16.
func TestReadUTF16(t *testing.T) {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		archive := mark
		for _, c := range []byte(`{"log":{"entries":[{"request":{"method":"GET","url":"https://a.example.com/b"},"response":{"status":200}}]}}`) {
			archive += map[string]string{"\xff\xfe": string([]byte{c, 0}), "\xfe\xff": string([]byte{0, c})}[mark]
		}
		n := 0
		for trace, err := range har.Read(strings.NewReader(archive)) {
			require.NoError(t, err)
			assert.Equal(t, "/b", trace.Request.URL.Path)
			n++
		}
		assert.Equal(t, 1, n)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"log": {"entries": [{"request": {"method": "GET", "url": "https://a/b?c=d"}, "response": {"status": 200}}]}}`)
	f.Add(`{"log": {"entries": [{}, 5, null]`)
	f.Add("[]")
	f.Fuzz(func(t *testing.T, text string) {
		n := 0
		for trace, err := range har.Read(strings.NewReader(text)) {
			assert.True(t, (trace == nil) != (err == nil))
			if n++; n > len(text)+1 {
				t.Fatal("it never ends")
			}
		}
	})
}
