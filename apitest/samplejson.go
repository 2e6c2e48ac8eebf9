package apitest

import (
	"bytes"
	"encoding/json"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// indentJSON returns v as JSON, indented by four spaces as in the original library.
func indentJSON(v any) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(jsvalue.JSON(v)), "", "    "); err != nil {
		return ""
	}
	return b.String()
}
