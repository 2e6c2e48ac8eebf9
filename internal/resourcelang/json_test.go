package resourcelang_test

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/metlo-go/metlo/internal/jsyaml"
	"github.com/metlo-go/metlo/internal/resourcelang"
)

// rawJSON is JSON that is written already.
type rawJSON string

// statementsJSON writes statements as the JSON of the server's, to the byte.
func statementsJSON(statements []resourcelang.Statement) string {
	list := make([]any, len(statements))
	for i := range statements {
		list[i] = statements[i].Values(objectJSON)
	}
	return valueJSON(list)
}

func objectJSON(keys []string, values []any) any {
	members := make([]string, len(keys))
	for i, key := range keys {
		members[i] = valueJSON(key) + ":" + valueJSON(values[i])
	}
	return rawJSON("{" + strings.Join(members, ",") + "}")
}

func valueJSON(v any) string {
	switch v := v.(type) {
	case rawJSON:
		return string(v)
	case []any:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = valueJSON(e)
		}
		return "[" + strings.Join(list, ",") + "]"
	case float64:
		if math.IsInf(v, 0) {
			return "null"
		}
		return jsyaml.FormatNumber(v)
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
