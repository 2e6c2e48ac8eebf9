package htmlreport

import (
	"cmp"
	_ "embed"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

//go:embed page.html
var pageText string

//go:embed style.css
var style string

// view holds the data of the page's template.
type view struct {
	Style                               template.CSS
	Title, Instance, Version, Time, Iso string
	Scope, Web                          string
	Tiles                               []tile
	Alerts                              alertsView
	Drift                               []driftView
	Tests                               *testsView
	Evidence                            evidenceView
	Sensitive                           sensitiveView
	Hosts                               hostsView
	History                             historyView
	Rules                               []ruleView
	NotGiven                            []string
}

type tile struct{ Value, Label, Class string }

type row struct {
	Name   string
	Public bool
	Counts []string
	Bar    template.HTML
	Anchor string
}

// more holds the number of entries that a list leaves out, and the command that shows them.
type more struct{ Text, Command string }

// Write writes the page.
func (d *Data) Write(w io.Writer) error {
	page, err := template.New("report").Parse(pageText)
	if err != nil {
		return err
	}
	checked := *d
	checked.Web = WebAddress(d.Web)
	return page.Execute(w, checked.view())
}

func (d *Data) view() *view {
	rules := newRuleList()
	v := &view{
		Style: template.CSS(style), //nolint:gosec // an embedded file
		Title: "API security report", Instance: safetext.Line(d.Instance), Version: d.Version,
		Time: d.Time.Format("2 January 2006, 15:04 UTC"), Iso: d.Time.Format("2006-01-02T15:04:05Z"), Scope: shownMessage(d.Scope), Web: d.Web,
		Alerts: d.viewAlerts(rules), Evidence: d.viewEvidence(), Sensitive: d.viewSensitive(), Hosts: d.viewHosts(), History: d.viewHistory(),
	}
	for i := range d.Drift {
		v.Drift = append(v.Drift, d.Drift[i].view(rules))
	}
	if d.Tests != nil {
		v.Tests = d.Tests.view()
	}
	if len(d.Drift) == 0 {
		v.NotGiven = append(v.NotGiven, "differences between OpenAPI documents and traffic: metlo report --drift FILE")
	}
	if d.Tests == nil {
		v.NotGiven = append(v.NotGiven, "results of API tests: metlo report --results FILE")
	}
	v.Rules = rules.views()
	v.Tiles = d.tiles(v)
	return v
}

// tiles returns the numbers at the top of the page.
func (d *Data) tiles(v *view) []tile {
	all, sensitive := d.proofs()
	var open counts
	for _, c := range d.types {
		for i, n := range c {
			open[i] += n
		}
	}
	tiles := []tile{
		newTile(open.total(), "open alert", "", ""),
		newTile(open[0], "open alert", " of high risk", alarm(open[0], len(d.endpoints) > 0)),
		newTile(len(d.endpoints), "endpoint", " on "+counted(v.Hosts.Total, "host"), ""),
		newTile(all[withoutCredentials], "endpoint", " served without credentials, of "+number(len(d.endpoints)-all[notLookedAt])+" looked at",
			alarm(all[withoutCredentials], false)),
		newTile(sensitive[withoutCredentials], "endpoint", " with sensitive data served without credentials",
			alarm(sensitive[withoutCredentials], sensitive[onlyWithCredentials] > 0 && sensitive[notLookedAt]+sensitive[nothingProven] == 0)),
	}
	if len(v.Drift) > 0 {
		tiles = append(tiles, driftTile(v.Drift))
	}
	if v.Tests != nil {
		tiles = append(tiles, v.Tests.tile)
	}
	return tiles
}

func newTile(n int, noun, rest, class string) tile {
	return tile{number(n), english.PluralWord(n, noun, "") + rest, class}
}

// alarm returns the class of a number that should be zero. Zero is good news only if known is true.
func alarm(n int, known bool) string {
	switch {
	case n > 0:
		return "alarm"
	case known:
		return "fine"
	}
	return ""
}

type alertsView struct {
	Groups  []groupView
	More    *more
	Summary string
	Types   []typeRow
	Hidden  *more // types that are left out
}

type groupView struct {
	Label   label
	URL     string
	Public  bool
	Proof   string
	Classes string
	Counts  string
	Alerts  []alertRow
	More    *more
}

type alertRow struct {
	Risk, Name, Anchor, Text, Date, URL, ID string
}

type typeRow struct {
	Name, Anchor, Count, Text string
	Bar                       template.HTML
}

func (d *Data) viewAlerts(rules *ruleList) (v alertsView) {
	list := d.withAlerts()
	total, left := 0, 0
	for i, e := range list {
		total += e.open.total()
		if i >= maxEndpoints {
			left += e.open.total()
		}
	}
	v.Summary = counted(total, "open alert") + " of " + counted(len(list), "endpoint")
	for _, e := range list[:min(len(list), maxEndpoints)] {
		v.Groups = append(v.Groups, d.viewGroup(e, rules))
	}
	if left > 0 {
		v.More = &more{counted(len(list)-maxEndpoints, "more endpoint") + " with " + counted(left, "open alert"), "metlo alert list"}
	}
	names := slices.SortedFunc(maps.Keys(d.types), func(x, y metlo.AlertType) int {
		return cmp.Or(d.types[x].compareUrgency(d.types[y]), strings.Compare(string(x), string(y)))
	})
	longest := 0
	for _, c := range d.types {
		longest = max(longest, c.total())
	}
	for _, name := range names[:min(len(names), maxTypes)] {
		c := d.types[name]
		v.Types = append(v.Types, typeRow{shown(string(name)), rules.anchor(string(name)), number(c.total()), breakdown(c), riskBar(c, longest)})
	}
	if n := len(names) - maxTypes; n > 0 {
		v.Hidden = &more{counted(n, "more type"), "metlo alert list --columns type"}
	}
	return v
}

func (d *Data) viewGroup(e *endpoint, rules *ruleList) groupView {
	g := groupView{
		Label: e.label(), URL: d.endpointURL(e.id), Public: e.public, Proof: proofs[e.proof()].title,
		Classes: shownMessage(strings.Join(e.classes, ", ")), Counts: counted(e.open.total(), "open alert") + ": " + breakdown(&e.open),
	}
	for i := range e.alerts {
		a := &e.alerts[i]
		line := alertRow{
			Risk: string(risks[a.risk]), Name: shown(string(a.kind)), Anchor: rules.anchor(string(a.kind)), Text: shownMessage(a.description),
			URL: d.alertURL(e.id, a.id), ID: shown(shortID(a.id)),
		}
		if !a.created.IsZero() {
			line.Date = a.created.Format("2 Jan 2006")
		}
		g.Alerts = append(g.Alerts, line)
	}
	if n := e.open.total() - len(e.alerts); n > 0 {
		g.More = &more{counted(n, "more open alert"), "metlo alert list --endpoint " + shown(e.id)}
	}
	return g
}

// shortID returns a prefix of an id that commands accept.
func shortID(id string) string {
	first, _, _ := strings.Cut(id, "-")
	return first
}

type evidenceView struct {
	Summary   string
	Sensitive string
	Unread    string
	Legend    []legendEntry
	Hosts     []row
	MoreHosts *more
	Served    []servedRow
	More      *more
	Limited   bool
	Any       bool
}

type legendEntry struct{ Class, Name string }

type servedRow struct {
	Label        label
	URL          string
	Evidence     string
	Classes      string
	Contradicted bool
}

func (d *Data) viewEvidence() (v evidenceView) {
	all, sensitive := d.proofs()
	v.Any = len(d.endpoints) > 0
	v.Summary, v.Sensitive = all.sentence(), sensitive.sentence()
	v.Limited = all[notLookedAt] > 0 && !d.AllLookedAt
	if d.Unread != nil {
		v.Unread = shownMessage(d.Unread.Error())
	}
	for _, p := range proofs {
		v.Legend = append(v.Legend, legendEntry{p.class, p.title})
	}
	hosts := d.hosts()
	slices.SortFunc(hosts, func(x, y *host) int {
		return cmp.Or(
			y.proofs[withoutCredentials]-x.proofs[withoutCredentials], y.proofs[nothingProven]-x.proofs[nothingProven],
			y.total-x.total, strings.Compare(x.name, y.name),
		)
	})
	longest := 0
	for _, h := range hosts {
		longest = max(longest, h.total)
	}
	for _, h := range hosts[:min(len(hosts), maxHosts)] {
		line := row{Name: shown(cmp.Or(h.name, noName)), Bar: proofBar(&h.proofs, longest)}
		for _, n := range h.proofs {
			line.Counts = append(line.Counts, number(n))
		}
		v.Hosts = append(v.Hosts, line)
	}
	if n := len(hosts) - maxHosts; n > 0 {
		v.MoreHosts = &more{counted(n, "more host"), "metlo host list"}
	}
	served := d.served()
	for _, e := range served[:min(len(served), maxServed)] {
		v.Served = append(v.Served, servedRow{e.label(), d.endpointURL(e.id), e.evidence(), shown(strings.Join(e.classes, ", ")), e.contradicted()})
	}
	if n := len(served) - maxServed; n > 0 {
		v.More = &more{counted(n, "more endpoint"), "metlo endpoint list"}
	}
	return v
}

// sentence returns the number of endpoints for each proof in words. It omits only a zero number of endpoints that were
// not looked at.
func (p *byProof) sentence() string {
	text := counted(p[withoutCredentials], "endpoint") + " served without credentials, " + number(p[onlyWithCredentials]) + " only with, " +
		number(p[nothingProven]) + " unknown"
	if n := p[notLookedAt]; n > 0 {
		text += ", " + number(n) + " not looked at"
	}
	return text
}

type sensitiveView struct {
	Summary string
	Rows    []sensitiveRow
	More    *more
	Classes []row
	Hidden  *more
}

type sensitiveRow struct {
	Label                            label
	URL, Risk, Proof, Class, Classes string
	Public                           bool
}

func (d *Data) viewSensitive() (v sensitiveView) {
	list := d.sensitive()
	byClass := map[string]int{}
	for _, e := range list {
		for _, class := range e.classes {
			byClass[class]++
		}
	}
	for _, e := range list[:min(len(list), maxSensitive)] {
		p := proofs[e.proof()]
		v.Rows = append(v.Rows, sensitiveRow{
			e.label(), d.endpointURL(e.id), string(risks[e.risk]), p.title, p.class, shown(strings.Join(e.classes, ", ")), e.public,
		})
	}
	if n := len(list) - maxSensitive; n > 0 {
		v.More = &more{counted(n, "more endpoint"), "metlo inventory"}
	}
	names := slices.SortedFunc(maps.Keys(byClass), func(x, y string) int { return cmp.Or(byClass[y]-byClass[x], strings.Compare(x, y)) })
	for _, name := range names[:min(len(names), maxClasses)] {
		v.Classes = append(v.Classes, row{
			Name: shown(name), Counts: []string{number(byClass[name])}, Bar: stackedBar([]part{{"plain", byClass[name]}}, byClass[names[0]]),
		})
	}
	if n := len(names) - maxClasses; n > 0 {
		v.Hidden = &more{counted(n, "more class"), "metlo data-class list"}
	}
	return v
}

type hostsView struct {
	Total  int
	Rows   []row
	More   *more
	Legend []legendEntry
}

// host summarizes the endpoints of a host.
type host struct {
	name   string
	total  int
	open   int
	public bool
	risks  counts
	proofs byProof
}

func (d *Data) hosts() []*host {
	byName := map[string]*host{}
	for _, e := range d.endpoints {
		h := byName[e.host]
		if h == nil {
			h = &host{name: e.host}
			byName[e.host] = h
		}
		h.total++
		h.open += e.open.total()
		h.public = h.public || e.public
		h.risks[e.risk]++
		h.proofs[e.proof()]++
	}
	return slices.Collect(maps.Values(byName))
}

func (d *Data) viewHosts() (v hostsView) {
	hosts := d.hosts()
	slices.SortFunc(hosts, func(x, y *host) int {
		return cmp.Or(x.risks.compareUrgency(&y.risks), strings.Compare(x.name, y.name))
	})
	v.Total = len(hosts)
	v.Legend = d.legend()
	longest := 0
	for _, h := range hosts {
		longest = max(longest, h.total)
	}
	for _, h := range hosts[:min(len(hosts), maxHosts)] {
		line := row{Name: shown(cmp.Or(h.name, noName)), Public: h.public, Bar: riskBar(&h.risks, longest)}
		for _, n := range []int{h.total, h.risks[0], h.risks[1], h.risks[2], h.open} {
			line.Counts = append(line.Counts, number(n))
		}
		v.Rows = append(v.Rows, line)
	}
	if n := len(hosts) - maxHosts; n > 0 {
		v.More = &more{counted(n, "more host"), "metlo host list"}
	}
	return v
}

// legend returns the risks that occur on the page.
func (d *Data) legend() []legendEntry {
	used := counts{}
	for _, e := range d.endpoints {
		used[e.risk]++
	}
	for _, byRisk := range d.days {
		for i, n := range byRisk {
			used[i] += n
		}
	}
	var list []legendEntry
	for i, risk := range risks {
		if used[i] > 0 {
			list = append(list, legendEntry{string(risk), string(risk)})
		}
	}
	return list
}

type historyView struct {
	Raised  string
	Span    string
	Earlier string
	Chart   template.HTML
	Legend  []legendEntry
	Rows    []row
	Any     bool
}

func (d *Data) viewHistory() (v historyView) {
	columns, span, earlier := d.columns()
	raised := 0
	for _, n := range d.statuses {
		raised += n
	}
	v.Any = raised > 0
	v.Raised, v.Span, v.Legend = counted(raised-earlier, "alert"), days(span), d.legend()
	if earlier > 0 {
		v.Earlier = counted(earlier, "earlier alert")
	}
	v.Chart = timeChart(columns, span)
	for i := range columns {
		c := &columns[i]
		line := row{Name: c.name(), Counts: []string{number(c.Risks.total())}}
		for _, n := range c.Risks {
			line.Counts = append(line.Counts, number(n))
		}
		v.Rows = append(v.Rows, line)
	}
	return v
}
