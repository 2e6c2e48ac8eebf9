package backend

import (
	"math"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// observation is one logged call on its way through the analyzer.
type observation struct {
	path, method, host              string
	parameters                      []any
	requestHeaders, responseHeaders []any
	requestBody, responseBody       any
	status                          int
	meta                            any
	at                              time.Time
	extras                          *js.Object
	session                         *js.Object
}

func newObservation(o *js.Object, path string, v2 bool) *observation {
	req, res := o.Object("request"), o.Object("response")
	status, _ := res.Get("status").(float64)
	obs := &observation{
		path: path, method: strings.ToUpper(js.String(req.Get("method"))), host: req.Object("url").Text("host"),
		parameters: req.Object("url").List("parameters"), requestHeaders: req.List("headers"), responseHeaders: res.List("headers"),
		requestBody: req.Get("body"), responseBody: res.Get("body"), status: int(status), meta: o.Get("meta"),
		extras: js.New(), session: js.New(),
	}
	if obs.meta == nil || js.IsUndefined(obs.meta) {
		obs.meta = js.New()
	}
	if !v2 {
		return obs
	}
	for _, key := range []string{"processedTraceData", "redacted", "encryption", "graphqlPaths"} {
		if o.Has(key) {
			obs.extras.Set(key, o.Get(key))
		}
	}
	obs.extras.Set("analysisType", "full")
	if kind := o.Text("analysisType"); kind != "" {
		obs.extras.Set("analysisType", kind)
	}
	if session := o.Object("sessionMeta"); session != nil {
		obs.session = session
	}
	return obs
}

// header finds a header by name in any case.
func header(headers []any, name string) (string, bool) {
	for _, v := range headers {
		if h, _ := v.(*js.Object); strings.EqualFold(h.Text("name"), name) {
			return h.Text("value"), true
		}
	}
	return "", false
}

func mediaType(headers []any) string {
	value, _ := header(headers, "content-type")
	value, _, _ = strings.Cut(value, ";")
	return strings.ToLower(strings.TrimSpace(value))
}

// finding is one leaf of an observation: a place, and the value there.
type finding struct {
	section, path, contentType string
	status                     int
	value                      any
}

// findings lists the leaves of a call to an endpoint.
func (o *observation) findings(e *endpoint) []finding {
	var out []finding
	observed := pathTokens(o.path)
	for i, token := range pathTokens(e.path) {
		if isParam(token) && i < len(observed) {
			out = append(out, finding{"reqPath", token[1 : len(token)-1], "", -1, observed[i]})
		}
	}
	pairs := func(section string, status int, list []any) {
		for _, v := range list {
			if pair, isObject := v.(*js.Object); isObject && pair.Text("name") != "" {
				out = append(out, finding{section, pair.Text("name"), "", status, pair.Get("value")})
			}
		}
	}
	bodies := func(section string, status int, headers []any, body any) {
		contentType := mediaType(headers)
		if contentType == "" {
			contentType = "*/*"
		}
		flatten("", parsedBody(body), func(path string, v any) {
			out = append(out, finding{section, path, contentType, status, v})
		})
	}
	pairs("reqQuery", -1, o.parameters)
	pairs("reqHeaders", -1, o.requestHeaders)
	bodies("reqBody", -1, o.requestHeaders, o.requestBody)
	pairs("resHeaders", o.status, o.responseHeaders)
	bodies("resBody", o.status, o.responseHeaders, o.responseBody)
	return out
}

// parsedBody reads JSON out of a string; other strings stay as they are.
func parsedBody(body any) any {
	s, isText := body.(string)
	if !isText {
		return body
	}
	if s == "" {
		return js.Undefined{}
	}
	if v, err := js.Decode([]byte(s)); err == nil {
		return v
	}
	return s
}

func flatten(path string, v any, visit func(string, any)) {
	join := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	switch v := v.(type) {
	case js.Undefined:
	case *js.Object:
		for _, key := range v.Keys {
			flatten(join(key), v.Values[key], visit)
		}
	case []any:
		for _, e := range v {
			flatten(join("[]"), e, visit)
		}
	default:
		visit(path, v)
	}
}

func dataType(v any) string {
	switch v := v.(type) {
	case nil:
		return "unknown"
	case bool:
		return "boolean"
	case float64:
		if v == math.Trunc(v) {
			return "integer"
		}
		return "number"
	case []any:
		return "array"
	case *js.Object:
		return "object"
	}
	return "string"
}

// trace is a call as GET /endpoint/:id shows it.
type trace struct {
	created time.Time
	shown   *js.Object
}

// MarshalJSONTo writes the trace.
func (t *trace) MarshalJSONTo(enc *jsontext.Encoder) error { return t.shown.MarshalJSONTo(enc) }

func (o *observation) trace(e *endpoint, redact bool, sensitive *js.Object) *trace {
	parameters, reqHeaders, resHeaders := any(o.parameters), any(o.requestHeaders), any(o.responseHeaders)
	reqBody, resBody := o.requestBody, o.responseBody
	for _, list := range []*any{&parameters, &reqHeaders, &resHeaders} {
		if redact || (*list).([]any) == nil {
			*list = []any{}
		}
	}
	if redact {
		reqBody, resBody = "", ""
	}
	t := js.New("path", o.path, "method", o.method, "host", o.host, "requestParameters", parameters,
		"requestHeaders", reqHeaders, "requestBody", reqBody, "responseStatus", o.status, "responseHeaders", resHeaders,
		"responseBody", resBody, "meta", o.meta, "createdAt", stamp{o.at}, "sessionMeta", o.session)
	for _, key := range o.extras.Keys {
		if key != "redacted" {
			t.Set(key, o.extras.Values[key])
		}
	}
	t.Set("uuid", newUUID())
	t.Set("redacted", redact || js.Truthy(o.extras.Get("redacted")))
	t.Set("apiEndpointUuid", e.uuid)
	t.Set("sensitiveDataMap", sensitive)
	return &trace{o.at, t}
}
