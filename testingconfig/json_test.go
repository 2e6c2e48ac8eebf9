package testingconfig_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"

	"github.com/metlo-go/metlo/testingconfig"
)

// statementsJSON writes statements as the JSON of the server's, to the byte.
func statementsJSON(statements []testingconfig.Statement) string {
	list := make([]string, len(statements))
	for i := range statements {
		list[i] = statementJSON(&statements[i])
	}
	return "[" + strings.Join(list, ",") + "]"
}

func statementJSON(s *testingconfig.Statement) string {
	kind := scalarJSON(string(s.Kind))
	switch s.Kind {
	case testingconfig.KindComment:
		return `{"type":` + kind + `,"val":` + scalarJSON(s.Text) + "}"
	case testingconfig.KindPermission:
		return `{"type":` + kind + `,"actor":` + selectorJSON(s.Subject) + `,"permissions":` + valueJSON(testingconfig.Value{V: s.Permissions}) +
			`,"resource":` + selectorJSON(s.Object) + "}"
	}
	return `{"type":` + kind + `,"name":` + scalarJSON(s.Name) + `,"members":` + valueJSON(testingconfig.Value{V: s.Members}) + "}"
}

func selectorJSON(s testingconfig.Selector) string {
	if s.Bare {
		return scalarJSON(s.Name)
	}
	return `{"name":` + scalarJSON(s.Name) + `,"filters":` + valueJSON(testingconfig.Value{V: s.Filters}) + "}"
}

func valueJSON(v testingconfig.Value) string {
	var parts []string
	switch x := v.V.(type) {
	case []testingconfig.Value:
		for _, e := range x {
			parts = append(parts, valueJSON(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case []testingconfig.Member:
		for _, m := range testingconfig.Properties(x) {
			parts = append(parts, scalarJSON(m.Name)+":"+valueJSON(m.Value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return scalarJSON(v.V)
}

func scalarJSON(v any) string {
	if f, isNumber := v.(float64); isNumber && (math.IsInf(f, 0) || f == 0) {
		return map[bool]string{true: "0", false: "null"}[f == 0]
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// zodJSON writes issues as the server's library does.
func zodJSON(issues []*testingconfig.Issue) string {
	list := make([]string, len(issues))
	for i, issue := range issues {
		m := map[string]any{"code": issue.Code, "message": issue.Message, "path": issue.Path}
		switch issue.Code {
		case "invalid_type":
			m["expected"], m["received"] = issue.Expected, issue.Received
		case "invalid_enum_value":
			m["options"], m["received"] = issue.Options, json.RawMessage(scalarJSON(issue.Value))
		case "unrecognized_keys":
			m["keys"] = issue.Keys
		case "invalid_union":
			var all []json.RawMessage
			for _, union := range issue.Unions {
				all = append(all, json.RawMessage(`{"name":"ZodError","issues":`+zodJSON(union)+`}`))
			}
			m["unionErrors"] = all
		}
		list[i] = scalarJSON(m)
	}
	return "[" + strings.Join(list, ",") + "]"
}
