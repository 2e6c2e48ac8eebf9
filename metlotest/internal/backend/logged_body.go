package backend

import (
	"mime"
	"net/url"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// parsedByType reads a logged body by its content type: forms and YAML become objects.
func parsedByType(body any, contentType string) any {
	text, isText := body.(string)
	if !isText || contentType == "" {
		return body
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return body
	}
	_, subtype, _ := strings.Cut(mediaType, "/")
	switch subtype {
	case "yaml":
		if parsed, err := js.LoadYAML(text); err == nil && parsed != nil && !js.IsUndefined(parsed) {
			return parsed
		}
	case "x-www-form-urlencoded":
		return parsedForm(text)
	case "form-data":
		return parsedMultipart(text, params["boundary"])
	}
	return body
}

// parsedForm simulates Object.fromEntries(new URLSearchParams(text)): the last of several values wins.
func parsedForm(text string) *js.Object {
	o := js.New()
	for pair := range strings.SplitSeq(text, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		o.Set(unescapeForm(name), unescapeForm(value))
	}
	return o
}

func unescapeForm(s string) string {
	if out, err := url.QueryUnescape(s); err == nil {
		return out
	}
	return strings.ReplaceAll(s, "+", " ")
}

// parsedMultipart maps the names of parts to their contents, parsing JSON.
func parsedMultipart(text, boundary string) *js.Object {
	o := js.New()
	parts := strings.Split(text, "--"+boundary)
	if boundary == "" || len(parts) < 3 {
		return o
	}
	for _, part := range parts[1 : len(parts)-1] {
		head, data, found := strings.Cut(strings.TrimPrefix(part, "\r\n"), "\r\n\r\n")
		if !found {
			continue
		}
		for line := range strings.SplitSeq(head, "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			if strings.EqualFold(name, "content-disposition") {
				_, disposition, _ := mime.ParseMediaType(value)
				o.Set(disposition["name"], jsonOrText(strings.TrimSuffix(data, "\r\n")))
			}
		}
	}
	return o
}

// jsonOrText parses JSON objects and arrays, and returns other text unchanged.
func jsonOrText(text string) any {
	v, err := js.Decode([]byte(text))
	if err != nil {
		return text
	}
	switch v.(type) {
	case *js.Object, []any, nil:
		return v
	}
	return text
}
