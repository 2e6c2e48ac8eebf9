package backend

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/qs"
)

// The two services.
const (
	backend   = "backend"
	collector = "collector"
)

const (
	// BodyCap is the most of a body that is read at all.
	BodyCap            = 600 << 20
	backendBodyLimit   = 100 << 10
	collectorBodyLimit = 2 << 20
)

// call is one request on its way through a handler.
type call struct {
	*Store
	params map[string]string
	query  *js.Object
	body   any
	file   *upload
	key    string
	v2     bool
	spoil  Spoil
}

// upload is the file of a multipart body.
type upload struct {
	name, contentType string
	data              []byte
}

type handler func(*call) Response

// route is one line of the API; its pattern has segments such as :id.
type route struct {
	service, method, pattern string
	handle                   handler
	multipart, open          bool
	segments                 []string // of the pattern
}

// allRoutes lists the routes, those of the backend first.
func allRoutes() []route {
	routes := []route{
		{service: backend, method: "GET", pattern: "/api/v1", handle: health, open: true},
		{service: collector, method: "GET", pattern: "/api/v1", handle: health, open: true},
		{service: collector, method: "GET", pattern: "/api/v2", handle: health, open: true},
	}
	for _, section := range [][]route{
		hostRoutes(), endpointRoutes(), detectionRoutes(), dataFieldRoutes(), specRoutes(), alertRoutes(), testingRoutes(),
		keyRoutes(), settingsRoutes(), webhookRoutes(), summaryRoutes(),
	} {
		for _, r := range section {
			r.service, r.pattern = backend, "/api/v1"+r.pattern
			routes = append(routes, r)
		}
	}
	routes = append(routes, collectorRoutes()...)
	for i := range routes {
		routes[i].segments = strings.Split(routes[i].pattern, "/")
	}
	return routes
}

func health(*call) Response { return Text(http.StatusOK, "OK") }

// pathMatch is what a pattern makes of a path.
type pathMatch struct {
	params map[string]string
	// undecodable is a parameter whose escapes are broken.
	undecodable string
}

// match compares the segments of a path as Express does: literal ones in any case and as they were sent,
// parameters decoded.
func (r *route) match(path []string) (pathMatch, bool) {
	if len(r.segments) != len(path) {
		return pathMatch{}, false
	}
	for i, segment := range r.segments {
		if (!strings.HasPrefix(segment, ":") || path[i] == "") && !strings.EqualFold(segment, path[i]) {
			return pathMatch{}, false
		}
	}
	m := pathMatch{params: map[string]string{}}
	for i, segment := range r.segments {
		name, isParam := strings.CutPrefix(segment, ":")
		if !isParam {
			continue
		}
		value, err := url.PathUnescape(path[i])
		if err != nil || !utf8.ValidString(value) {
			m.undecodable = path[i]
		}
		m.params[name] = value
	}
	return m, true
}

// find gives the route of a request; allowed are the methods of all routes of its path.
func (b *Server) find(service, method, path string) (found *route, match pathMatch, allowed []string) {
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i := range b.routes {
		r := &b.routes[i]
		if r.service != service {
			continue
		}
		m, ok := r.match(segments)
		if !ok {
			continue
		}
		for _, name := range r.methods() {
			if !slices.Contains(allowed, name) {
				allowed = append(allowed, name)
			}
		}
		switch {
		case found != nil:
		case slices.Contains(r.methods(), method):
			found, match = r, m
		case match.undecodable == "": // Express decodes the parameters of a path before it looks at the method
			match.undecodable = m.undecodable
		}
	}
	return found, match, allowed
}

// methods are the one of the route and, beside GET, HEAD.
func (r *route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}

func (b *Server) dispatch(service string, r *http.Request, body []byte, spoiled Spoil) Response { //nolint:gocyclo // one case for each route
	c := &call{Store: b.store, query: qs.Parse(r.URL.RawQuery), key: r.Header.Get("Authorization"), spoil: spoiled}
	path := sentPath(r)
	found, match, allowed := b.find(service, r.Method, path)
	// The health routes stand before all that reads a body or a key.
	if found != nil && found.open && service == collector {
		return found.handle(c)
	}
	if res := c.readBody(service, r, body); res != nil {
		return *res
	}
	c.v2 = strings.HasPrefix(path, "/api/v2")
	guarded := service == collector || b.requireKey
	if guarded && (found == nil || !found.open) && !c.knownKey() {
		return Text(http.StatusUnauthorized, "Client unauthorized")
	}
	if service == collector && !c.v2 && underV1(path) && (found == nil || !strings.HasSuffix(found.pattern, "/verify")) {
		// The parser of logged bodies stands before the routes.
		if problem := c.parseLoggedBodies(); problem != "" {
			return databaseError(problem)
		}
	}
	switch {
	case match.undecodable != "":
		return HTMLPage(http.StatusBadRequest, "URIError: Failed to decode param '"+match.undecodable+"'", "decodeURIComponent (<anonymous>)")
	case found == nil && r.Method == http.MethodOptions && len(allowed) > 0:
		list := strings.Join(allowed, ",")
		res := Text(http.StatusOK, list)
		res.Header = http.Header{"Allow": {list}}
		return res
	case found == nil:
		return HTMLPage(http.StatusNotFound, "Cannot "+r.Method+" "+encodePath(path))
	}
	c.params = match.params
	if found.multipart {
		if res := c.readForm(r, body); res != nil {
			return *res
		}
	}
	return found.handle(c)
}

// sentPath is the path as it was sent, broken escapes included.
func sentPath(r *http.Request) string {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); strings.HasPrefix(path, "/") {
		return path
	}
	return r.URL.EscapedPath()
}

// encodePath escapes as Express' encodeurl does what a path may not have.
func encodePath(path string) string {
	var b strings.Builder
	for _, c := range []byte(escapeBroken(path)) {
		switch {
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escapeBroken escapes each percent sign that two hexadecimal digits do not follow.
func escapeBroken(target string) string {
	var b strings.Builder
	for i := range len(target) {
		b.WriteByte(target[i])
		if target[i] == '%' && !(i+2 < len(target) && isHex(target[i+1]) && isHex(target[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func underV1(path string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(path), "/api/v1")
	return ok && (rest == "" || rest[0] == '/')
}

func (c *call) knownKey() bool {
	same := func(key string) bool { return subtle.ConstantTimeCompare([]byte(key), []byte(c.key)) == 1 }
	if same(c.masterKey) {
		return true
	}
	for _, k := range c.keys {
		if same(k.key) {
			return true
		}
	}
	return false
}

// object gives the JSON body, an empty object when the body is none.
func (c *call) object() *js.Object {
	o, _ := c.body.(*js.Object)
	return o
}
