package metlotest_test

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

func TestFaultAnswersInTheServersPlace(t *testing.T) {
	w := start(t, dataset(1))
	w.srv.Inject(metlotest.Fault{
		Method: http.MethodPut, Path: "/alert/*", Times: 2, Status: 503, Body: `{"busy":true}`, ContentType: "application/json",
		Header: http.Header{"X-Proxy": {"edge"}}, RetryAfter: "7",
	})
	resolve := func() answer {
		return w.do(http.MethodPut, "/alert/00000000-0000-4000-b000-000000000001", `{"updateType":"resolve"}`)
	}
	for range 2 {
		got := resolve()
		assert.Equal(t, answer{503, `{"busy":true}`, nil}, bare(got))
		assert.Equal(t, "application/json", got.header.Get("Content-Type"))
		assert.Equal(t, "7", got.header.Get("Retry-After"))
		assert.Equal(t, "edge", got.header.Get("X-Proxy"))
		open, _ := w.rows("/alerts?status[]=Open")
		assert.Len(t, open, 1, "nothing changed behind the fault")
	}
	assert.Equal(t, 200, resolve().status, "the fault is used up")
	assert.Len(t, w.srv.Requests(), 5, "faulty requests are recorded")
}

func TestFaultMatching(t *testing.T) {
	tests := []struct {
		fault metlotest.Fault
		hit   bool
	}{
		{metlotest.Fault{}, true},
		{metlotest.Fault{Method: "get"}, true},
		{metlotest.Fault{Method: "PUT"}, false},
		{metlotest.Fault{Path: "/endpoint/*/usage"}, true},
		{metlotest.Fault{Path: "/endpoint/*"}, false},
		{metlotest.Fault{Path: "/*/*/*"}, true},
		{metlotest.Fault{Path: "/alerts"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.fault.Method+tt.fault.Path, func(t *testing.T) {
			w := start(t)
			tt.fault.Status = 418
			w.srv.Inject(tt.fault)
			assert.Equal(t, tt.hit, w.get("/endpoint/"+unknownID+"/usage").status == 418)
		})
	}
}

func TestFaultsOnTheCollector(t *testing.T) {
	w := start(t)
	w.srv.Inject(metlotest.Fault{Path: "/log-request/single", Status: 502})
	assert.Equal(t, 502, w.log("/api/v1/log-request/single", call("h.example.com", "GET", "/x", "")).status)
	assert.Equal(t, 502, w.log("/api/v2/log-request/single", call("h.example.com", "GET", "/x", "")).status)
	assert.Equal(t, `[[],"0"]`, w.get("/endpoints").body)
}

func TestFaultCutsTheConnection(t *testing.T) {
	w := start(t, dataset(20))
	w.srv.Inject(metlotest.Fault{Cut: 100, Times: 1})
	w.srv.Inject(metlotest.Fault{Cut: -1, Times: 1})
	res, err := w.srv.HTTPClient().Get(w.srv.URL + "/api/v1/endpoints")
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	res.Body.Close()
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Len(t, body, 100)
	// A POST is not sent again by net/http itself.
	_, err = w.srv.HTTPClient().Post(w.srv.URL+"/api/v1/keys/create", "application/json", nil)
	assert.Error(t, err)
	assert.Equal(t, 200, w.get("/endpoints").status)
}

func TestListFaults(t *testing.T) {
	tests := []struct {
		name, path string
		fault      metlotest.Fault
		rows       int
		total      bool
	}{
		{"no fault", "/endpoints?limit=30", metlotest.Fault{}, 30, true},
		{"cap under the limit", "/endpoints?limit=30", metlotest.Fault{PageCap: 7}, 7, true},
		{"cap over the limit", "/endpoints?limit=3", metlotest.Fault{PageCap: 7}, 3, true},
		{"cap of a list without a limit", "/alerts", metlotest.Fault{PageCap: 7}, 7, true},
		{"offset", "/alerts?offset=35", metlotest.Fault{}, 5, true},
		{"offset ignored", "/alerts?offset=35", metlotest.Fault{IgnoreOffset: true}, 40, true},
		{"unknown total", "/endpoints?limit=30", metlotest.Fault{UnknownTotal: true}, 30, false},
		{"detections", "/new-detections?detectionLimit=30", metlotest.Fault{PageCap: 9, UnknownTotal: true}, 9, false},
		{"hosts", "/hosts?offset=1", metlotest.Fault{IgnoreOffset: true}, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t, dataset(40))
			w.srv.Inject(tt.fault)
			if tt.total {
				items, _ := w.rows(tt.path)
				assert.Len(t, items, tt.rows)
				return
			}
			assert.Len(t, decodeInto[[]row](t, w.get(tt.path)), tt.rows)
		})
	}
}

// walk collects ids by pages of a size.
func (w *wire) walk(size, total int) map[string]bool {
	seen := map[string]bool{}
	for offset := 0; offset < total; offset += size {
		items, _ := w.rows("/endpoints?limit=" + strconv.Itoa(size) + "&offset=" + strconv.Itoa(offset))
		for _, id := range column(items, "uuid") {
			seen[id] = true
		}
	}
	return seen
}

func TestPagesLoseRowsWithEqualSortKeys(t *testing.T) {
	const n = 200
	w := start(t, dataset(n))
	first, second := w.walk(10, n), w.walk(10, n)
	assert.Less(t, len(first), n, "small pages miss rows")
	assert.Equal(t, first, second, "the same ones on each pass")
	whole, total := w.rows("/endpoints?limit=1000")
	ids := column(whole, "uuid")
	slices.Sort(ids)
	assert.Len(t, slices.Compact(ids), n, "one response holds each row once")
	assert.Equal(t, strconv.Itoa(n), total)
}

func TestChurnMovesRows(t *testing.T) {
	const n = 50
	w := start(t, dataset(n))
	order := func() []string {
		items, _ := w.rows("/endpoints?limit=1000")
		return column(items, "uuid")
	}
	assert.Equal(t, order(), order(), "an idle server stands still")
	w.srv.Churn(20)
	before, after := order(), order()
	assert.NotEqual(t, before, after)
	assert.Positive(t, slices.Index(after, before[0]), "a touched row comes first")
	assert.ElementsMatch(t, before, after, "no id comes or goes")
	w.srv.Churn(0)
	assert.Equal(t, order(), order())
}
