package wire

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Failure is what an error body says.
type Failure struct {
	Type    string // "ZOD", "RAW" or empty
	Message string
	Issues  []Issue // of ZOD

	StartLine, StartColumn, EndLine, EndColumn int // of RAW
}

// Issue is one fault that the server's validator found.
type Issue struct {
	Path, Code, Message, Expected, Received string
	Options                                 []string
}

// ParseFailure reads an error body of any form.
func ParseFailure(body []byte) Failure {
	f := Failure{Message: Message(body)}
	if body = bytes.TrimSpace(body); len(body) == 0 || body[0] != '{' {
		return f
	}
	var answer struct {
		Type        string         `json:"type"`
		Err         jsontext.Value `json:"err"`
		Message     string         `json:"message"`
		StartLine   int            `json:"startLine"`
		StartColumn int            `json:"startColumn"`
		EndLine     int            `json:"endLine"`
		EndColumn   int            `json:"endColumn"`
	}
	if json.Unmarshal(body, &answer, lenient) != nil {
		return f
	}
	switch answer.Type {
	case "ZOD":
		var err zodError
		if json.Unmarshal(answer.Err, &err, lenient) != nil {
			return f
		}
		f.Type = answer.Type
		for _, issue := range err.Issues {
			f.Issues = append(f.Issues, issue.flat())
		}
	case "RAW":
		f.Type = answer.Type
		f.StartLine, f.StartColumn, f.EndLine, f.EndColumn = answer.StartLine, answer.StartColumn, answer.EndLine, answer.EndColumn
	}
	return f
}

type zodError struct {
	Issues []zodIssue `json:"issues"`
}

type zodIssue struct {
	Code        string           `json:"code"`
	Path        []jsontext.Value `json:"path"`
	Message     string           `json:"message"`
	Expected    jsontext.Value   `json:"expected"`
	Received    jsontext.Value   `json:"received"`
	Options     []jsontext.Value `json:"options"`
	UnionErrors []zodError       `json:"unionErrors"`
}

// flat makes one issue of a union: the message of its last branch, and the expectations of all.
func (z zodIssue) flat() Issue {
	issue := Issue{
		Code:     OneLine(z.Code),
		Message:  OneLine(z.Message),
		Expected: plain(z.Expected),
		Received: plain(z.Received),
	}
	path := make([]string, len(z.Path))
	for i, element := range z.Path {
		path[i] = plain(element)
	}
	issue.Path = strings.Join(path, ".")
	for _, option := range z.Options {
		issue.Options = append(issue.Options, plain(option))
	}
	var expected []string
	for _, branch := range z.UnionErrors {
		for _, inner := range branch.Issues {
			flat := inner.flat()
			if flat.Message != "" {
				issue.Message = flat.Message
			}
			if flat.Received != "" {
				issue.Received = flat.Received
			}
			if flat.Expected != "" {
				expected = append(expected, flat.Expected)
			}
			issue.Options = append(issue.Options, flat.Options...)
		}
	}
	if issue.Expected == "" {
		issue.Expected = strings.Join(expected, " | ")
	}
	return issue
}

// plain is a JSON string without its quotes, or any other value as it stands.
func plain(v jsontext.Value) string {
	if v.Kind() == '"' {
		var s string
		if json.Unmarshal(v, &s, fast) == nil {
			return OneLine(s)
		}
	}
	return OneLine(string(v))
}
