package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/capture"
)

// specified represents a service whose handlers, requests and responses come from an OpenAPI document.
type specified struct {
	t      *testing.T
	doc    *openapi3.T
	random *rand.Rand
}

// answer holds the next response of a handler.
type answer struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
}

// recorded represents an exchange with the service.
type recorded struct {
	method, target string
	header         http.Header
	body           []byte
	answer
}

func (x *recorded) request(ctx context.Context) *http.Request {
	req := httptest.NewRequestWithContext(ctx, x.method, "https://shop.example.com"+x.target, bytes.NewReader(x.body))
	maps.Copy(req.Header, x.header)
	return req
}

func loadDocument(t *testing.T, data []byte) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(data)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(loader.Context))
	return doc
}

// eachOperation calls visit for every operation of a document, in order.
func eachOperation(doc *openapi3.T, visit func(method, path string, op *openapi3.Operation)) {
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		operations := doc.Paths.Value(path).Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			visit(method, path, operations[method])
		}
	}
}

// handler serves the operations of the document. Each responds with next.
func (s *specified) handler(next *answer) http.Handler {
	mux := http.NewServeMux()
	eachOperation(s.doc, func(method, path string, _ *openapi3.Operation) {
		mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			assert.NoError(s.t, err)
			maps.Copy(w.Header(), next.header)
			if next.contentType != "" {
				w.Header().Set("Content-Type", next.contentType)
			}
			w.WriteHeader(next.status)
			if r.Method != http.MethodHead && len(next.body) > 0 {
				_, err = w.Write(next.body)
				assert.NoError(s.t, err)
			}
		})
	})
	return capture.Routes(mux)
}

var words = []string{"red", "blue", "7", "jane.doe@example.com", "4111111111111111", "x/y z", "é", "", "true", "null", "00000000-0000-4000-8000-00000000002a"}

func (s *specified) word() string { return words[s.random.IntN(len(words))] }

// value returns a value that a schema allows.
func (s *specified) value(schema *openapi3.Schema) any {
	types := schema.Type.Slice()
	if len(types) == 0 {
		return nil
	}
	switch types[s.random.IntN(len(types))] {
	case "string":
		return s.word()
	case "integer":
		return s.random.IntN(2000) - 1000
	case "number":
		return []float64{1, 2.5, -0.125, 3e12}[s.random.IntN(4)]
	case "boolean":
		return s.random.IntN(2) == 0
	case "array":
		list := []any{}
		for range s.random.IntN(4) {
			list = append(list, s.value(schema.Items.Value))
		}
		return list
	case "object":
		object := map[string]any{}
		for name, member := range schema.Properties {
			if slices.Contains(schema.Required, name) || s.random.IntN(3) > 0 {
				object[name] = s.value(member.Value)
			}
		}
		if more := schema.AdditionalProperties.Schema; more != nil {
			for range s.random.IntN(3) {
				name := []string{"color", "unit", "4711", "jane@example.com", "2026-01-31", "width"}[s.random.IntN(6)]
				object[name] = s.value(more.Value)
			}
		}
		return object
	}
	return nil
}

// body returns a body of one of the content types.
func (s *specified) body(content openapi3.Content) (contentType string, body []byte) {
	media := slices.Sorted(maps.Keys(content))[s.random.IntN(len(content))]
	value := s.value(content[media].Schema.Value)
	switch media {
	case "application/x-www-form-urlencoded":
		form := url.Values{}
		for name, v := range value.(map[string]any) {
			form.Set(name, fmt.Sprint(v))
		}
		return media, []byte(form.Encode())
	case "multipart/form-data":
		var text bytes.Buffer
		w := multipart.NewWriter(&text)
		for _, name := range slices.Sorted(maps.Keys(value.(map[string]any))) {
			assert.NoError(s.t, w.WriteField(name, fmt.Sprint(value.(map[string]any)[name])))
		}
		assert.NoError(s.t, w.Close())
		return w.FormDataContentType(), text.Bytes()
	case "text/csv":
		return media, []byte("name,email\njane,jane.doe@example.com\n")
	case "text/plain":
		return media + "; charset=utf-8", []byte(s.word())
	case "application/octet-stream":
		return media, []byte{0, 1, 0xff}
	}
	data, err := json.Marshal(value)
	assert.NoError(s.t, err)
	if s.random.IntN(2) == 0 {
		media += "; charset=utf-8"
	}
	return media, data
}

// exchange returns a request of an operation and one of its responses.
func (s *specified) exchange(method, path string, op *openapi3.Operation) *recorded {
	x := &recorded{method: method, header: http.Header{}}
	query := url.Values{}
	for _, ref := range op.Parameters {
		p := ref.Value
		if !p.Required && s.random.IntN(3) == 0 {
			continue
		}
		switch {
		case p.In == "path":
			value := []string{"17", "00000000-0000-4000-8000-00000000002a", "jane.doe@example.com", "a b", "K-31"}[s.random.IntN(5)]
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(value))
		case p.In == "header":
			x.header.Set(p.Name, "r-"+strconv.Itoa(s.random.IntN(1000)))
		case p.Content != nil:
			_, data := s.body(p.Content)
			query.Set(p.Name, string(data))
		case p.Schema.Value.Type.Is("array"):
			for range 1 + s.random.IntN(2) {
				query.Add(p.Name, "v"+s.word())
			}
		default:
			query.Set(p.Name, "v"+s.word()) // kin-openapi rejects empty parameters
		}
	}
	x.target = path
	if len(query) > 0 {
		x.target += "?" + query.Encode()
	}
	if op.RequestBody != nil {
		var contentType string
		contentType, x.body = s.body(op.RequestBody.Value.Content)
		x.header.Set("Content-Type", contentType)
	}
	statuses := slices.Sorted(maps.Keys(op.Responses.Map()))
	status := statuses[0]
	if s.random.IntN(3) == 0 {
		status = statuses[s.random.IntN(len(statuses))]
	}
	response := op.Responses.Value(status).Value
	x.answer.header = http.Header{}
	x.status, _ = strconv.Atoi(status)
	if response.Content != nil {
		x.contentType, x.answer.body = s.body(response.Content)
	}
	for name := range response.Headers {
		x.answer.header.Set(name, strconv.Itoa(s.random.IntN(100)))
	}
	return x
}

// TestSpecGenerate runs a service behind a recorder that writes to a file, and describes the file. It compares the
// description with the service's document and with every exchange.
func TestSpecGenerate(t *testing.T) {
	source, err := os.ReadFile("testdata/openapi/shop.yaml")
	require.NoError(t, err)
	service := &specified{t: t, doc: loadDocument(t, source), random: rand.New(rand.NewPCG(27, 1))}
	folder := t.TempDir()
	file, err := os.Create(filepath.Join(folder, "traffic.jsonl"))
	require.NoError(t, err)
	rec, err := capture.New(nil, capture.WithHost("shop.example.com"), capture.WithOutput(file), capture.WithoutSampling(), capture.WithSkips(capture.Skips{}))
	require.NoError(t, err)
	var next answer
	handler := rec.Handler(service.handler(&next))
	var exchanges []*recorded
	eachOperation(service.doc, func(method, path string, op *openapi3.Operation) {
		for range 12 {
			x := service.exchange(method, path, op)
			next = x.answer
			handler.ServeHTTP(httptest.NewRecorder(), x.request(t.Context()))
			exchanges = append(exchanges, x)
		}
	})
	require.NoError(t, rec.Shutdown(t.Context()))
	require.NoError(t, file.Close())
	require.Equal(t, uint64(len(exchanges)), uint64(rec.Stats().Sent))

	cmd := command(t, shop(t), "spec", "generate", file.Name(), "--file", filepath.Join(folder, "openapi.yaml"))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	data, err := os.ReadFile(filepath.Join(folder, "openapi.yaml"))
	require.NoError(t, err)
	for _, value := range words {
		if len(value) >= 5 {
			assert.NotContains(t, string(data), value)
		}
	}
	generated := loadDocument(t, data)

	operations, found := 0, 0
	eachOperation(service.doc, func(method, path string, _ *openapi3.Operation) {
		operations++
		if item := generated.Paths.Value(path); item != nil && item.GetOperation(method) != nil {
			found++
		} else {
			t.Logf("%s %s did not come back", method, path)
		}
	})
	router, err := gorillamux.NewRouter(generated)
	require.NoError(t, err)
	own, err := gorillamux.NewRouter(service.doc)
	require.NoError(t, err)
	requests, responses, faults := 0, 0, map[string]int{}
	for _, x := range exchanges {
		_, _, err := validate(t, own, x)
		require.NoError(t, err, "the service keeps to its own document: %s %s %s", x.method, x.target, x.answer.body)
		isRequestValid, isResponseValid, err := validate(t, router, x)
		if err != nil {
			faults[fmt.Sprintf("%s %s %d: %v\n%s\n%s", x.method, x.target, x.status, err, x.body, x.answer.body)]++
		}
		if isRequestValid {
			requests++
		}
		if isResponseValid {
			responses++
		}
	}
	shown := 0
	for fault := range faults {
		if shown++; shown <= 10 {
			t.Log(fault)
		}
	}
	refused := 0
	for _, x := range exchanges {
		if x.status >= 400 {
			refused++
		}
	}
	t.Logf("%d of %d operations, %d requests validated", found, operations, requests)
	t.Logf("%d of %d responses validated, %d requests that were refused are not described", responses, len(exchanges), refused)
	assert.GreaterOrEqual(t, found*100, operations*99)
	assert.Zero(t, len(faults), "exchanges that do not validate")
	assert.Equal(t, len(exchanges)-refused, requests)
	assert.Equal(t, len(exchanges), responses)
}

// validate validates the request and the response of a successful exchange.
func validate(t *testing.T, router routers.Router, x *recorded) (isRequestValid, isResponseValid bool, err error) {
	t.Helper()
	req := x.request(t.Context())
	route, params, err := router.FindRoute(req)
	if err != nil {
		return false, false, err
	}
	options := &openapi3filter.Options{IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true, MultiError: true}
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params, Route: route, Options: options}
	if x.status < 400 {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			return false, false, err
		}
		for name := range req.URL.Query() {
			if route.Operation.Parameters.GetByInAndName("query", name) == nil {
				return false, false, fmt.Errorf("the query parameter %s is not described", name)
			}
		}
		isRequestValid = true
	}
	header := x.answer.header.Clone()
	if x.contentType != "" {
		header.Set("Content-Type", x.contentType)
	}
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: x.status, Header: header, Body: io.NopCloser(bytes.NewReader(x.answer.body)), Options: options,
	})
	return isRequestValid, err == nil, err
}
