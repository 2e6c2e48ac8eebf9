package metlo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/cases"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

// unlimited disables the rate limit in tests with many requests.
func unlimited() metlo.Option { return metlo.WithoutRateLimit() }

// inventory returns a data set of n endpoints. Every tenth was never active, so that many rows sort alike.
func inventory(n int) metlotest.Option {
	type row map[string]any
	rows := make([]row, n)
	for i := range rows {
		var lastActive any = time.Date(2026, 6, 1, 0, i%60, 0, 0, time.UTC)
		if i%10 == 0 {
			lastActive = nil
		}
		rows[i] = row{
			"uuid": endpointID(i + 1), "path": fmt.Sprintf("/v1/items/%d", i), "pathRegex": fmt.Sprintf("^/v1/items/%d(/)*$", i),
			"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "firstDetected": lastActive,
			"lastActive": lastActive, "host": "shop.example.com", "numberParams": 0, "method": "GET", "riskScore": "none",
			"owner": nil, "oldEndpointUuids": []string{}, "isAuthenticatedDetected": true, "isAuthenticatedUserSet": nil,
			"openapiSpecName": nil, "isGraphQl": false, "hostIps": row{}, "srcIps": row{}, "userSet": false,
			"fullTraceCaptureEnabled": false, "graphQlMetadata": row{}, "resourcePermissions": []string{},
			"token_0": "v1", "token_1": "items", "token_2": strconv.Itoa(i), "token_3": nil, "token_4": nil, "token_5": nil,
			"dataClasses": nil, "isPublic": true,
		}
	}
	return loadJSON(map[string]any{"endpoints": rows})
}

// backlog returns a data set of n open alerts about one endpoint.
func backlog(n int) metlotest.Option {
	rows := make([]map[string]any, n)
	for i := range rows {
		rows[i] = map[string]any{
			"uuid": alertID(i + 1), "type": "PII Data Detected", "riskScore": "high", "apiEndpointUuid": endpointID(1),
			"description": fmt.Sprintf("Finding %d: %s", i, strings.Repeat("x", 200)), "createdAt": "2026-03-01T00:00:00.000Z",
			"updatedAt": "2026-03-01T00:00:00.000Z", "status": "Open", "resolutionMessage": nil, "context": map[string]any{},
			"apiEndpoint": map[string]any{
				"uuid": endpointID(1), "path": "/v1/items/0", "host": "shop.example.com", "method": "GET",
				"openapiSpecName": nil, "openapiSpec": nil,
			},
		}
	}
	return func(alerts []map[string]any) metlotest.Option {
		return loadJSON(map[string]any{"endpoints": []map[string]any{{
			"uuid": endpointID(1), "path": "/v1/items/0", "pathRegex": "^/v1/items/0(/)*$",
			"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z", "firstDetected": nil,
			"lastActive": nil, "host": "shop.example.com", "numberParams": 0, "method": "GET", "riskScore": "none",
			"owner": nil, "oldEndpointUuids": []string{}, "isAuthenticatedDetected": true, "isAuthenticatedUserSet": nil,
			"openapiSpecName": nil, "isGraphQl": false, "hostIps": map[string]int{}, "srcIps": map[string]int{}, "userSet": false,
			"fullTraceCaptureEnabled": false, "graphQlMetadata": map[string]any{}, "resourcePermissions": []string{},
			"token_0": "v1", "token_1": "items", "token_2": "0", "token_3": nil, "token_4": nil, "token_5": nil,
			"dataClasses": nil, "isPublic": true,
		}}, "alerts": alerts})
	}(rows)
}

// walked counts the occurrences of each item in a sequence.
func walked[T any](t *testing.T, seq iter.Seq2[T, error], id func(T) string) (map[string]int, error) {
	t.Helper()
	seen := map[string]int{}
	for item, err := range seq {
		if err != nil {
			return seen, err
		}
		seen[id(item)]++
	}
	return seen, nil
}

func uuidOfEndpoint(e metlo.Endpoint) string { return e.UUID }

func uuidOfAlert(a metlo.Alert) string { return a.UUID }

func assertEachOnce(t *testing.T, seen map[string]int, n int) {
	t.Helper()
	assert.Len(t, seen, n)
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", id, times)
		}
	}
}

// TestAllEndpoints walks 2,000 endpoints on servers of every kind.
func TestAllEndpoints(t *testing.T) {
	const n = 2000
	tests := []struct {
		name     string
		prepare  func(*metlotest.Server)
		opts     []metlo.WalkOption
		want     int
		requests int  // 0 for any number
		short    bool // it may end incomplete
		unknown  bool // completeness is unknown
	}{
		{name: "idle", want: n, requests: 2},
		{name: "under live traffic", prepare: func(s *metlotest.Server) { s.Churn(20) }, want: n, requests: 2},
		{name: "with a small first page", opts: []metlo.WalkOption{metlo.PageSize(10)}, want: n, requests: 2},
		{name: "with a first page that holds all", opts: []metlo.WalkOption{metlo.PageSize(n + 1)}, want: n, requests: 1},
		{name: "with a first page of exactly all", opts: []metlo.WalkOption{metlo.PageSize(n)}, want: n, requests: 2},
		{name: "with unknown total", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", UnknownTotal: true})
		}, want: n, requests: 6},
		{name: "with the offset ignored", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", IgnoreOffset: true})
		}, want: n, requests: 2},
		{name: "with capped pages", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", PageCap: 50})
		}, want: n, short: true},
		{name: "with capped pages and live traffic", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", PageCap: 50})
			s.Churn(20)
		}, want: n, short: true},
		{name: "with capped pages and unknown total", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", PageCap: 500, UnknownTotal: true})
		}, want: n, unknown: true},
		{name: "with capped pages and the offset ignored", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", PageCap: 50, IgnoreOffset: true})
		}, want: n, short: true},
		{name: "with a cut body", prepare: func(s *metlotest.Server) {
			s.Inject(metlotest.Fault{Path: "/endpoints", Cut: 30_000, Times: 1})
		}, want: n, requests: 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := metlotest.NewServer(inventory(n))
			defer srv.Close()
			if tt.prepare != nil {
				tt.prepare(srv)
			}
			client := srv.Client(unlimited(), metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: 1, MaxWait: time.Millisecond}))
			seen, err := walked(t, client.Endpoints.All(t.Context(), nil, tt.opts...), uuidOfEndpoint)
			requests := len(srv.Requests())
			if tt.requests > 0 {
				assert.Equal(t, tt.requests, requests, "requests")
			}
			var incomplete *metlo.IncompleteError
			if tt.unknown {
				require.ErrorAs(t, err, &incomplete)
				assert.Equal(t, metlo.IncompleteError{Seen: n, Total: -1, Missing: -1}, exported(incomplete))
				assertEachOnce(t, seen, tt.want)
				return
			}
			if tt.short && errors.As(err, &incomplete) {
				assert.Equal(t, len(seen), incomplete.Seen)
				assert.ErrorIs(t, err, metlo.ErrInvalidResponse)
				assert.GreaterOrEqual(t, incomplete.Missing, n-len(seen))
				assertEachOnce(t, seen, len(seen))
				return
			}
			require.NoError(t, err)
			assertEachOnce(t, seen, tt.want)
			t.Logf("%d requests", requests)
		})
	}
}

// exported returns the exported parts of an error as text.
func exported(e *metlo.IncompleteError) metlo.IncompleteError {
	return metlo.IncompleteError{Seen: e.Seen, Total: e.Total, Missing: e.Missing}
}

func TestTriageInsideTheLoopReachesEveryAlert(t *testing.T) {
	n := cases.Of(12_000)
	srv := metlotest.NewServer(backlog(n), metlotest.InMemory())
	defer srv.Close()
	client := srv.Client(unlimited())
	opts := &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}
	resolved := 0
	for alert, err := range client.Alerts.All(t.Context(), opts) {
		require.NoError(t, err)
		_, err := client.Alerts.Resolve(t.Context(), alert.UUID, "swept")
		require.NoError(t, err)
		resolved++
	}
	assert.Equal(t, n, resolved)
	page, err := client.Alerts.List(t.Context(), opts, 0, 0)
	require.NoError(t, err)
	assert.Zero(t, page.Total)
}

func TestACallInsideTheLoopNeedsNoSecondConnection(t *testing.T) {
	srv := metlotest.NewServer(backlog(150))
	defer srv.Close()
	transport := &http.Transport{MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	client := srv.Client(unlimited(), metlo.WithHTTPClient(&http.Client{Transport: transport}))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	n := 0
	for alert, err := range client.Alerts.All(ctx, nil) {
		require.NoError(t, err)
		_, err := client.Alerts.Ignore(ctx, alert.UUID)
		require.NoError(t, err)
		n++
	}
	assert.Equal(t, 150, n)
}

func TestWalks(t *testing.T) {
	srv := metlotest.NewServer(inventory(300))
	defer srv.Close()
	client := srv.Client(unlimited())

	t.Run("each range is a fresh walk", func(t *testing.T) {
		seq := client.Endpoints.All(t.Context(), nil)
		for range 2 {
			seen, err := walked(t, seq, uuidOfEndpoint)
			require.NoError(t, err)
			assertEachOnce(t, seen, 300)
		}
	})
	t.Run("options are copied", func(t *testing.T) {
		filter := &metlo.EndpointFilter{Hosts: []string{"shop.example.com"}}
		seq := client.Endpoints.All(t.Context(), filter, metlo.PageSize(7))
		filter.Hosts[0] = "elsewhere.example.com"
		seen, err := walked(t, seq, uuidOfEndpoint)
		require.NoError(t, err)
		assertEachOnce(t, seen, 300)
	})
	t.Run("the loop may end early", func(t *testing.T) {
		before := len(srv.Requests())
		for e, err := range client.Endpoints.All(t.Context(), nil) {
			require.NoError(t, err)
			require.NotEmpty(t, e.UUID)
			break
		}
		assert.Equal(t, before+1, len(srv.Requests()))
	})
	t.Run("nothing passes the filter", func(t *testing.T) {
		items, err := metlo.Collect(client.Endpoints.All(t.Context(), &metlo.EndpointFilter{Hosts: []string{"none"}}))
		require.NoError(t, err)
		assert.NotNil(t, items)
		assert.Empty(t, items)
	})
	t.Run("an error ends the sequence", func(t *testing.T) {
		srv.Inject(metlotest.Fault{Path: "/endpoints", Status: 500, Body: "down", Times: 1})
		errs := 0
		for _, err := range client.Endpoints.All(t.Context(), nil) {
			require.ErrorIs(t, err, metlo.ErrServer)
			errs++
		}
		assert.Equal(t, 1, errs)
	})
	t.Run("a cancelled context ends the sequence", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		var last error
		for _, err := range client.Endpoints.All(ctx, nil) {
			if last = err; err == nil {
				cancel()
				n++
			}
		}
		require.ErrorIs(t, last, context.Canceled)
		assert.Less(t, n, 300)
		cancel()
	})
	t.Run("what came before an error is kept", func(t *testing.T) {
		srv.Inject(metlotest.Fault{Path: "/endpoints", Times: 1, PageCap: 100})
		srv.Inject(metlotest.Fault{Path: "/endpoints", Status: 500, Body: "down", Times: 6})
		items, err := metlo.Collect(client.Endpoints.All(t.Context(), nil))
		require.ErrorIs(t, err, metlo.ErrServer)
		assert.Len(t, items, 100)
	})
}

// model is a server of rows that change between its responses.
type model struct {
	rows     []string
	cap      int // maximum number of rows in a response; 0 for any number
	total    func(n int) any
	between  func(m *model)
	requests int
	shuffle  bool // rows have no order between pages
	item     func(id string) string
}

func (m *model) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.requests++; m.requests > 1 && m.between != nil {
		m.between(m)
	}
	rows := m.rows
	if m.shuffle {
		rows = append([]string(nil), rows...)
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	}
	q := r.URL.Query()
	limit, err := strconv.Atoi(q.Get("limit"))
	if err != nil {
		limit = len(rows)
	}
	offset, _ := strconv.Atoi(q.Get("offset"))
	if m.cap > 0 {
		limit = min(limit, m.cap)
	}
	part := rows[min(offset, len(rows)):min(offset+limit, len(rows))]
	var b bytes.Buffer
	b.WriteString("[[")
	for i, id := range part {
		if i > 0 {
			b.WriteByte(',')
		}
		if m.item != nil {
			b.WriteString(m.item(id))
		} else {
			fmt.Fprintf(&b, `{"uuid":%q}`, id)
		}
	}
	b.WriteString("]")
	if m.total == nil {
		fmt.Fprintf(&b, ",%d", len(m.rows))
	} else {
		fmt.Fprintf(&b, ",%v", m.total(len(m.rows)))
	}
	b.WriteString("]")
	return (&kit.Answer{Status: 200, Body: b.Bytes()}).RoundTrip(r)
}

func ids(n int) []string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = alertID(i + 1)
	}
	return rows
}

// TestNothingThatPersistsIsLost deletes and inserts rows between any two responses.
func TestNothingThatPersistsIsLost(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 7))
		n := rng.IntN(800)
		next := n
		kept := map[string]bool{}
		m := &model{rows: ids(n), shuffle: rng.IntN(2) == 0}
		for _, id := range m.rows {
			kept[id] = true
		}
		m.between = func(m *model) {
			for range rng.IntN(4) {
				if len(m.rows) > 0 {
					i := rng.IntN(len(m.rows))
					delete(kept, m.rows[i])
					m.rows = append(m.rows[:i:i], m.rows[i+1:]...)
				}
			}
			for range rng.IntN(4) {
				next++
				i := rng.IntN(len(m.rows) + 1)
				m.rows = append(m.rows[:i:i], append([]string{alertID(next)}, m.rows[i:]...)...)
			}
		}
		client := inProcess(t, m)
		seen, err := walked(t, client.Alerts.All(t.Context(), nil, metlo.PageSize(1+rng.IntN(50))), uuidOfAlert)
		require.NoError(t, err, "seed %d", seed)
		for id := range kept {
			require.Equal(t, 1, seen[id], "seed %d: %s", seed, id)
		}
		for id, times := range seen {
			require.Equal(t, 1, times, "seed %d: %s came twice", seed, id)
		}
	}
}

// TestCappedPagesAreNeverSilentlyShort walks servers that cap their pages and send rows in undefined order.
func TestCappedPagesAreNeverSilentlyShort(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 11))
		n := 1 + rng.IntN(400)
		m := &model{rows: ids(n), cap: 1 + rng.IntN(120), shuffle: true}
		seen, err := walked(t, inProcess(t, m).Alerts.All(t.Context(), nil), uuidOfAlert)
		assertEachOnce(t, seen, len(seen))
		var incomplete *metlo.IncompleteError
		if errors.As(err, &incomplete) {
			require.GreaterOrEqual(t, incomplete.Missing, n-len(seen))
			require.Equal(t, len(seen), incomplete.Seen)
			require.Equal(t, n, incomplete.Total)
			continue
		}
		require.NoError(t, err)
		require.Len(t, seen, n, "seed %d", seed)
	}
}

func TestTotalsThatLie(t *testing.T) {
	tests := []struct {
		name  string
		total any
		fails bool
	}{
		{"too small", 3, false},
		{"zero", 0, false},
		{"too large", 5000, true},
		{"absurd", 1 << 30, true},
		{"negative", -1, true},
		{"no number", `"many"`, true},
		{"null", "null", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &model{rows: ids(250), total: func(int) any { return tt.total }}
			seen, err := walked(t, inProcess(t, m).Alerts.All(t.Context(), nil), uuidOfAlert)
			assert.Less(t, m.requests, 60)
			if tt.fails {
				require.ErrorIs(t, err, metlo.ErrInvalidResponse)
				return
			}
			require.NoError(t, err)
			assertEachOnce(t, seen, 250)
		})
	}
}

func TestItemsWithoutAnIDAreYieldedAsTheyCome(t *testing.T) {
	for _, n := range []int{3, 150} {
		m := &model{rows: ids(n), item: func(string) string { return `{"description":"x"}` }}
		items, err := metlo.Collect(metlo.ListAll(t.Context(), inProcess(t, m), "/alerts", nil, func(map[string]any) string { return "" }))
		require.NoError(t, err)
		assert.Len(t, items, n)
	}
}

// TestListsOfAnotherServerAreRefused has a server answer with objects that Metlo does not know.
func TestListsOfAnotherServerAreRefused(t *testing.T) {
	collect := func(_ any, err error) error { return err }
	for name, call := range map[string]func(*metlo.Client) error{
		"Endpoints.List": func(c *metlo.Client) error { return collect(c.Endpoints.List(t.Context(), nil, 0, 0)) },
		"Endpoints.All":  func(c *metlo.Client) error { return collect(metlo.Collect(c.Endpoints.All(t.Context(), nil))) },
		"Hosts.List":     func(c *metlo.Client) error { return collect(c.Hosts.List(t.Context(), nil, 0, 0)) },
		"Hosts.All":      func(c *metlo.Client) error { return collect(metlo.Collect(c.Hosts.All(t.Context(), nil))) },
		"Alerts.List":    func(c *metlo.Client) error { return collect(c.Alerts.List(t.Context(), nil, 0, 0)) },
		"Alerts.All":     func(c *metlo.Client) error { return collect(metlo.Collect(c.Alerts.All(t.Context(), nil))) },
		"Alerts.Get":     func(c *metlo.Client) error { return collect(c.Alerts.Get(t.Context(), alertID(1))) },
		"Detections.ListEndpoints": func(c *metlo.Client) error {
			return collect(c.Detections.ListEndpoints(t.Context(), nil, 0, 0))
		},
		"Detections.AllDataFields": func(c *metlo.Client) error {
			return collect(metlo.Collect(c.Detections.AllDataFields(t.Context(), nil)))
		},
		"DataClasses.List": func(c *metlo.Client) error { return collect(c.DataClasses.List(t.Context())) },
		"Webhooks.List":    func(c *metlo.Client) error { return collect(c.Webhooks.List(t.Context())) },
		"Keys.List":        func(c *metlo.Client) error { return collect(c.Keys.List(t.Context())) },
		"Specs.List":       func(c *metlo.Client) error { return collect(c.Specs.List(t.Context())) },
		"DataFields.UpdatePath": func(c *metlo.Client) error {
			return collect(c.DataFields.UpdatePath(t.Context(), endpointID(1), "a"))
		},
	} {
		for _, body := range []string{`[{"foo":"bar"}]`, `[[{"foo":"bar"}],1]`, `{"items":[{"foo":"bar"}],"updated":{"a":{"foo":"bar"}}}`} {
			err := call(inProcess(t, kit.JSON(http.StatusOK, body)))
			require.ErrorIs(t, err, metlo.ErrInvalidResponse, "%s: %s", name, body)
		}
	}
}

func TestAListThatShrinksInsideTheLoopIsWalkedToItsEnd(t *testing.T) {
	const n = 2000
	m := &model{rows: ids(n), cap: 1}
	seen := 0
	for alert, err := range inProcess(t, m).Alerts.All(t.Context(), nil) {
		require.NoError(t, err)
		seen++
		i := slices.Index(m.rows, alert.UUID)
		require.GreaterOrEqual(t, i, 0)
		m.rows = slices.Delete(m.rows, i, i+1)
	}
	assert.Equal(t, n, seen)
	assert.Empty(t, m.rows)
}

func TestAPageSizeOfTheClient(t *testing.T) {
	largest := 0
	m := &model{rows: ids(700)}
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		n, err := strconv.Atoi(r.URL.Query().Get("limit"))
		if strings.HasSuffix(r.URL.Path, "/alerts") {
			require.NoError(t, err, "no request goes without a limit")
			largest = max(largest, n)
		}
		return m.RoundTrip(r)
	}), metlo.WithMaxPageSize(60))
	seen, err := walked(t, client.Alerts.All(t.Context(), nil), uuidOfAlert)
	require.NoError(t, err)
	assertEachOnce(t, seen, 700)
	_, err = client.Alerts.List(t.Context(), &metlo.AlertFilter{APIEndpointUUID: alertID(1)}, 0, 0)
	require.NoError(t, err)
	assert.Equal(t, 60, largest)
	_, err = client.Alerts.List(t.Context(), nil, 0, 61)
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
}

func TestWalkOfAnUnknownList(t *testing.T) {
	type thing struct{ UUID string }
	m := &model{rows: ids(900), cap: 100}
	seen, err := walked(t, metlo.ListAll(t.Context(), inProcess(t, m), "/things", nil, func(x thing) string { return x.UUID }),
		func(x thing) string { return x.UUID })
	require.NoError(t, err)
	assertEachOnce(t, seen, 900)
	_, err = metlo.Collect(metlo.ListAll(t.Context(), inProcess(t, m), "/things", url.Values{"limit": {"5"}}, func(x thing) string { return x.UUID }))
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
}

func ExampleCollect() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	endpoints, err := metlo.Collect(server.Client().Endpoints.All(context.Background(), nil))
	fmt.Println(len(endpoints), err)
	// Output: 15 <nil>
}

// A proxy that caps pages, and a server that counts more than it sends, cause an IncompleteError.
func ExampleIncompleteError() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	server.Inject(metlotest.Fault{Path: "/endpoints", PageCap: 5, IgnoreOffset: true})

	endpoints, err := metlo.Collect(server.Client(metlo.WithoutRateLimit()).Endpoints.All(context.Background(), nil))
	var incomplete *metlo.IncompleteError
	if errors.As(err, &incomplete) {
		fmt.Println(len(endpoints), "came, at most", incomplete.Missing, "more may exist")
	}
	// Output: 14 came, at most 1 more may exist
}

// Walk a list without a method.
func ExampleListAll() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	type host struct {
		Host         string `json:"host"`
		NumEndpoints int    `json:"numEndpoints"`
	}
	for h, err := range metlo.ListAll(ctx, client, "/hosts", nil, func(h host) string { return h.Host }) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(h.Host, h.NumEndpoints)
	}
	// Unordered output:
	// shop.example.com 10
	// pay.example.com 3
	// billing.example.local 2
}

func TestListsThatAreTooLongForOneResponse(t *testing.T) {
	decodesMillions(t)
	t.Run("over the limit of one request", func(t *testing.T) {
		m := &model{rows: ids(60_000)}
		seen, err := walked(t, inProcess(t, m).Alerts.All(t.Context(), nil), uuidOfAlert)
		require.NoError(t, err)
		assertEachOnce(t, seen, 60_000)
		assert.Equal(t, 2, m.requests, "the second request has neither limit nor offset")
	})
	t.Run("over the limit of a JavaScript string", func(t *testing.T) {
		m := &model{rows: ids(210_000)}
		seen, err := walked(t, inProcess(t, m).Alerts.All(t.Context(), nil), uuidOfAlert)
		require.NoError(t, err)
		assert.Len(t, seen, 210_000)
		assert.LessOrEqual(t, m.requests, 14, "two passes of five pages, after the list could not be split")
	})
}

// endless is a body that does not end.
type endless struct {
	head string
	item string
	read int
	rest []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read == 0 {
		e.rest = []byte(e.head)
	}
	for len(e.rest) < len(p) {
		e.rest = append(e.rest, e.item...)
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	e.read += n
	return n, nil
}

func (e *endless) Close() error { return nil }

func TestBodiesThatDoNotEnd(t *testing.T) {
	tests := []struct {
		name, head, item string
		says             string
	}{
		{"array of items", `[[{"uuid":"x"}`, `,{"uuid":"` + alertID(1) + `"}`, "more rows than a server can hold"},
		{"one item", `[[{"description":"`, "xxxxxxxxxxxxxxxx", "larger than"},
		{"white space", ``, "                ", "larger than"},
		{"nesting", `[[{"context":`, "[", "depth"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var body *endless
			client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
				body = &endless{head: tt.head, item: tt.item}
				return &http.Response{StatusCode: 200, ContentLength: -1, Body: body, Request: r}, nil
			}), metlo.WithMaxResponseBytes(8<<20))
			_, err := walked(t, client.Alerts.All(t.Context(), nil), uuidOfAlert)
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.Contains(t, err.Error(), tt.says)
			_, err = client.Alerts.List(t.Context(), nil, 0, 0)
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.LessOrEqual(t, body.read, 10<<20)
		})
	}
}

func TestACutListIsAskedForAgainAsOftenAsThePolicySays(t *testing.T) {
	head := `[[{"uuid":"` + alertID(1) + `"},{"uuid":`
	for retries, opt := range map[int]metlo.Option{
		0: metlo.WithoutRetry(),
		5: metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 5, MaxWait: time.Nanosecond}),
	} {
		requests := 0
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			return (&kit.Answer{Status: 200, Body: []byte(head)}).RoundTrip(r)
		}), opt)
		seen, err := walked(t, client.Alerts.All(t.Context(), nil), uuidOfAlert)
		require.ErrorIs(t, err, metlo.ErrInvalidResponse)
		assertEachOnce(t, seen, 1)
		assert.Equal(t, 1+retries, requests)
	}
}

func TestConnectionAfterABreakInALoop(t *testing.T) {
	tests := map[string]struct {
		alerts int
		first  int // rows of the first request
		dials  int64
	}{
		"serves on after a page":            {alerts: 1000, first: 100, dials: 1},
		"serves on after a list of 2 MiB":   {alerts: 4000, first: 5000, dials: 1},
		"is given up for the rest of 5 MiB": {alerts: 8000, first: 50_000, dials: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := metlotest.NewServer(backlog(tt.alerts))
			defer server.Close()
			var dials atomic.Int64
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				return new(net.Dialer).DialContext(ctx, network, address)
			}}
			defer transport.CloseIdleConnections()
			client, err := metlo.NewClient(server.URL, "", metlo.WithHTTPClient(&http.Client{Transport: transport}), unlimited())
			require.NoError(t, err)
			for _, err := range client.Alerts.All(t.Context(), nil, metlo.PageSize(tt.first)) {
				require.NoError(t, err)
				break
			}
			require.NoError(t, client.Ping(t.Context()))
			assert.Equal(t, tt.dials, dials.Load())
		})
	}
}

// TestLongResponsesAreRefused walks behind a gateway that refuses more than 1,000 items.
func TestLongResponsesAreRefused(t *testing.T) {
	for _, status := range []int{400, 413, 414, 500, 502, 503, 504, 524} {
		for _, first := range []int{0, 2000} {
			m := &model{rows: ids(2500)}
			gateway := roundTrip(func(r *http.Request) (*http.Response, error) {
				if n, err := strconv.Atoi(r.URL.Query().Get("limit")); strings.HasSuffix(r.URL.Path, "/alerts") && (err != nil || n > 1000) {
					return answering(status, "too long").RoundTrip(r)
				}
				return m.RoundTrip(r)
			})
			client := inProcess(t, gateway, metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 1, MaxWait: time.Nanosecond}))
			seen, err := walked(t, client.Alerts.All(t.Context(), nil, metlo.PageSize(first)), uuidOfAlert)
			require.NoError(t, err, "status %d", status)
			assertEachOnce(t, seen, 2500)
			assert.LessOrEqual(t, m.requests, 12*3+20)
		}
	}
	for _, answer := range []*kit.Answer{answering(401, ""), answering(404, ""), answering(400, `{"type":"ZOD","err":{"issues":[{"code":"custom","path":["limit"],"message":"no"}]}}`)} {
		requests := 0
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			return answer.RoundTrip(r)
		}))
		_, err := metlo.Collect(client.Alerts.All(t.Context(), nil, metlo.PageSize(2000)))
		require.Error(t, err)
		assert.Equal(t, 1, requests, "a smaller page would not help: %d", answer.Status)
	}
}

func TestTheWaitAfterACutListEndsWithTheContextsCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			return answering(http.StatusOK, `[[{"uuid":"`+alertID(1)+`"},{"uuid":`).RoundTrip(r)
		}), metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: 1e6 * time.Hour, MaxWait: 1e6 * time.Hour}))
		ctx, cancel := context.WithCancelCause(t.Context())
		shutdown := errors.New("shutting down")
		time.AfterFunc(time.Second, func() { cancel(shutdown) })
		_, err := metlo.Collect(client.Alerts.All(ctx, nil))
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, shutdown)
		assert.Equal(t, 1, requests)
	})
}

// TestLargeListsTakeTwoRequests walks lists that one response holds, and one that needs pages.
func TestLargeListsTakeTwoRequests(t *testing.T) {
	decodesMillions(t)
	some, many := cases.Of(20_000), cases.Of(100_000)
	for name, tt := range map[string]struct {
		rows, churn, pageCap int
		most                 int // requests
	}{
		"endpoints":                   {rows: some, most: 2},
		"under changes":               {rows: some, churn: 20, most: 2},
		"many under changes":          {rows: many, churn: 20, most: 2},
		"in ten pages, under changes": {rows: some, churn: 20, pageCap: some / 10, most: 12*10 + 20},
	} {
		t.Run(name, func(t *testing.T) {
			srv := metlotest.NewServer(inventory(tt.rows), metlotest.InMemory())
			defer srv.Close()
			srv.Churn(tt.churn)
			if tt.pageCap > 0 {
				srv.Inject(metlotest.Fault{Path: "/endpoints", PageCap: tt.pageCap})
			}
			seen, err := walked(t, srv.Client(unlimited()).Endpoints.All(t.Context(), nil), uuidOfEndpoint)
			requests := len(srv.Requests())
			t.Logf("%d items in %d requests", len(seen), requests)
			assert.LessOrEqual(t, requests, tt.most)
			var incomplete *metlo.IncompleteError
			if tt.pageCap > 0 && errors.As(err, &incomplete) {
				assert.GreaterOrEqual(t, incomplete.Missing, tt.rows-len(seen))
				return
			}
			require.NoError(t, err)
			assertEachOnce(t, seen, tt.rows)
		})
	}
}
