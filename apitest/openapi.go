package apitest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/yamltree"
)

// OpenAPIEndpoints returns the operations of an OpenAPI or Swagger document, which may be YAML or JSON. Each path
// starts with the path of the first server, or with basePath.
func OpenAPIEndpoints(text []byte) ([]Endpoint, error) {
	root, err := yamltree.Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("apitest: OpenAPI: %w", err)
	}
	if root == nil || root.Get("paths") == nil || root.Get("openapi") == nil && root.Get("swagger") == nil {
		return nil, errors.New("apitest: the document is not OpenAPI, because it lacks openapi or paths: pass an OpenAPI or Swagger document")
	}
	base := ""
	if servers := root.Get("servers"); servers != nil && len(servers.Items) > 0 && servers.Items[0].Get("url") != nil {
		if u, err := url.Parse(servers.Items[0].Get("url").Text); err == nil {
			base = u.Path
		}
	} else if path := root.Get("basePath"); path != nil {
		base = path.Text
	}
	var out []Endpoint
	paths := root.Get("paths")
	for i := range paths.Pairs {
		for j := range paths.Pairs[i].Value.Pairs {
			if method := strings.ToUpper(paths.Pairs[i].Value.Pairs[j].Key); slices.Contains(restMethods, method) {
				out = append(out, Endpoint{Method: method, Path: strings.TrimSuffix(base, "/") + paths.Pairs[i].Key})
			}
		}
	}
	if len(out) == 0 {
		return nil, errors.New("apitest: the OpenAPI document has no operations")
	}
	return out, nil
}
