package htmlreport

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

//go:embed page.html
var pageText string

// view is what the page's template shows.
type view struct {
	Title, Instance, Version, Generated, Scope string
	Numbers                                    []number
	Legend                                     []metlo.RiskScore
	Hosts                                      []hostRow
	MoreHosts                                  int
	Time                                       template.HTML
	Span                                       string
	Earlier                                    int
	Raised                                     string
	Types                                      []typeRow
	Classes                                    []classRow
	Sensitive                                  []sensitiveRow
	MoreSensitive                              int
	HasEndpoints, HasAlerts                    bool
}

type number struct{ Value, Label, Class string }

type hostRow struct {
	Name              string
	Public            bool
	Endpoints         int
	Risks             []int
	Bar               template.HTML
	OpenAlerts        int
	States            []int // of authentication, in the order of states
	AuthenticationBar template.HTML
}

type typeRow struct {
	Name  string
	Count int
	Text  string
	Bar   template.HTML
}

type classRow struct {
	Name  string
	Count int
	Bar   template.HTML
}

type sensitiveRow struct {
	Method, Host, Risk, Classes string
	Parts                       []string // of the path, between which a line may break
	Authentication              metlo.Authentication
	Public                      bool
}

// Write writes the page.
func (d *Data) Write(w io.Writer) error {
	page, err := template.New("report").Parse(pageText)
	if err != nil {
		return err
	}
	return page.Execute(w, d.view())
}

func (d *Data) view() *view {
	unknown := 0
	for _, h := range d.hosts {
		unknown += h.Authentication[metlo.AuthenticationUnknown]
	}
	exposed := number{fmt.Sprint(d.sensitiveIn(metlo.AuthenticationNone)), "endpoints with sensitive data that anybody may call", d.alarm(d.sensitiveIn(metlo.AuthenticationNone))}
	if exposed.Class == "fine" && d.sensitiveIn(metlo.AuthenticationUnknown) > 0 {
		exposed.Class = ""
	}
	v := &view{
		Title: "API security report", Instance: safetext.Line(d.Instance), Version: d.Version,
		Generated: d.Time.Format("2 January 2006, 15:04 UTC"), Scope: safetext.Line(d.Scope),
		Numbers: []number{
			{fmt.Sprint(d.endpoints), "endpoints", ""},
			{fmt.Sprint(len(d.hosts)), "hosts", ""},
			{fmt.Sprint(d.alerts[metlo.StatusOpen]), "open alerts", ""},
			{fmt.Sprint(d.high), "open alerts of high risk", d.alarm(d.high)},
			{fmt.Sprint(unknown), "endpoints whose authentication is unknown", ""},
			exposed,
		},
		HasEndpoints: d.endpoints > 0,
	}
	v.Legend = d.legend()
	d.viewHosts(v)
	d.viewAlerts(v)
	d.viewSensitive(v)
	return v
}

// alarm is the class of a number that should be zero. That nothing was seen yet is no good news.
func (d *Data) alarm(n int) string {
	switch {
	case n > 0:
		return "alarm"
	case d.endpoints == 0:
		return ""
	}
	return "fine"
}

// legend leaves out what nothing on the page has.
func (d *Data) legend() []metlo.RiskScore {
	used := map[metlo.RiskScore]bool{}
	for _, h := range d.hosts {
		for risk := range h.Risks {
			used[risk] = true
		}
	}
	for _, byRisk := range d.days {
		for risk := range byRisk {
			used[risk] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(risks), func(r metlo.RiskScore) bool { return !used[r] })
}

func (d *Data) viewHosts(v *view) {
	hosts, longest := d.sortedHosts(), 0
	for _, h := range hosts {
		longest = max(longest, h.Endpoints)
	}
	for _, h := range hosts[:min(len(hosts), maxHosts)] {
		row := hostRow{
			Name: shown(h.Name), Public: h.Public, Endpoints: h.Endpoints, Bar: riskBar(h.Risks, longest), OpenAlerts: h.OpenAlerts,
			AuthenticationBar: stateBar(h.Authentication, longest),
		}
		for _, state := range states {
			row.States = append(row.States, h.Authentication[state])
		}
		for _, risk := range risks[:3] {
			row.Risks = append(row.Risks, h.Risks[risk])
		}
		v.Hosts = append(v.Hosts, row)
	}
	v.MoreHosts = len(hosts) - len(v.Hosts)
}

func (d *Data) viewAlerts(v *view) {
	columns, span, earlier := d.columns()
	v.Time, v.Span, v.Earlier = timeChart(columns, span), days(span), earlier
	raised := 0
	for _, n := range d.alerts {
		raised += n
	}
	v.HasAlerts, v.Raised = raised > 0, output.Count(raised-earlier, "alert")
	names := slices.SortedFunc(maps.Keys(d.types), func(x, y metlo.AlertType) int {
		return cmp.Or(total(d.types[y])-total(d.types[x]), strings.Compare(string(x), string(y)))
	})
	longest := 0
	for _, name := range names {
		longest = max(longest, total(d.types[name]))
	}
	for _, name := range names {
		v.Types = append(v.Types, typeRow{shown(string(name)), total(d.types[name]), breakdown(d.types[name]), riskBar(d.types[name], longest)})
	}
}

func (d *Data) viewSensitive(v *view) {
	classes := slices.SortedFunc(maps.Keys(d.classes), func(x, y string) int {
		return cmp.Or(d.classes[y]-d.classes[x], strings.Compare(x, y))
	})
	longest := 0
	for _, n := range d.classes {
		longest = max(longest, n)
	}
	for _, name := range classes {
		v.Classes = append(v.Classes, classRow{shown(name), d.classes[name], shareBar(d.classes[name], longest, "plain")})
	}
	list := d.sortedSensitive()
	for _, s := range list[:min(len(list), maxSensitive)] {
		v.Sensitive = append(v.Sensitive, sensitiveRow{
			shown(s.Method), shown(s.Host), string(s.Risk), shown(strings.Join(s.Classes, ", ")), pathParts(shown(s.Path)), s.Authentication, s.Public,
		})
	}
	v.MoreSensitive = len(list) - len(v.Sensitive)
}

// pathParts cuts a path before each slash.
func pathParts(path string) []string {
	parts := strings.SplitAfter(path, "/")
	for i := range parts[:len(parts)-1] {
		parts[i] = strings.TrimSuffix(parts[i], "/")
		parts[i+1] = "/" + parts[i+1]
	}
	return slices.DeleteFunc(parts, func(s string) bool { return s == "" })
}
