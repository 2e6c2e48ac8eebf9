package metlotest

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
)

const (
	// bodyCap is the most of a body that is read at all.
	bodyCap            = 600 << 20
	backendBodyLimit   = 100 << 10
	collectorBodyLimit = 2 << 20
)

// call is one request on its way through a handler.
type call struct {
	*store
	params map[string]string
	query  *object
	body   any
	file   *upload
	key    string
	v2     bool
	spoil  spoil
}

// upload is the file of a multipart body.
type upload struct {
	name, contentType string
	data              []byte
}

type handler func(*call) response

// route is one line of the API; its pattern has segments such as :id.
type route struct {
	service, method, pattern string
	handle                   handler
	multipart, open          bool
}

func allRoutes() []route {
	routes := []route{
		{service: "backend", method: "GET", pattern: "/api/v1", handle: health, open: true},
		{service: "collector", method: "GET", pattern: "/api/v1", handle: health, open: true},
		{service: "collector", method: "GET", pattern: "/api/v2", handle: health, open: true},
	}
	for _, section := range [][]route{
		endpointRoutes(), hostRoutes(), detectionRoutes(), dataFieldRoutes(), alertRoutes(), webhookRoutes(),
		specRoutes(), keyRoutes(), settingsRoutes(), summaryRoutes(), testingRoutes(),
	} {
		for _, r := range section {
			r.service, r.pattern = "backend", "/api/v1"+r.pattern
			routes = append(routes, r)
		}
	}
	return append(routes, collectorRoutes()...)
}

func health(*call) response { return text(http.StatusOK, "OK") }

func (r *route) match(service, method, path string) (map[string]string, bool) {
	if r.service != service || r.method != method && !(r.method == "GET" && method == "HEAD") {
		return nil, false
	}
	want, got := strings.Split(r.pattern, "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
	if len(want) != len(got) {
		return nil, false
	}
	params := map[string]string{}
	for i, segment := range want {
		value, err := url.PathUnescape(got[i])
		if err != nil {
			return nil, false
		}
		name, isParam := strings.CutPrefix(segment, ":")
		switch {
		case isParam && value != "":
			params[name] = value
		case !strings.EqualFold(segment, value):
			return nil, false
		}
	}
	return params, true
}

func (b *backend) dispatch(service string, r *http.Request, body []byte, spoiled spoil) response {
	c := &call{store: b.store, query: parseQuery(r.URL.RawQuery), key: r.Header.Get("Authorization"), spoil: spoiled}
	if res := c.readJSON(service, r, body); res != nil {
		return *res
	}
	path := r.URL.EscapedPath()
	c.v2 = strings.HasPrefix(path, "/api/v2")
	var found *route
	for i := range b.routes {
		if params, ok := b.routes[i].match(service, r.Method, path); ok {
			found, c.params = &b.routes[i], params
			break
		}
	}
	guarded := service == "collector" || b.requireKey
	if guarded && (found == nil || !found.open) && !c.knownKey() {
		return text(http.StatusUnauthorized, "Client unauthorized")
	}
	if found == nil {
		return htmlPage(http.StatusNotFound, "Cannot "+r.Method+" "+path)
	}
	if found.multipart {
		if res := c.readForm(r, body); res != nil {
			return *res
		}
	}
	return found.handle(c)
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

// readJSON is express.json: only application/json is read, anything else leaves an empty object.
func (c *call) readJSON(service string, r *http.Request, body []byte) *response {
	c.body = newObject()
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/json" || len(body) == 0 {
		return nil
	}
	limit, frames := backendBodyLimit, []string{"readStream (raw-body/index.js:163:17)"}
	if service == "collector" {
		limit = collectorBodyLimit
	}
	if len(body) > limit {
		res := htmlPage(http.StatusRequestEntityTooLarge, "PayloadTooLargeError: request entity too large", frames...)
		if service == "collector" {
			res.contentType = "text/html"
		}
		return &res
	}
	message := strictJSONFault(string(body))
	if message == "" {
		message = jsonFault(string(body))
	}
	if message != "" {
		res := htmlPage(http.StatusBadRequest, "SyntaxError: "+message, "JSON.parse (<anonymous>)")
		return &res
	}
	v, err := decode(body)
	if err != nil {
		res := htmlPage(http.StatusBadRequest, "SyntaxError: "+err.Error(), "JSON.parse (<anonymous>)")
		return &res
	}
	c.body = v
	return nil
}

// readForm is multer's single("file").
func (c *call) readForm(r *http.Request, body []byte) *response {
	mediaType, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "multipart/form-data" {
		return nil
	}
	fail := func(message string) *response {
		res := htmlPage(http.StatusInternalServerError, message, "Multer.makeError (multer/lib/make-error.js:5:10)")
		return &res
	}
	if params["boundary"] == "" {
		return fail("Error: Multipart: Boundary not found")
	}
	reader := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fail("Error: Unexpected end of form")
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return fail("Error: Unexpected end of form")
		}
		contentType := part.Header.Get("Content-Type")
		if part.FileName() == "" && contentType != "application/octet-stream" {
			continue
		}
		if part.FormName() != "file" || c.file != nil {
			return fail("MulterError: Unexpected field")
		}
		mediaType, _, _ := mime.ParseMediaType(contentType)
		if mediaType == "" {
			mediaType = "text/plain"
		}
		c.file = &upload{name: part.FileName(), contentType: mediaType, data: data}
	}
}

// object gives the JSON body, an empty object when the body is none.
func (c *call) object() *object {
	o, _ := c.body.(*object)
	return o
}
