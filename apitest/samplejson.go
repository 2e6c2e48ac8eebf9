package apitest

import (
	"bytes"
	"encoding/json"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// indentJSON gives JSON indented by four spaces, as the original writes bodies.
func indentJSON(v any) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(jsvalue.JSON(v)), "", "    "); err != nil {
		return ""
	}
	return b.String()
}
