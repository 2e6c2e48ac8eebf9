package wire

import (
	"bytes"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Failure describes an error body.
type Failure struct {
	Type    string // "ZOD", "RAW" or empty
	Message string
	Issues  []Issue // issues of a ZOD error

	StartLine, StartColumn, EndLine, EndColumn int // place of a RAW error
}

// Issue describes a problem that the server's validator found.
type Issue struct {
	Path, Code, Message, Expected, Received string
	Options                                 []string
}

// ParseFailure parses an error body of any form, in bounded time and memory.
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
		for i := range err.Issues {
			f.Issues = append(f.Issues, err.Issues[i].flat())
		}
	case "RAW":
		f.Type = answer.Type
		f.StartLine, f.StartColumn, f.EndLine, f.EndColumn = answer.StartLine, answer.StartColumn, answer.EndLine, answer.EndColumn
	}
	return f
}

// Limits for the parts of a ZOD error. A server, or a proxy in front of it, may send any number.
const (
	maxIssues   = 1000 // a filter has up to 900 values, each of which may be invalid
	maxBranches = 16
	maxInner    = 8 // issues per branch
	maxOptions  = 64
	maxDepth    = 24 // levels of JSON; each union takes four
)

type zodError struct {
	Issues list[zodIssue] `json:"issues"`
}

type zodIssue struct {
	Code        string               `json:"code"`
	Path        list[jsontext.Value] `json:"path"`
	Message     string               `json:"message"`
	Expected    jsontext.Value       `json:"expected"`
	Received    jsontext.Value       `json:"received"`
	Options     list[jsontext.Value] `json:"options"`
	UnionErrors list[zodError]       `json:"unionErrors"`
}

// list keeps the first elements of an array and skips the others.
type list[T any] []T

// UnmarshalJSONFrom reads an array of any length and depth.
func (l *list[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	limit := maxIssues
	switch {
	case dec.PeekKind() != '[' || dec.StackDepth() > maxDepth:
		return dec.SkipValue()
	case dec.StackDepth() > 3: // an issue of a branch
		limit = maxInner
	}
	var some *T
	switch any(some).(type) {
	case *jsontext.Value:
		limit = maxOptions
	case *zodError:
		limit = maxBranches
	}
	*l = nil
	_, err := dec.ReadToken()
	for err == nil && dec.PeekKind() != ']' {
		if len(*l) == limit {
			err = dec.SkipValue()
			continue
		}
		var element T
		err = json.UnmarshalDecode(dec, &element)
		*l = append(*l, element)
	}
	if err != nil {
		return err
	}
	_, err = dec.ReadToken()
	return err
}

// flat returns one issue for a union: with the message of its last branch, and the expectations of all branches.
func (z *zodIssue) flat() Issue {
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
	issue.Path = OneLine(strings.Join(path, "."))
	for _, option := range z.Options {
		issue.Options = append(issue.Options, plain(option))
	}
	var expected []string
	for _, branch := range z.UnionErrors {
		for i := range branch.Issues {
			flat := branch.Issues[i].flat()
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
	issue.Options = issue.Options[:min(len(issue.Options), maxOptions)]
	if issue.Expected == "" {
		issue.Expected = OneLine(strings.Join(expected, " | "))
	}
	return issue
}

// plain returns a JSON string without its quotes, and the text of any other value.
func plain(v jsontext.Value) string {
	if v.Kind() == '"' {
		var s string
		if json.Unmarshal(v, &s, fast) == nil {
			return OneLine(s)
		}
	}
	return OneLine(string(v))
}
