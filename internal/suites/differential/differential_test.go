package differential

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/cases"
	"github.com/metlo-go/metlo/metlotest"
)

const (
	requests = 10_000
	sequence = 250 // requests to one server, after which its state is checked
)

// answer is a response.
type answer struct {
	status            int
	contentType, body string
}

// target is a server under test.
type target struct {
	backend, collector, key string
	client                  *http.Client
	ids                     map[string][]string
	queues                  bool // it processes logged calls later
}

func (s *target) send(r request) (answer, error) {
	base := s.backend
	if r.service == "collector" {
		base = s.collector
	}
	if r.raw != "" {
		return s.sendRaw(base, r.raw)
	}
	req, err := http.NewRequest(r.method, base+s.fill(r.target), strings.NewReader(s.fill(r.body)))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", s.key)
	if r.contentType != "" {
		req.Header.Set("Content-Type", r.contentType)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Content-Type"), string(body)}, err
}

// sendRaw writes a text to a connection and reads the answer.
func (s *target) sendRaw(base, text string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := s.dial(ctx, "tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	go func() { _, _ = io.WriteString(conn, text) }() // a pipe accepts only bytes that the other end reads
	method, _, _ := strings.Cut(text, " ")
	res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Content-Type"), string(body)}, err
}

// dial connects like the client of the target.
func (s *target) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if transport, is := s.client.Transport.(*http.Transport); is && transport.DialContext != nil {
		return transport.DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func placeholder() *regexp.Regexp {
	return regexp.MustCompile(`\{(endpoint|alert|field|webhook):(\d+)\}`)
}

// fill inserts ids at the places that a text names.
func (s *target) fill(text string) string {
	if !strings.Contains(text, ":") {
		return text
	}
	return placeholder().ReplaceAllStringFunc(text, func(place string) string {
		parts := strings.Split(strings.Trim(place, "{}"), ":")
		n, _ := strconv.Atoi(parts[1])
		ids := s.ids[parts[0]]
		if len(ids) == 0 {
			return "99999999-9999-4999-8999-999999999999"
		}
		return ids[n%len(ids)]
	})
}

type row = map[string]any

func text(r row, key string) string {
	s, _ := r[key].(string)
	return s
}

// read decodes the answer of a route.
func read[T any](s *target, path string) (T, error) {
	var v T
	got, err := s.send(request{method: http.MethodGet, target: "/api/v1" + path})
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal([]byte(got.body), &v); err != nil {
		return v, fmt.Errorf("%s: %d %.200s: %w", path, got.status, got.body, err)
	}
	return v, nil
}

// list returns the rows of a list, and whether it has a total of them.
func list[T any](s *target, path string) ([]T, error) {
	pair, err := read[[]json.RawMessage](s, path)
	if err != nil || len(pair) != 2 {
		return nil, fmt.Errorf("%s: %d parts: %w", path, len(pair), err)
	}
	var rows []T
	if err := json.Unmarshal(pair[0], &rows); err != nil {
		return nil, err
	}
	if total := strings.Trim(string(pair[1]), `"`); total != strconv.Itoa(len(rows)) {
		return nil, fmt.Errorf("%s: total %s, %d rows", path, total, len(rows))
	}
	return rows, nil
}

// look records the ids of all rows, and checks that the state is consistent.
func (s *target) look() error {
	s.ids = map[string][]string{}
	endpoints, err := list[row](s, "/endpoints?limit=100000")
	if err != nil {
		return err
	}
	byID, hosts := map[string]row{}, map[string]int{}
	for _, e := range endpoints {
		byID[text(e, "uuid")] = e
		hosts[text(e, "host")]++
		s.ids["endpoint"] = append(s.ids["endpoint"], text(e, "uuid"))
	}
	if len(byID) != len(endpoints) {
		return fmt.Errorf("%d endpoints with %d ids", len(endpoints), len(byID))
	}
	for id, e := range byID {
		detail, err := read[row](s, "/endpoint/"+id)
		if err != nil {
			return err
		}
		classes := map[string]bool{}
		fields, _ := detail["dataFields"].([]any)
		for _, f := range fields {
			field, _ := f.(row)
			s.ids["field"] = append(s.ids["field"], text(field, "uuid"))
			of, _ := field["dataClasses"].([]any)
			for _, class := range of {
				classes[fmt.Sprint(class)] = true
			}
		}
		have, _ := e["dataClasses"].([]any)
		if len(have) != len(classes) {
			return fmt.Errorf("endpoint %s is listed with classes %v; its data fields have %v", id, have, classes)
		}
		if risk := text(e, "riskScore"); !slices.Contains([]string{"none", "low", "medium", "high"}, risk) || risk != text(detail, "riskScore") {
			return fmt.Errorf("endpoint %s: risk %q in the list, %q by itself", id, risk, text(detail, "riskScore"))
		}
	}
	if err := s.checkAlerts(byID); err != nil {
		return err
	}
	perHost, err := list[row](s, "/hosts?limit=100000")
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for _, h := range perHost {
		n, err := strconv.Atoi(fmt.Sprint(h["numEndpoints"]))
		if err != nil {
			return err
		}
		counts[text(h, "host")] = n
	}
	if !maps.Equal(counts, hosts) {
		return fmt.Errorf("hosts %v; endpoints have %v", counts, hosts)
	}
	webhooks, err := read[[]row](s, "/webhooks")
	for _, w := range webhooks {
		s.ids["webhook"] = append(s.ids["webhook"], text(w, "uuid"))
	}
	slices.Sort(s.ids["field"])
	return err
}

func (s *target) checkAlerts(endpoints map[string]row) error {
	alerts, err := list[row](s, "/alerts?limit=100000")
	if err != nil {
		return err
	}
	open, high := 0.0, 0.0
	for _, a := range alerts {
		s.ids["alert"] = append(s.ids["alert"], text(a, "uuid"))
		if endpoints[text(a, "apiEndpointUuid")] == nil {
			return fmt.Errorf("alert %s is about endpoint %s, which is not there", text(a, "uuid"), text(a, "apiEndpointUuid"))
		}
		if text(a, "status") == "Open" {
			open++
			if text(a, "riskScore") == "high" {
				high++
			}
		}
	}
	summary, err := read[row](s, "/summary")
	if err != nil {
		return err
	}
	if summary["newAlerts"] != open || summary["highRiskAlerts"] != high || summary["endpointsTracked"] != float64(len(endpoints)) {
		return fmt.Errorf("the summary has %v alerts, %v of high risk, and %v endpoints; the lists have %v, %v and %d",
			summary["newAlerts"], summary["highRiskAlerts"], summary["endpointsTracked"], open, high, len(endpoints))
	}
	return nil
}

// tally counts the results of generated requests.
type tally struct {
	sent                int
	routes, unexplained map[string]int
	statuses            map[int]int
}

func TestGeneratedRequests(t *testing.T) {
	all := tally{routes: map[string]int{}, unexplained: map[string]int{}, statuses: map[int]int{}}
	for seed := *firstSeed; all.sent < cases.Of(requests); seed++ {
		synctest.Test(t, func(t *testing.T) { all.run(t, seed) })
	}
	for what, n := range all.unexplained {
		t.Errorf("%d times: %s", n, what)
	}
	require.Greater(t, len(all.routes), 50)
	t.Logf("%d requests over %d routes: %v", all.sent, len(all.routes), all.statuses)
}

// cachesEnd is after the server has recomputed its summary.
const cachesEnd = time.Minute + time.Second

// run sends a sequence of requests to a new server, in a bubble.
func (all *tally) run(t *testing.T, seed uint64) {
	g := newGenerator(seed)
	srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
	server := &target{backend: srv.URL, collector: srv.CollectorURL, key: srv.APIKey, client: srv.HTTPClient()}
	require.NoError(t, server.look(), "seed %d, at the start", seed)
	for range sequence {
		r := g.request()
		got, err := server.send(r)
		if err != nil && strings.Contains(err.Error(), "invalid URL escape") {
			r = g.rawRequest() // replaces the call, since Go's client does not send it
			got, err = server.send(r)
		}
		require.NoError(t, err, "seed %d: %s", seed, r)
		all.sent++
		all.routes[r.route]++
		all.statuses[got.status]++
		if got.status >= 500 && !explained(r, got) {
			all.unexplained[fmt.Sprintf("%s: %d %.150s", r.route, got.status, got.body)]++
		}
		if r.method == http.MethodGet {
			again, err := server.send(r)
			require.NoError(t, err)
			require.Equal(t, got, again, "seed %d: %s answered differently", seed, r)
		}
	}
	<-time.After(cachesEnd)
	require.NoError(t, server.look(), "seed %d, at the end", seed)
}

// explained reports whether a rule explains an answer with status 500 or more: the real server passes on the errors of
// its database and libraries.
func explained(r request, got answer) bool {
	if got.body == "" { // HEAD has no body, and a missing endpoint cannot be deleted
		return r.method == http.MethodHead || r.route == "DELETE /endpoint/:endpoint"
	}
	return slices.ContainsFunc(serverErrors(), func(rule string) bool { return regexp.MustCompile(rule).MatchString(got.body) })
}

func serverErrors() []string {
	return []string{
		// PostgreSQL
		`^(QueryFailedError: )?invalid input syntax for type (uuid|boolean|integer|bigint|json|timestamp)`,
		`^(QueryFailedError: )?(syntax error at or near|invalid regular expression|invalid byte sequence)`,
		`^(QueryFailedError: )?(OFFSET|LIMIT) must not be negative`,
		`^(QueryFailedError: )?(value .* is out of range|invalid input value for enum)`,
		// JavaScript
		`^(TypeError: )?(Cannot (use 'in' operator|create property|set propert|read propert)|.* is not (a function|iterable))`,
		// multer, js-yaml, graphql
		`MulterError: `, `<pre>Error: (Unexpected end of form|Malformed part header|Multipart: Boundary not found)`, `\(\d+:\d+\)\n`, `^Syntax Error: `,
		// handlers
		`^Encountered error while `, `^Expected a string but received a (Array|Object)$`, `^No OpenAPI Specs found\.$`, `^Error: Endpoint does not exist\.$`, `^\(Patchable\) info object is mandatory`,
	}
}
