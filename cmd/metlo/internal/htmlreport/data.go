// Package htmlreport writes the state of an instance as one HTML page that needs no network and no script.
package htmlreport

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

const (
	maxHosts     = 25
	maxSensitive = 100
	// maxColumns keeps the columns of the chart over time wide enough to be told apart.
	maxColumns = 32
)

// risks are in the order of tables and stacks; other is what this version does not know.
var risks = []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium, metlo.RiskLow, metlo.RiskNone, other}

const other metlo.RiskScore = "other"

func riskOf(r metlo.RiskScore) metlo.RiskScore {
	if r.Known() {
		return r
	}
	return other
}

// Data gathers what the page shows. Only counts and the endpoints with sensitive data are kept.
type Data struct {
	Instance string
	Version  string
	Time     time.Time
	Scope    string // which hosts, empty for all

	hosts     map[string]*host
	days      map[time.Time]map[metlo.RiskScore]int
	types     map[metlo.AlertType]map[metlo.RiskScore]int
	classes   map[string]int
	sensitive []sensitive
	endpoints int
	alerts    map[metlo.AlertStatus]int
	high      int // open alerts of high risk
}

type host struct {
	Name           string
	Endpoints      int
	Authentication map[metlo.Authentication]int
	Public         bool
	Risks          map[metlo.RiskScore]int
	OpenAlerts     int
}

type sensitive struct {
	Method, Host, Path string
	Risk               metlo.RiskScore
	Authentication     metlo.Authentication
	Public             bool
	Classes            []string
}

// New returns the data of no endpoint and no alert.
func New(instance, version string, at time.Time) *Data {
	return &Data{
		Instance: instance, Version: version, Time: at.UTC(), hosts: map[string]*host{}, classes: map[string]int{},
		days: map[time.Time]map[metlo.RiskScore]int{}, types: map[metlo.AlertType]map[metlo.RiskScore]int{}, alerts: map[metlo.AlertStatus]int{},
	}
}

func (d *Data) host(name string) *host {
	h := d.hosts[name]
	if h == nil {
		h = &host{Name: name, Risks: map[metlo.RiskScore]int{}, Authentication: map[metlo.Authentication]int{}}
		d.hosts[name] = h
	}
	return h
}

// AddEndpoint counts an endpoint.
func (d *Data) AddEndpoint(e *metlo.Endpoint) {
	d.endpoints++
	h := d.host(e.Host)
	h.Endpoints++
	h.Risks[riskOf(e.RiskScore)]++
	h.Public = h.Public || e.IsPublic
	h.Authentication[e.Authentication()]++
	if len(e.DataClasses) == 0 {
		return
	}
	for _, class := range e.DataClasses {
		d.classes[class]++
	}
	d.sensitive = append(d.sensitive, sensitive{
		string(e.Method), e.Host, e.Path, riskOf(e.RiskScore), e.Authentication(), e.IsPublic, slices.Sorted(slices.Values(e.DataClasses)),
	})
}

// AddAlert counts an alert, of whatever status.
func (d *Data) AddAlert(a *metlo.Alert) {
	d.alerts[a.Status]++
	day := a.CreatedAt.UTC().Truncate(24 * time.Hour)
	if d.days[day] == nil {
		d.days[day] = map[metlo.RiskScore]int{}
	}
	d.days[day][riskOf(a.RiskScore)]++
	if a.Status != metlo.StatusOpen {
		return
	}
	if d.types[a.Type] == nil {
		d.types[a.Type] = map[metlo.RiskScore]int{}
	}
	d.types[a.Type][riskOf(a.RiskScore)]++
	d.host(a.APIEndpoint.Host).OpenAlerts++
	if a.RiskScore == metlo.RiskHigh {
		d.high++
	}
}

// states are in the order of urgency. That nothing is known comes before that all is well.
var states = []metlo.Authentication{metlo.AuthenticationNone, metlo.AuthenticationUnknown, metlo.AuthenticationRequired}

// sensitiveIn counts the endpoints with sensitive data whose authentication is in a state.
func (d *Data) sensitiveIn(state metlo.Authentication) int {
	n := 0
	for i := range d.sensitive {
		if d.sensitive[i].Authentication == state {
			n++
		}
	}
	return n
}

// sortedHosts returns the hosts with the most risk first.
func (d *Data) sortedHosts() []*host {
	return slices.SortedFunc(maps.Values(d.hosts), func(x, y *host) int {
		return cmp.Or(y.Risks[metlo.RiskHigh]-x.Risks[metlo.RiskHigh], y.Risks[metlo.RiskMedium]-x.Risks[metlo.RiskMedium],
			y.Endpoints-x.Endpoints, strings.Compare(x.Name, y.Name))
	})
}

// sortedSensitive returns the endpoints with sensitive data, those that anybody may call first, and then those of which nothing is known.
func (d *Data) sortedSensitive() []sensitive {
	list := slices.Clone(d.sensitive)
	slices.SortFunc(list, func(x, y sensitive) int {
		return cmp.Or(slices.Index(states, x.Authentication)-slices.Index(states, y.Authentication), slices.Index(risks, x.Risk)-slices.Index(risks, y.Risk),
			boolOrder(y.Public, x.Public), strings.Compare(x.Host+x.Path+x.Method, y.Host+y.Path+y.Method))
	})
	return list
}

func boolOrder(x, y bool) int {
	switch {
	case x == y:
		return 0
	case y:
		return -1
	}
	return 1
}

// column is a span of days in the chart over time.
type column struct {
	Start, End time.Time
	Risks      map[metlo.RiskScore]int
}

// columns cuts the time from the first alert until now into equal spans of whole days, at most maxColumns of the last
// year; what is older is counted in earlier.
func (d *Data) columns() (list []column, span, earlier int) {
	today := d.Time.Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, -6) // a week at least
	oldest := today.AddDate(-1, 0, 0)
	for day := range d.days {
		if day.Before(first) {
			first = day
		}
	}
	if first.Before(oldest) {
		first = oldest
	}
	days := int(today.Sub(first)/(24*time.Hour)) + 1
	span = (days + maxColumns - 1) / maxColumns
	if span > 1 && span < 7 {
		span = 7 // weeks are easier to read than four days
	}
	count := (days + span - 1) / span
	start := today.AddDate(0, 0, 1-count*span)
	for i := range count {
		from := start.AddDate(0, 0, i*span)
		list = append(list, column{from, from.AddDate(0, 0, span-1), map[metlo.RiskScore]int{}})
	}
	for day, byRisk := range d.days {
		index := int(day.Sub(start) / (24 * time.Hour))
		for risk, n := range byRisk {
			if index < 0 {
				earlier += n
			} else {
				list[min(index/span, count-1)].Risks[risk] += n
			}
		}
	}
	return list, span, earlier
}

func total(byRisk map[metlo.RiskScore]int) int {
	n := 0
	for _, count := range byRisk {
		n += count
	}
	return n
}
