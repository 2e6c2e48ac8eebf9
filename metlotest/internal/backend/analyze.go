package backend

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

const (
	traceCap     = 100
	seenPathCap  = 2000
	classifyFrom = 0.5
)

// ingest is the analyzer: it finds or makes the endpoint of a call, stores its data fields and its
// trace, and raises alerts. It is done when the collector answers; the real one works behind a queue.
func (st *Store) ingest(o *observation) {
	o.at = st.tick()
	st.ingestAt(o)
}

func (st *Store) ingestAt(o *observation) {
	config := st.metloConfig.value
	st.mapHost(o)
	if slices.ContainsFunc(config.Texts("hostBlockList"), func(p string) bool { return matches(p, o.host) }) || st.pathBlocked(o) {
		return
	}
	if !slices.Contains(methods(), o.method) {
		return
	}
	var alerts []*alert
	e := st.endpointFor(o)
	if e == nil {
		e = st.newEndpoint(o.host, o.method, parameterize(o.path))
		e.firstDetected = o.at
		st.addEndpoint(e)
		alerts = append(alerts, st.raise(e, o.at, alertNewEndpoint, "A new endpoint has been detected for "+e.host+": "+e.path+".", emptyObject()))
	}
	if e.firstDetected.IsZero() {
		e.firstDetected = o.at
	}
	st.active(e, o.at)
	st.checkSession(o, e)
	e.calls[o.at.UTC().Truncate(time.Hour)]++
	e.analyzed++
	if !e.userSet {
		e.seenPaths = append(e.seenPaths, o.path)
		e.seenPaths = e.seenPaths[max(0, len(e.seenPaths)-seenPathCap):]
	}
	sensitive := js.New()
	touched := st.recordFields(o, e, sensitive)
	redact := !e.fullTrace && !st.metloConfig.flag("globalFullTraceCapture")
	t := o.trace(e, redact, sensitive)
	e.traces = append([]*trace{t}, e.traces[:min(len(e.traces), traceCap-1)]...)
	context := js.Encode(js.New("trace", t))
	if value, _ := header(o.requestHeaders, "authorization"); strings.Contains(strings.ToLower(value), "basic ") {
		alerts = append(alerts, st.raise(e, o.at, alertBasicAuth, "Basic Authentication detected in Authorization header.", context))
	}
	if e.analyzed >= st.metloConfig.minTraces() {
		alerts = append(alerts, st.classify(o, e, touched, context)...)
	}
	st.notify(slices.DeleteFunc(alerts, func(a *alert) bool { return a == nil }))
}

func matches(pattern, s string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(s)
}

func (st *Store) mapHost(o *observation) {
	for _, v := range st.metloConfig.value.List("hostMap") {
		if m := v.(*js.Object); matches(m.Text("pattern"), o.host) {
			o.extras.Set("originalHost", o.host)
			o.host = m.Text("host")
			return
		}
	}
}

func (st *Store) pathBlocked(o *observation) bool {
	return slices.ContainsFunc(st.metloConfig.value.List("pathBlockList"), func(v any) bool {
		block := v.(*js.Object)
		return matches(block.Text("host"), o.host) &&
			slices.ContainsFunc(block.Texts("paths"), func(p string) bool { return matches(p, o.path) })
	})
}

// endpointFor finds the endpoint of a call: of those whose path fits, the one with the fewest parameters.
func (st *Store) endpointFor(o *observation) *endpoint {
	var best *endpoint
	for _, e := range st.endpoints {
		if e.host == o.host && e.method == o.method && e.matchesPath(o.path) && (best == nil || e.numberParams < best.numberParams) {
			best = e
		}
	}
	return best
}

// parameterize replaces the tokens of a path that look like values with {param1}, {param2}…
func parameterize(path string) string {
	tokens, n := strings.Split(path, "/"), 0
	for i, token := range tokens {
		if looksLikeValue(token) {
			n++
			tokens[i] = "{param" + strconv.Itoa(n) + "}"
		}
	}
	return strings.Join(tokens, "/")
}

func looksLikeValue(token string) bool {
	if token == "" {
		return false
	}
	if _, err := strconv.ParseFloat(token, 64); err == nil || zod.IsUUID(token) || strings.Contains(token, "@") {
		return true
	}
	if matches(`^v\d+$`, token) {
		return false
	}
	// Words hold few digits; identifiers and hashes hold many.
	digits := len(regexp.MustCompile(`\d`).FindAllString(token, -1))
	return digits >= 2 && digits*4 >= len(token)
}

// raise stores an alert unless one with the same words is open or ignored; then it gives nil.
func (st *Store) raise(e *endpoint, t time.Time, kind, description string, context jsontext.Value) *alert {
	for _, a := range st.alerts {
		if a.endpoint == e && a.kind == kind && a.description == description && a.status != "Resolved" {
			return nil
		}
	}
	a := &alert{
		endpoint: e, uuid: newUUID(), kind: kind, riskScore: alertRisk(kind), description: description, status: "Open",
		createdAt: t, updatedAt: t, context: context,
	}
	st.addAlert(a)
	return a
}

// checkSession fills the session of a call on a host with an authentication config, and notes an
// endpoint that answers without authentication.
func (st *Store) checkSession(o *observation, e *endpoint) {
	for _, v := range st.metloConfig.value.List("authentication") {
		auth := v.(*js.Object)
		if auth.Text("host") != o.host {
			continue
		}
		name := "authorization"
		if key := auth.Text("headerKey"); key != "" {
			name = key
		}
		value, provided := header(o.requestHeaders, name)
		if auth.Text("authType") == "session_cookie" {
			value, _ = header(o.requestHeaders, "cookie")
			provided = strings.Contains(value, auth.Text("cookieName")+"=")
		}
		passed := provided && o.status != 401 && o.status != 403
		o.session = js.New("authenticationProvided", provided, "authenticationSuccessful", passed, "authType", auth.Get("authType"))
		if user := jwtUser(auth, value); user != "" {
			o.session.Set("user", user)
		}
		if !provided && o.status < 300 {
			e.authDetected = false
		}
	}
}

// jwtUser reads the user's name out of a token.
func jwtUser(auth *js.Object, value string) string {
	parts := strings.Split(value, ".")
	if auth.Text("authType") != "jwt" || auth.Text("jwtUserPath") == "" || len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	v, err := js.Decode(payload)
	if err != nil {
		return ""
	}
	for key := range strings.SplitSeq(auth.Text("jwtUserPath"), ".") {
		o, _ := v.(*js.Object)
		v = o.Get(key)
	}
	if js.IsUndefined(v) || v == nil {
		return ""
	}
	return js.String(v)
}

// recordFields stores the fields of a call and fills the map of sensitive data of its trace.
func (st *Store) recordFields(o *observation, e *endpoint, sensitive *js.Object) []*dataField {
	var touched []*dataField
	classes := st.classes()
	for _, found := range o.findings(e) {
		f := st.fieldFor(e, found, o.at)
		f.lastSeen = o.at
		f.seen++
		if found.value == nil {
			isNull := true
			f.isNullable = &isNull
		} else if f.dataType == "unknown" || f.dataType == "integer" && dataType(found.value) == "number" {
			f.dataType = dataType(found.value)
		}
		key := strconv.Itoa(found.status) + "_" + found.contentType + "_" + found.section + "." + found.path
		known, _ := sensitive.Get(key).([]any)
		if known == nil {
			known = []any{}
		}
		for _, d := range classes {
			if !d.matches(found.path, js.String(found.value)) {
				continue
			}
			if f.hits == nil {
				f.hits = map[string]int{}
			}
			f.hits[d.className]++
			if !slices.Contains(known, any(d.className)) {
				known = append(known, d.className)
			}
		}
		sensitive.Set(key, known)
		if !slices.Contains(touched, f) {
			touched = append(touched, f)
		}
	}
	return touched
}

func (st *Store) fieldFor(e *endpoint, found finding, now time.Time) *dataField {
	for _, f := range e.fields {
		if f.dataSection == found.section && f.dataPath == found.path && f.statusCode != nil && *f.statusCode == found.status &&
			f.contentType != nil && *f.contentType == found.contentType {
			return f
		}
	}
	isNull := found.value == nil
	f := &dataField{
		uuid: newUUID(), dataType: dataType(found.value), dataSection: found.section, dataPath: found.path,
		dataClasses: []string{}, falsePositives: []string{}, scannerIdentified: []string{}, contentType: &found.contentType,
		createdAt: now, updatedAt: now, lastSeen: now, statusCode: &found.status, isNullable: &isNull, matches: emptyObject(),
	}
	st.addField(e, f)
	return f
}

// classify gives fields the classes that at least half of their values showed, and raises alerts.
func (st *Store) classify(o *observation, e *endpoint, fields []*dataField, context jsontext.Value) []*alert {
	var alerts []*alert
	for _, f := range fields {
		for _, d := range st.classes() {
			class := d.className
			if float64(f.hits[class]) < classifyFrom*float64(f.seen) || f.hits[class] == 0 || slices.Contains(f.scannerIdentified, class) {
				continue
			}
			f.scannerIdentified = append(f.scannerIdentified, class)
			if slices.Contains(f.falsePositives, class) || slices.Contains(f.dataClasses, class) {
				continue
			}
			f.dataClasses = append(f.dataClasses, class)
			f.setTag()
			f.updatedAt = o.at
			alerts = append(alerts, st.sensitiveAlerts(e, f, class, o.at, context)...)
		}
	}
	st.rescore(e)
	if e.authenticated() {
		return alerts
	}
	exposed := slices.ContainsFunc(e.fields, func(f *dataField) bool {
		return f.dataSection == "resBody" && len(f.dataClasses) > 0
	})
	if exposed {
		description := "Unauthenticated endpoint " + e.method + " " + e.path + " in " + e.host + " is returning sensitive data."
		alerts = append(alerts, st.raise(e, o.at, alertUnauthenticated, description, emptyObject()))
	}
	return alerts
}

func (st *Store) sensitiveAlerts(e *endpoint, f *dataField, class string, t time.Time, context jsontext.Value) []*alert {
	labels := map[string]string{
		"reqPath": "Request Path Parameters", "reqQuery": "Request Query Parameters", "reqHeaders": "Request Headers",
		"reqBody": "Request Body", "resHeaders": "Response Headers", "resBody": "Response Body",
	}
	alerts := []*alert{st.raise(e, t, alertPII,
		"Sensitive data of type "+class+" has been detected in field '"+f.dataPath+"' of "+labels[f.dataSection]+".", context)}
	switch f.dataSection {
	case "reqQuery":
		alerts = append(alerts, st.raise(e, t, alertQuery,
			"Query Parameter '"+f.dataPath+"' contains sensitive data of type "+class+".", context))
	case "reqPath":
		position := slices.Index(pathTokens(e.path), "{"+f.dataPath+"}")
		description, index := "Path Parameters contain sensitive data of type "+class+".", any(nil)
		if position >= 0 {
			description = "Path Parameter at position " + strconv.Itoa(position+1) + " contains sensitive data of type " + class + "."
			index = position
		}
		v, err := js.Decode(context)
		if err != nil {
			v = js.New()
		}
		withIndex := v.(*js.Object)
		withIndex.Set("pathTokenIdx", index)
		alerts = append(alerts, st.raise(e, t, alertPath, description, js.Encode(withIndex)))
	}
	return alerts
}
