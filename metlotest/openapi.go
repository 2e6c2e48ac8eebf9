package metlotest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// operation is one method of one path on one host.
type operation struct{ host, method, path string }

type specDocument struct {
	text       string
	hosts      []string
	operations []operation
}

// readSpec reads an OpenAPI 3 or Swagger 2 document.
func readSpec(data []byte, extension string) (*specDocument, *response) {
	refuse := func(status int, message string) (*specDocument, *response) {
		r := text(status, message)
		return nil, &r
	}
	v, err := decode(data)
	if err != nil {
		doc, yamlErr := parseYAML(string(data))
		if yamlErr != nil {
			return refuse(http.StatusInternalServerError, yamlErr.Error())
		}
		v = doc.value
	}
	root, _ := v.(*object)
	if !truthy(root.get("swagger")) && !truthy(root.get("openapi")) {
		return refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec: No 'swagger' or 'openapi' field defined.")
	}
	doc := &specDocument{text: string(data)}
	version := "v3"
	if truthy(root.get("swagger")) {
		root, version = upgradeSwagger(root), "v2"
		doc.text = string(encode(root))
		if extension == "yaml" {
			doc.text = dumpYAML(root)
		}
	}
	for _, name := range []string{"info", "paths"} {
		if root.object(name) == nil {
			return refuse(http.StatusUnprocessableEntity, "Invalid OpenAPI Spec "+version+": Required property '"+name+"' is missing.")
		}
	}
	if bad := doc.collect(root); bad != nil {
		return nil, bad
	}
	return doc, nil
}

// upgradeSwagger turns the places of a Swagger 2 document that matter here into those of OpenAPI 3.
func upgradeSwagger(root *object) *object {
	out := newObject("openapi", "3.0.0")
	if host := root.text("host"); host != "" {
		schemes := root.texts("schemes")
		if len(schemes) == 0 {
			schemes = []string{"https"}
		}
		var servers []any
		for _, scheme := range schemes {
			servers = append(servers, newObject("url", scheme+"://"+host+strings.TrimSuffix(root.text("basePath"), "/")))
		}
		out.set("servers", servers)
	}
	for _, key := range root.keys {
		if !slices.Contains([]string{"swagger", "host", "basePath", "schemes"}, key) {
			out.set(key, root.values[key])
		}
	}
	return out
}

func (d *specDocument) collect(root *object) *response {
	paths := root.object("paths")
	for _, path := range paths.keys {
		if problem := pathProblem(path, 0); problem != "" {
			r := text(http.StatusBadRequest, path+": "+problem)
			return &r
		}
		item := paths.object(path)
		if item == nil {
			continue
		}
		for _, key := range item.keys {
			method := strings.ToUpper(key)
			if !slices.Contains(methods(), method) {
				continue
			}
			servers := nearest(item.object(key).list("servers"), item.list("servers"), root.list("servers"))
			if len(servers) == 0 {
				r := text(http.StatusUnprocessableEntity, "No servers or host found in spec file.")
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
		s, _ := v.(*object)
		urls := []string{s.text("url")}
		if variables := s.object("variables"); variables != nil {
			for _, name := range variables.keys {
				values := variables.object(name).texts("enum")
				if len(values) == 0 {
					values = []string{variables.object(name).text("default")}
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
