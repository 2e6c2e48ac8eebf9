package metlo_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const someSpec = `{"openapi": "3.0.3", "info": {"title": "Pay", "version": "1"}, "paths": {}}`

func TestSpecsList(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "specs", "list").Response.Body))
	specs, err := client.Specs.List(t.Context())
	require.NoError(t, err)
	require.Len(t, specs, 1)
	assert.Equal(t, "shop-api", specs[0].Name)
	assert.Equal(t, []string{"shop.example.com"}, specs[0].Hosts)
	assert.True(t, specs[0].SpecUpdatedAt.IsZero())
}

func TestSpecsGet(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "specs", "get").Response.Body))
	spec, err := client.Specs.Get(t.Context(), "pay & co")
	require.NoError(t, err)
	assert.Equal(t, "/api/v1/spec/pay%20&%20co", server.sent[0].Path)
	assert.Equal(t, metlo.SpecJSON, spec.Extension)
	assert.Contains(t, spec.Spec, `"openapi": "3.0.3"`)

	client, server = scriptedClient(t, always(http.StatusOK, "OK"))
	_, err = client.Specs.Get(t.Context(), "nope")
	require.ErrorIs(t, err, metlo.ErrNotFound)
	assert.Len(t, server.sent, 1, "an error causes no request")
}

func TestSpecsUploadSendsTheMediaTypeOfTheExtension(t *testing.T) {
	for filename, contentType := range map[string]string{
		"pay.json":      "application/json",
		"pay.yaml":      "application/yaml",
		"pay.yml":       "application/yaml",
		"pay-1.2.json":  "application/json",
		`we "pay".yaml`: "application/yaml",
		"pay.json.yaml": "application/yaml",
		"..pay.json":    "application/json",
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			t.Run(method+" "+filename, func(t *testing.T) {
				client, server := scriptedClient(t, always(http.StatusOK, "OK"))
				path := "/api/v1/spec/new"
				if method == http.MethodPost {
					require.NoError(t, client.Specs.Upload(t.Context(), filename, strings.NewReader(someSpec)))
				} else {
					path = "/api/v1/spec/pay"
					require.NoError(t, client.Specs.Update(t.Context(), "pay", formatOf(filename), strings.NewReader(someSpec)))
				}
				require.Len(t, server.sent, 1)
				assert.Equal(t, method+" "+path, server.sent[0].Method+" "+server.sent[0].Path)
				_, params, err := mime.ParseMediaType(server.sent[0].Header.Get("Content-Type"))
				require.NoError(t, err)
				parts := multipart.NewReader(strings.NewReader(server.sent[0].Body), params["boundary"])
				part, err := parts.NextPart()
				require.NoError(t, err)
				assert.Equal(t, "file", part.FormName())
				if method == http.MethodPost {
					assert.Equal(t, filename, part.FileName())
				} else {
					assert.Equal(t, "pay."+string(formatOf(filename)), part.FileName())
				}
				assert.Equal(t, contentType, part.Header.Get("Content-Type"))
				content, err := io.ReadAll(part)
				require.NoError(t, err)
				assert.Equal(t, someSpec, string(content))
				_, err = parts.NextPart()
				assert.ErrorIs(t, err, io.EOF)
			})
		}
	}
}

// TestSpecsUploadOfABrokenReader has the reader of a document fail: the server must not receive a complete body.
func TestSpecsUploadOfABrokenReader(t *testing.T) {
	broken := errors.New("the disk is gone")
	whole := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		whole <- r.ParseMultipartForm(1 << 20)
	}))
	defer server.Close()
	client, err := metlo.NewClient(server.URL, madeUpKey)
	require.NoError(t, err)
	err = client.Specs.Upload(t.Context(), "pay.json", io.MultiReader(strings.NewReader(someSpec), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	require.Error(t, <-whole)
}

func TestSpecsErrors(t *testing.T) {
	upload := func(ctx context.Context, c *metlo.Client) error {
		return c.Specs.Upload(ctx, "pay.json", strings.NewReader(someSpec))
	}
	update := func(ctx context.Context, c *metlo.Client) error {
		return c.Specs.Update(ctx, "pay", metlo.SpecYAML, strings.NewReader(someSpec))
	}
	remove := func(ctx context.Context, c *metlo.Client) error { return c.Specs.Delete(ctx, "pay") }
	download := func(ctx context.Context, c *metlo.Client) error { _, err := c.Specs.Zip(ctx); return err }
	for name, row := range map[string]struct {
		call   func(context.Context, *metlo.Client) error
		status int
		body   string
		want   error
	}{
		"name taken":        {upload, 400, "Spec file already exists.", metlo.ErrConflict},
		"path taken":        {upload, 409, "Path GET /a is already defined in another user defined spec file: x", metlo.ErrConflict},
		"no OpenAPI":        {upload, 422, "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined.", metlo.ErrUnprocessable},
		"bad YAML":          {update, 500, "bad indentation (2:1)\n\n 1 | a:\n 2 | b", metlo.ErrBadRequest},
		"update of nothing": {update, 400, "Spec file does not exist, cannot update.", metlo.ErrNotFound},
		"delete of nothing": {remove, 404, "No spec file with the provided name exists.", metlo.ErrNotFound},
		"generated":         {remove, 409, "Can't delete auto generated spec.", metlo.ErrConflict},
		"nothing to zip":    {download, 500, "No OpenAPI Specs found.", metlo.ErrNotFound},
		"no hexadecimal":    {download, 200, "zipzip", metlo.ErrInvalidResponse},
		"no archive":        {download, 200, "68656c6c6f", metlo.ErrInvalidResponse},
		"half a digit":      {download, 200, "504b03041", metlo.ErrInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(row.status, row.body))
			assert.ErrorIs(t, row.call(t.Context(), client), row.want)
		})
	}
}

func TestSpecsZip(t *testing.T) {
	var plain bytes.Buffer
	w := zip.NewWriter(&plain)
	_, err := w.Create("pay.json")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	for name, row := range map[string]struct {
		body  string
		files []string
	}{
		"recorded":   {recordingNamed(t, "specs", "zip").Response.Body, []string{"pay.json", "shop-api.json"}},
		"as a file":  {plain.String(), []string{"pay.json"}},
		"upper case": {strings.ToUpper(recordingNamed(t, "specs", "zip").Response.Body) + "\n", []string{"pay.json", "shop-api.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, row.body))
			archive, err := client.Specs.Zip(t.Context())
			require.NoError(t, err)
			r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
			require.NoError(t, err)
			var files []string
			for _, f := range r.File {
				files = append(files, f.Name)
			}
			assert.Equal(t, row.files, files)
		})
	}
}

func TestSpecsRefuse(t *testing.T) {
	upload := func(filename string, content io.Reader) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error { return c.Specs.Upload(ctx, filename, content) }
	}
	update := func(name string, format metlo.SpecExtension) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			return c.Specs.Update(ctx, name, format, strings.NewReader(someSpec))
		}
	}
	spec := strings.NewReader(someSpec)
	assertRefusals(t, map[string]refusal{
		"an unknown extension":    {upload("pay.txt", spec), "use the extension"},
		"no extension":            {upload("pay", spec), "use the extension"},
		"an upper-case extension": {upload("PAY.JSON", spec), "use the extension"},
		"an empty filename":       {upload("", spec), "use the extension"},
		"only an extension":       {upload(".json", spec), "no name before its extension"},
		"a path":                  {upload("specs/pay.json", spec), "base name"},
		"a path of Windows":       {upload(`specs\pay.json`, spec), "base name"},
		"a line break":            {upload("pay\n.json", spec), "base name"},
		"an empty file":           {upload("pay.json", strings.NewReader("")), "the file is empty"},
		"a reader that fails":     {upload("pay.json", iotest.ErrReader(errors.New("no such disk"))), "no such disk"},
		"a nil reader":            {upload("pay.json", nil), "the reader is nil"},
		"a name with a slash":     {update("a/b", metlo.SpecJSON), "contains a slash"},
		"no name":                 {update("", metlo.SpecJSON), "is not a valid name"},
		"a name that is a parent": {update("..", metlo.SpecJSON), "is not a valid name"},
		"an update of no format":  {update("pay", "toml"), "not a document format"},
		"a deletion with a slash": {func(ctx context.Context, c *metlo.Client) error { return c.Specs.Delete(ctx, "a/b") }, "contains a slash"},
		"a download with a slash": {func(ctx context.Context, c *metlo.Client) error { _, err := c.Specs.Get(ctx, "a/b"); return err }, "contains a slash"},
	})
}

func formatOf(filename string) metlo.SpecExtension {
	if strings.HasSuffix(filename, ".json") {
		return metlo.SpecJSON
	}
	return metlo.SpecYAML
}

func TestSpecsPut(t *testing.T) {
	srv := metlotest.NewServer()
	defer srv.Close()
	specs := srv.Client().Specs
	document := func(title string) string {
		return `{"openapi":"3.0.3","info":{"title":"` + title + `","version":"1"},"servers":[{"url":"https://pay.example.com"}],"paths":{"/pay":{"get":{"responses":{}}}}}`
	}
	created, err := specs.Put(t.Context(), "pay.json", strings.NewReader(document("one")))
	require.NoError(t, err)
	assert.True(t, created)
	created, err = specs.Put(t.Context(), "pay.json", io.MultiReader(strings.NewReader(document("two"))))
	require.NoError(t, err)
	assert.False(t, created)
	spec, err := specs.Get(t.Context(), "pay")
	require.NoError(t, err)
	assert.Contains(t, spec.Spec, "two")

	err = specs.Upload(t.Context(), "pay.json", strings.NewReader(document("three")))
	require.ErrorIs(t, err, metlo.ErrNameTaken)
	require.ErrorIs(t, err, metlo.ErrConflict)
	_, err = specs.Put(t.Context(), "other.json", strings.NewReader(document("four")))
	require.ErrorIs(t, err, metlo.ErrConflict)
	require.NotErrorIs(t, err, metlo.ErrNameTaken)
	assert.ErrorContains(t, err, "pay", "the error names the other spec")

	for _, filename := range []string{"pay", "a/pay.json", ""} {
		_, err = specs.Put(t.Context(), filename, strings.NewReader(document("five")))
		require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	}
}

// TestSpecsPutWhileAnotherDoes replaces the document that appeared between the list and the upload.
func TestSpecsPutWhileAnotherDoes(t *testing.T) {
	answers := func(r *http.Request) (int, string) {
		switch r.Method {
		case http.MethodGet:
			return http.StatusOK, "[]"
		case http.MethodPost:
			return http.StatusBadRequest, "Spec file already exists."
		}
		return http.StatusOK, "OK"
	}
	for name, tt := range map[string]struct {
		content io.Reader
		err     error
	}{
		"a file":   {strings.NewReader(someSpec), nil},
		"a stream": {io.MultiReader(strings.NewReader(someSpec)), metlo.ErrNameTaken},
	} {
		t.Run(name, func(t *testing.T) {
			var bodies []string
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies = append(bodies, r.Method+" "+string(body))
				status, text := answers(r)
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(status)
				_, _ = io.WriteString(w, text)
			}))
			defer server.Close()
			client, err := metlo.NewClient(server.URL, "")
			require.NoError(t, err)
			created, err := client.Specs.Put(t.Context(), "pay.json", tt.content)
			require.ErrorIs(t, err, tt.err)
			assert.False(t, created)
			if tt.err == nil {
				require.Len(t, bodies, 3)
				assert.Contains(t, bodies[2], someSpec, "the whole document again")
			}
		})
	}
}

// Keep the documents of a pipeline up to date.
func ExampleSpecsService_Put() {
	server := metlotest.NewServer()
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	for range 2 {
		document := strings.NewReader(`{"openapi":"3.0.3","info":{"title":"Pay","version":"1"},
			"servers":[{"url":"https://pay.example.com"}],"paths":{"/pay":{"get":{"responses":{}}}}}`)
		created, err := client.Specs.Put(ctx, "pay.json", document)
		switch {
		case errors.Is(err, metlo.ErrConflict):
			fmt.Println("another document has one of its paths:", err)
		case err != nil:
			fmt.Println(err)
		default:
			fmt.Println("created:", created)
		}
	}
	// Output:
	// created: true
	// created: false
}

func ExampleSpecsService_Upload() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	const document = `openapi: 3.0.3
info: {title: Stock, version: "1"}
servers: [{url: https://stock.example.com}]
paths:
  /items/{sku}:
    get: {responses: {"200": {description: the item}}}
`
	if err := client.Specs.Upload(ctx, "stock.yaml", strings.NewReader(document)); err != nil {
		fmt.Println(err)
		return
	}
	endpoints, err := client.Endpoints.List(ctx, &metlo.EndpointFilter{Hosts: []string{"stock.example.com"}}, 0, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoints.Items[0].Method, endpoints.Items[0].Path, "of", endpoints.Items[0].OpenAPISpecName)
	// Output: GET /items/{sku} of stock
}

func ExampleSpecsService_Zip() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	data, err := server.Client().Specs.Zip(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, file := range archive.File {
		fmt.Println(file.Name)
	}
	// Output: payments.yaml
}

func TestSpecsCalls(t *testing.T) {
	assertRecordedCalls(t, "specs", map[string]recordedCall{
		"List": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Specs.List(t.Context()); return err },
			sent: "GET /api/v1/specs", recording: "list",
		},
		"Zip": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Specs.Zip(t.Context()); return err },
			sent: "GET /api/v1/specs/zip", recording: "zip",
		},
		"Delete": {
			call: func(t *testing.T, c *metlo.Client) error { return c.Specs.Delete(t.Context(), "pay & co") },
			sent: "DELETE /api/v1/spec/pay%20&%20co", recording: "delete",
		},
		"Delete of nothing": {
			call: func(t *testing.T, c *metlo.Client) error { return c.Specs.Delete(t.Context(), "nope") },
			sent: "DELETE /api/v1/spec/nope", recording: "delete_missing", want: metlo.ErrNotFound,
		},
	})
}

func TestSpecsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List": func(ctx context.Context, c *metlo.Client) error { _, err := c.Specs.List(ctx); return err },
		"Get":  func(ctx context.Context, c *metlo.Client) error { _, err := c.Specs.Get(ctx, "pay"); return err },
		"Upload": func(ctx context.Context, c *metlo.Client) error {
			return c.Specs.Upload(ctx, "pay.json", strings.NewReader(someSpec))
		},
		"Update": func(ctx context.Context, c *metlo.Client) error {
			return c.Specs.Update(ctx, "pay", metlo.SpecJSON, strings.NewReader(someSpec))
		},
		"Put": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Specs.Put(ctx, "pay.json", strings.NewReader(someSpec))
			return err
		},
		"Delete": func(ctx context.Context, c *metlo.Client) error { return c.Specs.Delete(ctx, "pay") },
		"Zip":    func(ctx context.Context, c *metlo.Client) error { _, err := c.Specs.Zip(ctx); return err },
	})
}
