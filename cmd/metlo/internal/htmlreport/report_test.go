package htmlreport_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/htmlreport"
)

var update = flag.Bool("update", false, "write testdata/small.txt anew")

var now = time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)

const (
	instance = "https://metlo.example.com"
	hostile  = "\x1b[2K\r\n<script src=https://evil.example/x.js></script><img src=x onerror=alert(1)>\"'</svg></title></style>{{.}}\u202e" +
		"javascript:alert(1)"
)

func data() *htmlreport.Data {
	d := htmlreport.New(instance, "0.1.0", now)
	d.Web = instance
	return d
}

// written returns the page.
func written(t *testing.T, d *htmlreport.Data) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, d.Write(&out))
	return out.String()
}

// trace returns a trace with or without credentials, or of an agent that did not look for them.
func trace(credentials string, status int) metlo.CapturedTrace {
	t := metlo.CapturedTrace{ResponseStatus: status}
	switch credentials {
	case "with":
		t.SessionMeta.AuthenticationProvided = new(true)
	case "without":
		t.SessionMeta.AuthenticationProvided = new(false)
	}
	return t
}

// small returns a report of four endpoints with every kind of content.
func small(t *testing.T) *htmlreport.Data {
	t.Helper()
	d := data()
	for _, e := range []metlo.Endpoint{
		{UUID: "e1", Method: "GET", Host: "shop.example.com", Path: "/users", RiskScore: "high", DataClasses: []string{"Phone Number", "Email"}, IsPublic: true},
		{UUID: "e2", Method: "GET", Host: "shop.example.com", Path: "/users/{param1}", RiskScore: "medium", DataClasses: []string{"Email"}},
		{UUID: "e3", Method: "GET", Host: "shop.example.com", Path: "/health", RiskScore: "none"},
		{UUID: "e4", Method: "POST", Host: "pay.example.com", Path: "/payments", RiskScore: "high", DataClasses: []string{"Credit Card Number"}},
	} {
		e.IsAuthenticatedDetected = true // the server's default
		d.AddEndpoint(&e)
	}
	for i, a := range []metlo.Alert{
		{Type: metlo.AlertNewEndpoint, RiskScore: "low", Status: "Open", APIEndpointUUID: "e1", Description: "A new endpoint was detected."},
		{Type: metlo.AlertPIIData, RiskScore: "high", Status: "Open", APIEndpointUUID: "e2", Description: "Email in 'user.email' of Response Body."},
		{Type: metlo.AlertPIIData, RiskScore: "high", Status: "Open", APIEndpointUUID: "e1", Description: "Email in '[].email' of Response Body."},
		{Type: metlo.AlertPIIData, RiskScore: "high", Status: "Resolved", APIEndpointUUID: "e4"},
	} {
		a.UUID, a.CreatedAt = fmt.Sprintf("a%d-rest", i), now.AddDate(0, 0, -[]int{0, 1, 5, 5}[i])
		d.AddAlert(&a)
	}
	d.AddDetail(&metlo.EndpointDetail{Endpoint: metlo.Endpoint{UUID: "e1"}, Traces: []metlo.CapturedTrace{trace("without", 200), trace("with", 200)}})
	d.AddDetail(&metlo.EndpointDetail{Endpoint: metlo.Endpoint{UUID: "e2"}, Traces: []metlo.CapturedTrace{trace("with", 200), trace("without", 401)}})
	d.Drift = []htmlreport.Drift{{File: "drift.json", Report: &findings.Report{
		Title: "metlo drift", Instance: instance, Time: now, Outcome: findings.Found, Findings: findings.NewList(
			findings.Finding{Rule: "shadow", Severity: "high", Method: "GET", Host: "shop.example.com", Path: "/users", Message: "No document describes it.", File: "api/shop.yaml", Line: 12},
		),
	}}}
	d.Tests = &htmlreport.Tests{Coverage: &apitest.Coverage{Known: 4, Tested: 3, Untested: []apitest.Endpoint{{Method: "GET", Host: "shop.example.com", Path: "/health"}}}}
	results, err := apitest.ParseResults([]byte(`[
		{"test": {"id": "login", "meta": {"name": "Log in"}}, "outcome": "passed", "results": [[{"outcome": "passed"}]]},
		{"test": {"id": "bola", "meta": {"name": "Orders of others"}}, "outcome": "failed", "results": [[{"outcome": "failed", "reasons": ["status is 200, not 403"]}]]},
		{"test": {"file": "tests/late.yaml"}, "outcome": "inconclusive", "results": []}]`))
	require.NoError(t, err)
	d.Tests.Add(results)
	return d
}

// pages returns the pages of an empty, a small and a large instance, and of an instance with malicious data.
func pages(t *testing.T) map[string]string {
	t.Helper()
	large, attacked := data(), data()
	for i := range 5_000 {
		id := fmt.Sprintf("e%d", i)
		large.AddEndpoint(&metlo.Endpoint{
			UUID: id, Host: fmt.Sprintf("host-%d.example.com", i%200), Path: fmt.Sprintf("/v1/things/%d", i), RiskScore: "low",
			DataClasses: []string{fmt.Sprintf("Class %d", i%100)}, IsAuthenticatedDetected: i%2 == 0,
		})
		for _, id := range []string{id, "e0"} {
			large.AddAlert(&metlo.Alert{
				UUID: fmt.Sprintf("a%d-%s", i, id), Type: metlo.AlertType(fmt.Sprintf("Type %d", i%50)), RiskScore: "low", Status: "Open",
				CreatedAt: now.AddDate(0, 0, -i%500), APIEndpointUUID: id,
			})
		}
	}
	attacked.Instance, attacked.Scope, attacked.Web = hostile, hostile, htmlreport.WebAddress(hostile)
	attacked.AddEndpoint(&metlo.Endpoint{UUID: hostile, Host: hostile, Path: strings.Repeat(hostile, 50), Method: hostile, RiskScore: hostile, DataClasses: []string{hostile}})
	attacked.AddAlert(&metlo.Alert{
		UUID: hostile, Type: hostile, RiskScore: hostile, Status: "Open", CreatedAt: now, Description: strings.Repeat(hostile, 50),
		APIEndpoint: metlo.AlertEndpoint{UUID: hostile, Host: hostile},
	})
	attacked.AddAlert(&metlo.Alert{Type: "x", RiskScore: "high", Status: "Open", CreatedAt: now.AddDate(3000, 0, 0)})
	attacked.AddAlert(&metlo.Alert{Type: "x", RiskScore: "high", Status: "Open"})
	attacked.Unread = errors.New(hostile)
	attacked.Drift = []htmlreport.Drift{{File: hostile, Err: errors.New(hostile)}, {File: hostile, Report: &findings.Report{
		Title: hostile, Instance: hostile, Why: hostile, Summary: hostile, Notes: slices.Repeat([]string{hostile}, 1000), Findings: findings.NewList(slices.Repeat([]findings.Finding{
			{Rule: hostile, Severity: hostile, Method: hostile, Host: hostile, Path: hostile, Message: hostile, File: hostile},
		}, 1000)...),
	}}}
	attacked.Tests = &htmlreport.Tests{Faults: []string{hostile}, Why: errors.New(hostile)}
	web := data()
	web.Web = "javascript://" + hostile
	web.AddAlert(&metlo.Alert{UUID: "a", Type: "x", Status: "Open", APIEndpointUUID: "e"})
	return map[string]string{
		"empty": written(t, data()), "small": written(t, small(t)), "large": written(t, large), "attacked": written(t, attacked), "script for an address": written(t, web),
	}
}

// elements returns the elements of a page in order.
func elements(t *testing.T, page string) (list []*html.Node) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for node := range root.Descendants() {
		if node.Type == html.ElementNode {
			list = append(list, node)
		}
	}
	return list
}

func attribute(node *html.Node, name string) string {
	for _, a := range node.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text returns the text of a node without runs of blanks.
func text(node *html.Node) string {
	var parts []string
	for inner := range node.Descendants() {
		if inner.Type == html.TextNode {
			parts = append(parts, inner.Data)
		}
	}
	return strings.Join(strings.Fields(strings.Join(parts, " ")), " ")
}

// TestPageLoadsNothing looks for everything that makes a page run or load something.
func TestPageLoadsNothing(t *testing.T) {
	for name, page := range pages(t) {
		t.Run(name, func(t *testing.T) {
			policy := ""
			for _, node := range elements(t, page) {
				assert.NotContains(t, []string{"script", "link", "iframe", "img", "image", "object", "embed", "base", "form", "use", "foreignobject"}, node.Data)
				for _, a := range node.Attr {
					assert.False(t, strings.HasPrefix(a.Key, "on"), a.Key)
					assert.NotContains(t, []string{"src", "srcset", "action", "style", "ping", "target"}, a.Key)
				}
				if address := attribute(node, "href"); address != "" {
					u, err := url.Parse(address)
					require.NoError(t, err)
					assert.Equal(t, "a", node.Data)
					assert.Contains(t, []string{"", "https"}, u.Scheme)
					assert.Contains(t, []string{"", "metlo.example.com", "cwe.mitre.org", "owasp.org", "github.com"}, u.Host)
					assert.True(t, u.Host == "" || attribute(node, "rel") == "noreferrer", address)
				}
				if node.Data == "style" {
					assert.NotContains(t, node.FirstChild.Data, "url(")
					assert.NotContains(t, node.FirstChild.Data, "@import")
				}
				if attribute(node, "http-equiv") == "Content-Security-Policy" {
					policy = attribute(node, "content")
				}
			}
			assert.Equal(t, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'", policy)
			for _, refused := range []string{"\x1b", "\u202e", "ZgotmplZ"} { // the template writes the last one in place of a rejected value
				assert.False(t, strings.Contains(page, refused), "%q", refused)
			}
		})
	}
}

// TestPageIsWellFormed compares the nesting of tags, which html.Parse would correct.
func TestPageIsWellFormed(t *testing.T) {
	empty := []string{"meta", "wbr", "line", "rect", "br"}
	for name, page := range pages(t) {
		t.Run(name, func(t *testing.T) {
			var open []string
			tokens := html.NewTokenizer(strings.NewReader(page))
			for {
				kind := tokens.Next()
				if kind == html.ErrorToken {
					require.True(t, errors.Is(tokens.Err(), io.EOF), tokens.Err())
					break
				}
				token := tokens.Token()
				seen := map[string]bool{}
				for _, attribute := range token.Attr {
					assert.False(t, seen[attribute.Key], "%s twice in %s", attribute.Key, token)
					seen[attribute.Key] = true
				}
				switch {
				case kind == html.StartTagToken && !slices.Contains(empty, token.Data):
					open = append(open, token.Data)
				case kind == html.EndTagToken:
					require.NotEmpty(t, open, token)
					require.Equal(t, open[len(open)-1], token.Data)
					open = open[:len(open)-1]
				}
			}
			assert.Empty(t, open)
		})
	}
}

// TestPageCanBeReadAloud checks what screen readers need.
func TestPageCanBeReadAloud(t *testing.T) {
	for name, page := range pages(t) {
		t.Run(name, func(t *testing.T) {
			count, ids, level := map[string]int{}, map[string]bool{}, 0
			var links, titles []string
			for _, node := range elements(t, page) {
				count[node.Data]++
				if id := attribute(node, "id"); id != "" {
					assert.False(t, ids[id], "the id %s twice", id)
					ids[id] = true
				}
				if target, internal := strings.CutPrefix(attribute(node, "href"), "#"); internal {
					links = append(links, target)
				}
				switch node.Data {
				case "html":
					assert.Equal(t, "en", attribute(node, "lang"))
				case "h1", "h2", "h3", "h4":
					next := int(node.Data[1] - '0')
					assert.LessOrEqual(t, next, level+1, "a level is left out before %q", text(node))
					level = next
				case "table":
					assert.Equal(t, "caption", node.FirstChild.NextSibling.Data)
				case "th":
					assert.Contains(t, []string{"col", "row"}, attribute(node, "scope"), text(node))
				case "section":
					titles = append(titles, attribute(node, "aria-labelledby"))
				case "svg":
					assert.True(t, attribute(node, "aria-hidden") == "true" || attribute(node, "role") == "img" && attribute(node, "aria-label") != "")
				case "nav":
					assert.NotEmpty(t, attribute(node, "aria-label"))
				}
			}
			for _, element := range []string{"h1", "main", "header", "nav", "footer", "title"} {
				if element != "title" { // an SVG has titles too
					assert.Equal(t, 1, count[element], element)
				}
			}
			for _, target := range slices.Concat(links, titles) {
				assert.True(t, ids[target], "nothing has the id %s", target)
			}
			assert.Equal(t, count["figure"], count["details"], "a table follows each chart")
			assert.Equal(t, count["figure"], count["summary"])
		})
	}
}

// TestSmallPage compares the texts of a whole page.
func TestSmallPage(t *testing.T) {
	var got strings.Builder
	for _, node := range elements(t, written(t, small(t))) {
		line := ""
		switch node.Data {
		case "h1", "h2", "h3", "caption", "tr", "p", "dt", "dd", "figcaption", "summary":
			line = text(node)
		case "li":
			if node.FirstChild.Data != "p" {
				line = text(node)
			}
		case "a":
			if address := attribute(node, "href"); strings.HasPrefix(address, instance) {
				line = "    " + address
			}
		}
		if line != "" {
			got.WriteString(line + "\n")
		}
	}
	if *update {
		require.NoError(t, os.WriteFile("testdata/small.txt", []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile("testdata/small.txt")
	require.NoError(t, err)
	assert.Equal(t, string(want), got.String())
}

// lines returns the texts of the blocks of a page.
func lines(t *testing.T, page string) (list []string) {
	t.Helper()
	for _, node := range elements(t, page) {
		if slices.Contains([]string{"h3", "tr", "li", "p", "caption"}, node.Data) {
			list = append(list, text(node))
		}
	}
	return list
}

func TestLargePageCountsWhatItLeavesOut(t *testing.T) {
	page := pages(t)["large"]
	got := lines(t, page)
	for _, want := range []string{
		"4,950 more endpoints with 4,950 open alerts: metlo alert list", "4,991 more open alerts: metlo alert list --endpoint e0",
		"25 more types: metlo alert list --columns type", "175 more hosts: metlo host list", "2,450 more endpoints: metlo endpoint list",
		"4,950 more endpoints: metlo inventory", "75 more classes: metlo data-class list",
	} {
		assert.True(t, slices.Contains(got, want), want)
	}
	assert.Less(t, len(page), 512<<10, "the page of a large instance can be sent by mail")
	assert.Less(t, len(pages(t)["attacked"]), 1<<20, "long names are cut")
}

func TestEmptyInstance(t *testing.T) {
	page := written(t, data())
	got := lines(t, page)
	for _, want := range []string{
		"0 open alerts", "0 endpoints on 0 hosts", "No alert is open.", "No endpoint is known.", "No alert was ever raised.",
		"No endpoint is known to hold sensitive data.", "differences between OpenAPI documents and traffic: metlo report --drift FILE",
		"results of API tests: metlo report --results FILE",
	} {
		assert.True(t, slices.Contains(got, want), want)
	}
	assert.NotContains(t, page, `class="fine"`, "nothing was checked")
}

// TestMostUrgentFirst compares the order of endpoints, each with one open alert of every given risk.
func TestMostUrgentFirst(t *testing.T) {
	d := data()
	for path, scores := range map[string][]metlo.RiskScore{
		"/1-two-high": {"high", "high"}, "/2-high-and-unknown": {"high", "severe"}, "/3-high-and-low": {"high", "low"}, "/4-unknown": {"severe"},
		"/5-medium": {"medium", "low", "low"}, "/6-low-public": {"low"}, "/7-low-sensitive": {"low"}, "/8-low": {"low"}, "/9-none": {"none", "none"},
	} {
		e := metlo.Endpoint{UUID: path, Path: path, IsPublic: path == "/6-low-public"}
		if path == "/7-low-sensitive" {
			e.DataClasses = []string{"Email"}
		}
		d.AddEndpoint(&e)
		for i, score := range scores {
			d.AddAlert(&metlo.Alert{UUID: fmt.Sprint(path, i), Status: "Open", RiskScore: score, APIEndpointUUID: path})
		}
	}
	var paths []string
	for _, node := range elements(t, written(t, d)) {
		if node.Data == "h3" {
			paths = append(paths, text(node))
		}
	}
	assert.True(t, slices.IsSorted(paths), paths)
	assert.Len(t, paths, 9)
}

// TestAlertsOfAnEndpoint has more alerts of one endpoint than the page shows, in an order that a server may use.
func TestAlertsOfAnEndpoint(t *testing.T) {
	d := data()
	for i := range 25 {
		d.AddAlert(&metlo.Alert{
			UUID: fmt.Sprintf("alert%02d", i), Status: "Open", RiskScore: []metlo.RiskScore{"low", "high", "none"}[i%3], CreatedAt: now.AddDate(0, 0, -i*7%25),
			APIEndpointUUID: "e", Type: "x",
		})
	}
	var got []string
	for _, line := range lines(t, written(t, d)) {
		if strings.HasPrefix(line, "high x · raised") || strings.HasPrefix(line, "low x · raised") || strings.HasPrefix(line, "none x · raised") {
			got = append(got, line)
		}
	}
	got = slices.Compact(got) // a list item and its paragraph
	require.Len(t, got, 10)
	assert.Equal(t, "high x · raised 28 Jan 2026 · alert alert04", got[0], "the newest of the highest risk")
	assert.Equal(t, "low x · raised 31 Jan 2026 · alert alert00", got[8])
}

func TestAuthenticationIsEvidence(t *testing.T) {
	tests := map[string]struct {
		traces   []metlo.CapturedTrace
		endpoint metlo.Endpoint
		unread   bool
		detected bool // the server saw requests without credentials
		proof    string
		evidence string // row in the list of endpoints that were served without credentials
	}{
		"served without": {
			traces: []metlo.CapturedTrace{trace("without", 204), trace("", 200)}, proof: "served without credentials",
			evidence: "1 of the latest 2 traces succeeded without credentials",
		},
		"both, and a user says required": {
			traces: []metlo.CapturedTrace{trace("without", 200), trace("with", 200), trace("without", 403)}, endpoint: metlo.Endpoint{IsAuthenticatedUserSet: new(true)},
			proof: "served without credentials",
			evidence: "Contradicts the setting: 1 of the latest 3 traces succeeded without credentials; 1 succeeded with credentials; " +
				"1 without credentials got 401 or 403; a user set that it requires authentication",
		},
		"only with":                      {traces: []metlo.CapturedTrace{trace("with", 200), trace("without", 401)}, proof: "served only with credentials"},
		"refused with and without":       {traces: []metlo.CapturedTrace{trace("with", 403), trace("without", 401)}, proof: "unknown"},
		"an error without":               {traces: []metlo.CapturedTrace{trace("without", 500), trace("without", 302)}, proof: "unknown"},
		"an agent that does not look":    {traces: []metlo.CapturedTrace{trace("", 200)}, proof: "unknown"},
		"no trace":                       {proof: "unknown"},
		"no trace, a user says required": {endpoint: metlo.Endpoint{IsAuthenticatedUserSet: new(true)}, proof: "unknown"},
		"no trace, a user says none":     {endpoint: metlo.Endpoint{IsAuthenticatedUserSet: new(false)}, proof: "unknown"},
		"not read":                       {unread: true, proof: "not looked at"},
		"not read, a user says required": {unread: true, endpoint: metlo.Endpoint{IsAuthenticatedUserSet: new(true)}, proof: "not looked at"},
		"not read, the server detected it": {
			unread: true, detected: true, proof: "served without credentials",
			evidence: "the server detected requests without credentials",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := data()
			e := tt.endpoint
			e.UUID, e.Method, e.Path, e.DataClasses, e.RiskScore = "e", "GET", "/users", []string{"Email"}, "high"
			e.IsAuthenticatedDetected = !tt.detected
			d.AddEndpoint(&e)
			if !tt.unread {
				d.AddDetail(&metlo.EndpointDetail{Endpoint: e, Traces: tt.traces})
			}
			page := written(t, d)
			got := lines(t, page)
			assert.True(t, slices.Contains(got, "GET /users risk: high "+tt.proof+" Email"), got)
			assert.Equal(t, tt.evidence != "", slices.Contains(got, "GET /users "+tt.evidence+" Email"), got)
			counts := map[string]string{
				"served without credentials":   "1 endpoint served without credentials, 0 only with, 0 unknown.",
				"served only with credentials": "0 endpoints served without credentials, 1 only with, 0 unknown.",
				"unknown":                      "0 endpoints served without credentials, 0 only with, 1 unknown.",
				"not looked at":                "0 endpoints served without credentials, 0 only with, 0 unknown, 1 not looked at.",
			}
			assert.True(t, slices.Contains(got, counts[tt.proof]), got)
			class := map[string]string{"served without credentials": ` class="alarm"`, "served only with credentials": ` class="fine"`}[tt.proof]
			number := map[string]string{"served without credentials": "1</b>endpoint"}[tt.proof]
			if number == "" {
				number = "0</b>endpoints"
			}
			assert.Contains(t, page, "<li"+class+"><b>"+number+" with sensitive data served without credentials</li>")
		})
	}
}

// TestMissing compares the endpoints whose details the page needs.
func TestMissing(t *testing.T) {
	d := data()
	for i := range 150 {
		id := fmt.Sprintf("e%03d", i)
		d.AddEndpoint(&metlo.Endpoint{UUID: id, Path: id})
		if i < 120 {
			d.AddAlert(&metlo.Alert{UUID: id, Status: "Open", RiskScore: "low", APIEndpointUUID: id})
		}
	}
	assert.Len(t, d.Missing(), 50, "those that the page shows")
	d.AddDetail(&metlo.EndpointDetail{Endpoint: metlo.Endpoint{UUID: "e000"}})
	assert.Equal(t, "e001", d.Missing()[0])
	d.AllLookedAt = true
	assert.Len(t, d.Missing(), 149)
}

func TestFailedReadingOfDetails(t *testing.T) {
	d := data()
	d.AddEndpoint(&metlo.Endpoint{UUID: "e", Path: "/users", IsAuthenticatedDetected: true})
	d.AllLookedAt, d.Unread = true, errors.New("503 no database")
	got := lines(t, written(t, d))
	assert.True(t, slices.Contains(got, "Not all details could be read: 503 no database"), got)
	assert.True(t, slices.Contains(got, "0 endpoints served without credentials, 0 only with, 0 unknown, 1 not looked at."), got)
}

// TestDrift has complete and incomplete reports. No incomplete one may look like a report without a finding.
func TestDrift(t *testing.T) {
	shadow := findings.Finding{Rule: "shadow", Severity: "high", Method: "GET", Host: "a", Path: "/b", Message: "Not documented."}
	tests := map[string]struct {
		drift htmlreport.Drift
		tile  string
		line  string
	}{
		"unreadable": {
			htmlreport.Drift{Err: errors.New("no such file")}, `<li class="alarm"><b>?</b>differences from OpenAPI documents: unknown</li>`,
			"Result unknown: no such file",
		},
		"result unknown": {
			htmlreport.Drift{File: "drift.json", Report: &findings.Report{Why: "no document"}}, `<li class="alarm"><b>?</b>differences from OpenAPI documents: unknown</li>`,
			"Result unknown: drift.json: the check is incomplete: no document",
		},
		"two incomplete": {
			htmlreport.Drift{File: "drift.json", Report: &findings.Report{Why: "cut short", Findings: findings.NewList(shadow)}},
			`<li class="alarm"><b>1</b>difference from OpenAPI documents, and an incomplete report</li>`, "Result unknown: drift.json: the check is incomplete: cut short",
		},
		"an outcome without its findings": {
			htmlreport.Drift{File: "drift.json", Report: &findings.Report{Outcome: findings.Found}},
			`<li class="alarm"><b>?</b>differences from OpenAPI documents: unknown</li>`,
			"Result unknown: drift.json: the outcome is findings, and the list of findings is empty: run the check again",
		},
		"clean": {
			htmlreport.Drift{Report: &findings.Report{Outcome: findings.Clean}}, `<li class="fine"><b>0</b>differences from OpenAPI documents</li>`,
			"No difference was found.",
		},
		"found": {
			htmlreport.Drift{Report: &findings.Report{Outcome: findings.Found, Findings: findings.NewList(slices.Repeat([]findings.Finding{shadow}, 1202)...)}},
			`<li class="alarm"><b>1,202</b>differences from OpenAPI documents</li>`, "1,102 more findings not shown here",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := data()
			d.Drift = []htmlreport.Drift{tt.drift}
			page := written(t, d)
			assert.Contains(t, page, tt.tile)
			got := lines(t, page)
			assert.True(t, slices.Contains(got, tt.line), got)
			assert.Equal(t, name == "clean", slices.Contains(got, "No difference was found."), got)
		})
	}
}

// TestCoverage has results of which some are unknown.
func TestCoverage(t *testing.T) {
	tests := map[string]struct {
		tests   htmlreport.Tests
		results string
		tile    string
		line    string
	}{
		"unreadable": {
			htmlreport.Tests{Faults: []string{"results.json: no such file"}}, `[]`, `<li class="alarm"><b>?</b>operations tested: unknown</li>`,
			"Could not be read: results.json: no such file",
		},
		"no inventory": {
			htmlreport.Tests{Why: errors.New("the inventory is empty")}, `[{"outcome":"passed"}]`, `<li class="alarm"><b>?</b>operations tested: unknown</li>`,
			"Coverage: unknown: the inventory is empty",
		},
		"nothing proven": {
			htmlreport.Tests{Coverage: &apitest.Coverage{Known: 2}}, `[{"outcome":"inconclusive"}]`,
			`<li class="alarm"><b>0</b>of 2 operations tested, 1 inconclusive test</li>`, "inconclusive a test without a name no step ran",
		},
		"all passed": {
			htmlreport.Tests{Coverage: &apitest.Coverage{Known: 2, Tested: 2}}, `[{"outcome":"passed"}]`, `<li><b>2</b>of 2 operations tested</li>`,
			"1 test: 1 passed, 0 failed, 0 inconclusive.",
		},
		"many": {
			htmlreport.Tests{Coverage: &apitest.Coverage{Known: 1500, Tested: 1, Untested: make([]apitest.Endpoint, 1499)}},
			"[" + strings.Repeat(`{"outcome":"failed"},`, 59) + `{"outcome":"failed"}]`, `<li class="alarm"><b>1</b>of 1,500 operations tested, 60 failed tests</li>`,
			"1,449 more operations: metlo test coverage --from FILE",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			results, err := apitest.ParseResults([]byte(tt.results))
			require.NoError(t, err)
			tt.tests.Add(results)
			d := data()
			d.Tests = &tt.tests
			page := written(t, d)
			assert.Contains(t, page, tt.tile)
			assert.True(t, slices.Contains(lines(t, page), tt.line), lines(t, page))
		})
	}
}

func TestWebAddress(t *testing.T) {
	for address, want := range map[string]string{
		"https://metlo.example.com": "https://metlo.example.com", " http://localhost:8000/ ": "http://localhost:8000",
		"https://a.example/metlo/api/v1/": "https://a.example/metlo", "https://a.example/api/v1": "https://a.example", "https://a.example/?x#y": "https://a.example",
		"javascript:alert(1)": "", "javascript://a/%0aalert(1)": "", "demo server": "", "ftp://a": "", "https://": "", "https://user:password@a": "", "": "",
	} {
		assert.Equal(t, want, htmlreport.WebAddress(address), address)
	}
}

// TestTimeChart counts one alert of each age.
func TestTimeChart(t *testing.T) {
	tests := map[string]struct {
		ages    []int // ages in days
		caption string
		rows    []string
	}{
		"a week":          {[]int{0, 6}, "2 alerts raised, whatever their status is now, each column one day", []string{"25 Jan 2026 1 1 0 0 0 0", "31 Jan 2026 1 1 0 0 0 0"}},
		"weeks":           {[]int{0, 40}, "2 alerts raised, whatever their status is now, each column one week", []string{"21 Dec 2025 to 27 Dec 2025 1 1 0 0 0 0", "25 Jan 2026 to 31 Jan 2026 1 1 0 0 0 0"}},
		"over a year":     {[]int{0, 400, 900}, "1 alert raised, whatever their status is now, each column 12 days; 2 earlier alerts not shown", []string{"20 Jan 2026 to 31 Jan 2026 1 1 0 0 0 0"}},
		"a clock ahead":   {[]int{-400_000}, "1 alert raised, whatever their status is now, each column one day", []string{"31 Jan 2026 1 1 0 0 0 0"}},
		"an ancient time": {[]int{700_000}, "0 alerts raised, whatever their status is now, each column 12 days; 1 earlier alert not shown", nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := data()
			for _, age := range tt.ages {
				d.AddAlert(&metlo.Alert{RiskScore: "high", Status: "Resolved", CreatedAt: now.AddDate(0, 0, -age)})
			}
			var rows []string
			caption := ""
			for _, node := range elements(t, written(t, d)) {
				if line := text(node); node.Data == "tr" && strings.Contains(line, " 1 1 0") {
					rows = append(rows, line)
				}
				if node.Data == "figcaption" {
					caption = text(node)
				}
			}
			assert.Equal(t, tt.rows, rows)
			assert.Equal(t, tt.caption, caption)
		})
	}
}
