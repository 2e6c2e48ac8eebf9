package backend

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// operation is one method of one path on one host.
type operation struct{ host, method, path string }

type specDocument struct {
	text       string
	hosts      []string
	operations []operation
}

// readSpec reads an OpenAPI 3 or Swagger 2 document.
func readSpec(data []byte, extension string) (*specDocument, *Response) {
	refuse := func(status int, message string) (*specDocument, *Response) {
		r := Text(status, message)
		return nil, &r
	}
	v, err := js.Decode(data)
	if err != nil {
		doc, yamlErr := js.ParseYAML(string(data))
		if yamlErr != nil {
			return refuse(http.StatusInternalServerError, yamlErr.Error())
		}
		v = doc.Value
	}
	root, _ := v.(*js.Object)
	if !js.Truthy(root.Get("swagger")) && !js.Truthy(root.Get("openapi")) {
		return refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined.")
	}
	doc := &specDocument{text: string(data)}
	version := "v3"
	if js.Truthy(root.Get("swagger")) {
		root, version = upgradeSwagger(root), "v2"
		doc.text = string(js.Encode(root))
		if extension == "yaml" {
			doc.text = js.DumpYAML(root)
		}
	}
	for _, name := range []string{"info", "paths"} {
		if root.Object(name) == nil {
			return refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec "+version+": Required property '"+name+"' is missing.")
		}
	}
	if bad := doc.collect(root); bad != nil {
		return nil, bad
	}
	return doc, nil
}

// upgradeSwagger turns the places of a Swagger 2 document that matter here into those of OpenAPI 3.
func upgradeSwagger(root *js.Object) *js.Object {
	out := js.New("openapi", "3.0.0")
	if host := root.Text("host"); host != "" {
		schemes := root.Texts("schemes")
		if len(schemes) == 0 {
			schemes = []string{"https"}
		}
		var servers []any
		for _, scheme := range schemes {
			servers = append(servers, js.New("url", scheme+"://"+host+strings.TrimSuffix(root.Text("basePath"), "/")))
		}
		out.Set("servers", servers)
	}
	for _, key := range root.Keys {
		if !slices.Contains([]string{"swagger", "host", "basePath", "schemes"}, key) {
			out.Set(key, root.Values[key])
		}
	}
	return out
}

func (d *specDocument) collect(root *js.Object) *Response {
	paths := root.Object("paths")
	for _, path := range paths.Keys {
		if problem := pathProblem(path, 0); problem != "" {
			r := Text(http.StatusBadRequest, path+": "+problem)
			return &r
		}
		item := paths.Object(path)
		if item == nil {
			continue
		}
		for _, key := range item.Keys {
			method := strings.ToUpper(key)
			if !slices.Contains(methods(), method) {
				continue
			}
			servers := nearest(item.Object(key).List("servers"), item.List("servers"), root.List("servers"))
			if len(servers) == 0 {
				r := Text(http.StatusUnprocessableEntity, "No servers or host found in spec file.")
				return &r
			}
			for _, s := range serverHosts(servers) {
				if !slices.Contains(d.hosts, s.host) {
					d.hosts = append(d.hosts, s.host)
				}
				d.operations = append(d.operations, operation{s.host, method, s.basePath + path})
			}
		}
	}
	if d.hosts == nil {
		d.hosts = []string{}
	}
	return nil
}

func nearest(lists ...[]any) []any {
	for _, list := range lists {
		if list != nil {
			return list
		}
	}
	return nil
}

type specServer struct{ host, basePath string }

// serverHosts lists the hosts of servers, their variables replaced by all that they may be.
func serverHosts(servers []any) []specServer {
	var out []specServer
	for _, v := range servers {
		s, _ := v.(*js.Object)
		urls := []string{s.Text("url")}
		if variables := s.Object("variables"); variables != nil {
			for _, name := range variables.Keys {
				values := variables.Object(name).Texts("enum")
				if len(values) == 0 {
					values = []string{variables.Object(name).Text("default")}
				}
				var next []string
				for _, u := range urls {
					for _, value := range values {
						next = append(next, strings.ReplaceAll(u, "{"+name+"}", value))
					}
				}
				urls = next
			}
		}
		for _, raw := range urls {
			u, err := url.Parse(raw)
			if err != nil || u.Host == "" {
				continue
			}
			server := specServer{u.Host, strings.TrimSuffix(u.Path, "/")}
			if !slices.Contains(out, server) {
				out = append(out, server)
			}
		}
	}
	return out
}
