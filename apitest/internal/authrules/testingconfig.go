// Package authrules holds what a testing configuration says: hosts, actors, resources and permissions.
package authrules

import (
	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/testingconfig"
)

// Host says how a host is tested.
type Host struct {
	// Name is the host as Metlo knows it.
	Name string
	// TestingHost is where tests go instead; empty when not stated.
	TestingHost string
	// AuthType is how callers prove who they are; empty when not stated.
	AuthType metlo.AuthType
	// HeaderKey is the header of AuthType header and jwt.
	HeaderKey string
	// JWTUserPath leads to the user in a token.
	JWTUserPath string
	// CookieName is the cookie of AuthType session_cookie.
	CookieName string
	// ResponseAssertions tell success from refusal; the first whose Path matches counts.
	ResponseAssertions []ResponseAssertion
}

// ResponseAssertion tells a successful from a refused response, for some paths of a host.
type ResponseAssertion struct {
	// Path is a regular expression over the endpoint's path; empty matches all.
	Path string
	// Success is a script that holds for a successful response; empty means the default.
	Success string
	// Unauthenticated is a script that holds for a refused response; empty means the default.
	Unauthenticated string
}

// Actor is a kind of user with its instances.
type Actor struct {
	Name string
	// Items are the instances. The field auth holds an instance's credentials.
	Items []Item
}

// Resource is a kind of object with its instances and the endpoints that touch it.
type Resource struct {
	Name string
	// Permissions are the actions that exist for it.
	Permissions []string
	Items       []Item
	// Endpoints says which endpoints need which permissions.
	Endpoints []EndpointRule
}

// EndpointRule says which permissions an endpoint needs. All stated conditions must hold.
type EndpointRule struct {
	Permissions []string
	// Host and Path are regular expressions; empty matches all.
	Host, Path string
	// Methods are the methods it is about; empty means all. Metlo's server accepts only one.
	Methods []metlo.RestMethod
	// ContainsResource demands that the endpoint carries the resource in a data field.
	ContainsResource *ContainsResource
}

// ContainsResource demands a data field that holds a resource.
type ContainsResource struct {
	// Path is the start of the field's place, such as req.path or req.body.order.
	Path string
	// Type is the resource or actor; empty means the resource that the rule belongs to.
	Type string
}

// Permission grants actions on resources to actors.
type Permission struct {
	Actor       Selector
	Permissions []string
	Resource    Selector
}

// Selector picks instances of an actor or a resource.
type Selector struct {
	Name string
	// Filters are the field values that an instance must have; none picks all instances.
	Filters Item
}

// New takes over the content of a configuration that was parsed and checked.
func New(c *testingconfig.Config) *TemplateConfig {
	out := &TemplateConfig{}
	for _, h := range c.Hosts {
		host := Host{
			Name: h.Name, TestingHost: h.TestingHost, AuthType: metlo.AuthType(h.AuthType), HeaderKey: h.HeaderKey,
			JWTUserPath: h.JWTUserPath, CookieName: h.CookieName,
		}
		for _, a := range h.ResponseAssertions {
			host.ResponseAssertions = append(host.ResponseAssertions, ResponseAssertion(a))
		}
		out.Hosts = append(out.Hosts, host)
	}
	for _, a := range c.Actors {
		out.Actors = append(out.Actors, Actor{Name: a.Name, Items: items(a.Items)})
	}
	for _, r := range c.Resources {
		resource := Resource{Name: r.Name, Permissions: r.Permissions, Items: items(r.Items)}
		for _, e := range r.Endpoints {
			rule := EndpointRule{Permissions: e.Permissions, Host: e.Host, Path: e.Path}
			for _, m := range e.Methods {
				rule.Methods = append(rule.Methods, metlo.RestMethod(m))
			}
			if e.ContainsResource != nil {
				contains := ContainsResource(*e.ContainsResource)
				rule.ContainsResource = &contains
			}
			resource.Endpoints = append(resource.Endpoints, rule)
		}
		out.Resources = append(out.Resources, resource)
	}
	for _, p := range c.Permissions {
		out.Permissions = append(out.Permissions, Permission{Actor: selector(p.Actor), Permissions: p.Permissions, Resource: selector(p.Resource)})
	}
	return out
}

func selector(s testingconfig.Selection) Selector {
	return Selector{Name: s.Name, Filters: item(s.Filters)}
}

func items(list []testingconfig.Object) []Item {
	var out []Item
	for _, o := range list {
		out = append(out, item(o))
	}
	return out
}

func item(o testingconfig.Object) Item {
	out := Item{}
	for _, p := range o {
		out = append(out, Field{Name: p.Name, Value: value(p.Value)})
	}
	return out
}

// value gives whole numbers as int.
func value(v any) any {
	switch v := v.(type) {
	case float64:
		return jsvalue.Shrink(v)
	case testingconfig.Object:
		return item(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = value(e)
		}
		return out
	}
	return v
}

// TemplateConfig is what templates know about hosts, actors, resources and permissions.
// Its order is that of the text, which generated tests follow.
type TemplateConfig struct {
	Hosts       []Host
	Actors      []Actor
	Resources   []Resource
	Permissions []Permission
}

// Host gives the host called name, or nil.
func (c *TemplateConfig) Host(name string) *Host {
	if c == nil {
		return nil
	}
	for i := range c.Hosts {
		if c.Hosts[i].Name == name {
			return &c.Hosts[i]
		}
	}
	return nil
}

// Items gives the instances of the actor or resource called name.
func (c *TemplateConfig) Items(name string) []Item {
	if c == nil {
		return nil
	}
	for _, a := range c.Actors {
		if a.Name == name {
			return a.Items
		}
	}
	for _, r := range c.Resources {
		if r.Name == name {
			return r.Items
		}
	}
	return nil
}
