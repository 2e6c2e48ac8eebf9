package metlo

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"

	"github.com/metlo-go/metlo/internal/wire"
)

// correction describes a response whose status alone is misleading.
type correction struct {
	method  string // empty for any method
	route   string // path below /api/v1; * stands for one element; empty for any route
	status  int
	body    string // must match the whole body: a longer text of the same kind can follow a successful write
	kind    error
	message string // meaning of the response; empty if the body's own text is clear
	proof   string // recording, or the place in the server's source
}

// corrections returns the server's responses whose meaning differs from their status, and all forms of its 404.
func corrections() []correction {
	const (
		noEndpoint  = "the endpoint does not exist"
		noDataField = "no data field has this id"
		noSpec      = "no spec has this name"
		orNotMetlo  = ", or the server is not Metlo's: many send this text, so check the base URL too"
	)
	return []correction{
		{"GET", "/endpoint/*", 500, `^Error: Endpoint does not exist\.$`, ErrNotFound, noEndpoint, "endpoints/get_missing"},
		{"GET", "/endpoint/*/usage", 500, `^Error: Endpoint does not exist\.$`, ErrNotFound, noEndpoint, "get-endpoints/index.ts:632"},
		{"POST", "/data-field/*/update-classes", 500, `^Cannot set properties of null \(setting 'dataClasses'\)$`, ErrNotFound, "no data field has this id, path and section", "data_fields/update_classes_missing"},
		{"DELETE", "/data-field/*", 500, `^Cannot read properties of null \(reading 'uuid'\)$`, ErrNotFound, noDataField, "data_fields/delete_missing"},
		{"PUT", "/data-field/*/update-entity", 200, `^OK$`, ErrNotFound, noDataField + orNotMetlo, "data-fields.ts:158"},
		{"GET", "/spec/*", 200, `^OK$`, ErrNotFound, noSpec + orNotMetlo, "specs/get_missing"},
		{"PUT", "/spec/*", 400, `^Spec file does not exist`, ErrNotFound, noSpec, "spec/index.ts:124"},
		{"PUT", "/alerts", 500, `^syntax error at or near "\)"$`, ErrNoMatch, "no alert in the status that the update starts from passes the filter", "alerts/batch_none_match"},
		{"", "", 500, `^(QueryFailedError: )?invalid (input syntax for type (uuid|boolean|timestamp)|input value for enum|regular expression)\b`, ErrBadRequest, "", "alerts/update_not_uuid"},
		{"PUT", "/metlo-config", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "settings/config_put_bad_yaml"},
		{"POST", "/spec/new", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "spec/index.ts:39"},
		{"PUT", "/spec/*", 500, `\(\d+:\d+\)\n\n +\d+ \|`, ErrBadRequest, "", "spec/index.ts:124"},
		{"PUT", "/endpoint/*/graphql-schema", 500, `^Syntax Error: `, ErrBadRequest, "", "endpoints/index.ts:229"},
		{"GET", "/specs/zip", 500, `^No OpenAPI Specs found\.$`, ErrNotFound, "the instance holds no spec", "spec/index.ts:152"},
		{"POST", "/spec/new", 400, `^Spec file already exists\.$`, ErrNameTaken, "", "specs/upload_exists"},
		{"POST", "/keys/create", 400, `^Can not create key with name `, ErrNameTaken, "", "keys/create_duplicate"},

		{"", "/endpoint/*", 404, `^Endpoint (does not exist|not found)\.?$`, ErrNotFound, "", "endpoints/get_not_uuid"},
		{"", "/endpoint/*/*", 404, `^Endpoint (does not exist|not found)\.?$`, ErrNotFound, "", "endpoints/set_authenticated_missing"},
		{"PUT", "/data-field/*/update-data-path", 404, `^Data field not found\.$`, ErrNotFound, "", "data_fields/update_data_path_missing"},
		{"DELETE", "/keys/*/delete", 404, `^Did not find any matching keys for `, ErrNotFound, "", "keys/delete_missing"},
		{"DELETE", "/spec/*", 404, `^No spec file with the provided name exists\.$`, ErrNotFound, "", "specs/delete_missing"},
		{"GET", "/gen-test-endpoint", 404, `^Could not find endpoint\.$`, ErrNotFound, "", "testing/gen_test_endpoint_missing"},
		{"PUT", "/alert/*", 404, `^Not Found$`, ErrNotFound, "no alert has this id" + orNotMetlo, "alerts/update_missing"},
	}
}

// correctedError returns the error that the table has for a response, or nil.
func (c *Client) correctedError(r *request, resp *http.Response, body []byte) error {
	found, ok := correct(r, resp, body)
	if !ok {
		return nil
	}
	e := c.newError(r, resp.StatusCode, c.redact.head(body))
	e.Kind, e.Message, e.fromMetlo = found.kind, found.message, true
	if e.Message == "" {
		e.Message = wire.Message(c.redact.body(body))
	}
	return e
}

func correct(r *request, resp *http.Response, body []byte) (correction, bool) {
	if r.collector {
		return correction{}, false
	}
	switch resp.StatusCode {
	case http.StatusNotFound:
		text, ok := wire.Text(resp.Header.Get("Content-Type"), body)
		if !ok || text == "Not Found" && len(body) > len(text) { // many servers send it as JSON, but Metlo's does not
			return correction{}, false
		}
		body = []byte(text)
	case http.StatusOK, http.StatusBadRequest, http.StatusInternalServerError:
		body = bytes.TrimSpace(body)
	default:
		return correction{}, false
	}
	for _, t := range corrections() {
		if t.status != resp.StatusCode || (t.method != "" && t.method != r.Method) || (t.route != "" && !matchRoute(t.route, r.path)) {
			continue
		}
		if ok, err := regexp.Match(t.body, body); ok && err == nil {
			return t, true
		}
	}
	return correction{}, false
}

// matchRoute reports whether path has the form of route, in which * stands for one element.
func matchRoute(route, path string) bool {
	for {
		r, routeRest, routeMore := strings.Cut(route, "/")
		p, pathRest, pathMore := strings.Cut(path, "/")
		if r != p && (r != "*" || p == "") {
			return false
		}
		if routeMore != pathMore {
			return false
		}
		if !routeMore {
			return true
		}
		route, path = routeRest, pathRest
	}
}
