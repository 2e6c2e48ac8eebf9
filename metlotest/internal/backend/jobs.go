package backend

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// job is a scheduled job of the server.
type job struct {
	every time.Duration
	run   func(*Store, time.Time)
}

// jobs returns the jobs in the order in which they run when several are due.
func jobs() []job {
	return []job{
		{5 * time.Minute, (*Store).updateUsage},
		{15 * time.Minute, (*Store).detectSensitiveData},
		{time.Hour, (*Store).detectPrivateHosts},
		{time.Hour, (*Store).mergePaths},
	}
}

// runJobs runs all jobs now.
func (st *Store) runJobs() {
	now := st.tick()
	for _, j := range jobs() {
		j.run(st, now)
	}
}

// runDueJobs runs the jobs that were due since the last request, at full multiples of their periods.
func (st *Store) runDueJobs(now time.Time) {
	if st.jobsRunUntil.IsZero() {
		st.jobsRunUntil = now
	}
	for _, j := range jobs() {
		if due := now.Truncate(j.every); due.After(st.jobsRunUntil) {
			j.run(st, due.UTC())
		}
	}
	st.jobsRunUntil = now
}

// countCall counts a call of an endpoint, which the next job adds to the usage.
func (st *Store) countCall(e *endpoint, at time.Time) {
	if st.pendingCalls == nil {
		st.pendingCalls = map[string]int{}
	}
	minute := at.UTC().Truncate(time.Minute)
	maps.DeleteFunc(st.perMinute, func(t time.Time, _ int) bool { return minute.Sub(t) > 2*time.Minute })
	st.perMinute[minute]++
	st.pendingCalls[e.uuid]++
	if st.instant {
		st.updateUsage(at)
	}
}

// updateUsage adds counted calls to the current hour. If one of their endpoints is gone, the insert fails, and all
// counts are lost.
func (st *Store) updateUsage(now time.Time) {
	pending := st.pendingCalls
	st.pendingCalls = nil
	for id := range pending {
		if st.byID[id] == nil {
			return
		}
	}
	for id, n := range pending {
		st.byID[id].calls[now.UTC().Truncate(time.Hour)] += n
	}
}

const (
	// analyzedTraces is the number of traces with content that a field must exceed.
	analyzedTraces = 50
	// classShare is the share of them with a class that must be exceeded.
	classShare = 0.5
)

// detectSensitiveData adds the classes found in their traces to fields, and raises alerts.
func (st *Store) detectSensitiveData(now time.Time) {
	for _, e := range slices.Clone(st.endpoints) {
		if len(e.traces) >= analyzedTraces {
			st.classify(e, now, analyzedTraces)
		}
	}
}

// evidence holds the results of an endpoint's traces for one place.
type evidence struct {
	traces  int
	counts  map[string]int
	example map[string]*trace
}

func (st *Store) evidenceOf(e *endpoint) map[string]*evidence {
	found := map[string]*evidence{}
	for _, t := range e.traces {
		for key, v := range t.sensitive.All() {
			list, _ := v.([]any)
			list = slices.DeleteFunc(slices.Clone(list), func(class any) bool { return st.classRisk(js.String(class)) == nil })
			if len(list) == 0 {
				continue
			}
			if found[key] == nil {
				found[key] = &evidence{counts: map[string]int{}, example: map[string]*trace{}}
			}
			found[key].traces++
			for _, class := range list {
				found[key].counts[js.String(class)]++
				found[key].example[js.String(class)] = t
			}
		}
	}
	return found
}

// classify analyses one endpoint: a field needs more than least traces with content.
func (st *Store) classify(e *endpoint, now time.Time, least int) []*alert {
	var alerts []*alert
	found := st.evidenceOf(e)
	for _, f := range e.fields {
		shown := found[f.key()]
		if shown == nil || shown.traces <= least {
			continue
		}
		changed := false
		for _, d := range st.classes() {
			class := d.Name
			if float64(shown.counts[class]) <= classShare*float64(shown.traces) || slices.Contains(f.dataClasses, class) ||
				slices.Contains(f.falsePositives, class) {
				continue
			}
			f.dataClasses = append(slices.Clone(f.dataClasses), class)
			f.scannerIdentified = append(slices.Clone(f.scannerIdentified), class)
			changed = true
		}
		if changed {
			f.setTag()
			f.updatedAt = now
		}
		for _, class := range f.dataClasses {
			if t := shown.example[class]; t != nil {
				alerts = append(alerts, st.sensitiveAlerts(e, f, class, t)...)
			}
		}
	}
	if risk := st.riskOf(e); risk != e.riskScore {
		e.riskScore, e.updatedAt = risk, now
	}
	return alerts
}

func (st *Store) sensitiveAlerts(e *endpoint, f *dataField, class string, t *trace) []*alert {
	labels := map[string]string{
		"reqPath": "Request Path Parameters", "reqQuery": "Request Query Parameters", "reqHeaders": "Request Headers",
		"reqBody": "Request Body", "resHeaders": "Response Headers", "resBody": "Response Body",
	}
	context := js.New("trace", t)
	alerts := []*alert{st.raise(e, t.created, alertPII,
		"Sensitive data of type "+class+" has been detected in field '"+f.dataPath+"' of "+labels[f.dataSection]+".", js.Encode(context))}
	switch f.dataSection {
	case "reqQuery":
		alerts = append(alerts, st.raise(e, t.created, alertQuery,
			"Query Parameter '"+f.dataPath+"' contains sensitive data of type "+class+".", js.Encode(context)))
	case "reqPath":
		position := slices.Index(pathTokens(e.path), "{"+f.dataPath+"}")
		description := "Path Parameters contain sensitive data of type " + class + "."
		context.Set("pathTokenIdx", nil)
		if position >= 0 {
			description = "Path Parameter at position " + strconv.Itoa(position+1) + " contains sensitive data of type " + class + "."
			context.Set("pathTokenIdx", position)
		}
		alerts = append(alerts, st.raise(e, t.created, alertPath, description, js.Encode(context)))
	}
	return alerts
}

// detectPrivateHosts decides which hosts are public: the real server sends each an http request, this one uses the
// name.
func (st *Store) detectPrivateHosts(time.Time) {
	for _, e := range st.endpoints {
		if _, judged := st.hostsJudged[e.host]; !judged {
			st.hosts[e.host] = publicHost(e.host)
			st.hostsJudged[e.host] = true
		}
	}
}

const (
	// constantShare is the share of calls at which a token counts as constant.
	constantShare = 0.3
	manyCalls     = 500
	manyShare     = 0.1
)

// mergePaths splits parameters of endpoints from traffic whose place has few distinct words, after minAnalyzeTraces
// calls.
func (st *Store) mergePaths(now time.Time) {
	least := 100
	if n, ok := st.config("").Get("minAnalyzeTraces").(float64); ok {
		least = int(n)
	}
	for _, e := range slices.Clone(st.endpoints) {
		if e.userSet || e.isGraphQL || len(e.seenPaths) < least || st.byID[e.uuid] == nil {
			continue
		}
		g := grouping{own: tokensOf(e.path), least: least}
		var calls [][]string
		for _, path := range slices.Backward(e.seenPaths) {
			if tokens := tokensOf(path); len(tokens) == len(g.own) {
				calls = append(calls, tokens)
			}
		}
		paths := slices.DeleteFunc(g.paths(calls, 0, 0), func(p string) bool { return p == "/"+strings.Join(g.own, "/") })
		if len(paths) > 0 {
			st.splitEndpoint(e, paths, now)
		}
	}
}

func tokensOf(path string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

// splitEndpoint replaces endpoints with new ones for their actual paths.
func (st *Store) splitEndpoint(e *endpoint, paths []string, now time.Time) {
	var fresh []string
	for _, path := range paths {
		valid, problem := validPath(path, len(pathTokens(e.path)))
		if problem != "" {
			return
		}
		if st.endpointAt(e.host, e.method, valid) == nil && !slices.Contains(fresh, valid) {
			fresh = append(fresh, valid)
		}
	}
	for _, created := range st.regroup(e.host, e.method, fresh, false) {
		st.raise(created, now, alertNewEndpoint, "A new endpoint has been detected for "+created.host+": "+created.path+".", emptyObject())
	}
}

var (
	numberedParam = regexp.MustCompile(`\{param[0-9]+\}`)
	plainToken    = regexp.MustCompile(`^[A-Za-z\-_.]+$`)
)

// grouping finds the paths in the calls of one endpoint.
type grouping struct {
	own   []string
	least int
}

func (g *grouping) paths(calls [][]string, at, params int) []string {
	if len(calls) == 0 || at >= len(g.own) {
		return nil
	}
	constants := g.constants(calls, at)
	if len(constants) == 0 {
		head := "/{param" + strconv.Itoa(params+1) + "}"
		return prefixed(head, g.paths(calls, at+1, params+1))
	}
	var all []string
	for _, token := range constants {
		var same [][]string
		for _, call := range calls {
			if call[at] == token {
				same = append(same, call)
			}
		}
		all = append(all, prefixed("/"+token, g.paths(same, at+1, params))...)
	}
	return all
}

func prefixed(head string, tails []string) []string {
	if len(tails) == 0 {
		return []string{head}
	}
	out := make([]string, len(tails))
	for i, tail := range tails {
		out[i] = head + tail
	}
	return out
}

// constants returns the constant tokens at a place.
func (g *grouping) constants(calls [][]string, at int) []string {
	if !numberedParam.MatchString(g.own[at]) {
		return []string{g.own[at]}
	}
	if len(calls) < g.least {
		return nil
	}
	counts := map[string]int{}
	var order []string
	for _, call := range calls {
		if counts[call[at]]++; counts[call[at]] == 1 {
			order = append(order, call[at])
		}
	}
	return slices.DeleteFunc(order, func(token string) bool {
		share := float64(counts[token]) / float64(len(calls))
		often := share > constantShare || counts[token] > manyCalls && share > manyShare
		return !often || !plainToken.MatchString(token)
	})
}
