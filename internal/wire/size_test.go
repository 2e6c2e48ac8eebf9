package wire_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/metlo-go/metlo/internal/wire"
)

func TestDecodedSizeCountsWhatStructsTake(t *testing.T) {
	tests := map[string]struct {
		text     string
		at, most int64
	}{
		"nothing":                 {"", 0, 0},
		"no JSON":                 {"{", 1, 200},
		"a plain object":          {`{"a":1}`, 7, 500},
		"empty objects of a list": {"[" + strings.Repeat("{},", 99) + "{}]", 100 << 10, 130 << 10},
		"empty lists of a list":   {"[" + strings.Repeat("[],", 99) + "[]]", 100 << 10, 130 << 10},
		"nulls of a list":         {"[" + strings.Repeat("null,", 99) + "null]", 100 << 10, 130 << 10},
		"empty strings":           {"[" + strings.Repeat(`"",`, 99) + `""]`, 100 * 16, 10 << 10},
		"members":                 {`{"a":{"b":1,"c":2}}`, 19, 1000},
		"a raw member":            {`{"raw":[` + strings.Repeat("{},", 99) + "{}]}", 300, 1000},
		"a raw name as a value":   {`["raw",[` + strings.Repeat("{},", 99) + "{}]]", 100 << 10, 130 << 10},
		"a raw member that ends":  {`{"raw":[{},`, 10, 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := wire.DecodedSize([]byte(tt.text), math.MaxInt64-1, "raw")
			assert.GreaterOrEqual(t, got, tt.at)
			assert.LessOrEqual(t, got, tt.most)
		})
	}
	assert.EqualValues(t, 101, wire.DecodedSize([]byte(strings.Repeat(" ", 1000)), 100), "no more than one over the limit")
}
