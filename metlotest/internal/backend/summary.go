package backend

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

func summaryRoutes() []route {
	return []route{
		{method: "GET", pattern: "/summary", handle: summary},
		{method: "GET", pattern: "/summary/endpoint-tracked", handle: endpointTracked},
		{method: "GET", pattern: "/sensitive-data-summary", handle: sensitiveData},
		{method: "GET", pattern: "/data-class", handle: listDataClasses},
	}
}

const (
	topCount  = 10
	usageDays = 15
	topTraces = 21
)

// Times for which parts of the summary are cached.
const (
	alertCache       = 5 * time.Second
	topEndpointCache = 15 * time.Second
	countCache       = time.Minute
)

func summary(c *call) Response {
	st := c.Store
	answer := js.New(
		"piiDataTypeCount", cached(st, "classCounts", alertCache, st.classCounts),
		"alertTypeCount", cached(st, "alertCounts", alertCache, st.alertCounts),
		"topAlerts", cached(st, "topAlerts", alertCache, func() []topAlert { return convert(window(st.openAlerts(), topCount, 0), (*alert).top) }),
		"topEndpoints", cached(st, "topEndpoints", topEndpointCache, st.topEndpoints),
		"usageStats", cached(st, "usageStats", countCache, st.usageStats),
		"numConnections", 0,
	)
	counts := cached(st, "counts", countCache, st.counts)
	if counts.hosts == 0 {
		st.forget("counts") // an empty server is counted each time
	}
	answer.Set("newAlerts", counts.open)
	answer.Set("endpointsTracked", counts.endpoints)
	answer.Set("piiDataFields", counts.sensitive)
	answer.Set("hostCount", counts.hosts)
	answer.Set("highRiskAlerts", counts.risky)
	return Ok(answer)
}

func increase(o *js.Object, key string) {
	n, _ := o.Get(key).(int)
	o.Set(key, n+1)
}

func (st *Store) classCounts() *js.Object {
	counts := js.New()
	for _, e := range st.endpoints {
		for _, f := range e.fields {
			for _, class := range f.dataClasses {
				increase(counts, class)
			}
		}
	}
	return counts
}

func (st *Store) alertCounts() *js.Object {
	counts := js.New()
	for _, a := range st.openAlerts() {
		increase(counts, a.kind)
	}
	return counts
}

type summaryCounts struct{ open, risky, endpoints, hosts, sensitive int }

func (st *Store) counts() summaryCounts {
	counts := summaryCounts{endpoints: len(st.endpoints), hosts: len(st.perHost())}
	for _, a := range st.alerts {
		if a.status == statusOpen {
			counts.open++
			if a.riskScore == "high" {
				counts.risky++
			}
		}
	}
	for _, e := range st.endpoints {
		for _, f := range e.fields {
			if f.dataTag != nil {
				counts.sensitive++
			}
		}
	}
	return counts
}

type topEndpoint struct {
	endpointRow
	Traces        []*trace   `json:"traces,omitzero"`
	CallsPerHour  *int       `json:"callsPerHour,omitzero"`
	Tests         []struct{} `json:"tests"`
	GraphQlSchema *string    `json:"graphQlSchema"`
}

// topEndpoints returns those with calls in the last two hours, the riskiest first.
func (st *Store) topEndpoints() []topEndpoint {
	hour := time.Now().UTC().Truncate(time.Hour)
	var busy []*endpoint
	for _, e := range st.endpoints {
		if e.calls[hour]+e.calls[hour.Add(-time.Hour)] > 0 {
			busy = append(busy, e)
		}
	}
	slices.SortStableFunc(busy, func(a, b *endpoint) int {
		return cmp.Or(compareRisk(b.riskScore, a.riskScore), cmp.Compare(b.calls[hour], a.calls[hour]))
	})
	return convert(window(busy, topCount, 0), func(e *endpoint) topEndpoint {
		top := topEndpoint{endpointRow: e.row(), Traces: window(e.traces, topTraces, 0), Tests: []struct{}{}}
		if n := e.calls[hour.Add(-time.Hour)]; n > 0 {
			top.CallsPerHour = &n
		}
		return top
	})
}

func (st *Store) usageStats() *js.Object {
	now := time.Now().UTC()
	since := now.Truncate(24*time.Hour).AddDate(0, 0, -usageDays)
	perDay := map[time.Time]int{}
	for _, e := range st.endpoints {
		for hour, n := range e.calls {
			if hour.After(since) && !hour.After(now) {
				perDay[hour.Truncate(24*time.Hour)] += n
			}
		}
	}
	type day struct {
		Day stamp  `json:"day"`
		Cnt string `json:"cnt"`
	}
	days := []day{}
	for date, n := range perDay {
		days = append(days, day{stamp{date}, strconv.Itoa(n)})
	}
	slices.SortFunc(days, func(a, b day) int { return a.Day.Compare(b.Day.Time) })
	// The calls of the last full minute, or of the current one if it had none.
	minute := now.Truncate(time.Minute)
	return js.New("dailyUsage", days, "last1MinCnt", cmp.Or(st.perMinute[minute.Add(-time.Minute)], st.perMinute[minute]))
}

func endpointTracked(c *call) Response { return Ok(js.New("exists", len(c.endpoints) > 0)) }

type sensitiveItem struct {
	DataClass    string  `json:"dataClass"`
	Risk         *string `json:"risk"`
	Count        int     `json:"count"`
	NumHosts     int     `json:"numHosts"`
	NumEndpoints int     `json:"numEndpoints"`
	hosts        map[string]bool
	endpoints    map[string]bool
}

func sensitiveData(c *call) Response {
	params, bad := check(zod.Object(
		zod.Key("hosts", zod.Optional(zod.Array(zod.String()))),
		zod.Key("riskScores", zod.Optional(zod.Array(zod.Enum(riskScores()...)))),
		zod.Key("locations", zod.Optional(zod.Array(zod.Enum(dataSections()...)))),
	), c.query)
	if bad != nil {
		return *bad
	}
	items := map[string]*sensitiveItem{}
	endpoints := map[string]bool{}
	for _, e := range c.endpoints {
		if !anyOf(params, "hosts", e.host) {
			continue
		}
		for _, f := range e.fields {
			if !anyOf(params, "locations", f.dataSection) {
				continue
			}
			for _, class := range f.dataClasses {
				risk := c.classRisk(class)
				if risk == nil && len(params.List("riskScores")) > 0 || risk != nil && !anyOf(params, "riskScores", *risk) {
					continue
				}
				if items[class] == nil {
					items[class] = &sensitiveItem{DataClass: class, Risk: risk, hosts: map[string]bool{}, endpoints: map[string]bool{}}
				}
				items[class].Count++
				items[class].hosts[e.host], items[class].endpoints[e.uuid], endpoints[e.uuid] = true, true, true
			}
		}
	}
	list, counts, total := []sensitiveItem{}, js.New(), 0
	for _, item := range items {
		item.NumHosts, item.NumEndpoints = len(item.hosts), len(item.endpoints)
		list = append(list, *item)
	}
	slices.SortFunc(list, func(a, b sensitiveItem) int { return cmp.Compare(a.DataClass, b.DataClass) })
	for _, item := range list {
		counts.Set(item.DataClass, item.Count)
		total += item.Count
	}
	return Ok(js.New("piiDataTypeCount", counts, "piiItems", list, "totalPIIFields", total, "totalEndpoints", len(endpoints)))
}
