// Package openapi reads API descriptions as the server does with js-yaml, swagger2openapi and
// swagger-parser: what it accepts, what it says about the rest, and what it stores.
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

// Document is what the server takes out of a description.
type Document struct {
	// Text is what is stored: the text as it was sent, or the OpenAPI 3 that a Swagger 2 became.
	Text       string
	Hosts      []string
	Operations []Operation
}

// Problem is why a description is refused.
type Problem struct {
	Status  int
	Message string
}

func refuse(status int, message string) *Problem { return &Problem{status, message} }

// PathRule gives a path without empty tokens, or why it cannot be one.
type PathRule func(path string) (valid, problem string)

// Read reads a description. Methods are those of an endpoint; asYAML tells how a converted one is stored.
func Read(data []byte, asYAML bool, methods []string, rule PathRule) (*Document, *Problem) {
	v, err := js.LoadYAML(string(data))
	if err != nil {
		return nil, refuse(http.StatusInternalServerError, err.Error())
	}
	if v == nil || js.IsUndefined(v) {
		return nil, refuse(http.StatusInternalServerError, "Cannot read properties of "+js.String(v)+" (reading 'swagger')")
	}
	root, _ := v.(*js.Object)
	doc := &Document{Text: string(data), Hosts: []string{}}
	switch {
	case js.Truthy(root.Get("swagger")):
		root, err = convertSwagger(root)
		if err != nil {
			return nil, refuse(http.StatusInternalServerError, err.Error())
		}
		doc.Text = prettyJSON(root)
		if asYAML {
			doc.Text = stringifyYAML(root)
		}
	case !js.Truthy(root.Get("openapi")):
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined.")
	}
	resolver := &resolver{root: root}
	message := versionProblem(root)
	if message == "" {
		message = resolver.check()
	}
	if message != "" {
		return nil, refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec v"+js.String(root.Get("openapi"))+": "+message)
	}
	if problem := doc.collect(resolver, methods, rule); problem != nil {
		return nil, problem
	}
	return doc, nil
}

const (
	notADefinition = "[object Object] is not a valid Openapi API definition"
	version31      = "3.1.0"
)

// versionProblem has swagger-parser's checks before it resolves references.
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
			fields, err := r.fields(members, key)
			if err != nil {
				return refuse(http.StatusInternalServerError, err.Error())
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

// prettyJSON is JSON.stringify(v, null, 2).
func prettyJSON(v any) string { return string(js.EncodeIndent(v, "  ")) }
