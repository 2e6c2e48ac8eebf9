package htmlreport_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/htmlreport"
)

var now = time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)

const hostile = "\x1b[2K\r\n<script src=https://evil.example/x.js></script><img src=x onerror=alert(1)>\"'</svg></title></style>{{.}}\u202e"

// pages are the report of an empty instance, of a small one, of a large one and of one that an attacker filled.
func pages(t *testing.T) map[string]string {
	t.Helper()
	empty, small, large, attacked := data(), data(), data(), data()
	for i, path := range []string{"/users", "/users/{param1}", "/health"} {
		small.AddEndpoint(&metlo.Endpoint{
			Method: "GET", Host: "shop.example.com", Path: path, RiskScore: []metlo.RiskScore{"high", "medium", "none"}[i],
			DataClasses: [][]string{{"Email", "Phone Number"}, {"Email"}, nil}[i], IsAuthenticatedUserSet: []*bool{nil, nil, new(true)}[i],
		})
	}
	small.AddEndpoint(&metlo.Endpoint{Method: "POST", Host: "pay.example.com", Path: "/payments", RiskScore: "high", IsAuthenticatedDetected: true, DataClasses: []string{"Credit Card Number"}})
	for i, age := range []int{0, 1, 30, 400} {
		small.AddAlert(&metlo.Alert{
			Type: metlo.AlertPIIData, RiskScore: "high", Status: []metlo.AlertStatus{"Open", "Resolved", "Open", "Open"}[i],
			CreatedAt: now.AddDate(0, 0, -age), APIEndpoint: metlo.AlertEndpoint{Host: "shop.example.com"},
		})
	}
	for i := range 10_000 {
		large.AddEndpoint(&metlo.Endpoint{Host: fmt.Sprintf("host-%d.example.com", i%200), Path: fmt.Sprintf("/v1/things/%d", i), RiskScore: "low", DataClasses: []string{"Email"}})
		large.AddAlert(&metlo.Alert{Type: "PII Data Detected", RiskScore: "low", Status: "Open", CreatedAt: now.AddDate(0, 0, -i%500), APIEndpoint: metlo.AlertEndpoint{Host: "host-1.example.com"}})
	}
	attacked.Instance, attacked.Scope = hostile, hostile
	attacked.AddEndpoint(&metlo.Endpoint{Host: hostile, Path: strings.Repeat(hostile, 50), Method: hostile, RiskScore: hostile, DataClasses: []string{hostile}})
	attacked.AddAlert(&metlo.Alert{Type: hostile, RiskScore: hostile, Status: "Open", CreatedAt: now, APIEndpoint: metlo.AlertEndpoint{Host: hostile}})
	attacked.AddAlert(&metlo.Alert{Type: "x", RiskScore: "high", Status: "Open", CreatedAt: now.AddDate(3000, 0, 0)})
	attacked.AddAlert(&metlo.Alert{Type: "x", RiskScore: "high", Status: "Open"})
	written := map[string]string{}
	for name, d := range map[string]*htmlreport.Data{"empty": empty, "small": small, "large": large, "attacked": attacked} {
		var out bytes.Buffer
		require.NoError(t, d.Write(&out))
		written[name] = out.String()
	}
	return written
}

func data() *htmlreport.Data { return htmlreport.New("https://metlo.example.com", "0.1.0", now) }

// TestPageIsClosed looks for all by which a page runs or loads something.
func TestPageIsClosed(t *testing.T) {
	for name, page := range pages(t) {
		t.Run(name, func(t *testing.T) {
			root, err := html.Parse(strings.NewReader(page))
			require.NoError(t, err)
			for node := range root.Descendants() {
				if node.Type != html.ElementNode {
					continue
				}
				assert.NotContains(t, []string{"script", "link", "iframe", "img", "image", "object", "embed", "base", "form", "a", "use", "foreignobject"}, node.Data)
				for _, attribute := range node.Attr {
					assert.False(t, strings.HasPrefix(attribute.Key, "on"), attribute.Key)
					assert.NotContains(t, []string{"src", "href", "srcset", "action", "style"}, attribute.Key)
				}
				if node.Data == "style" {
					assert.NotContains(t, node.FirstChild.Data, "url(")
					assert.NotContains(t, node.FirstChild.Data, "@import")
				}
			}
			assert.NotContains(t, page, "\x1b")
			assert.NotContains(t, page, "\u202e")
			assert.NotContains(t, page, "ZgotmplZ", "no text stands where the template refuses it")
		})
	}
}

// TestPageIsWellFormed holds tags to the nesting that html.Parse would mend.
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

// cells are the texts of the rows of each table and of the numbers on top.
func cells(t *testing.T, page string) (rows []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	for node := range root.Descendants() {
		if node.Type == html.ElementNode && (node.Data == "tr" || node.Data == "li" || node.Data == "p") {
			var parts []string
			for inner := range node.Descendants() {
				if text := strings.TrimSpace(inner.Data); inner.Type == html.TextNode && text != "" {
					parts = append(parts, text)
				}
			}
			rows = append(rows, strings.Join(parts, " "))
		}
	}
	return rows
}

func TestNumbersAreThoseOfTheData(t *testing.T) {
	rows := cells(t, pages(t)["small"])
	for _, want := range []string{
		"4 endpoints", "2 hosts", "3 open alerts", "3 open alerts of high risk", "1 endpoints whose authentication is unknown", "2 endpoints with sensitive data that anybody may call",
		"shop.example.com 3 1 1 0 3", "pay.example.com 1 1 0 0 0", // endpoints, of which high, medium, low; open alerts
		"3 alerts raised, of whatever status now, each column 12 days; 1 more is over a year old.",
		"PII Data Detected 3 3 high", "Email 2", "Credit Card Number 1",
		"GET shop.example.com /users high none Email, Phone Number", "POST pay.example.com /payments high unknown Credit Card Number",
		"shop.example.com 2 0 1", "pay.example.com 0 1 0", // none, unknown, required
	} {
		assert.Contains(t, rows, want)
	}
	large := cells(t, pages(t)["large"])
	assert.Contains(t, large, "10000 endpoints")
	assert.Contains(t, large, "175 more: metlo host list")
	assert.Contains(t, large, "9900 more: metlo inventory")
}

func TestEmptyInstanceSaysSo(t *testing.T) {
	rows := cells(t, pages(t)["empty"])
	for _, want := range []string{
		"0 endpoints", "0 endpoints whose authentication is unknown", "No endpoint is known.", "No alert was ever raised.",
		"No endpoint is known to hold sensitive data.",
	} {
		assert.Contains(t, rows, want)
	}
	assert.NotContains(t, pages(t)["empty"], `class="fine"`, "no good news")
}

// TestUnknownIsNoGoodNews is about endpoints with sensitive data of which nobody knows who may call them.
func TestUnknownIsNoGoodNews(t *testing.T) {
	for _, tt := range []struct {
		state string
		set   *bool
		class string
	}{{"required", new(true), "fine"}, {"none", new(false), "alarm"}, {"unknown", nil, ""}} {
		d := data()
		d.AddEndpoint(&metlo.Endpoint{Host: "shop.example.com", Path: "/users", DataClasses: []string{"Email"}, IsAuthenticatedDetected: true, IsAuthenticatedUserSet: tt.set})
		var page bytes.Buffer
		require.NoError(t, d.Write(&page))
		attribute := ""
		if tt.class != "" {
			attribute = fmt.Sprintf(" class=%q", tt.class)
		}
		count := map[string]int{"none": 1}[tt.state]
		assert.Contains(t, page.String(), fmt.Sprintf("<li%s><b>%d</b>endpoints with sensitive data that anybody may call</li>", attribute, count), tt.state)
		assert.Contains(t, page.String(), ">"+tt.state+"</span>", tt.state)
	}
}

func TestPageStaysSmall(t *testing.T) {
	assert.Less(t, len(pages(t)["attacked"]), 32<<10, "long names are cut")
	assert.Less(t, len(pages(t)["large"]), 256<<10, "a page of a large instance can be sent by mail")
}
