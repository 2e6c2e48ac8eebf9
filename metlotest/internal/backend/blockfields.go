package backend

import (
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

const redactedText = "[REDACTED]"

// secretName reports whether the collector blanks the value under a name.
func secretName(name string) bool {
	return slices.Contains([]string{
		"authorization", "api_key", "apikey", "password", "secret", "passwd", "access_token", "x-api-key", "x_api_key", "api-key",
	}, strings.ToLower(name))
}

// blockedPaths are the places of a call that the metlo-config blanks, such as req.body.card.
type blockedPaths []string

func (b blockedPaths) has(place string) bool {
	return slices.ContainsFunc(b, func(p string) bool { return strings.EqualFold(js.Trim(p), place) })
}

// blockedFor returns the rule for a call that has the fewest parameters; rules for all paths or all
// methods come last.
func (st *Store) blockedFor(o *observation) blockedPaths {
	const allPaths, allMethods = 1000, 500
	var found blockedPaths
	best := -1
	rules := st.config("blockFields").Object(o.host)
	take := func(path, method string, rule *js.Object) {
		params := 0
		switch {
		case path == "ALL":
			params = allPaths
		case method == "ALL":
			params = allMethods
		}
		for _, token := range pathTokens(path) {
			if isParam(token) {
				params++
			}
		}
		fits := path == "ALL" || matches(pathRegex(path), o.path)
		if (method == "ALL" || method == o.method) && fits && (best < 0 || params < best) {
			best, found = params, blockedPaths(rule.Texts("disable_paths"))
		}
	}
	for path, v := range rules.All() {
		rule, _ := v.(*js.Object)
		if path == "ALL" {
			take(path, "ALL", rule)
			continue
		}
		for method := range rule.All() {
			take(path, method, rule.Object(method))
		}
	}
	return found
}

// redactBlocked blanks secrets and blocked places. It parses JSON in values and bodies.
func (st *Store) redactBlocked(o *observation) {
	blocked := st.blockedFor(o)
	o.parameters = blocked.pairs(o.parameters, "req.query")
	o.requestHeaders = blocked.pairs(o.requestHeaders, "req.headers")
	o.requestBody = blocked.body(o.requestBody, "req.body")
	o.responseHeaders = blocked.pairs(o.responseHeaders, "res.headers")
	o.responseBody = blocked.body(o.responseBody, "res.body")
}

func (b blockedPaths) pairs(list []any, section string) []any {
	out := make([]any, len(list))
	for i, v := range list {
		pair, _ := v.(*js.Object)
		name := pair.Text("name")
		value := pair.Get("value")
		if text, isText := value.(string); isText {
			value = jsonOrText(text)
		}
		redact := b.has(section) || b.has(section+"."+name) || secretName(name)
		out[i] = js.New("name", pair.Get("name"), "value", b.value(value, name, section, redact))
	}
	return out
}

func (b blockedPaths) body(body any, section string) any {
	if !js.Truthy(body) {
		return js.Undefined{}
	}
	redact := b.has(section)
	value := body
	if text, isText := body.(string); isText {
		value = jsonOrText(text)
	}
	switch v := value.(type) {
	case *js.Object:
		for key, member := range v.All() {
			v.Set(key, b.value(member, key, section, redact || b.has(section+"."+key) || secretName(key)))
		}
		return v
	case []any:
		for i := range v {
			v[i] = b.value(v[i], "", section, redact)
		}
		return v
	}
	if redact {
		return redactedText
	}
	return body
}

func (b blockedPaths) value(v any, place, section string, redact bool) any {
	switch v := v.(type) {
	case *js.Object:
		for key, member := range v.All() {
			inner := redact || b.has(section+"."+place+"."+key) || secretName(key)
			v.Set(key, b.value(member, place+"."+key, section, inner))
		}
		return v
	case []any:
		for i := range v {
			v[i] = b.value(v[i], place, section, redact)
		}
		return v
	}
	if redact {
		return redactedText
	}
	return v
}
