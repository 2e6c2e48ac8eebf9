package resourcelang_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/metlo-go/metlo/internal/jsyaml"
	"github.com/metlo-go/metlo/internal/resourcelang"
)

// statementsJSON writes statements as the JSON of the server's, to the byte.
func statementsJSON(statements []resourcelang.Statement) string {
	list := make([]string, len(statements))
	for i, s := range statements {
		switch s.Kind {
		case resourcelang.Comment:
			list[i] = `{"type":"comment","val":` + textJSON(s.Text) + "}"
		case resourcelang.Permission:
			list[i] = `{"type":"permission_def","actor":` + selectorJSON(s.Subject) + `,"permissions":` + valueJSON(s.Permissions) +
				`,"resource":` + selectorJSON(s.Object) + "}"
		case resourcelang.Host, resourcelang.Actor, resourcelang.Resource:
			list[i] = fmt.Sprintf(`{"type":"%s","name":%s,"members":%s}`, s.Kind, textJSON(s.Name), valueJSON(s.Members))
		}
	}
	return "[" + strings.Join(list, ",") + "]"
}

func selectorJSON(s resourcelang.Selector) string {
	if s.Bare {
		return textJSON(s.Name)
	}
	return `{"name":` + textJSON(s.Name) + `,"filters":` + valueJSON(s.Filters) + "}"
}

func textJSON(s string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func valueJSON(v any) string {
	switch v := v.(type) {
	case string:
		return textJSON(v)
	case bool:
		return fmt.Sprint(v)
	case float64:
		if !math.IsInf(v, 0) {
			return jsyaml.FormatNumber(v)
		}
	case []resourcelang.Value:
		list := make([]string, len(v))
		for i, e := range v {
			list[i] = valueJSON(e.V)
		}
		return "[" + strings.Join(list, ",") + "]"
	case []resourcelang.Member:
		var list []string
		for _, m := range resourcelang.Properties(v) {
			list = append(list, textJSON(m.Name)+":"+valueJSON(m.Value.V))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	return "null"
}
