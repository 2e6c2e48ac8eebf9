package openapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// server is a host with its base paths; "" is its root.
type server struct {
	host      string
	basePaths []string
}

// nearest returns the servers of the first object that has any property of that name.
func nearest(objects ...*js.Object) []any {
	for _, o := range objects {
		v := o.Get("servers")
		if v != nil && !js.IsUndefined(v) {
			list, _ := v.([]any)
			return list
		}
	}
	return nil
}

// readServers lists the hosts of servers. A host that several servers name has the paths of the last one.
func readServers(list []any, rule PathRule) ([]server, *Problem) {
	if len(list) == 0 {
		return nil, refuse(http.StatusUnprocessableEntity, "No servers or host found in spec file.")
	}
	var all []server
	for _, v := range list {
		o, _ := v.(*js.Object)
		own, problem := serverHosts(o, rule)
		if problem != nil {
			return nil, problem
		}
		for _, s := range own {
			if at := slices.IndexFunc(all, func(known server) bool { return known.host == s.host }); at >= 0 {
				all[at] = s
			} else {
				all = append(all, s)
			}
		}
	}
	for i := range all {
		if len(all[i].basePaths) == 0 {
			all[i].basePaths = []string{""}
		}
	}
	return all, nil
}

func serverHosts(o *js.Object, rule PathRule) ([]server, *Problem) {
	var hosts []server
	for _, text := range serverURLs(o) {
		invalid := refuse(http.StatusInternalServerError, "Provided server url in OpenAPI Spec is not a valid url: "+text)
		host, written, ok := js.ParseURL(text)
		if !ok {
			return nil, invalid
		}
		path, problem := rule(written)
		if problem != "" {
			return nil, invalid
		}
		at := slices.IndexFunc(hosts, func(s server) bool { return s.host == host })
		switch {
		case at < 0:
			hosts = append(hosts, server{host: host})
			if len(path) > 1 {
				// The first path of a host remains as written.
				hosts[len(hosts)-1].basePaths = []string{written}
			}
		case len(path) > 1 && !slices.Contains(hosts[at].basePaths, path):
			hosts[at].basePaths = append(hosts[at].basePaths, path)
		}
	}
	return hosts, nil
}

// serverURLs replaces a server's variables with all possible values.
func serverURLs(o *js.Object) []string {
	text := o.Text("url")
	if text == "" {
		return nil
	}
	urls := []string{text}
	for name, v := range o.Object("variables").All() {
		variable, _ := v.(*js.Object)
		values := variable.Texts("enum")
		if !js.Truthy(variable.Get("enum")) && js.Truthy(variable.Get("default")) {
			values = []string{js.String(variable.Get("default"))}
		}
		var next []string
		for _, u := range urls {
			for _, value := range values {
				next = append(next, strings.ReplaceAll(u, "{"+name+"}", value))
			}
		}
		urls = next
	}
	return slices.Compact(urls)
}
