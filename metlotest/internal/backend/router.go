package backend

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

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/qs"
)

const (
	// bodyCap is the most of a body that is read at all.
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

func health(*call) Response { return Text(http.StatusOK, "OK") }

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

func (b *Server) dispatch(service string, r *http.Request, body []byte, spoiled Spoil) Response {
	c := &call{Store: b.store, query: qs.Parse(r.URL.RawQuery), key: r.Header.Get("Authorization"), spoil: spoiled}
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
		return Text(http.StatusUnauthorized, "Client unauthorized")
	}
	if found == nil {
		return HtmlPage(http.StatusNotFound, "Cannot "+r.Method+" "+path)
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
func (c *call) readJSON(service string, r *http.Request, body []byte) *Response {
	c.body = js.New()
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "application/json" || len(body) == 0 {
		return nil
	}
	limit, frames := backendBodyLimit, []string{"readStream (raw-body/index.js:163:17)"}
	if service == "collector" {
		limit = collectorBodyLimit
	}
	if len(body) > limit {
		res := HtmlPage(http.StatusRequestEntityTooLarge, "PayloadTooLargeError: request entity too large", frames...)
		if service == "collector" {
			res.ContentType = "text/html"
		}
		return &res
	}
	message := js.StrictSyntaxError(string(body))
	if message == "" {
		message = js.SyntaxError(string(body))
	}
	if message != "" {
		res := HtmlPage(http.StatusBadRequest, "SyntaxError: "+message, "JSON.parse (<anonymous>)")
		return &res
	}
	v, err := js.Decode(body)
	if err != nil {
		res := HtmlPage(http.StatusBadRequest, "SyntaxError: "+err.Error(), "JSON.parse (<anonymous>)")
		return &res
	}
	c.body = v
	return nil
}

// readForm is multer's single("file").
func (c *call) readForm(r *http.Request, body []byte) *Response {
	mediaType, params, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if mediaType != "multipart/form-data" {
		return nil
	}
	fail := func(message string) *Response {
		res := HtmlPage(http.StatusInternalServerError, message, "Multer.makeError (multer/lib/make-error.js:5:10)")
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
func (c *call) object() *js.Object {
	o, _ := c.body.(*js.Object)
	return o
}
