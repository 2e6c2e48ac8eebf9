package capture_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/internal/suites/cases"
	"github.com/metlo-go/metlo/metlotest"
)

// traffic generates exchanges that resemble those of services.
type traffic struct{ *rand.Rand }

func (g traffic) one(list ...string) string { return list[g.IntN(len(list))] }

func (g traffic) name() string {
	return g.one("id", "email", "userName", "first_name", "address", "homeAddress", "items", "total", "createdAt", "ip", "phone", "ssn", "card_number", "cpf",
		"aadhar", "location", "note", "price", "quantity", "is_active", "X-Request-Id", "$ref", "@type", "sku", "sha256", "utm_source", "line1", "geo")
}

// text returns a value that may belong to a class.
func (g traffic) text() string {
	return g.one("jane.doe@example.com", "mail jane@example.com now", "4111-1111-1111-1111", "4111111111111111", "219-09-9999", "+1 415-555-0132", "203.0.113.5",
		"529.982.247-25", "529.982.247-26", "2341 2341 2346", "37.80, -122.27", "hello", "", "2026-11-30T23:03:48Z", "true", "5", "null", `{"a":1}`, "ünï©ode", "a\\\"b", "\U0001f600")
}

func (g traffic) scalar() string {
	switch g.IntN(6) {
	case 0:
		return g.one("0", "17", "-3", "1.5", "1.0", "1e3", "4111111111111111", "219099999", "52998224725", "123456789012345678901234567890", "1e400")
	case 1:
		return g.one("true", "false")
	}
	data, _ := json.Marshal(g.text())
	return string(data)
}

// value returns JSON. The elements of a list have one form, as in the responses of services.
func (g traffic) value(depth int) string {
	if depth > 0 {
		switch g.IntN(4) {
		case 0:
			element := g.value(depth - 1)
			return "[" + element + strings.Repeat(","+element, g.IntN(3)) + "]"
		case 1, 2:
			seen, members := map[string]bool{}, []string{}
			for range g.IntN(6) {
				if name := g.name(); !seen[name] {
					seen[name] = true
					members = append(members, fmt.Sprintf("%q:%s", name, g.value(depth-1)))
				}
			}
			return "{" + strings.Join(members, ", ") + "}"
		}
	}
	if g.IntN(12) == 0 {
		return "null"
	}
	return g.scalar()
}

func (g traffic) body() (contentType, text string) {
	switch g.IntN(10) {
	case 0:
		return "application/x-www-form-urlencoded", "email=jane%40example.com&note=a+b&total=5&items=%7B%22a%22%3A1%7D&" + "is_active=true"
	case 1:
		return "multipart/form-data; boundary=b7", "--b7\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\njane@example.com\r\n--b7\r\nContent-Disposition: form-data; name=\"items\"\r\n\r\n" +
			g.value(2) + "\r\n--b7--\r\n"
	case 2:
		return "text/plain; charset=utf-8", g.text()
	case 3:
		return "", g.value(3)
	case 4:
		return "application/xml", "<a><email>jane@example.com</email></a>"
	case 5:
		return "application/json", g.one("", "not json", `{"a":1} x`, "[]", "{}", "5", `"jane@example.com"`, "null", " \n[1,2]", `{"a":`)
	}
	return g.one("application/json", "application/json; charset=utf-8", "application/vnd.api+json", "APPLICATION/JSON"), g.value(4)
}

func (g traffic) trace(n int) *metlo.Trace {
	requestType, request := g.body()
	responseType, response := g.body()
	headers := func(contentType string) []metlo.NameValue {
		list := []metlo.NameValue{{Name: g.name(), Value: g.text()}, {Name: "Authorization", Value: "Bearer abc"}, {Name: "X-Forwarded-For", Value: "203.0.113.5"}}
		if contentType != "" {
			list = append(list, metlo.NameValue{Name: "Content-Type", Value: contentType})
		}
		return list
	}
	path := g.one("/users", "/v1/users/17", "/users/6ad9cd6c-0d6b-4f3a-9d1f-0a4b8a4c5d6e/orders/9fceb02d0ae598e9", "/files/jane@example.com", "/api/orders/17/items", "/")
	return &metlo.Trace{
		Request: metlo.TraceRequest{
			Method: metlo.RestMethod(g.one("GET", "POST", "PUT", "DELETE")), Headers: headers(requestType), Body: request,
			URL: metlo.TraceURL{Host: fmt.Sprintf("h%d.example.com", n), Path: path, Parameters: []metlo.NameValue{{Name: g.name(), Value: g.text()}, {Name: g.name(), Value: g.scalar()}}},
		},
		Response: metlo.TraceResponse{Status: []int{200, 201, 204, 400, 500}[g.IntN(5)], Headers: headers(responseType), Body: response},
	}
}

// fieldsOf returns the fields of all endpoints of a server, with their types and classes.
func fieldsOf(t *testing.T, server *metlotest.Server) map[string]string {
	t.Helper()
	get := func(path string, v any) {
		resp, err := server.HTTPClient().Get(server.URL + "/api/v1" + path)
		require.NoError(t, err)
		defer resp.Body.Close()
		require.NoError(t, json.NewDecoder(resp.Body).Decode(v))
	}
	var page []json.RawMessage
	get("/endpoints?offset=0&limit=100000", &page)
	var endpoints []struct{ UUID, Host, Method, Path string }
	require.NoError(t, json.Unmarshal(page[0], &endpoints))
	fields := map[string]string{}
	for _, e := range endpoints {
		var detail struct {
			DataFields []struct {
				DataSection, DataPath, DataType, ContentType string
				StatusCode                                   int
				DataClasses                                  []string
			}
		}
		get("/endpoint/"+e.UUID, &detail)
		fields[fmt.Sprint(e.Host, " ", e.Method, " ", e.Path)] = "endpoint"
		for _, f := range detail.DataFields {
			fields[fmt.Sprint(e.Host, " ", e.Method, " ", e.Path, " ", f.DataSection, ".", f.DataPath, " ", f.ContentType, " ", f.StatusCode)] = fmt.Sprint(f.DataType, " ", f.DataClasses)
		}
	}
	return fields
}

// TestTheSameFieldsAsTheServerFinds sends exchanges with their values to the first version of the collector, and their analyzed
// traces to the second version. It compares the fields of both servers.
func TestTheSameFieldsAsTheServerFinds(t *testing.T) {
	g := traffic{rand.New(rand.NewPCG(3, 4))}
	values, types := metlotest.NewServer(metlotest.InstantAnalysis()), metlotest.NewServer(metlotest.InstantAnalysis())
	defer values.Close()
	defer types.Close()
	analyzer, err := capture.NewAnalyzer()
	require.NoError(t, err)
	n := cases.Of(2000)
	var whole []*metlo.Trace
	var analyzed []*metlo.AnalyzedTrace
	for i := range n {
		trace := g.trace(i)
		a, err := analyzer.Analyze(trace, "")
		require.NoError(t, err)
		whole, analyzed = append(whole, trace), append(analyzed, a)
	}
	require.NoError(t, values.Client().Collector.LogBatch(t.Context(), whole))
	require.NoError(t, types.Client().Collector.LogAnalyzedBatch(t.Context(), analyzed))
	want, got := fieldsOf(t, values), fieldsOf(t, types)
	require.Greater(t, len(want), 5*n)
	equal, total := compareFields(t, want, got)
	t.Logf("%d of %d fields equal", equal, total)
	assert.GreaterOrEqual(t, float64(equal), 0.99*float64(total))
}

// compareFields returns the number of fields that are equal on both servers, and the number of all fields. It logs some of the
// others.
func compareFields(t *testing.T, want, got map[string]string) (equal, total int) {
	t.Helper()
	total, shown := len(want), 0
	for field, is := range want {
		if got[field] == is {
			equal++
		} else if shown < 15 {
			shown++
			t.Logf("%s: %q, want %q", field, got[field], is)
		}
	}
	for field, is := range got {
		if _, known := want[field]; !known {
			total++
			if shown < 30 {
				shown++
				t.Logf("%s: %q, which the server does not find", field, is)
			}
		}
	}
	return equal, total
}
