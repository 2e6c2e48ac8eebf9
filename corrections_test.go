package metlo

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/transport"
)

// TestCorrections compares each row of the table with its proof. The proof is a recording, or the text in the server's
// source for answers that were not recorded.
func TestCorrections(t *testing.T) {
	fromSource := map[string]string{ // texts by method and route
		"GET /endpoint/*/usage":           "Error: Endpoint does not exist.",
		"PUT /data-field/*/update-entity": "OK",
		"PUT /spec/*400":                  "Spec file does not exist, cannot update.",
		"POST /spec/new":                  "unexpected end of the stream within a flow collection (2:1)\n\n 1 | a: [1,\n 2 | \n-----^",
		"PUT /spec/*500":                  "bad indentation (1:2)\n\n 1 | a\n-----^",
		"PUT /endpoint/*/graphql-schema":  "Syntax Error: Expected Name, found \"}\".",
		"GET /specs/zip":                  "No OpenAPI Specs found.",
	}
	rows := documentedCorrections(t)
	for _, d := range corrections() {
		t.Run(d.method+d.route+d.proof, func(t *testing.T) {
			if section, name, ok := strings.Cut(d.proof, "/"); ok && !strings.Contains(name, ".ts") {
				rec := recorded(t, section, name)
				got, ok := correctionOf(rec)
				require.True(t, ok)
				assert.Equal(t, d.proof, got.proof)
				assert.True(t, rows.matches(d, string(rec.body)), "docs/errors.md has a row for it")
				rec.body = append([]byte("a longer text: "), rec.body...)
				_, ok = correctionOf(rec)
				assert.False(t, ok && strings.HasPrefix(d.body, "^"), "the pattern is anchored")
				return
			}
			text, ok := fromSource[d.method+" "+d.route]
			if !ok {
				text, ok = fromSource[d.method+" "+d.route+map[int]string{400: "400", 500: "500"}[d.status]]
			}
			require.True(t, ok, "a row needs a recording, or the text from the source here")
			got, ok := correctionOf(answered{d.method, strings.ReplaceAll(d.route, "*", "x"), d.status, "text/html; charset=utf-8", []byte(text)})
			require.True(t, ok)
			assert.Equal(t, d.proof, got.proof)
			assert.True(t, rows.matches(d, text), "docs/errors.md has a row for it")
		})
	}
}

// correctionRows holds the rows of the table in docs/errors.md: the status, the text or its beginning, the sentinel's
// name.
type correctionRows [][3]string

func documentedCorrections(t *testing.T) correctionRows {
	t.Helper()
	page, err := os.ReadFile("docs/errors.md")
	require.NoError(t, err)
	var rows correctionRows
	row := regexp.MustCompile("(?m)^\\| [^|]+ \\| ([0-9]{3}) (?:`([^`|]+)`|[^`|]+) \\| `(Err[A-Za-z]+)` \\|$")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		text, _, _ := strings.Cut(m[2], "…")
		rows = append(rows, [3]string{m[1], text, m[3]})
	}
	require.Greater(t, len(rows), 10)
	return rows
}

// matches reports whether a row shows the meaning of body under d.
func (rows correctionRows) matches(d correction, body string) bool {
	names := map[error]string{ErrNotFound: "ErrNotFound", ErrNoMatch: "ErrNoMatch", ErrBadRequest: "ErrBadRequest", ErrNameTaken: "ErrNameTaken"}
	for _, row := range rows {
		if row[0] == strconv.Itoa(d.status) && row[2] == names[d.kind] && strings.Contains(body, row[1]) {
			return true
		}
	}
	return false
}

// TestCorrectionsAreFew lists every recorded answer whose meaning differs from its status. No other recording may
// match.
func TestCorrectionsAreFew(t *testing.T) {
	want := map[string]error{
		"alerts/update_not_uuid": ErrBadRequest, "alerts/batch_none_match": ErrNoMatch,
		"data_fields/update_classes_missing": ErrNotFound, "data_fields/delete_missing": ErrNotFound,
		"endpoints/get_missing": ErrNotFound, "keys/create_duplicate": ErrNameTaken, "keys/create_no_name": ErrNameTaken,
		"settings/config_put_bad_yaml": ErrBadRequest, "specs/upload_exists": ErrNameTaken, "specs/get_missing": ErrNotFound,
		"endpoints/get_not_uuid": ErrNotFound, "endpoints/set_authenticated_missing": ErrNotFound,
		"endpoints/graphql_schema_delete_missing": ErrNotFound, "data_fields/update_data_path_missing": ErrNotFound,
		"keys/delete_missing": ErrNotFound, "specs/delete_missing": ErrNotFound, "testing/gen_test_endpoint_missing": ErrNotFound,
		"alerts/update_missing": ErrNotFound,
	}
	files, err := filepath.Glob("testdata/recordings/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		section := strings.TrimSuffix(filepath.Base(file), ".json")
		for name, rec := range allRecorded(t, section) {
			id := section + "/" + name
			d, ok := correctionOf(rec)
			if kind, expected := want[id]; expected {
				assert.True(t, ok, id)
				assert.Equal(t, kind, d.kind, id)
				continue
			}
			assert.False(t, ok, "%s is no correction", id)
		}
	}
}

type answered struct {
	method, path string
	status       int
	contentType  string
	body         []byte
}

func correctionOf(x answered) (correction, bool) {
	resp := &http.Response{StatusCode: x.status, Header: http.Header{"Content-Type": {x.contentType}}}
	return correct(&request{Request: transport.Request{Method: x.method}, path: x.path}, resp, x.body)
}

func recorded(t *testing.T, section, name string) answered {
	t.Helper()
	rec, ok := allRecorded(t, section)[name]
	require.True(t, ok, "no recording %s/%s", section, name)
	return rec
}

func allRecorded(t *testing.T, section string) map[string]answered {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "recordings", section+".json"))
	require.NoError(t, err)
	var list []struct {
		Name     string
		Request  struct{ Method, Path string }
		Response struct {
			Status      int
			ContentType string `json:"content_type"`
			Body        string
		}
	}
	require.NoError(t, json.Unmarshal(data, &list))
	all := map[string]answered{}
	for _, rec := range list {
		target, err := url.Parse(rec.Request.Path)
		require.NoError(t, err)
		all[rec.Name] = answered{
			rec.Request.Method, strings.TrimPrefix(target.EscapedPath(), "/api/v1"), rec.Response.Status, rec.Response.ContentType, []byte(rec.Response.Body),
		}
	}
	return all
}

// TestOnlyMetlosOwn404SaysNotFound has other servers answer in all their usual ways.
func TestOnlyMetlosOwn404SaysNotFound(t *testing.T) {
	const html, plain, jsonType = "text/html; charset=utf-8", "text/plain; charset=utf-8", "application/json"
	tests := map[string]struct {
		contentType, body string
		own               bool
	}{
		"as the server sends it":    {html, "Endpoint does not exist.", true},
		"as it is documented":       {jsonType, `"Endpoint does not exist."`, true},
		"in plain text":             {plain, "Endpoint does not exist.", false},
		"without a type":            {"", "Endpoint does not exist.", false},
		"in an object":              {jsonType, `{"message":"Endpoint does not exist."}`, false},
		"in an object that is HTML": {html, `{"message":"Endpoint does not exist."}`, false},
		"in a page":                 {html, "<html><body>Endpoint does not exist.</body></html>", false},
		"with more to say":          {html, "Error: Endpoint does not exist.", false},
		"another text":              {html, "Not Found", false},
		"of another route":          {html, "Data field not found.", false},
		"nothing":                   {html, "", false},
		"nginx":                     {"text/html", "<html>\r\n<head><title>404 Not Found</title></head>\r\n</html>", false},
		"an Ingress":                {plain, "default backend - 404", false},
		"Go":                        {plain, "404 page not found\n", false},
		"Express":                   {html, "<!DOCTYPE html>\n<pre>Cannot PUT /api/v1/endpoint/x/authenticated</pre>", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := correctionOf(answered{"PUT", "/endpoint/x/authenticated", 404, tt.contentType, []byte(tt.body)})
			assert.Equal(t, tt.own, ok)
			if ok {
				assert.Equal(t, ErrNotFound, got.kind)
			}
		})
	}
}
