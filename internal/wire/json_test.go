package wire

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestObject(t *testing.T) {
	tests := map[string]struct {
		text string
		want item
	}{
		"a plain one":                  {`{"uuid":"a","numEndpoints":8,"context":{"x":1}}`, item{"a", 8, json.RawMessage(`{"x":1}`)}},
		"white space":                  {" {\n\"uuid\" : \"a\" } \n", item{UUID: "a"}},
		"a number in a string":         {`{"numEndpoints":"8"}`, item{NumEndpoints: 8}},
		"a negative number":            {`{"numEndpoints":"-8"}`, item{NumEndpoints: -8}},
		"null for a number":            {`{"uuid":"a","numEndpoints":null}`, item{UUID: "a"}},
		"null for a text":              {`{"uuid":null}`, item{}},
		"null for free JSON":           {`{"context":null}`, item{}},
		"unknown members":              {`{"uuid":"a","x":{"uuid":"b"},"y":[1]}`, item{UUID: "a"}},
		"a name that comes twice":      {`{"uuid":"a","uuid":"b"}`, item{UUID: "b"}},
		"such a name in free JSON":     {`{"context":{"a":1,"a":2}}`, item{Context: json.RawMessage(`{"a":1,"a":2}`)}},
		"invalid UTF-8":                {"{\"uuid\":\"\xff\"}", item{UUID: "\ufffd"}},
		"invalid UTF-8 in free JSON":   {"{\"context\":\"\xff\"}", item{Context: json.RawMessage("\"\xff\"")}},
		"an empty one":                 {`{}`, item{}},
		"an envelope":                  {`{"ok":true,"data":{"uuid":"a"}}`, item{UUID: "a"}},
		"an envelope in any order":     {`{"message":"done","data":{"uuid":"a"},"ok":true}`, item{UUID: "a"}},
		"an envelope with spaces":      {" { \"ok\" : true ,\n \"data\" : {\"uuid\":\"a\"} } ", item{UUID: "a"}},
		"an envelope in one":           {`{"ok":true,"data":{"ok":true,"uuid":"a"}}`, item{UUID: "a"}},
		"one more member, no envelope": {`{"ok":true,"data":{"uuid":"b"},"uuid":"a"}`, item{UUID: "a"}},
		"no ok, no envelope":           {`{"data":{"uuid":"b"}}`, item{}},
		"no data, no envelope":         {`{"ok":true}`, item{}},
		"an ok that is no answer":      {`{"ok":1,"data":{"uuid":"b"}}`, item{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got item
			require.NoError(t, Object([]byte(tt.text), &got, 1<<20))
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestFreeJSONKeepsTheLastOfTwo(t *testing.T) {
	tests := map[string]string{
		`{"a":{"b":1},"a":{"c":2}}`:         `{"a":{"c":2}}`,
		`{"a":{},"a":"text"}`:               `{"a":"text"}`,
		`{"a":"text","a":[1]}`:              `{"a":[1]}`,
		`{"a":[{"b":1}],"a":[{"c":2}]}`:     `{"a":[{"c":2}]}`,
		`{"x":{"a":1,"a":{}},"y":[[1],{}]}`: `{"x":{"a":{}},"y":[[1],{}]}`,
		`{"a":1,"a":null}`:                  `{"a":null}`,
	}
	for text, want := range tests {
		var free any
		require.NoError(t, Object([]byte(text), &free, 1<<20), text)
		got, err := json.Marshal(free)
		require.NoError(t, err)
		assert.JSONEq(t, want, string(got), text)

		var members map[string]any
		require.NoError(t, Object([]byte(text), &members, 1<<20), text)
		assert.Equal(t, free, any(members))
	}
	target := item{}
	var pointer any = &target
	require.NoError(t, Object([]byte(`{"uuid":"a"}`), &pointer, 1<<20))
	assert.Equal(t, "a", target.UUID, "a value of the caller's is filled")
}

func TestObjectThatIsNone(t *testing.T) {
	tests := map[string]struct {
		text     string
		want     string
		cut      bool
		mismatch bool
	}{
		"nothing":                           {"", "no value", false, false},
		"white space":                       {" \r\n", "no value", false, false},
		"null":                              {" null ", "no value", false, false},
		"null in an envelope":               {`{"ok":true,"data":null}`, "no value", false, false},
		"a text":                            {"OK", "invalid character 'O'", false, false},
		"a page":                            {"<!DOCTYPE html>", "invalid character '<'", false, false},
		"a string":                          {`"OK"`, "JSON string", false, true},
		"an array":                          {`[]`, "JSON array", false, true},
		"a text for a number":               {`{"numEndpoints":"many"}`, `"many" is not an integer`, false, true},
		"a fraction":                        {`{"numEndpoints":1.5}`, `"1.5" is not an integer`, false, true},
		"an empty text for a number":        {`{"numEndpoints":""}`, `"" is not an integer`, false, true},
		"an object for a number":            {`{"numEndpoints":{}}`, "is not an integer", false, true},
		"a number too large":                {`{"numEndpoints":99999999999999999999}`, "is not an integer", false, true},
		"a number for a text":               {`{"uuid":1}`, "JSON number", false, true},
		"two values":                        {`{} {}`, "after top-level value", false, false},
		"more text":                         {`{}x`, "after top-level value", false, false},
		"more text after an envelope":       {`{"ok":true,"data":{}}x`, "after top-level value", false, false},
		"another value after an envelope":   {`{"ok":true,"data":{}}{}`, "after top-level value", false, false},
		"a failure":                         {`{"ok":false}`, "without saying why", false, false},
		"a failure that says why":           {`{"ok":false,"msg":"the database is down"}`, "the database is down", false, false},
		"a failure with data":               {`{"ok":false,"data":{"uuid":"a"},"error":"half done"}`, "half done", false, false},
		"a failure with an object for why":  {`{"ok":false,"error":{"code":1}}`, "without saying why", false, false},
		"cut":                               {`{"uuid":"a"`, "unexpected EOF", true, false},
		"cut in a number":                   {`{"numEndpoints":1`, "unexpected EOF", true, false},
		"cut in free JSON":                  {`{"context":{"a":[`, "unexpected EOF", true, false},
		"cut before the end of an envelope": {`{"ok":true,"data":{"uuid":"a"}`, "unexpected EOF", true, false},
		"cut in the data of an envelope":    {`{"ok":true,"data":{"uuid":"a"`, "unexpected EOF", true, false},
		"a failure that is cut":             {`{"ok":false`, "unexpected EOF", true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got item
			err := Object([]byte(tt.text), &got, 1<<20)
			require.ErrorContains(t, err, tt.want)
			assert.Equal(t, tt.cut, IsTruncated(err))
			assert.Equal(t, tt.mismatch, IsMismatch(err))
			assert.Equal(t, tt.want == "no value", errors.Is(err, ErrEmpty))
		})
	}
}

func TestObjectDoesNotChangeItsInput(t *testing.T) {
	const text = `{"ok":true,"message":"m","data":{"uuid":"a","context":{"b":1}}}`
	data := []byte(text)
	var got item
	require.NoError(t, Object(data, &got, 1<<20))
	assert.Equal(t, text, string(data))
	clear(data)
	assert.Equal(t, item{UUID: "a", Context: json.RawMessage(`{"b":1}`)}, got, "and keeps none of it")
}

func TestMarshal(t *testing.T) {
	tests := map[string]struct {
		value any
		want  string
	}{
		"maps in order": {map[string]int{"b": 1, "a": 2}, `{"a":2,"b":1}`},
		"no escapes":    {"<a&b>", `"<a&b>"`},
		"no nil slice":  {[]string(nil), `[]`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Marshal(tt.value)
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(got))
		})
	}
	_, err := Marshal(func() {})
	require.Error(t, err)
}

func TestNoErrorIsNoMismatch(t *testing.T) {
	assert.False(t, IsMismatch(nil))
	assert.False(t, IsTruncated(nil))
}

func FuzzObject(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add([]byte(r.Response.Body))
	}
	for _, text := range []string{`{"ok":true,"data":{"uuid":"a"}}`, `{"ok":false,"msg":"x"}`, `{"data":{},"ok":true,"error":"x"}`, `{"numEndpoints":"8"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		var got item
		err := Object(data, &got, 1<<20)
		if string(data) != before {
			t.Fatal("the body was changed")
		}
		var free any
		freeErr := Object(data, &free, 1<<20)
		if err != nil {
			return
		}
		if freeErr != nil {
			t.Fatalf("an object, but not free JSON: %v", freeErr)
		}
		for _, more := range []string{"x", "{}", ",", "]"} {
			if Object([]byte(before+more), new(item), 1<<20) == nil {
				t.Fatalf("%q is taken after an object", more)
			}
		}
	})
}

// TestAnyObjectDecodesAsEncodingJSON compares values that a route of the caller's may return.
func TestAnyObjectDecodesAsEncodingJSON(t *testing.T) {
	for _, text := range []string{
		`null`, `{"ok":true,"data":{"A":1}}`, `{"ok":false,"message":"no"}`, `[]`, `"text"`, `1`, ` true `, `{"a":{"b":[null]}}`, ``, `{`, `1 2`,
	} {
		var want, got any
		wantErr, gotErr := json.Unmarshal([]byte(text), &want), AnyObject([]byte(text), &got, 1<<20)
		require.Equal(t, wantErr == nil, gotErr == nil, "%s: %v, %v", text, wantErr, gotErr)
		if wantErr == nil {
			assert.Equal(t, want, got, text)
		}
		pointer := &struct{ A int }{1}
		require.Equal(t, json.Unmarshal([]byte(text), &pointer) == nil, AnyObject([]byte(text), &pointer, 1<<20) == nil, text)
	}
	for text, ok := range map[string]bool{
		`1`: true, `-1.5e9`: true, `"1"`: true, `"1.5"`: true, `""`: false, `"inf"`: false, `"NaN"`: false, `"0x1p2"`: false,
		`"1_000"`: false, `" 1"`: false, `"01"`: false, `true`: false, `{}`: false,
	} {
		var n json.Number
		require.Equal(t, ok, AnyObject([]byte(text), &n, 1<<20) == nil, text)
	}
}

type (
	namedInt  int32
	namedUint uint16
	ownInt    int
)

func (o *ownInt) UnmarshalText(text []byte) error {
	*o = ownInt(len(text))
	return nil
}

// TestAnyObjectReadsWhatEncodingJSONWrites covers values for which the two versions of the package differ.
func TestAnyObjectReadsWhatEncodingJSONWrites(t *testing.T) {
	type inner struct{ A, B int }
	type all struct {
		Number   json.Number
		Duration time.Duration
		Array    [4]byte
		Bytes    []byte
		Nil      []int
		Map      map[string]int
		Keys     map[int8]string
		Quoted   int `json:",string"`
		Omit     int `json:"omit,omitempty"`
		Raw      json.RawMessage
		Any      any
		Pointer  *inner
		Time     time.Time
		Float    float64
		inner
	}
	in := all{
		Number: "1.50", Duration: time.Minute, Array: [4]byte{1, 2, 3, 4}, Bytes: []byte("bytes"), Map: map[string]int{"a": 1},
		Keys: map[int8]string{-1: "x"}, Quoted: 7, Raw: json.RawMessage(`{"a":[1]}`), Any: []any{"x", 1.0, nil},
		Pointer: &inner{1, 2}, Time: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Float: 0.1,
	}
	encoded, err := json.Marshal(in)
	require.NoError(t, err)
	var want, got all
	require.NoError(t, json.Unmarshal(encoded, &want))
	require.NoError(t, AnyObject(encoded, &got, 1<<20))
	assert.Equal(t, want, got)
}

func TestAnyObjectTakesIntegersFromStrings(t *testing.T) {
	var got struct {
		I    int
		I8   int8
		I16  int16
		I32  int32
		I64  int64
		U    uint
		U8   uint8
		U16  uint16
		U32  uint32
		U64  uint64
		N    namedInt
		NU   namedUint
		P    *int64
		L    []int64
		LN   []namedInt
		M    map[string]uint32
		A    [2]int16
		Own  ownInt
		Text string
		Any  any
	}
	const text = `{"I":"-1","I8":"-128","I16":"2","I32":"3","I64":"9223372036854775807","U":"4","U8":"255","U16":"5","U32":"6",
		"U64":"18446744073709551615","N":"7","NU":"8","P":"9","L":["1",2],"LN":["3"],"M":{"a":"4"},"A":["5","6"],"own":"12345",
		"Text":"7","Any":"8"}`
	require.NoError(t, AnyObject([]byte(text), &got, 1<<20))
	assert.Equal(t, -1, got.I)
	assert.EqualValues(t, -128, got.I8)
	assert.EqualValues(t, 2, got.I16)
	assert.EqualValues(t, 3, got.I32)
	assert.EqualValues(t, int64(1<<63-1), got.I64)
	assert.EqualValues(t, 4, got.U)
	assert.EqualValues(t, 255, got.U8)
	assert.EqualValues(t, 5, got.U16)
	assert.EqualValues(t, 6, got.U32)
	assert.EqualValues(t, uint64(1<<64-1), got.U64)
	assert.EqualValues(t, 7, got.N)
	assert.EqualValues(t, 8, got.NU)
	assert.EqualValues(t, 9, *got.P)
	assert.Equal(t, []int64{1, 2}, got.L)
	assert.Equal(t, []namedInt{3}, got.LN)
	assert.Equal(t, map[string]uint32{"a": 4}, got.M)
	assert.Equal(t, [2]int16{5, 6}, got.A)
	assert.EqualValues(t, 5, got.Own, "a type that reads itself does")
	assert.Equal(t, "7", got.Text)
	assert.Equal(t, "8", got.Any)
	for _, bad := range []string{`{"I8":"128"}`, `{"U":"-1"}`, `{"I":""}`, `{"I":"1.5"}`, `{"L":["x"]}`} {
		require.Error(t, AnyObject([]byte(bad), &got, 1<<20), bad)
	}
}
