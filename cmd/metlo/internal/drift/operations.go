package drift

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// operation represents a method of a path in a document, and what the inventory records about it.
type operation struct {
	document *Document
	method   string
	template string // path template as it appears in the document
	item     *openapi3.PathItem
	op       *openapi3.Operation
	at       place
	servers  []server

	bound    []binding
	matched  bool      // the instance has an endpoint for it
	lastSeen time.Time // time of the last request; zero if unknown
	unknown  bool      // one of its endpoints has no request time, although it may have had requests
}

// binding is a host of the instance and the path on it.
type binding struct {
	host, path string
}

// place is a line of a file.
type place struct {
	file string
	line int
}

// placeOf returns the place where an element begins: its key, or else its first field.
func placeOf(o *openapi3.Origin) place {
	switch {
	case o == nil:
		return place{}
	case o.Key != nil && o.Key.Line > 0:
		return placeAt(*o.Key)
	case len(o.Fields) > 0:
		return placeAt(o.Fields[0])
	}
	return place{}
}

// placeAt returns the place of a location, whose file is an address.
func placeAt(l openapi3.Location) place {
	file, err := url.PathUnescape(l.File)
	if err != nil {
		file = l.File
	}
	return place{path.Clean(file), l.Line}
}

// or returns p if it is known, and other otherwise.
func (p place) or(other place) place {
	if p.line == 0 {
		return other
	}
	return p
}

// top returns the place where the paths of a document begin.
func (d *Document) top() place { return placeOf(d.doc.Paths.Origin).or(place{d.File, 1}) }

// readOperations returns the operations of a document in the order of their paths and methods.
func (d *Document) readOperations() ([]operation, error) {
	var all []operation
	paths := d.doc.Paths.Map()
	for _, template := range slices.Sorted(maps.Keys(paths)) {
		item := paths[template]
		if item == nil {
			continue
		}
		operations := item.Operations()
		for _, method := range slices.Sorted(maps.Keys(operations)) {
			op := operations[method]
			if op == nil {
				continue
			}
			at := placeOf(op.Origin).or(placeOf(item.Origin)).or(d.top())
			o := operation{document: d, method: strings.ToUpper(method), template: template, item: item, op: op, at: at}
			var err error
			if o.servers, err = o.readServers(); err != nil {
				return nil, err
			}
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s:%d: the document has no operation: add what the service serves", d.File, d.top().line)
	}
	return all, nil
}

// server represents the place where operations are served: a path, and a host unless the document leaves it open.
type server struct {
	host, base string
}

// readServers returns the servers of the operation, which come from the operation, its path or the document.
func (o *operation) readServers() ([]server, error) {
	list := o.document.doc.Servers
	if len(o.item.Servers) > 0 {
		list = o.item.Servers
	}
	if o.op.Servers != nil && len(*o.op.Servers) > 0 {
		list = *o.op.Servers
	}
	if len(list) == 0 {
		return []server{{}}, nil
	}
	var all []server
	for _, s := range list {
		if s == nil {
			continue
		}
		at := placeOf(s.Origin).or(o.document.top())
		urls, err := serverURLs(s)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", at.file, at.line, err)
		}
		for _, text := range urls {
			found, err := readServer(text)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", at.file, at.line, err)
			}
			if !slices.Contains(all, found) {
				all = append(all, found)
			}
		}
	}
	return all, nil
}

// maxServerURLs is the maximum number of addresses that the variables of one server expand to.
const maxServerURLs = 1000

// serverURLs expands the variables of a server to all listed values, or to the default.
func serverURLs(s *openapi3.Server) ([]string, error) {
	urls := []string{s.URL}
	for _, name := range slices.Sorted(maps.Keys(s.Variables)) {
		variable, hole := s.Variables[name], "{"+name+"}"
		if variable == nil || !strings.Contains(s.URL, hole) {
			continue
		}
		values := variable.Enum
		if len(values) == 0 {
			values = []string{variable.Default}
		}
		if len(urls)*len(values) > maxServerURLs {
			return nil, fmt.Errorf("the variables of the server %s stand for more than %d addresses: list fewer", s.URL, maxServerURLs)
		}
		var next []string
		for _, u := range urls {
			for _, value := range values {
				next = append(next, strings.ReplaceAll(u, hole, value))
			}
		}
		urls = next
	}
	for _, u := range urls {
		if strings.ContainsAny(u, "{}") {
			return nil, fmt.Errorf("the server %s has a variable without a value: add its default", s.URL)
		}
	}
	return urls, nil
}

// readServer parses the address of a server. A server without a host uses the host of the document.
func readServer(text string) (server, error) {
	u, err := url.Parse(text)
	if err != nil {
		return server{}, fmt.Errorf("%q is not the address of a server: %w", text, err)
	}
	first, _, _ := strings.Cut(u.Path, "/")
	if u.Host == "" && (strings.Contains(strings.Trim(first, "."), ".") || u.Opaque != "") {
		return server{}, fmt.Errorf("the server %s has no scheme: write https://%s", text, text)
	}
	base := path.Clean("/" + u.EscapedPath())
	return server{hostName(u.Scheme, u.Host), strings.TrimSuffix(base, "/")}, nil
}

// hostName returns a host in lower case without the default port of its scheme.
func hostName(scheme, host string) string {
	host = strings.ToLower(host)
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}
