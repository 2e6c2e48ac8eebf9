package metlotest_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

func TestServerIsEmptyByDefault(t *testing.T) {
	w := start(t)
	assert.Equal(t, answer{200, "OK", nil}, bare(w.get("")))
	assert.Equal(t, `[[],"0"]`, w.get("/endpoints").body)
	assert.Equal(t, `[[],0]`, w.get("/alerts").body)
	assert.Equal(t, `{"exists":false}`, w.get("/summary/endpoint-tracked").body)
	assert.Equal(t, answer{500, "No OpenAPI Specs found.", nil}, bare(w.get("/specs/zip")))
}

func bare(a answer) answer { return answer{a.status, a.body, nil} }

func TestRequests(t *testing.T) {
	w := start(t)
	w.get("/endpoints?hosts[]=a&hosts[]=b")
	w.do(http.MethodPut, "/alert/x%20y", `{"a":1}`)
	w.log("/api/v2/log-request/single", `{}`)
	got := w.srv.Requests()
	require.Len(t, got, 3)
	assert.Equal(t, []string{"a", "b"}, got[0].Query["hosts[]"])
	assert.Equal(t, "backend", got[0].Service)
	assert.Equal(t, "/alert/x%20y", got[1].Path)
	assert.Equal(t, `{"a":1}`, string(got[1].Body))
	assert.Equal(t, w.srv.APIKey, got[1].Header.Get("Authorization"))
	assert.Equal(t, "collector", got[2].Service)
	assert.False(t, got[2].Time.Before(got[0].Time))
}

func TestRequireKey(t *testing.T) {
	w := start(t)
	w.key = ""
	assert.Equal(t, 200, w.get("/endpoints").status, "a backend checks no key")
	w.srv.RequireKey()
	assert.Equal(t, answer{401, "Client unauthorized", nil}, bare(w.get("/endpoints")))
	assert.Equal(t, 200, w.get("").status, "health needs no key")
	w.key = "Bearer " + w.srv.APIKey
	assert.Equal(t, 401, w.get("/endpoints").status)
	w.key = w.srv.APIKey
	assert.Equal(t, 200, w.get("/endpoints").status)
}

func TestCreatedKeysOpenTheCollector(t *testing.T) {
	w := start(t)
	created := decodeInto[row](t, w.do(http.MethodPost, "/keys/create", `{"name":"ci"}`))
	verify := func(key string) int {
		w.key = key
		return w.send(http.MethodGet, w.srv.CollectorURL+"/api/v2/verify", "", nil).status
	}
	assert.Len(t, created.text("apiKey"), 46)
	assert.Equal(t, 200, verify(created.text("apiKey")))
	assert.Equal(t, 401, verify("metlo.unknown"))
	assert.Equal(t, 401, verify(""))
	assert.Equal(t, 200, w.do(http.MethodDelete, "/keys/ci/delete", "").status)
	assert.Equal(t, 401, verify(created.text("apiKey")))
}

func TestBodyLimits(t *testing.T) {
	body := func(size int) string { return `{"x":"` + strings.Repeat("x", size-len(`{"x":""}`)) + `"}` }
	w := start(t)
	assert.Equal(t, 400, w.do(http.MethodPut, "/alerts", body(100<<10)).status)
	large := w.do(http.MethodPut, "/alerts", body(100<<10+1))
	assert.Equal(t, 413, large.status)
	assert.Contains(t, large.body, "<pre>PayloadTooLargeError: request entity too large<br>")
	w.key = "wrong"
	assert.Equal(t, 401, w.log("/api/v1/log-request/single", body(2<<20)).status)
	assert.Equal(t, 413, w.log("/api/v1/log-request/single", body(2<<20+1)).status, "the size is checked before the key")
}

func TestHeaderLimit(t *testing.T) {
	w := start(t)
	got := w.get("/endpoints?searchQuery=" + strings.Repeat("x", 16<<10))
	assert.Equal(t, answer{431, "", nil}, bare(got))
	assert.Equal(t, 200, w.get("/endpoints?searchQuery="+strings.Repeat("x", 15<<10)).status)
}

func TestErrorPages(t *testing.T) {
	w := start(t)
	tests := []struct {
		name, method, path, body string
		status                   int
		line                     string
	}{
		{"unknown route", "GET", "/attacks", "", 404, "<pre>Cannot GET /api/v1/attacks</pre>"},
		{"wrong method", "POST", "/endpoints", "", 404, "<pre>Cannot POST /api/v1/endpoints</pre>"},
		{"documented but absent", "PUT", "/alert/resolve/" + unknownID, "{}", 404, "<pre>Cannot PUT /api/v1/alert/resolve/"},
		{"malformed JSON", "PUT", "/alerts", "{bad", 400, "<pre>SyntaxError: "},
		{"JSON that is no object", "PUT", "/alerts", "null", 400, "<pre>SyntaxError: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := w.do(tt.method, tt.path, tt.body)
			assert.Equal(t, tt.status, got.status)
			assert.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
			assert.Contains(t, got.body, tt.line)
		})
	}
}

func TestInMemoryWorksInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.NewServer(metlotest.InMemory(), metlotest.Demo())
		defer srv.Close()
		w := &wire{t: t, srv: srv, key: srv.APIKey}
		srv.Inject(metlotest.Fault{Path: "/summary", Delay: time.Hour})
		before := time.Now()
		assert.Equal(t, 200, w.get("/summary").status)
		assert.Equal(t, time.Hour, time.Since(before))
		assert.Equal(t, 200, w.log("/api/v1/log-request/batch", []any{call("new.example.com", "GET", "/x", "{}")}).status)

		_, err := srv.HTTPClient().Get("http://example.com/")
		assert.ErrorContains(t, err, "this client reaches only 127.0.0.1:8080 and 127.0.0.1:8081, not example.com:80")
	})
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := metlotest.NewServer(metlotest.InMemory())
		srv.Inject(metlotest.Fault{Delay: time.Hour})
		failed := make(chan error)
		go func() {
			_, err := srv.HTTPClient().Get(srv.URL + "/api/v1")
			failed <- err
		}()
		synctest.Wait()
		srv.Close()
		assert.Error(t, <-failed)
		srv.Close()
		_, err := srv.HTTPClient().Get(srv.URL + "/api/v1")
		assert.Error(t, err, "a closed server refuses connections")
	})
}

func TestCloseLeavesNoGoroutines(t *testing.T) {
	w := start(t, metlotest.Demo())
	w.get("/summary")
	w.log("/api/v1/log-request/single", call("a.example.com", "GET", "/x", "{}"))
	w.srv.Close()
	require.Eventually(t, func() bool {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		return !strings.Contains(string(stacks), "metlotest.(*Server)")
	}, time.Minute, time.Millisecond)
}

func TestNewServerPanicsWithAReason(t *testing.T) {
	load := func(s string) metlotest.Option { return metlotest.Load(strings.NewReader(s)) }
	const id, other = `"00000000-0000-4000-8000-000000000001"`, `"00000000-0000-4000-8000-000000000002"`
	const point = `{"uuid":` + id + `,"riskScore":"low","method":"GET","path":"/x","host":"h"}`
	tests := []struct {
		name string
		opt  metlotest.Option
		want string
	}{
		{"nil option", nil, "an option is nil"},
		{"nil reader", metlotest.Load(nil), "the reader is nil"},
		{"failing reader", metlotest.Load(brokenReader{}), "reading the data set: broken"},
		{"no JSON", load("endpoints"), "the data set is an object with"},
		{"wrong type", load(`{"endpoints":{}}`), "the data set is an object with"},
		{"wrong time", load(`{"endpoints":[{"createdAt":"yesterday"}]}`), "endpoints[0].createdAt: parsing time"},
		{"id that is none", load(`{"endpoints":[{"uuid":"x"}]}`), `endpoints[0].uuid: "x" is not a UUID`},
		{"id twice", load(`{"endpoints":[` + point + `,` + point + `]}`), "is there twice"},
		{"unknown risk", load(`{"endpoints":[{"uuid":` + id + `,"riskScore":"HIGH","method":"GET"}]}`), `"HIGH" is not one of`},
		{"unknown method", load(`{"endpoints":[{"uuid":` + id + `,"riskScore":"low","host":"h","path":"/","method":"get"}]}`), `"get" is not one of`},
		{"field without endpoint", load(`{"dataFields":[{"uuid":` + id + `,"apiEndpointUuid":` + other + `}]}`), "there is no endpoint"},
		{"alert without endpoint", load(`{"alerts":[{"uuid":` + id + `,"apiEndpointUuid":` + other + `}]}`), "there is no endpoint"},
		{"alert of unknown type", load(`{"endpoints":[` + point + `],"alerts":[{"uuid":` + id + `,"apiEndpointUuid":` + id + `,"riskScore":"low","status":"Open","type":"X"}]}`), `"X" is not one of`},
		{"spec without name", load(`{"specs":[{}]}`), "specs[0].name: is missing"},
		{"usage without endpoint", load(`{"usage":{` + id + `:[]}}`), "there is no endpoint"},
		{"usage without number", load(`{"endpoints":[` + point + `],"usage":{` + id + `:[{"date":null,"count":"x"}]}}`), "is not a number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			defer func() { assert.Contains(t, recover(), tt.want) }()
			metlotest.NewServer(tt.opt).Close()
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, brokenError{} }

type brokenError struct{}

func (brokenError) Error() string { return "broken" }

func TestClient(t *testing.T) {
	srv := metlotest.NewServer(metlotest.InMemory(), metlotest.Demo())
	defer srv.Close()
	var out any
	require.NoError(t, srv.Client().Call(context.Background(), http.MethodGet, "/data-class", nil, nil, &out))
	require.NotEmpty(t, srv.Requests())
	assert.Equal(t, srv.APIKey, srv.Requests()[0].Header.Get("Authorization"))
	assert.Panics(t, func() { srv.Client(nil) })
}

func TestConcurrentUse(t *testing.T) {
	srv := metlotest.NewServer(metlotest.InMemory(), metlotest.Demo())
	defer srv.Close()
	srv.Churn(1000)
	done := make(chan error)
	for i := range 8 {
		go func() {
			paths := []string{"/endpoints", "/alerts", "/summary", "/hosts"}
			res, err := srv.HTTPClient().Get(srv.URL + "/api/v1" + paths[i%len(paths)])
			if err == nil {
				_, err = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
			srv.Requests()
			srv.Inject(metlotest.Fault{Path: "/none"})
			done <- err
		}()
	}
	for range 8 {
		assert.NoError(t, <-done)
	}
}
