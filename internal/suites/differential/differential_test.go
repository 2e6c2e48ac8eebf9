package differential

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/metlotest"
)

const (
	requests = 10_000
	sequence = 250 // requests to one server, after which its state is checked
)

// answer is what came back.
type answer struct {
	status            int
	contentType, body string
}

// target is a server under test.
type target struct {
	backend, collector, key string
	client                  *http.Client
	ids                     map[string][]string
}

func (s *target) send(r request) (answer, error) {
	base := s.backend
	if r.service == "collector" {
		base = s.collector
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

func placeholder() *regexp.Regexp {
	return regexp.MustCompile(`\{(endpoint|alert|field|webhook):(\d+)\}`)
}

// fill puts ids for the places that a text names.
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

// read decodes what a route answers.
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

// list gives the rows of a list, and whether its total says their number.
func list(s *target, path string) ([]row, error) {
	pair, err := read[[]json.RawMessage](s, path)
	if err != nil || len(pair) != 2 {
		return nil, fmt.Errorf("%s: %d parts: %w", path, len(pair), err)
	}
	var rows []row
	if err := json.Unmarshal(pair[0], &rows); err != nil {
		return nil, err
	}
	if total := strings.Trim(string(pair[1]), `"`); total != strconv.Itoa(len(rows)) {
		return nil, fmt.Errorf("%s: total %s, %d rows", path, total, len(rows))
	}
	return rows, nil
}

// look notes the ids of all rows, and checks that the state hangs together.
func (s *target) look() error {
	s.ids = map[string][]string{}
	endpoints, err := list(s, "/endpoints?limit=100000")
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
	perHost, err := list(s, "/hosts?limit=100000")
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
	alerts, err := list(s, "/alerts?limit=100000")
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

func TestGeneratedRequests(t *testing.T) {
	routes, statuses, unexplained := map[string]int{}, map[int]int{}, map[string]int{}
	sent := 0
	for seed := uint64(1); sent < requests; seed++ {
		g := newGenerator(seed)
		srv := metlotest.New(t, metlotest.InMemory(), metlotest.Demo())
		server := &target{backend: srv.URL, collector: srv.CollectorURL, key: srv.APIKey, client: srv.HTTPClient()}
		require.NoError(t, server.look(), "seed %d, at the start", seed)
		for range sequence {
			r := g.request()
			got, err := server.send(r)
			if err != nil && strings.Contains(err.Error(), "invalid URL escape") {
				continue
			}
			require.NoError(t, err, "seed %d: %+v", seed, r)
			sent++
			routes[r.route]++
			statuses[got.status]++
			if got.status >= 500 && !explained(r, got) {
				unexplained[fmt.Sprintf("%s: %d %.150s", r.route, got.status, got.body)]++
			}
			if r.method == http.MethodGet {
				again, err := server.send(r)
				require.NoError(t, err)
				require.Equal(t, got, again, "seed %d: %s %s answered differently", seed, r.method, r.target)
			}
		}
		require.NoError(t, server.look(), "seed %d, at the end", seed)
		srv.Close()
	}
	for what, n := range unexplained {
		t.Errorf("%d times: %s", n, what)
	}
	require.Greater(t, len(routes), 45)
	t.Logf("%d requests over %d routes: %v", sent, len(routes), statuses)
}

// explained says whether a rule leads to an answer with status 500 or more: the real server passes on what its
// libraries say of a value that they cannot use.
func explained(r request, got answer) bool {
	if got.body == "" { // an endpoint that is not there cannot be deleted
		return r.route == "DELETE /endpoint/:endpoint"
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
		`MulterError: `, `\(\d+:\d+\)\n`, `^Syntax Error: `,
		// handlers
		`^Encountered error while `, `^No OpenAPI Specs found\.$`, `^Error: Endpoint does not exist\.$`, `^\(Patchable\) info object is mandatory`,
	}
}
