package backend

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/words"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

const (
	traceCap    = 100
	seenPathCap = 2000
	// activityStep is by how much the time of the last activity has to move to be written.
	activityStep = 30 * time.Second
	// fieldPause is for how long calls of one status leave the fields of an endpoint alone.
	fieldPause = 4 * time.Second
)

// ingest simulates the collector and the analyzer: it finds or creates the endpoint of a call, stores its data fields
// and its trace, and raises alerts. It completes before the collector answers; the real one works behind a queue.
func (st *Store) ingest(o *observation) {
	o.at = st.tick()
	st.ingestAt(o)
}

func (st *Store) ingestAt(o *observation) {
	st.setSession(o)
	partial := o.v2 && o.analysisType == "partial"
	if !partial {
		st.redactBlocked(o)
	}
	st.mapHost(o)
	if o.hostless || st.blocked(o) { // the table refuses an endpoint without a host
		return
	}
	if o.v2 && isGraphQLPath(o.path) {
		for _, one := range o.graphQLCalls() {
			st.analyze(one, partial)
		}
		return
	}
	st.analyze(o, partial)
}

func (st *Store) analyze(o *observation, partial bool) {
	e := st.endpointFor(o)
	if e != nil && st.looksNew(e, o.path) {
		e = nil
	}
	if partial {
		if e != nil {
			st.countCall(e, o.at)
		}
		return
	}
	var alerts []*alert
	fresh := e == nil
	if fresh {
		if o.status == 404 || o.status == 405 || !slices.Contains(methods(), o.method) {
			return
		}
		if e = st.discover(o); e == nil {
			return
		}
		description := "A new endpoint has been detected for " + e.host + ": " + e.path + "."
		alerts = append(alerts, st.raise(e, o.at, alertNewEndpoint, description, emptyObject()))
	}
	risk := e.riskScore
	if !o.badStatus && (fresh || !st.pausedFields(e, o)) {
		st.recordFields(o, e)
		risk = st.riskOf(e)
	}
	st.touch(e, o.at, risk)
	redact := !e.fullTrace && !st.configFlag("globalFullTraceCapture")
	e.traces = append([]*trace{o.trace(e, redact, st.sensitiveMap(o, e))}, e.traces[:min(len(e.traces), traceCap-1)]...)
	if !e.userSet && !(o.v2 && e.isGraphQL) {
		e.seenPaths = append(e.seenPaths, o.path)
		e.seenPaths = e.seenPaths[max(0, len(e.seenPaths)-seenPathCap):]
	}
	st.countCall(e, o.at)
	if st.instant {
		alerts = append(alerts, st.analyzeAtOnce(o, e)...)
	}
	st.notify(slices.DeleteFunc(alerts, func(a *alert) bool { return a == nil }))
}

// touch records activity and risk. It writes the row only if the risk changes or the time moves far enough.
func (st *Store) touch(e *endpoint, at time.Time, risk string) {
	if risk == e.riskScore && !e.lastActive.IsZero() && at.Sub(e.lastActive) <= activityStep {
		return
	}
	e.riskScore = risk
	if e.firstDetected.IsZero() || at.Before(e.firstDetected) {
		e.firstDetected = at
	}
	if at.After(e.lastActive) {
		st.active(e, at)
	}
	st.rewrite(e)
}

// pausedFields reports whether the analyzer looked at the fields of an endpoint moments ago for this status.
func (st *Store) pausedFields(e *endpoint, o *observation) bool {
	if st.instant || o.status == 0 {
		return false
	}
	if last, known := e.fieldsSeen[o.status]; known && o.at.Sub(last) <= fieldPause {
		return true
	}
	if e.fieldsSeen == nil {
		e.fieldsSeen = map[int]time.Time{}
	}
	e.fieldsSeen[o.status] = o.at
	return false
}

func matches(pattern, s string) bool {
	re, err := js.CompileRegexp(pattern)
	return err == nil && re.MatchString(s)
}

// mapHost sets the host of a call to that of the first pattern that matches its whole host.
func (st *Store) mapHost(o *observation) {
	for _, v := range st.config("").List("hostMap") {
		m, _ := v.(*js.Object)
		re, err := js.CompileRegexp(m.Text("pattern"))
		if err != nil {
			continue
		}
		if re.FindString(o.host) == o.host && o.host != "" {
			o.host = m.Text("host")
			return
		}
	}
}

func (st *Store) blocked(o *observation) bool {
	config := st.config("")
	if slices.ContainsFunc(config.Texts("hostBlockList"), func(p string) bool { return matches(p, o.host) }) {
		return true
	}
	return slices.ContainsFunc(config.List("pathBlockList"), func(v any) bool {
		block, _ := v.(*js.Object)
		return block.Has("host") && matches(block.Text("host"), o.host) &&
			slices.ContainsFunc(block.Texts("paths"), func(p string) bool { return matches(p, o.path) })
	})
}

const tokenColumns = 6

// endpointFor finds the endpoint of a call by its tokens: the matching one with the fewest parameters.
func (st *Store) endpointFor(o *observation) *endpoint {
	tokens := strings.Split(strings.TrimPrefix(o.path, "/"), "/")
	var best *endpoint
	for _, e := range st.endpoints {
		if e.host != o.host || e.method != o.method || best != nil && e.numberParams >= best.numberParams {
			continue
		}
		if e.hasTokens(tokens) && (len(tokens) <= tokenColumns || e.matchesPath(o.path)) {
			best = e
		}
	}
	return best
}

func (e *endpoint) hasTokens(tokens []string) bool {
	for i, column := range e.tokens {
		switch {
		case i >= len(tokens) || tokens[i] == "":
			if column != nil {
				return false
			}
		case column == nil || *column != "{param}" && *column != tokens[i]:
			return false
		}
	}
	return true
}

// looksNew reports whether a path that an endpoint from traffic covers looks like one of another.
func (st *Store) looksNew(e *endpoint, path string) bool {
	if e.userSet {
		return false
	}
	params := 0
	for _, token := range pathTokens(path) {
		if st.looksLikeValue(token) {
			params++
		}
	}
	return params < e.numberParams || params == 0 && path != e.path
}

func isGraphQLPath(path string) bool { return strings.HasSuffix(path, "/graphql") }

// discover returns the endpoint of a call, creating it, or nil if another endpoint has its path.
func (st *Store) discover(o *observation) *endpoint {
	path := st.parameterize(o.path)
	graphQL := isGraphQLPath(strings.SplitN(o.path, ".", 2)[0])
	switch {
	case graphQL:
		path = o.path
	case o.endpointPath != "":
		path = o.endpointPath
	}
	if st.endpointAt(o.host, o.method, path) != nil { // the insert fails, and the call is lost
		return nil
	}
	e := st.newEndpoint(o.host, o.method, path)
	e.isGraphQL, e.userSet = graphQL, graphQL
	if _, known := st.hosts[e.host]; !known {
		// The job finds out later which hosts are public.
		st.hosts[e.host] = st.instant && publicHost(e.host)
	}
	st.addEndpoint(e)
	return e
}

// parameterize replaces the tokens of a path that look like values with {param1}, {param2}…
func (st *Store) parameterize(path string) string {
	if path == "/" {
		return path
	}
	var b strings.Builder
	n := 0
	for _, token := range pathTokens(path) {
		if st.looksLikeValue(token) {
			n++
			token = "{param" + strconv.Itoa(n) + "}"
		}
		b.WriteString("/" + token)
	}
	return b.String()
}

// looksLikeValue reports whether a token is a number, a UUID, or has a part that is neither an English word nor one of
// the customWords of the metlo-config.
func (st *Store) looksLikeValue(token string) bool {
	if js.IsNumeric(token) || zod.IsUUID(token) {
		return true
	}
	custom := st.config("").Texts("customWords")
	for _, part := range regexp.MustCompile(`[-_]`).Split(strings.ToLower(token), -1) {
		if !words.Has(part) && !slices.Contains(custom, part) {
			return true
		}
	}
	return false
}

// graphQLCalls splits a call to a GraphQL endpoint into its operations.
func (o *observation) graphQLCalls() []*observation {
	var operations []string
	add := func(path string) {
		parts := strings.Split(path, ".")
		if len(parts) < 3 || !slices.Contains([]string{"query", "mutation", "subscription"}, parts[1]) {
			return
		}
		if operation := parts[1] + "." + parts[2]; !slices.Contains(operations, operation) {
			operations = append(operations, operation)
		}
	}
	if list, isList := o.processed.Get("graphqlPaths").([]any); isList {
		for _, path := range list {
			add(js.String(path))
		}
	} else {
		for path := range o.processed.Object("dataTypes").All() {
			add(path)
		}
	}
	calls := make([]*observation, len(operations))
	for i, operation := range operations {
		one := *o
		one.path = o.path + "." + operation
		one.processed = ofOperation(o.processed, operation)
		calls[i] = &one
	}
	return calls
}

// ofOperation returns processed data with those fields of bodies and query that belong to an operation.
func ofOperation(processed *js.Object, operation string) *js.Object {
	kept := js.New()
	for name, value := range processed.All() {
		fields, isObject := value.(*js.Object)
		if isObject && (name == "dataTypes" || name == "sensitiveDataDetected") {
			filtered := js.New()
			for path, found := range fields.All() {
				section, _, _ := strings.Cut(path, ".")
				split := slices.Contains([]string{"reqBody", "reqQuery", "resBody"}, section)
				if !split || strings.Contains(path, operation+".") || path == section+"."+operation {
					filtered.Set(path, found)
				}
			}
			value = filtered
		}
		kept.Set(name, value)
	}
	return kept
}

// raise stores an alert. It returns nil if an alert with the same text is open or ignored.
func (st *Store) raise(e *endpoint, t time.Time, kind, description string, context jsontext.Value) *alert {
	for _, a := range st.alerts {
		if a.endpoint == e && a.kind == kind && a.description == description && a.status != "Resolved" {
			return nil
		}
	}
	a := &alert{
		endpoint: e, uuid: st.newUUID(), kind: kind, riskScore: alertRisk(kind), description: description, status: statusOpen,
		createdAt: t, updatedAt: t, context: context,
	}
	st.addAlert(a)
	return a
}
