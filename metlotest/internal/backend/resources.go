package backend

import (
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/testingconfig"
)

// resourceSyntax returns the answer to a text that is not in the resource language.
func resourceSyntax(fault *testingconfig.SyntaxError) Response {
	return JSONResponse(http.StatusBadRequest, js.New("type", "RAW", "err", fault.Message, "message", fault.Message,
		"startColumn", fault.Column, "startLine", fault.Line, "endColumn", fault.EndColumn, "endLine", fault.EndLine))
}

// resourceProblem returns the answer to statements that the schema of the resource language refuses, or nil.
func resourceProblem(statements []testingconfig.Statement) *Response {
	found := testingconfig.Validate(statements)
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

// resourceIssues converts issues to zod's form.
func resourceIssues(found []*testingconfig.Issue) []any {
	list := make([]any, len(found))
	for i, issue := range found {
		own := js.New("code", issue.Code)
		switch issue.Code {
		case "invalid_type":
			own.Set("expected", issue.Expected)
			own.Set("received", issue.Received)
			if issue.Options != nil { // an enum's options precede its code
				own = js.New("expected", issue.Expected, "received", issue.Received, "code", issue.Code)
			}
		case "invalid_enum_value":
			own = js.New("received", issue.Value, "code", issue.Code, "options", anyList(issue.Options))
		case "unrecognized_keys":
			own.Set("keys", anyList(issue.Keys))
		case "invalid_union":
			var unions []any
			for _, union := range issue.Unions {
				unions = append(unions, js.New("issues", resourceIssues(union), "name", "ZodError"))
			}
			own.Set("unionErrors", unions)
		}
		path := make([]any, len(issue.Path))
		for n, e := range issue.Path {
			if index, isIndex := e.(int); isIndex {
				e = float64(index)
			}
			path[n] = e
		}
		own.Set("path", path)
		own.Set("message", issue.Message)
		list[i] = own
	}
	return list
}

func anyList(texts []string) []any {
	list := make([]any, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	return list
}

// resourceObjects converts statements to the server's form.
func resourceObjects(statements []testingconfig.Statement) []*js.Object {
	list := make([]*js.Object, len(statements))
	for i := range statements {
		s := &statements[i]
		switch s.Kind {
		case testingconfig.KindComment:
			list[i] = js.New("type", string(s.Kind), "val", s.Text)
		case testingconfig.KindPermission:
			list[i] = js.New("type", string(s.Kind), "actor", resourceSelector(s.Subject),
				"permissions", resourceValue(testingconfig.Value{V: s.Permissions}), "resource", resourceSelector(s.Object))
		case testingconfig.KindHost, testingconfig.KindActor, testingconfig.KindResource:
			list[i] = js.New("type", string(s.Kind), "name", s.Name, "members", resourceValue(testingconfig.Value{V: s.Members}))
		}
	}
	return list
}

func resourceSelector(s testingconfig.Selector) any {
	if s.Bare {
		return s.Name
	}
	return js.New("name", s.Name, "filters", resourceValue(testingconfig.Value{V: s.Filters}))
}

func resourceValue(v testingconfig.Value) any {
	switch x := v.V.(type) {
	case []testingconfig.Value:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = resourceValue(e)
		}
		return list
	case []testingconfig.Member:
		o := js.New()
		for _, m := range testingconfig.Properties(x) {
			o.Set(m.Name, resourceValue(m.Value))
		}
		return o
	}
	return v.V
}
