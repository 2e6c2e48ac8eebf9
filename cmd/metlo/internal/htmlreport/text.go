package htmlreport

import (
	"net/url"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// shorten cuts text to a number of characters, with an ellipsis in place of the rest.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	n := 0
	for i := range text {
		if n == limit {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// shown returns text of a server or a file for the page.
func shown(text string) string { return shorten(safetext.Line(shorten(text, maxMessage)), maxText) }

// shownMessage returns a description of a server or a file for the page.
func shownMessage(text string) string {
	return shorten(safetext.Line(shorten(text, maxMessage)), maxMessage)
}

// number returns n with separators for thousands.
func number(n int) string { return humanize.Comma(int64(n)) }

// counted returns a number and its noun.
func counted(n int, noun string) string { return number(n) + " " + english.PluralWord(n, noun, "") }

// label holds the name of an endpoint in parts between which a line may break.
type label struct {
	Method string
	Parts  []string
}

func (e *endpoint) label() label { return newLabel(e.method, e.host, e.path) }

func newLabel(method, host, path string) label {
	if host+path == "" {
		host = noName
	}
	return label{shown(method), append([]string{shown(host)}, pathParts(shown(path))...)}
}

// noName is shown for an empty name.
const noName = "(no name)"

// pathParts cuts a path before each slash.
func pathParts(path string) []string {
	parts := strings.SplitAfter(path, "/")
	for i := range parts[:len(parts)-1] {
		parts[i] = strings.TrimSuffix(parts[i], "/")
		parts[i+1] = "/" + parts[i+1]
	}
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}

// WebAddress returns the address of the web pages of the instance with the given API address. It returns an empty
// string if the address is not one of http or https. Metlo serves both at one address.
func WebAddress(api string) string {
	u, err := url.Parse(strings.TrimSpace(api))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	u.RawQuery, u.Fragment = "", ""
	return strings.TrimRight(strings.TrimSuffix(strings.TrimRight(u.String(), "/"), "/api/v1"), "/")
}

// endpointURL returns the address of the page that shows the endpoint and its alerts.
func (d *Data) endpointURL(id string) string {
	if d.Web == "" || id == "" {
		return ""
	}
	return d.Web + "/endpoint/" + url.PathEscape(id) + "?tab=alerts"
}

// alertURL returns the address of the page that shows an alert of an endpoint.
func (d *Data) alertURL(endpoint, id string) string {
	page := d.endpointURL(endpoint)
	if page == "" || id == "" {
		return ""
	}
	return page + "&uuid=" + url.QueryEscape(id)
}
