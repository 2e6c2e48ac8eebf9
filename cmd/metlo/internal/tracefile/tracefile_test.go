package tracefile_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/tracefile"
)

const (
	analyzed = `{"request":{"url":{"host":"shop.example.com","path":"/users/1","endpointPath":"/users/{id}","parameters":[]},"headers":[],"body":"","method":"GET"},` +
		`"response":{"status":200,"headers":[],"body":""},"meta":{},"redacted":true,"analysisType":"full","processedTraceData":{"dataTypes":{"resBody.id":["integer"]}}}`
	values = `{"request":{"url":{"host":"shop.example.com","path":"/users","parameters":[]},"headers":[],"body":"{}","method":"POST"},` +
		`"response":{"status":200,"headers":[],"body":""},"meta":{}}`
)

// lines reads a file into a line of text for each of its lines.
func lines(r io.Reader) (list []string, err error) {
	for trace, err := range tracefile.Read(r) {
		var fault *tracefile.LineError
		switch {
		case errors.As(err, &fault):
			list = append(list, fault.Error())
		case err != nil:
			return list, err
		case trace.Analyzed != nil:
			list = append(list, "types of "+trace.Analyzed.Request.URL.EndpointPath)
		default:
			list = append(list, "values of "+trace.Values.Request.URL.Path)
		}
	}
	return list, nil
}

func TestRead(t *testing.T) {
	utf16le := func(text string) string {
		out := "\xff\xfe"
		for _, unit := range utf16.Encode([]rune(text)) {
			out += string([]byte{byte(unit), byte(unit >> 8)})
		}
		return out
	}
	long := `{"request":"` + strings.Repeat("x", 5<<20) + `"}`
	for name, tt := range map[string]struct {
		file string
		want []string
	}{
		"types and values":              {analyzed + "\n" + values + "\n", []string{"types of /users/{id}", "values of /users"}},
		"the last line has no end":      {analyzed + "\n" + values, []string{"types of /users/{id}", "values of /users"}},
		"nothing":                       {"", nil},
		"empty lines and CR":            {"\r\n" + analyzed + "\r\n\n", []string{"types of /users/{id}"}},
		"a byte order mark":             {"\ufeff" + analyzed, []string{"types of /users/{id}"}},
		"UTF-16, of a shell of Windows": {utf16le(analyzed + "\r\n" + values), []string{"types of /users/{id}", "values of /users"}},
		"a cut line":                    {analyzed[:50] + "\n" + values, []string{"line 1: it is cut short", "values of /users"}},
		"NUL of a crash":                {"\x00\x00\x00\n" + values, []string{`line 1: it is not JSON: invalid character '\x00' looking for beginning of value`, "values of /users"}},
		"a line that is too long":       {long + "\n" + values, []string{"line 1: it is over 4 MiB", "values of /users"}},
		"a last line that is too long":  {values + "\n" + long, []string{"values of /users", "line 2: it is over 4 MiB"}},
		"other JSON": {
			"5\nnull\n{}\n[]\n" + values,
			[]string{
				"line 1: it is a JSON number, and an object is expected", "line 2: it is not a trace: an object with request and response is expected",
				"line 3: it is not a trace: an object with request and response is expected", "line 4: it is a JSON array, and an object is expected", "values of /users",
			},
		},
		"a member of another type": {
			strings.Replace(analyzed, "200", `"200"`, 1) + "\n", []string{"line 1: response.status is a JSON string, which is the wrong type"},
		},
		"types that no recorder wrote": {
			strings.Replace(analyzed, `"redacted":true`, `"redacted":false`, 1) + "\n" + strings.Replace(analyzed, `"full"`, `"partial"`, 1),
			[]string{
				"line 1: it does not come from a recorder: redacted is not true, or analysisType is not full",
				"line 2: it does not come from a recorder: redacted is not true, or analysisType is not full",
			},
		},
		"values beside types": {
			strings.Replace(analyzed, `"body":""`, `"body":"secret"`, 1),
			[]string{"line 1: it holds values beside their types: record it again, or remove processedTraceData to have the values analyzed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := lines(strings.NewReader(tt.file))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
			got, err = lines(iotest.HalfReader(strings.NewReader(tt.file)))
			require.NoError(t, err)
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestReadReturnsTheErrorOfTheFile(t *testing.T) {
	broken := errors.New("the disk is broken")
	got, err := lines(io.MultiReader(strings.NewReader(analyzed+"\n"+values[:20]), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	assert.Equal(t, []string{"types of /users/{id}"}, got)
}

func FuzzRead(f *testing.F) {
	f.Add(analyzed + "\n" + values)
	f.Add("{}\n\n5")
	f.Fuzz(func(t *testing.T, text string) {
		last := 0
		for trace, err := range tracefile.Read(strings.NewReader(text)) {
			line := trace.Line
			var fault *tracefile.LineError
			if errors.As(err, &fault) {
				line = fault.Line
			} else {
				require.NoError(t, err)
				assert.NotEqual(t, trace.Analyzed == nil, trace.Values == nil)
			}
			assert.Greater(t, line, last)
			last = line
		}
	})
}
