package metlotest

import (
	"net/http"
	"strings"
)

const (
	typeJSON  = "application/json; charset=utf-8"
	typeHTML  = "text/html; charset=utf-8"
	typePlain = "text/plain; charset=utf-8"
)

// response is an answer before it is written.
type response struct {
	status      int
	contentType string
	body        []byte
	header      http.Header
}

func jsonResponse(status int, v any) response {
	return response{status: status, contentType: typeJSON, body: encode(v)}
}

func ok(v any) response { return jsonResponse(http.StatusOK, v) }

// text is res.send of a string: bare, labelled as HTML.
func text(status int, s string) response {
	return response{status: status, contentType: typeHTML, body: []byte(s)}
}

func success() response { return text(http.StatusOK, "Success") }

// sendStatus is what Express sends for a handler without a result.
func sendStatus() response {
	return response{status: http.StatusOK, contentType: typePlain, body: []byte("OK")}
}

// htmlPage is the page of Express' final handler: one line of message, then stack frames.
func htmlPage(status int, message string, frames ...string) response {
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")
	lines := []string{escape.Replace(message)}
	for _, frame := range frames {
		lines = append(lines, " &nbsp; &nbsp;at "+escape.Replace(frame))
	}
	body := "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>" +
		strings.Join(lines, "<br>") + "</pre>\n</body>\n</html>\n"
	return response{status: status, contentType: typeHTML, body: []byte(body)}
}

// badUUID is PostgreSQL's complaint about an id that is no UUID.
func badUUID(id string) string { return `invalid input syntax for type uuid: "` + id + `"` }

// check runs a schema over a whole request; the response is the 400 to send, when there is one.
func check(s schema, v any) (*object, *response) {
	o, issues := validate(s, v)
	if len(issues) > 0 {
		r := zodError(issues)
		return nil, &r
	}
	return o, nil
}

func zodError(issues []any) response {
	return jsonResponse(http.StatusBadRequest, newObject("type", "ZOD",
		"err", newObject("issues", issues, "name", "ZodError"), "message", issuesMessage(issues)))
}
