// Package openapi reads API descriptions like the server does with js-yaml and swagger-parser, and returns the same
// messages.
package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// Operation is one method of one path on one host.
type Operation struct {
	Host, Method, Path string
	Fields             []Field
}

// Document holds the parts of a description that the server uses.
type Document struct {
	Hosts      []string
	Operations []Operation
	converted  bool // the real server converts this version
}

// Problem is the reason why a description is rejected.
type Problem struct {
	Status  int
	Message string
}

func refuse(status int, message string) *Problem { return &Problem{status, message} }

// PathRule returns a path without empty tokens, or the reason why it is invalid.
type PathRule func(path string) (valid, problem string)

// Read parses a description. The methods are those of an endpoint.
func Read(data []byte, methods []string, rule PathRule) (*Document, *Problem) {
	v, err := js.LoadYAML(string(data))
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, err.Error())
	}
	if v == nil || js.IsUndefined(v) {
		return nil, refuse(http.StatusInternalServerError, "Cannot read properties of "+js.String(v)+" (reading 'swagger')")
	}
	root, _ := v.(*js.Object)
	doc, resolver := &Document{Hosts: []string{}}, &resolver{root: root}
	version, message := js.String(root.Get("openapi")), ""
	switch {
	case js.Truthy(root.Get("swagger")):
		version, doc.converted = "3.0.0", true
		root.Set("servers", swaggerServers(root))
	case !js.Truthy(root.Get("openapi")):
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined.")
	default:
		message = versionProblem(root)
	}
	if message == "" {
		message = resolver.check()
	}
	if message != "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec v"+version+": "+message)
	}
	if problem := doc.collect(resolver, methods, rule); problem != nil {
		return nil, problem
	}
	return doc, nil
}

// swaggerServers returns the servers of a Swagger 2 document. The real server stores a conversion to OpenAPI 3; here
// the document remains unchanged, and its endpoints have no fields.
func swaggerServers(root *js.Object) []any {
	host, base := root.Text("host"), root.Text("basePath")
	switch {
	case host != "":
		return []any{js.New("url", "https://"+host+base)}
	case base != "":
		return []any{js.New("url", base)}
	}
	return nil
}

const (
	notADefinition = "[object Object] is not a valid Openapi API definition"
	version31      = "3.1.0"
)

// versionProblem performs swagger-parser's checks before references are resolved.
func versionProblem(root *js.Object) string {
	supported := []string{"3.0.0", "3.0.1", "3.0.2", "3.0.3", version31}
	version := root.Get("openapi")
	missing := func(name string) bool { return js.IsUndefined(root.Get(name)) }
	if missing("info") {
		return notADefinition
	}
	if missing("paths") {
		if version == version31 && !(missing("webhooks") && missing("components")) {
			return ""
		}
		return notADefinition
	}
	if js.TypeName(version) == "number" {
		return `Openapi version number must be a string (e.g. "3.0.0") not a number.`
	}
	if js.TypeName(root.Object("info").Get("version")) == "number" {
		return `API version number must be a string (e.g. "1.0.0") not a number.`
	}
	if text, _ := version.(string); !slices.Contains(supported, text) {
		return "Unsupported OpenAPI version: " + js.String(version) + ". Swagger Parser only supports versions " + strings.Join(supported, ", ")
	}
	return ""
}

// collect lists the operations.
func (d *Document) collect(r *resolver, methods []string, rule PathRule) *Problem {
	for path, item := range r.root.Object("paths").All() {
		valid, problem := rule(path)
		if problem != "" {
			return refuse(http.StatusBadRequest, path+": "+problem)
		}
		members, _ := item.(*js.Object)
		for key := range members.All() {
			method := strings.ToUpper(key)
			if !slices.Contains(methods, method) {
				continue
			}
			servers, problem := readServers(nearest(members.Object(key), members, r.root), rule)
			if problem != nil {
				return problem
			}
			var fields []Field
			if !d.converted {
				var err error
				if fields, err = r.fields(members, key); err != nil {
					return refuse(http.StatusInternalServerError, err.Error())
				}
			}
			for _, s := range servers {
				if !slices.Contains(d.Hosts, s.host) {
					d.Hosts = append(d.Hosts, s.host)
				}
				for _, base := range s.basePaths {
					d.Operations = append(d.Operations, Operation{s.host, method, base + valid, fields})
				}
			}
		}
	}
	return nil
}
