package metlotest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

const openAPIFolder = "testdata/openapi"

// specAnswer is a real server's result for a file that it accepted.
type specAnswer struct {
	Hosts, Endpoints, Fields []string
	Spec                     string `json:"-"`
}

// TestPublicOpenAPIFiles uploads public files. The expected answers are those of a real server, each file separately.
func TestPublicOpenAPIFiles(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(openAPIFolder, "answers.json"))
	require.NoError(t, err)
	var answers map[string]specAnswer
	require.NoError(t, json.Unmarshal(data, &answers))
	for _, test := range []struct {
		file              string
		status            int
		text              string
		endpoints, fields int
	}{
		{"oai-v2.0-api-with-examples.yaml", 422, "No servers or host found in spec file.", 0, 0},
		{"oai-v2.0-petstore-expanded.yaml", 200, "OK", 4, 23},
		{"oai-v2.0-petstore-minimal.yaml", 200, "OK", 1, 3},
		{"oai-v2.0-petstore-separate.json", 422, `Invalid OpenAPI Spec v3.0.0: Unable to resolve $ref pointer "/srv/metlo/backend/parameters.json"`, 0, 0},
		{"oai-v2.0-petstore-simple.yaml", 200, "OK", 4, 53},
		{"oai-v2.0-petstore.json", 200, "OK", 3, 15},
		{"oai-v2.0-petstore.yaml", 200, "OK", 3, 15},
		{"oai-v2.0-uber.yaml", 200, "OK", 5, 53},
		{"oai-v3.0-api-with-examples.json", 422, "No servers or host found in spec file.", 0, 0},
		{"oai-v3.0-callback-example.json", 422, "No servers or host found in spec file.", 0, 0},
		{"oai-v3.0-link-example.json", 422, "No servers or host found in spec file.", 0, 0},
		{"oai-v3.0-petstore-expanded.json", 200, "OK", 4, 23},
		{"oai-v3.0-petstore.json", 200, "OK", 3, 18},
		{"oai-v3.0-uspto.json", 200, "OK", 3, 15},
		{"oai-v3.1-non-oauth-scopes.json", 422, "No servers or host found in spec file.", 0, 0},
		{"oai-v3.1-webhook-example.json", 200, "OK", 0, 0},
		{"ossf-scorecard.yaml", 200, "OK", 3, 47},
		{"prometheus-alertmanager.yaml", 500, "Provided server url in OpenAPI Spec is not a valid url: /api/v2/", 0, 0},
		{"readme-security-3.1.yaml", 200, "OK", 15, 0},
		{"readme-server-variables-3.0.json", 200, "OK", 7, 0},
		{"redocly-museum.yaml", 200, "OK", 8, 95},
		{"redocly-starter.yaml", 422, `Invalid OpenAPI Spec v3.1.0: Unable to resolve $ref pointer "/srv/metlo/backend/paths/menu.yaml"`, 0, 0},
		{"swagger-petstore-2.0.json", 200, "OK", 20, 184},
		{"swagger-petstore-2.0.yaml", 200, "OK", 20, 184},
		{"swagger-petstore-3.0.4.yaml", 422, "Invalid OpenAPI Spec v3.0.4: Unsupported OpenAPI version: 3.0.4. Swagger Parser only supports versions 3.0.0, 3.0.1, 3.0.2, 3.0.3, 3.1.0", 0, 0},
		{"swagger-petstore-3.0.json", 200, "OK", 20, 184},
		{"swagger-petstore-3.0.yaml", 200, "OK", 20, 184},
		{"swagger-petstore-3.1.json", 200, "OK", 20, 183},
		{"swagger-petstore-3.1.yaml", 200, "OK", 20, 183},
	} {
		t.Run(test.file, func(t *testing.T) {
			w := start(t, metlotest.InMemory())
			text, err := os.ReadFile(filepath.Join(openAPIFolder, test.file))
			require.NoError(t, err)
			got := w.upload(http.MethodPost, "/spec/new", "file", test.file, mediaType(test.file), string(text))
			require.Equal(t, test.status, got.status, got.body)
			require.Equal(t, test.text, got.body)
			if test.status != http.StatusOK {
				return
			}
			want := answers[test.file]
			require.Len(t, want.Endpoints, test.endpoints)
			require.Len(t, want.Fields, test.fields)
			want.Spec = string(text)
			if regexp.MustCompile(`(?m)^\s*"?swagger"?:`).Match(text) { // the real server converts Swagger 2
				want.Fields = []string{}
			}
			require.Equal(t, want, w.storedSpec(strings.TrimSuffix(test.file, filepath.Ext(test.file))))
		})
	}
}

// storedSpec reads a stored spec.
func (w *wire) storedSpec(name string) specAnswer {
	var spec struct {
		Spec  string
		Hosts []string
	}
	require.NoError(w.t, json.Unmarshal([]byte(w.get("/spec/"+name).body), &spec))
	result := specAnswer{Hosts: spec.Hosts, Spec: spec.Spec, Endpoints: []string{}, Fields: []string{}}
	var list [2]json.RawMessage
	require.NoError(w.t, json.Unmarshal([]byte(w.get("/endpoints?limit=1000").body), &list))
	var endpoints []struct{ UUID, Method, Host, Path string }
	require.NoError(w.t, json.Unmarshal(list[0], &endpoints))
	for _, e := range endpoints {
		result.Endpoints = append(result.Endpoints, e.Method+" "+e.Host+" "+e.Path)
		var detail struct {
			DataFields []struct {
				DataSection, DataPath, DataType, ContentType string
				StatusCode                                   int
				IsNullable                                   *bool
			}
		}
		require.NoError(w.t, json.Unmarshal([]byte(w.get("/endpoint/"+e.UUID).body), &detail))
		for _, f := range detail.DataFields {
			nullable := "null"
			if f.IsNullable != nil {
				nullable = map[bool]string{true: "true", false: "false"}[*f.IsNullable]
			}
			result.Fields = append(result.Fields, fmt.Sprintf("%s %s | %s %s %s %d %s %s",
				e.Method, e.Path, f.DataSection, f.DataPath, f.DataType, f.StatusCode, f.ContentType, nullable))
		}
	}
	slices.Sort(result.Endpoints)
	slices.Sort(result.Fields)
	return result
}

func mediaType(file string) string {
	if filepath.Ext(file) == ".json" {
		return "application/json"
	}
	return "text/yaml"
}
