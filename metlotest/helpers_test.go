package metlotest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

// wire sends bare requests to a server.
type wire struct {
	t   testing.TB
	srv *metlotest.Server
	key string
}

// answer is a response.
type answer struct {
	status int
	body   string
	header http.Header
}

func start(t testing.TB, opts ...metlotest.Option) *wire {
	t.Helper()
	srv := metlotest.NewServer(opts...)
	t.Cleanup(srv.Close)
	return &wire{t: t, srv: srv, key: srv.APIKey}
}

func (w *wire) send(method, url, contentType string, body io.Reader) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, url, body)
	require.NoError(w.t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if w.key != "" {
		req.Header.Set("Authorization", w.key)
	}
	res, err := w.srv.HTTPClient().Do(req)
	require.NoError(w.t, err)
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return answer{res.StatusCode, string(data), res.Header}
}

func (w *wire) get(path string) answer {
	w.t.Helper()
	return w.send(http.MethodGet, w.srv.URL+"/api/v1"+path, "", nil)
}

// do sends a JSON body to the backend; a string is sent unchanged.
func (w *wire) do(method, path string, body any) answer {
	w.t.Helper()
	return w.send(method, w.srv.URL+"/api/v1"+path, "application/json", strings.NewReader(asText(w.t, body)))
}

func asText(t testing.TB, body any) string {
	if s, isText := body.(string); isText {
		return s
	}
	data, err := json.Marshal(body)
	require.NoError(t, err)
	return string(data)
}

// log posts to the collector.
func (w *wire) log(path string, body any) answer {
	w.t.Helper()
	return w.send(http.MethodPost, w.srv.CollectorURL+path, "application/json", strings.NewReader(asText(w.t, body)))
}

// upload sends a file as a multipart form.
func (w *wire) upload(method, path, field, name, contentType, content string) answer {
	w.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename=%q`, field, name)}, "Content-Type": {contentType},
	})
	require.NoError(w.t, err)
	_, err = io.WriteString(part, content)
	require.NoError(w.t, err)
	require.NoError(w.t, form.Close())
	return w.send(method, w.srv.URL+"/api/v1"+path, form.FormDataContentType(), &b)
}

type row map[string]any

func (r row) text(name string) string {
	s, _ := r[name].(string)
	return s
}

// decodeInto reads a successful answer.
func decodeInto[T any](t testing.TB, a answer) T {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	var v T
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// rows reads the items and the total of a list.
func (w *wire) rows(path string) ([]row, string) {
	w.t.Helper()
	pair := decodeInto[[]json.RawMessage](w.t, w.get(path))
	require.Len(w.t, pair, 2)
	var items []row
	require.NoError(w.t, json.Unmarshal(pair[0], &items))
	return items, strings.Trim(string(pair[1]), `"`)
}

func column(rows []row, name string) []string {
	out := []string{}
	for _, r := range rows {
		out = append(out, r.text(name))
	}
	return out
}

// call returns a trace in the collector's format.
func call(host, method, path, response string) map[string]any {
	header := []any{map[string]any{"name": "content-type", "value": "application/json"}}
	return map[string]any{
		"request": map[string]any{
			"url":     map[string]any{"host": host, "path": path, "parameters": []any{}},
			"headers": header, "body": "", "method": method,
		},
		"response": map[string]any{"status": 200, "headers": header, "body": response},
		"meta": map[string]any{
			"incoming": true, "source": "203.0.113.5", "sourcePort": "50000", "destination": "198.51.100.9", "destinationPort": "443",
		},
	}
}

// dataset returns n endpoints of one host that are equal in all sort keys, and an open alert for each.
func dataset(n int) metlotest.Option {
	var endpoints, alerts []string
	for i := 1; i <= n; i++ {
		endpoints = append(endpoints, fmt.Sprintf(`{"uuid":"00000000-0000-4000-8000-%012x","path":"/p/%d","createdAt":"2026-01-01T00:00:00.000Z",
			"updatedAt":"2026-01-01T00:00:00.000Z","firstDetected":null,"lastActive":"2026-02-01T00:00:00.000Z","host":"a.example.com",
			"method":"GET","riskScore":"low","oldEndpointUuids":[],"resourcePermissions":[],"isAuthenticatedDetected":true}`, i, i))
		alerts = append(alerts, fmt.Sprintf(`{"uuid":"00000000-0000-4000-b000-%012x","type":"New Endpoint Detected","riskScore":"low",
			"apiEndpointUuid":"00000000-0000-4000-8000-%012x","description":"d","createdAt":"2026-01-01T00:00:00.000Z",
			"updatedAt":"2026-01-01T00:00:00.000Z","status":"Open","resolutionMessage":null,"context":{}}`, i, i))
	}
	return metlotest.Load(strings.NewReader(
		`{"endpoints":[` + strings.Join(endpoints, ",") + `],"alerts":[` + strings.Join(alerts, ",") + `]}`))
}

const unknownID = "99999999-9999-4999-8999-999999999999"
