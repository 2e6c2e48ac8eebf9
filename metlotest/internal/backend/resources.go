package backend

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/internal/resourcelang"
	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// resourceSyntax is the answer to a text that is not in the resource language.
func resourceSyntax(fault *resourcelang.SyntaxError) Response {
	return JSONResponse(http.StatusBadRequest, js.New("type", "RAW", "err", fault.Message, "message", fault.Message,
		"startColumn", fault.Column, "startLine", fault.Line, "endColumn", fault.EndColumn, "endLine", fault.EndLine))
}

// resourceProblem is the answer to statements that the schema of the resource language refuses, or nil.
func resourceProblem(statements []resourcelang.Statement) *Response {
	found := resourcelang.Check(statements)
	if len(found) == 0 {
		return nil
	}
	lines := make([]string, len(found))
	for i, issue := range found {
		lines[i] = issue.PathText() + ": " + issue.Message
	}
	issues := resourceIssues(found)
	answer := JSONResponse(http.StatusBadRequest, js.New("type", "ZOD",
		"err", js.New("issues", issues, "name", "ZodError"), "message", strings.Join(lines, "\n")))
	return &answer
}

// resourceIssues gives issues as the values of zod's.
func resourceIssues(found []*resourcelang.Issue) any {
	raw, err := json.Marshal(found)
	if err != nil {
		return err.Error()
	}
	issues, err := js.Decode(raw)
	if err != nil {
		return err.Error()
	}
	return issues
}

// resourceObjects gives statements as the server has them.
func resourceObjects(statements []resourcelang.Statement) []*js.Object {
	list := make([]*js.Object, len(statements))
	for i := range statements {
		list[i], _ = statements[i].Values(func(keys []string, values []any) any {
			o := js.New()
			for n, key := range keys {
				o.Set(key, values[n])
			}
			return o
		}).(*js.Object)
	}
	return list
}
