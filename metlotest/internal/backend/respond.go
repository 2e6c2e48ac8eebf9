package backend

import (
	"net/http"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

// The content types of answers.
const (
	TypeJSON  = "application/json; charset=utf-8"
	TypeHTML  = "text/html; charset=utf-8"
	typePlain = "text/plain; charset=utf-8"
)

// Response is an answer that was not yet written.
type Response struct {
	Status      int
	ContentType string
	Body        []byte
	Header      http.Header
}

// JSONResponse answers a value as JSON.
func JSONResponse(status int, v any) Response {
	return Response{Status: status, ContentType: TypeJSON, Body: js.Encode(v)}
}

// Ok answers a value as JSON with status 200.
func Ok(v any) Response { return JSONResponse(http.StatusOK, v) }

// Text simulates res.send of a string: the bare text, labelled as HTML.
func Text(status int, s string) Response {
	return Response{Status: status, ContentType: TypeHTML, Body: []byte(s)}
}

// Success returns the answer of many writes: the text "Success".
func Success() Response { return Text(http.StatusOK, "Success") }

// sendStatus returns the answer of Express for a handler without a result.
func sendStatus() Response {
	return Response{Status: http.StatusOK, ContentType: typePlain, Body: []byte("OK")}
}

// HTMLPage returns the page of Express' final handler: one line of message, then stack frames.
func HTMLPage(status int, message string, frames ...string) Response {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")
	lines := []string{escape.Replace(message)}
	for _, frame := range frames {
		lines = append(lines, " &nbsp; &nbsp;at "+escape.Replace(frame))
	}
	body := "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>" +
		strings.Join(lines, "<br>") + "</pre>\n</body>\n</html>\n"
	return Response{Status: status, ContentType: TypeHTML, Body: []byte(body), Header: http.Header{
		"Content-Security-Policy": {"default-src 'none'"}, "X-Content-Type-Options": {"nosniff"},
	}}
}

// check applies a schema to a whole request; the response is the 400 to send, or nil.
func check(s zod.Schema, v any) (*js.Object, *Response) {
	o, issues := zod.Validate(s, v)
	if len(issues) > 0 {
		r := zodError(issues)
		return nil, &r
	}
	return o, nil
}

func zodError(issues []any) Response {
	return JSONResponse(http.StatusBadRequest, js.New("type", "ZOD",
		"err", js.New("issues", issues, "name", "ZodError"), "message", zod.Message(issues)))
}
