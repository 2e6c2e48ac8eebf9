// Package authrules reads the language that says who may do what.
package authrules

import (
	"errors"
	"fmt"

	metlo "github.com/metlo-go/metlo"
)

// TestingConfig is a text of Metlo's resource language, read.
type TestingConfig struct {
	// Statements are in the order of the text, comments included.
	Statements []Statement
}

// Statement is one statement. Exactly one of its pointers is set, or none for a comment.
type Statement struct {
	// Line and Column say where it starts, counted from 1.
	Line, Column int
	// Comment is the text after #, for a comment.
	Comment    string
	Host       *Host
	Actor      *Actor
	Resource   *Resource
	Permission *Permission
	members    []tcMember
}

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
	bare    bool // written without parentheses
}

// SyntaxError is a text that is not in the resource language.
type SyntaxError struct {
	// Line, Column, EndLine and EndColumn bound the fault, counted from 1.
	Line, Column, EndLine, EndColumn int
	// Message says what was expected and what is there.
	Message string
}

// Error gives "line:column: message".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
}

// SchemaError is a member of a statement that does not exist or has the wrong value.
type SchemaError struct {
	// Line and Column say where, counted from 1.
	Line, Column int
	// Path leads to the fault: the statement's number from 0, then names and positions.
	Path []any
	// Code is the kind of fault: unrecognized_keys, invalid_enum_value or invalid_type.
	Code string
	// Message says what is wrong.
	Message string
}

// Error gives "line:column: message".
func (e *SchemaError) Error() string {
	return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Message)
}

// ParseTestingConfig reads a text of the resource language, as Testing.Config of the client gives it.
// A fault of the syntax is a *SyntaxError; faults of members are *SchemaError, all of them joined.
func ParseTestingConfig(text string) (*TestingConfig, error) {
	raw, err := parseStatements(text)
	if err != nil {
		return nil, err
	}
	c := &tcChecker{text: text}
	cfg := &TestingConfig{}
	for i, r := range raw {
		cfg.Statements = append(cfg.Statements, c.statement(i, r))
	}
	if len(c.errs) > 0 {
		return nil, errors.Join(c.errs...)
	}
	return cfg, nil
}

// TemplateConfig gathers the statements into what templates use. Of two declarations of one name
// the last counts, at the place of the first, as on Metlo's server.
func (c *TestingConfig) TemplateConfig() *TemplateConfig {
	out := &TemplateConfig{}
	for _, s := range c.Statements {
		switch {
		case s.Host != nil:
			out.Hosts = put(out.Hosts, *s.Host, func(h Host) string { return h.Name })
		case s.Actor != nil:
			out.Actors = put(out.Actors, *s.Actor, func(a Actor) string { return a.Name })
		case s.Resource != nil:
			out.Resources = put(out.Resources, *s.Resource, func(r Resource) string { return r.Name })
		case s.Permission != nil:
			out.Permissions = append(out.Permissions, *s.Permission)
		}
	}
	return out
}

func put[T any](list []T, item T, name func(T) string) []T {
	for i := range list {
		if name(list[i]) == name(item) {
			list[i] = item
			return list
		}
	}
	return append(list, item)
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

func restMethods() []string {
	return []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
}
