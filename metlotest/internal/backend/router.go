package backend

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/qs"
)

// The two services.
const (
	backend   = "backend"
	collector = "collector"
)

const (
	// BodyCap is the maximum number of bytes read of a body.
	BodyCap            = 600 << 20
	backendBodyLimit   = 100 << 10
	collectorBodyLimit = 2 << 20
)

// call is a request that a handler processes.
type call struct {
	*Store
	params map[string]string
	query  *js.Object
	body   any
	file   *upload
	key    string
	v2     bool
	spoil  Spoil
	stages *outages
}

// upload is the file of a multipart body.
type upload struct {
	name, contentType string
	data              []byte
}

type handler func(*call) Response

// route is an entry of the API; its pattern has segments such as :id.
type route struct {
	service, method, pattern string
	handle                   handler
	multipart, open          bool
	segments                 []string // segments of the pattern
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

// match compares the segments of a path like Express: literal ones unescaped and ignoring case, parameters decoded.
func (r *route) match(path []string) (params map[string]string, ok bool) {
	if len(r.segments) != len(path) {
		return nil, false
	}
	for i, segment := range r.segments {
		if (!strings.HasPrefix(segment, ":") || path[i] == "") && !strings.EqualFold(segment, path[i]) {
			return nil, false
		}
	}
	params = map[string]string{}
	for i, segment := range r.segments {
		if name, isParam := strings.CutPrefix(segment, ":"); isParam {
			params[name], _ = url.PathUnescape(path[i])
		}
	}
	return params, true
}

// find returns the route of a request; allowed are the methods of all routes of its path.
func (b *Server) find(service, method, path string) (found *route, params map[string]string, allowed []string) {
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for i := range b.routes {
		r := &b.routes[i]
		if r.service != service {
			continue
		}
		values, ok := r.match(segments)
		if !ok {
			continue
		}
		for _, name := range r.methods() {
			if !slices.Contains(allowed, name) {
				allowed = append(allowed, name)
			}
		}
		if found == nil && slices.Contains(r.methods(), method) {
			found, params = r, values
		}
	}
	return found, params, allowed
}

// methods returns the method of the route, and HEAD beside GET.
func (r *route) methods() []string {
	if r.method == http.MethodGet {
		return []string{http.MethodGet, http.MethodHead}
	}
	return []string{r.method}
}

func (b *Server) dispatch(service string, r *http.Request, body []byte, spoiled Spoil) Response { //nolint:gocyclo // one case for each route
	c := &call{Store: b.store, query: qs.Parse(r.URL.RawQuery), key: r.Header.Get("Authorization"), spoil: spoiled, stages: &b.outages}
	path := r.URL.EscapedPath()
	found, params, allowed := b.find(service, r.Method, path)
	// The health routes precede the parsers of bodies and keys.
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
	if service == backend {
		if res := b.withoutDatabase(found); res != nil {
			return *res
		}
	}
	if service == collector && !c.v2 && underV1(path) && (found == nil || !strings.HasSuffix(found.pattern, "/verify")) {
		// The parser of logged bodies precedes the routes.
		if !c.parseLoggedBodies() {
			return databaseError(typeError)
		}
	}
	switch {
	case found == nil && r.Method == http.MethodOptions && len(allowed) > 0:
		list := strings.Join(allowed, ",")
		res := Text(http.StatusOK, list)
		res.Header = http.Header{"Allow": {list}}
		return res
	case found == nil:
		return HTMLPage(http.StatusNotFound, "Cannot "+r.Method+" "+path)
	}
	c.params = params
	if found.multipart {
		if res := c.readForm(r, body); res != nil {
			return *res
		}
	}
	return found.handle(c)
}

func underV1(path string) bool {
	rest, ok := strings.CutPrefix(strings.ToLower(path), "/api/v1")
	return ok && (rest == "" || rest[0] == '/')
}

func (c *call) knownKey() bool {
	if c.stages.stopped[Database] {
		return c.stages.accepts(c.key)
	}
	if !c.isKey() {
		return false
	}
	c.stages.accept(c.key)
	return true
}

func (c *call) isKey() bool {
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

// object returns the JSON body, or an empty object if the body is not an object.
func (c *call) object() *js.Object {
	o, _ := c.body.(*js.Object)
	return o
}
