package testingconfig

// Config is the content of statements without issues. If a name is declared twice, the last declaration counts, at the
// place of the first, as on Metlo's server.
type Config struct {
	Hosts       []Host
	Actors      []Actor
	Resources   []Resource
	Permissions []Permission
}

// Host describes how a host is tested. A text that the configuration does not set is empty.
type Host struct {
	Name               string
	TestingHost        string
	AuthType           string
	HeaderKey          string
	JWTUserPath        string
	CookieName         string
	ResponseAssertions []ResponseAssertion
}

// ResponseAssertion distinguishes a successful from a refused response, for some paths of a host.
type ResponseAssertion struct{ Path, Success, Unauthenticated string }

// Actor is a kind of user with its instances.
type Actor struct {
	Name  string
	Items []Object
}

// Resource is a kind of object with its instances and the endpoints that access it.
type Resource struct {
	Name        string
	Permissions []string
	Items       []Object
	Endpoints   []EndpointRule
}

// EndpointRule lists the permissions that an endpoint requires. All conditions that are set must hold.
type EndpointRule struct {
	Permissions []string
	Host, Path  string
	// Methods holds the methods of a rule, one or a list.
	Methods []string
	// MethodIsList reports that method is a list, which the server stores but cannot use.
	MethodIsList     bool
	ContainsResource *ContainsResource
}

// ContainsResource is the condition that a data field holds a resource.
type ContainsResource struct{ Path, Type string }

// Permission grants permissions on resources to actors.
type Permission struct {
	Actor       Selection
	Permissions []string
	Resource    Selection
}

// Selection names an actor or a resource, and the values that an instance must have.
type Selection struct {
	Name    string
	Filters Object
}

// Object is an object with the properties that JavaScript keeps, in JavaScript's order.
type Object []Property

// Property is a named value: nil, a bool, float64, string, []any or Object.
type Property struct {
	Name  string
	Value any
}

// NewConfig returns the content of statements, without those that Validate rejects.
func NewConfig(statements []Statement) *Config {
	c := &Config{}
	for _, s := range statements {
		m := Value{V: s.Members}
		switch s.Kind {
		case KindHost:
			put(&c.Hosts, m.host(s.Name), func(h Host) string { return h.Name })
		case KindActor:
			put(&c.Actors, Actor{s.Name, m.get("items").objects()}, func(a Actor) string { return a.Name })
		case KindResource:
			put(&c.Resources, m.resource(s.Name), func(r Resource) string { return r.Name })
		case KindPermission:
			c.Permissions = append(c.Permissions, Permission{
				Actor: s.Subject.side(), Permissions: Value{V: s.Permissions}.texts(), Resource: s.Object.side(),
			})
		case KindComment:
		}
	}
	return c
}

func put[T any](list *[]T, item T, name func(T) string) {
	for i := range *list {
		if name((*list)[i]) == name(item) {
			(*list)[i] = item
			return
		}
	}
	*list = append(*list, item)
}

func (s Selector) side() Selection {
	return Selection{Name: s.Name, Filters: objectOf(s.Filters)}
}

func (v Value) host(name string) Host {
	h := Host{
		Name: name, TestingHost: v.get("testingHost").text(), AuthType: v.get("authType").text(), HeaderKey: v.get("headerKey").text(),
		JWTUserPath: v.get("jwtUserPath").text(), CookieName: v.get("cookieName").text(),
	}
	for _, a := range v.get("responseAssertions").list() {
		h.ResponseAssertions = append(h.ResponseAssertions, ResponseAssertion{
			Path: a.get("path").text(), Success: a.get("success").text(), Unauthenticated: a.get("unauthenticated").text(),
		})
	}
	return h
}

func (v Value) resource(name string) Resource {
	r := Resource{Name: name, Permissions: v.get("permissions").texts(), Items: v.get("items").objects()}
	for _, e := range v.get("endpoints").list() {
		rule := EndpointRule{Permissions: e.get("permissions").texts(), Host: e.get("host").text(), Path: e.get("path").text()}
		switch method := e.get("method"); method.V.(type) {
		case string:
			rule.Methods = []string{method.text()}
		case []Value:
			rule.Methods, rule.MethodIsList = method.texts(), true
		}
		if contains := e.get("contains_resource"); contains.V != nil {
			rule.ContainsResource = &ContainsResource{contains.get("path").text(), contains.get("type").text()}
		}
		r.Endpoints = append(r.Endpoints, rule)
	}
	return r
}

// get returns a member of an object; the last one of duplicates.
func (v Value) get(name string) Value {
	members, _ := v.V.([]Member)
	for i := len(members) - 1; i >= 0; i-- {
		if members[i].Name == name {
			return members[i].Value
		}
	}
	return Value{}
}

func (v Value) text() string {
	s, _ := v.V.(string)
	return s
}

func (v Value) list() []Value {
	list, _ := v.V.([]Value)
	return list
}

func (v Value) texts() []string {
	texts := []string{}
	for _, e := range v.list() {
		if s, ok := e.V.(string); ok {
			texts = append(texts, s)
		}
	}
	return texts
}

func (v Value) objects() []Object {
	objects := []Object{}
	for _, e := range v.list() {
		if members, ok := e.V.([]Member); ok {
			objects = append(objects, objectOf(members))
		}
	}
	return objects
}

func objectOf(members []Member) Object {
	o := Object{}
	for _, m := range Properties(members) {
		o = append(o, Property{m.Name, m.Value.Plain()})
	}
	return o
}

// Plain returns the value without places: lists as []any, objects as Object.
func (v Value) Plain() any {
	switch x := v.V.(type) {
	case []Value:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = e.Plain()
		}
		return list
	case []Member:
		return objectOf(x)
	}
	return v.V
}

// Get returns the value of a property.
func (o Object) Get(name string) (any, bool) {
	for _, p := range o {
		if p.Name == name {
			return p.Value, true
		}
	}
	return nil, false
}
