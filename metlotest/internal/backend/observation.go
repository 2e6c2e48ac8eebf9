package backend

import (
	"math"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/internal/analysis"
	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
)

// observation is a logged call during its analysis.
type observation struct {
	path, endpointPath, method, host string
	parameters                       []any
	requestHeaders, responseHeaders  []any
	requestBody, responseBody        any
	status                           int
	meta, session                    any
	at                               time.Time
	hostless, badStatus              bool

	// Fields of version 2 only.
	v2                                 bool
	processed                          *js.Object
	redacted, analysisType, graphPaths any
}

func newObservation(o *js.Object, path string, v2 bool) *observation {
	req, res := o.Object("request"), o.Object("response")
	status, isStatus := statusOf(res.Get("status"))
	host := req.Object("url").Get("host")
	obs := &observation{
		hostless: host == nil || js.IsUndefined(host), path: path, method: js.String(req.Get("method")), host: pg.Text(host),
		parameters: req.Object("url").List("parameters"), requestHeaders: req.List("headers"), responseHeaders: res.List("headers"),
		requestBody: req.Get("body"), responseBody: res.Get("body"), status: status, badStatus: !isStatus, meta: o.Get("meta"), session: js.New(), v2: v2,
	}
	if obs.meta == nil || js.IsUndefined(obs.meta) {
		obs.meta = js.New()
	}
	if !v2 {
		return obs
	}
	obs.processed = o.Object("processedTraceData")
	obs.redacted, obs.graphPaths, obs.analysisType = o.Get("redacted"), o.Get("graphqlPaths"), o.Get("analysisType")
	if obs.analysisType == nil || js.IsUndefined(obs.analysisType) {
		obs.analysisType = "full"
	}
	if session := o.Object("sessionMeta"); session != nil {
		obs.session = session
	}
	if valid, problem := validPath(req.Object("url").Text("endpointPath"), 0); problem == "" {
		obs.endpointPath = valid
	}
	return obs
}

// statusOf returns the status as the database stores it; a status that is not a whole number is invalid, and prevents
// the fields from being written.
func statusOf(v any) (status int, valid bool) {
	switch v := v.(type) {
	case float64:
		return int(v), v == math.Trunc(v) && math.Abs(v) <= math.MaxInt32
	case string:
		n, err := strconv.ParseInt(v, 10, 32)
		return int(n), err == nil
	}
	return 0, false
}

// header returns a header by name, ignoring case.
func header(headers []any, name string) string {
	for _, v := range headers {
		if h, _ := v.(*js.Object); strings.EqualFold(h.Text("name"), name) {
			return js.String(h.Get("value"))
		}
	}
	return ""
}

const anyType = "*/*"

// essence returns a media type without its parameters, or anyType if it is invalid.
func essence(contentType string) string {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil || !strings.Contains(mediaType, "/") {
		return anyType
	}
	return mediaType
}

func (o *observation) contentTypes() (request, response string) {
	if o.v2 {
		return essence(o.processed.Text("requestContentType")), essence(o.processed.Text("responseContentType"))
	}
	req := header(o.requestHeaders, "content-type")
	res := header(o.responseHeaders, "content-type")
	return essence(req), essence(res)
}

// finding is a leaf of a call: a place and its value.
type finding struct {
	section, path, contentType string
	status                     int
	value                      any
}

// key names the place in the map of sensitive data.
func (f *finding) key() string {
	return placeKey(f.status, f.contentType, f.section, f.path)
}

func placeKey(status int, contentType, section, path string) string {
	key := strconv.Itoa(status) + "_" + contentType + "_" + section
	if path != "" {
		key += "." + path
	}
	return key
}

// findings lists the leaves of a call to an endpoint, in the analyzer's order.
func (o *observation) findings(e *endpoint) []finding {
	w := walker{wild: e.wildPlaces()}
	tokens, observed := pathTokens(e.path), pathTokens(o.path)
	for i, token := range tokens {
		if isParam(token) && len(tokens) == len(observed) {
			w.walk(finding{section: "reqPath", path: token[1 : len(token)-1], status: noStatus, value: observed[i]}, w.wild)
		}
	}
	if o.v2 {
		return w.found
	}
	request, response := o.contentTypes()
	if o.status < errorsFrom {
		w.pairs("reqQuery", noStatus, o.parameters)
		w.pairs("reqHeaders", noStatus, o.requestHeaders)
		w.body(finding{section: "reqBody", contentType: request, status: noStatus, value: o.requestBody})
	}
	w.pairs("resHeaders", o.status, o.responseHeaders)
	w.body(finding{section: "resBody", contentType: response, status: o.status, value: o.responseBody})
	return w.found
}

const (
	noStatus   = -1
	errorsFrom = 400
)

// walker collects findings. Its wild holds the keys of fields with a wildcard in their path.
type walker struct {
	found []finding
	wild  []string
}

func (w *walker) pairs(section string, status int, list []any) {
	for _, v := range list {
		pair, _ := v.(*js.Object)
		value := pair.Get("value")
		if text, isText := value.(string); isText {
			if parsed := jsonOrText(text); parsed != nil {
				value = parsed
			}
		}
		w.walk(finding{section: section, path: pair.Text("name"), status: status, value: value}, w.wild)
	}
}

func (w *walker) body(f finding) {
	isResponse := f.section == "resBody"
	if !js.Truthy(f.value) {
		if !isResponse {
			return
		}
		f.value = ""
	}
	if text, isText := f.value.(string); isText {
		if f.value = jsonOrText(text); f.value == nil {
			return // the server looks for the members of null
		}
	}
	if js.Truthy(f.value) || isResponse {
		w.walk(f, w.wild)
	}
}

func (w *walker) walk(f finding, wild []string) {
	switch v := f.value.(type) {
	case *js.Object:
		for key, member := range v.All() {
			name, inner := wildcard(f, key, wild)
			below := f
			below.path, below.value = joinPath(f.path, name), member
			w.walk(below, inner)
		}
	case []any:
		for _, e := range v {
			below := f
			below.path, below.value = joinPath(f.path, "[]"), e
			w.walk(below, wild)
		}
	default:
		w.found = append(w.found, f)
	}
}

func joinPath(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// wildcard returns the name of a member, or [string] if a field has a wildcard there, and the remaining wildcards below
// it.
func wildcard(f finding, key string, wild []string) (name string, left []string) {
	name = key
	some := placeKey(f.status, f.contentType, f.section, joinPath(f.path, "[string]"))
	own := placeKey(f.status, f.contentType, f.section, joinPath(f.path, key))
	for _, w := range wild {
		switch {
		case strings.HasPrefix(w, some):
			name = "[string]"
			left = append(left, w)
		case strings.HasPrefix(w, own):
			left = append(left, w)
		}
	}
	return name, left
}

func (e *endpoint) wildPlaces() []string {
	var wild []string
	for _, f := range e.fields {
		if strings.Contains(f.dataPath, "[string]") {
			wild = append(wild, f.key())
		}
	}
	return wild
}

func (f *dataField) key() string {
	status, contentType := noStatus, ""
	if f.statusCode != nil {
		status = *f.statusCode
	}
	if f.contentType != nil {
		contentType = *f.contentType
	}
	return placeKey(status, contentType, f.dataSection, f.dataPath)
}

func dataType(v any) string {
	switch v := v.(type) {
	case nil, js.Undefined:
		return "unknown"
	case bool:
		return "boolean"
	case float64:
		if math.IsInf(v, 0) { // the collector parses and encodes bodies, and JavaScript encodes such a number as null
			return "unknown"
		}
		return string(analysis.NumberType(v))
	case []any:
		return "array"
	case *js.Object:
		return "object"
	}
	return "string"
}

// trace is a call in the form of GET /endpoint/:id.
type trace struct {
	created   time.Time
	shown     *js.Object
	sensitive *js.Object
	encoded   jsontext.Value // encoding of shown, which does not change
}

// MarshalJSONTo writes the trace.
func (t *trace) MarshalJSONTo(enc *jsontext.Encoder) error {
	if t.encoded == nil {
		t.encoded = js.Encode(t.shown)
	}
	return enc.WriteValue(t.encoded)
}

// trace returns the stored form of a call. A redacted one has no contents; an absent property that is blanked comes last.
func (o *observation) trace(e *endpoint, redact bool, sensitive *js.Object) *trace {
	list := func(v []any) []any { return append([]any{}, v...) }
	t := js.New("path", o.path, "method", o.method, "host", o.host, "requestParameters", list(o.parameters),
		"requestHeaders", list(o.requestHeaders))
	set := func(name string, v any) {
		if !js.IsUndefined(v) && v != nil {
			t.Set(name, v)
		}
	}
	set("requestBody", o.requestBody)
	t.Set("responseStatus", o.status)
	t.Set("responseHeaders", list(o.responseHeaders))
	set("responseBody", o.responseBody)
	t.Set("meta", o.meta)
	t.Set("createdAt", stamp{o.at})
	t.Set("sessionMeta", o.session)
	if o.v2 {
		set("redacted", o.redacted)
		set("analysisType", o.analysisType)
		set("graphqlPaths", o.graphPaths)
		if o.endpointPath != "" {
			t.Set("endpointPath", o.endpointPath)
		}
	}
	t.Set("uuid", newUUID())
	if !o.v2 {
		t.Set("redacted", redact)
	}
	t.Set("apiEndpointUuid", e.uuid)
	if redact && !o.v2 {
		for _, name := range []string{"requestParameters", "requestHeaders", "responseHeaders"} {
			t.Set(name, []any{})
		}
		t.Set("requestBody", "")
		t.Set("responseBody", "")
	}
	t.Set("sensitiveDataMap", sensitive)
	return &trace{created: o.at, shown: t, sensitive: sensitive}
}
