package apitest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"
)

// Generate makes a test for endpoint from a built-in template, whose name is matched in any case:
// GENERIC, BROKEN_AUTHENTICATION, BOLA, BOLA_ADMIN, BOLA_MULTI_TENANT, HSTS, CSP, VALIDATE_AUTH_RULES
// or SQLI_TIME_BASED. config may be nil for templates that do not need it.
//
// Errors: ErrUnknownTemplate; ErrNoAuthConfig when the template needs the authentication of a host
// for which none is configured; and an endpoint that lacks host, path or method.
func Generate(template string, endpoint *metlo.TestEndpoint, config *TemplateConfig, opts ...GenerateOption) (*Config, error) {
	return NewRegistry().Generate(template, endpoint, config, opts...)
}

// Template makes tests of one kind.
type Template struct {
	// Name is what Generate is called with. Case does not count.
	Name string
	// Version is free for the author's use; built-in templates have 1.
	Version int
	// Build makes the test.
	Build func(in *TemplateInput) (*TestBuilder, error)
}

// Registry holds templates by name. It is safe for concurrent use once nobody registers any more.
type Registry struct {
	templates map[string]Template
}

// NewRegistry gives a registry with the built-in templates.
func NewRegistry() *Registry {
	r := &Registry{templates: map[string]Template{}}
	for _, t := range builtinTemplates() {
		r.templates[t.Name] = t
	}
	return r
}

// Register adds a template or replaces the one of that name.
func (r *Registry) Register(t Template) error {
	if t.Name == "" || t.Build == nil {
		return errors.New("apitest: register: a template needs a Name and a Build function")
	}
	r.templates[strings.ToUpper(t.Name)] = t
	return nil
}

// Names gives the names of all templates, sorted.
func (r *Registry) Names() []string {
	return slices.Sorted(maps.Keys(r.templates))
}

// Generate makes a test as the function Generate does, from the templates of r.
func (r *Registry) Generate(
	template string, endpoint *metlo.TestEndpoint, config *TemplateConfig, opts ...GenerateOption,
) (*Config, error) {
	t, ok := r.templates[strings.ToUpper(template)]
	if !ok {
		return nil, fmt.Errorf("apitest: %w: %q: known: %s", ErrUnknownTemplate, template, strings.Join(r.Names(), ", "))
	}
	fail := func(err error) (*Config, error) {
		return nil, fmt.Errorf("apitest: generate %s: %w", t.Name, err)
	}
	if err := checkEndpoint(endpoint); err != nil {
		return fail(err)
	}
	in := &TemplateInput{Endpoint: cloneEndpoint(endpoint), Config: config, random: rand.Float64}
	if config == nil {
		in.Config = &TemplateConfig{}
	}
	for _, o := range opts {
		if o != nil {
			o(in)
		}
	}
	builder, err := t.Build(in)
	if err != nil {
		return fail(err)
	}
	if builder == nil {
		return fail(errors.New("the template built nothing"))
	}
	cfg, err := builder.Config()
	if err != nil {
		return fail(err)
	}
	return cfg, nil
}

func checkEndpoint(e *metlo.TestEndpoint) error {
	switch {
	case e == nil:
		return errors.New("the endpoint is nil")
	case e.Host == "":
		return errors.New("the endpoint has no host")
	case strings.ContainsFunc(e.Host, notInHost):
		return fmt.Errorf("the endpoint's host %q is not a host", e.Host)
	case !strings.HasPrefix(e.Path, "/"):
		return fmt.Errorf("the endpoint's path %q does not start with /", e.Path)
	case !slices.Contains(restMethods, string(e.Method)):
		return fmt.Errorf("the endpoint's method %q is not one of %s", string(e.Method), strings.Join(restMethods, ", "))
	}
	return nil
}

func notInHost(r rune) bool {
	return r <= ' ' || r == 0x7f || strings.ContainsRune("\"'\\/?#@<>{}`|^%", r)
}

// cloneEndpoint copies what templates may change.
func cloneEndpoint(e *metlo.TestEndpoint) *metlo.TestEndpoint {
	c := *e
	c.DataFields = slices.Clone(e.DataFields)
	if e.AuthConfig != nil {
		auth := *e.AuthConfig
		c.AuthConfig = &auth
	}
	return &c
}

// GenerateOption changes how Generate works.
type GenerateOption func(*TemplateInput)

// WithRandom takes sample values and the test's id from f, which gives numbers from 0 up to but not 1.
func WithRandom(f func() float64) GenerateOption {
	return func(in *TemplateInput) {
		if f != nil {
			in.random = f
		}
	}
}

// WithID sets the test's id instead of a random UUID.
func WithID(id string) GenerateOption {
	return func(in *TemplateInput) { in.id = id }
}

// TemplateInput is what a template works with.
type TemplateInput struct {
	// Endpoint is a copy of the endpoint under test.
	Endpoint *metlo.TestEndpoint
	// Config knows hosts, actors, resources and permissions. It is never nil.
	Config *TemplateConfig

	random func() float64
	id     string
}

// float gives a random number in [0, 1), whatever the caller's function gives.
func (in *TemplateInput) float() float64 {
	f := in.random()
	if !(f >= 0 && f < 1) {
		return 0
	}
	return f
}

// RequireAuth gives ErrNoAuthConfig if the endpoint has no auth config.
func (in *TemplateInput) RequireAuth() error {
	if in.Endpoint.AuthConfig == nil {
		return in.noAuth()
	}
	return nil
}

func (in *TemplateInput) noAuth() error {
	return fmt.Errorf("%w for host %q: add the host to the authentication section of Metlo's config, or to the testing config", ErrNoAuthConfig, in.Endpoint.Host)
}

// uuid makes a version 4 UUID from the random numbers.
func (in *TemplateInput) uuid() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(in.float() * 256)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
