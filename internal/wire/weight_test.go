package wire

import (
	"encoding/json"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// heavy has a member of each kind that can take more memory than its text.
type heavy struct {
	Objects []struct {
		A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P int
	} `json:"objects"`
	Texts    []string                   `json:"texts"`
	Lists    [][]string                 `json:"lists"`
	Pointers []*[32]int                 `json:"pointers"`
	Map      map[string]struct{ A int } `json:"map"`
	Any      any                        `json:"any"`
	Raw      json.RawMessage            `json:"raw"`
	Deep     *heavy                     `json:"deep"`
}

func many(value string, bytes int) string {
	return strings.Repeat(value+",", bytes/(len(value)+1)) + value
}

func members(bytes int) string {
	var b strings.Builder
	for i := 0; b.Len() < bytes; i++ {
		b.WriteString(`"` + string(rune('a'+i%26)) + strings.Repeat("x", i/26%4) + string(rune(0x4e00+i%20000)) + `":{},`)
	}
	return b.String() + `"":{}`
}

// TestMemoryOfABodyIsBounded decodes 1 MiB of the texts that take the most memory for their length, and of legitimate
// ones.
func TestMemoryOfABodyIsBounded(t *testing.T) {
	const size = 1 << 20
	tests := map[string]struct {
		text    string
		refused bool
	}{
		"empty objects in an array":          {`{"objects":[` + many(`{}`, size) + `]}`, true},
		"small objects in an array":          {`{"objects":[` + many(`{"A":0}`, size) + `]}`, true},
		"nulls in an array of objects":       {`{"objects":[` + many(`null`, size) + `]}`, true},
		"the same, deeper":                   {`{"deep":{"deep":{"objects":[` + many(`{"A":0}`, size) + `]}}}`, true},
		"the same, under a name in capitals": {`{"OBJECTS":[` + many(`{"A":0}`, size) + `]}`, true},
		"empty texts":                        {`{"texts":[` + many(`""`, size) + `]}`, true},
		"empty arrays":                       {`{"lists":[` + many(`[]`, size) + `]}`, true},
		"pointers":                           {`{"pointers":[` + many(`[]`, size) + `]}`, true},
		"members of a map":                   {`{"map":{` + members(size) + `}}`, true},
		"free-form objects":                  {`{"any":[` + many(`{"a":{}}`, size) + `]}`, true},
		"free-form arrays":                   {`{"any":[` + many(`[[]]`, size) + `]}`, true},
		"the same kept as text":              {`{"raw":[` + many(`{"a":0}`, size) + `]}`, false},
		"members that mean nothing":          {`{"other":[` + many(`{"a":0}`, size) + `]}`, false},
		"texts":                              {`{"texts":[` + many(`"`+strings.Repeat("x", 60)+`"`, size) + `]}`, false},
		"one long text":                      {`{"texts":["` + strings.Repeat("x", size) + `"]}`, false},
		"structural bytes within a text":     {`{"texts":["` + strings.Repeat("[{},", size/4) + `"]}`, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			var v heavy
			err := Object([]byte(tt.text), &v, size)
			runtime.ReadMemStats(&after)
			if tt.refused {
				var heavy *TooHeavyError
				require.ErrorAs(t, err, &heavy)
			} else {
				require.NoError(t, err)
			}
			assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16*size), "a small multiple of the limit")

			list, _, err := Items[heavy]([]byte("["+tt.text+"]"), ListOptions{MaxItem: size + 1<<10, MaxRows: 10})
			if tt.refused {
				require.Error(t, err, "an item of a page")
			} else {
				require.NoError(t, err)
				require.Len(t, list, 1)
			}
		})
	}
	rows := "[" + many(`{"uuid":"a"}`, size) + "]"
	_, _, err := Items[item]([]byte(rows), ListOptions{MaxItem: size, MaxRows: 1 << 20})
	var heavy *TooHeavyError
	require.ErrorAs(t, err, &heavy, "the rows of a page")
}

func TestWeightOfWhatIsNotJSONIsThatBeforeItsFault(t *testing.T) {
	for _, text := range []string{"", "{", `{"objects":[{},`, `{"objects":`, `{"map":{"a"`, "[}", "nul", `"`} {
		s := newScale(1 << 20)
		require.NoError(t, s.weigh([]byte(text), reflect.TypeFor[heavy]()), text)
	}
}

func FuzzWeigh(f *testing.F) {
	for name := range recordings(f) {
		f.Add(recorded(f, name))
	}
	f.Add([]byte(`{"objects":[{},null],"map":{"a":{}},"any":[{"a":[[]]}],"deep":{"texts":["a"]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if s := newScale(1 << 30); s.weigh(body, reflect.TypeFor[heavy]()) != nil {
			t.Fatalf("%d bytes weigh more than 4 GiB", len(body))
		}
	})
}
