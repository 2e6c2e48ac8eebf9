// Package htmlreport writes the state of an instance as one HTML page that loads nothing and runs no script.
package htmlreport

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

// The limits of the page. The page shows the number of omitted entries, and the command that lists them.
const (
	maxEndpoints = 50 // endpoints with open alerts
	maxAlerts    = 10 // alerts of one endpoint
	maxHosts     = 25
	maxTypes     = 25
	maxClasses   = 25
	maxSensitive = 50
	maxServed    = 50  // endpoints that were served without credentials
	maxDrift     = 100 // findings of one drift report
	maxTests     = 50
	maxUntested  = 50
	maxColumns   = 32  // columns of the chart; more would be too narrow
	maxText      = 160 // characters of a name
	maxMessage   = 400 // characters of a description
)

// risks lists the risk scores in the order of tables and stacks. The last one represents scores that the SDK does not
// know.
var risks = [...]metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium, metlo.RiskLow, metlo.RiskNone, other}

const other metlo.RiskScore = "other"

// urgency lists indexes of risks, the most urgent first. An unknown score may be as bad as a high one.
var urgency = [...]int{0, 4, 1, 2, 3}

// counts holds a number for each element of risks.
type counts [len(risks)]int

func (c *counts) total() int {
	n := 0
	for _, count := range c {
		n += count
	}
	return n
}

// compareUrgency compares counts, so that the larger number of the most urgent risk sorts first.
func (c *counts) compareUrgency(d *counts) int {
	for _, i := range urgency {
		if c[i] != d[i] {
			return d[i] - c[i]
		}
	}
	return 0
}

// riskIndex returns the index of a risk score in risks.
func riskIndex(r metlo.RiskScore) int {
	if i := slices.Index(risks[:], r); i >= 0 && r.Known() {
		return i
	}
	return len(risks) - 1
}

// Data holds the content of the page.
type Data struct {
	Instance string    // Instance is the address or the name of the instance.
	Web      string    // Web is the address of the instance's web pages, for links; empty for no links.
	Version  string    // Version is the version of the command.
	Time     time.Time // Time is the end of the chart, in UTC.
	Scope    string    // Scope lists the hosts that the page is limited to; empty for all.
	Drift    []Drift   // Drift is empty if no drift report was given.
	Tests    *Tests    // Tests is nil if no test results were given.

	// AllLookedAt reports whether the details of all endpoints are required, not only of those with alerts.
	AllLookedAt bool
	// Unread is the error that ended the reading of details; nil if all were read.
	Unread error

	endpoints map[string]*endpoint
	days      map[time.Time]*counts
	types     map[metlo.AlertType]*counts // number of open alerts of each type
	statuses  map[metlo.AlertStatus]int
}

// endpoint represents an endpoint with its open alerts and the evidence of its traces.
type endpoint struct {
	id, method, host, path string

	risk     int // index in risks
	public   bool
	classes  []string
	set      *bool // override of a user
	detected bool  // the server detected requests without credentials

	traces traces

	open   counts
	alerts []alert // the most urgent open alerts, at most maxAlerts
}

type alert struct {
	id          string
	kind        metlo.AlertType
	description string
	risk        int // index in risks
	created     time.Time
}

// New returns data without endpoints and alerts.
func New(instance, version string, at time.Time) *Data {
	return &Data{
		Instance: instance, Version: version, Time: at.UTC(), endpoints: map[string]*endpoint{},
		days: map[time.Time]*counts{}, types: map[metlo.AlertType]*counts{}, statuses: map[metlo.AlertStatus]int{},
	}
}

// endpoint returns the endpoint with an id. It creates it if necessary, because an alert may belong to an endpoint that
// was created after the list was read.
func (d *Data) endpoint(id, method, host, path string) *endpoint {
	key := cmp.Or(id, method+" "+host+path)
	e := d.endpoints[key]
	if e == nil {
		e = &endpoint{id: id, method: method, host: host, path: path, risk: riskIndex(metlo.RiskNone)}
		d.endpoints[key] = e
	}
	return e
}

// AddEndpoint adds an endpoint of the inventory.
func (d *Data) AddEndpoint(from *metlo.Endpoint) {
	e := d.endpoint(from.UUID, string(from.Method), from.Host, from.Path)
	e.risk, e.public, e.classes = riskIndex(from.RiskScore), from.IsPublic, slices.Sorted(slices.Values(from.DataClasses))
	e.set, e.detected = from.IsAuthenticatedUserSet, !from.IsAuthenticatedDetected
}

// AddAlert adds an alert of any status.
func (d *Data) AddAlert(a *metlo.Alert) {
	risk := riskIndex(a.RiskScore)
	d.statuses[a.Status]++
	day := a.CreatedAt.UTC().Truncate(24 * time.Hour)
	if d.days[day] == nil {
		d.days[day] = &counts{}
	}
	d.days[day][risk]++
	if a.Status != metlo.StatusOpen {
		return
	}
	if d.types[a.Type] == nil {
		d.types[a.Type] = &counts{}
	}
	d.types[a.Type][risk]++
	e := d.endpoint(cmp.Or(a.APIEndpoint.UUID, a.APIEndpointUUID), string(a.APIEndpoint.Method), a.APIEndpoint.Host, a.APIEndpoint.Path)
	e.open[risk]++
	e.keep(&alert{a.UUID, a.Type, shorten(a.Description, maxMessage), risk, a.CreatedAt.UTC()})
}

// keep inserts an alert into the most urgent ones, the newest of a risk first.
func (e *endpoint) keep(a *alert) {
	at, _ := slices.BinarySearchFunc(e.alerts, a, func(x alert, y *alert) int {
		return cmp.Or(slices.Index(urgency[:], x.risk)-slices.Index(urgency[:], y.risk), y.created.Compare(x.created), strings.Compare(x.id, y.id))
	})
	if at >= maxAlerts {
		return
	}
	e.alerts = slices.Insert(e.alerts, at, *a)
	if len(e.alerts) > maxAlerts {
		e.alerts = e.alerts[:maxAlerts]
	}
}

// sorted returns the endpoints that include selects, in the order of compare.
func (d *Data) sorted(include func(*endpoint) bool, compare func(x, y *endpoint) int) []*endpoint {
	var list []*endpoint
	for _, e := range d.endpoints {
		if include(e) {
			list = append(list, e)
		}
	}
	slices.SortFunc(list, func(x, y *endpoint) int {
		return cmp.Or(compare(x, y), strings.Compare(x.host, y.host), strings.Compare(x.path, y.path), strings.Compare(x.method, y.method),
			strings.Compare(x.id, y.id))
	})
	return list
}

// withAlerts returns the endpoints with open alerts, the most urgent first.
func (d *Data) withAlerts() []*endpoint {
	return d.sorted(func(e *endpoint) bool { return e.open.total() > 0 }, func(x, y *endpoint) int {
		return cmp.Or(x.open.compareUrgency(&y.open), trueFirst(x.public, y.public), trueFirst(len(x.classes) > 0, len(y.classes) > 0))
	})
}

func trueFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	}
	return 1
}

// column represents a span of days in the chart over time.
type column struct {
	Start, End time.Time
	Risks      counts
}

// columns divides the time from the first alert until now, at most a year, into equal spans of whole days. There are at
// most maxColumns spans. It returns the number of days in a span, and the number of earlier alerts.
func (d *Data) columns() (list []column, span, earlier int) {
	today := d.Time.Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, -6) // the chart shows at least a week
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
		span = 7 // a week is easier to read than four days
	}
	count := (days + span - 1) / span
	start := today.AddDate(0, 0, 1-count*span)
	for i := range count {
		from := start.AddDate(0, 0, i*span)
		list = append(list, column{Start: from, End: from.AddDate(0, 0, span-1)})
	}
	for day, byRisk := range d.days {
		index := int(day.Sub(start) / (24 * time.Hour))
		for risk, n := range byRisk {
			if day.Before(start) {
				earlier += n
			} else {
				list[min(index/span, count-1)].Risks[risk] += n
			}
		}
	}
	return list, span, earlier
}
