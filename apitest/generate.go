package apitest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/testingconfig"
)

// Generate returns a test of endpoint from a template: one of Templates, or one added by WithTemplate. The case of its
// name is ignored. config may be nil for templates that do not need it. Requests go to the testingHost that config has
// for the endpoint's host, or else to the host.
//
// Generate returns ErrUnknownTemplate if there is no such template. It returns ErrNotApplicable if the template cannot
// test the endpoint, as for BOLA without an id, or if steps of the test would contradict each other. It returns
// ErrNoAuthConfig if the template needs authentication and none is configured for the host.
func Generate(template string, endpoint *metlo.TestEndpoint, config *TestingConfig, opts ...GenerateOption) (*Config, error) {
	g := &generator{templates: builtinTemplates(), random: rand.Float64}
	for _, o := range opts {
		if o != nil {
			o(g)
		}
	}
	build := g.templates[strings.ToUpper(template)]
	if build == nil {
		return nil, fmt.Errorf("apitest: %w: %q%s; known: %s", ErrUnknownTemplate, template,
			didYouMean(template, sortedKeys(g.templates)), strings.Join(sortedKeys(g.templates), ", "))
	}
	cfg, err := g.generate(build, endpoint, config)
	if err != nil {
		return nil, fmt.Errorf("apitest: generate %s: %w", strings.ToUpper(template), err)
	}
	return cfg, nil
}

// Templates returns the names of the built-in templates, sorted.
func Templates() []string { return sortedKeys(builtinTemplates()) }

// FileName returns a file name for the test that a template generates for an endpoint, such as
// get-shop.example.com-orders-_orderId_-bola.yaml. It always returns the same name for the same endpoint and template.
// If the path contains characters that a file name cannot represent, the name ends with a checksum.
func FileName(template string, endpoint *metlo.TestEndpoint) string {
	path := strings.NewReplacer("/", "-", "{", "_", "}", "_").Replace(strings.Trim(endpoint.Path, "/"))
	parts := []string{strings.ToLower(string(endpoint.Method)), strings.ToLower(endpoint.Host), path, strings.ToLower(template)}
	if path == "" {
		parts = slices.Delete(parts, 2, 3)
	}
	name := oddInFileName.ReplaceAllString(strings.Join(parts, "-"), "-")
	if plainPath.MatchString(endpoint.Path) && len(name) <= 150 {
		return name + ".yaml"
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(strings.Join(append(parts, endpoint.Path), "\n")))
	return fmt.Sprintf("%s-%08x.yaml", name[:min(len(name), 150)], sum.Sum32())
}

var (
	oddInFileName = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
	plainPath     = regexp.MustCompile(`^(/[A-Za-z0-9.]+|/\{[A-Za-z0-9.]+\})*/?$`)
)

// TestingConfig represents a testing configuration: its hosts, actors, resources and permissions, in the order of the
// text.
type TestingConfig = testingconfig.Config

// ParseTestingConfig parses a testing configuration, such as the one that the client's Testing.Config returns. An empty
// text is an empty configuration. Faults are returned as *ConfigError, all of them joined, with line and column.
func ParseTestingConfig(text string) (*TestingConfig, error) {
	statements, err := testingconfig.Parse(text)
	if err != nil {
		return nil, ruleFault(err)
	}
	var faults []error
	for _, issue := range testingconfig.Validate(statements) {
		faults = append(faults, &ConfigError{Line: issue.Line, Column: issue.Column, Path: issue.PathText(), Message: "testing config: " + issue.Message})
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return testingconfig.NewConfig(statements), nil
}

// Format returns a testing configuration in the standard layout. It returns a *ConfigError for a syntax error and does
// not check members. If text ends with a comment, the result has no final line break, because Metlo's server rejects
// one there.
func Format(text string) (string, error) {
	statements, err := testingconfig.Parse(text)
	if err != nil {
		return "", ruleFault(err)
	}
	return testingconfig.Format(statements), nil
}

func ruleFault(err error) error {
	var syntax *testingconfig.SyntaxError
	if errors.As(err, &syntax) {
		return &ConfigError{Line: syntax.Line, Column: syntax.Column, Message: "testing config: " + syntax.Message}
	}
	return err
}

// Template generates tests of one kind.
type Template struct {
	// Name is the name that Generate is called with, in any case.
	Name string
	// Build returns the test for the endpoint of in.
	Build func(in *TemplateInput) (*TestBuilder, error)
}

type generator struct {
	templates map[string]func(in *TemplateInput) (*TestBuilder, error)
	random    func() float64
	id        string
}

func (g *generator) generate(
	build func(in *TemplateInput) (*TestBuilder, error), endpoint *metlo.TestEndpoint, config *TestingConfig,
) (*Config, error) {
	if err := checkEndpoint(endpoint); err != nil {
		return nil, err
	}
	in := &TemplateInput{Endpoint: cloneEndpoint(endpoint), Config: config, random: g.random, id: g.id}
	if config == nil {
		in.Config = &TestingConfig{}
	}
	builder, err := build(in)
	if err != nil {
		return nil, err
	}
	if builder == nil {
		return nil, errors.New("the Build function of the template returned nil: return a builder or an error")
	}
	cfg, err := builder.Config()
	if err != nil {
		return nil, err
	}
	if i, j, found := contradiction(cfg); found {
		return nil, in.notApplicable("has the same request in steps %d and %d, which must succeed in one and must be refused in the other", i+1, j+1)
	}
	return cfg, nil
}

func checkEndpoint(e *metlo.TestEndpoint) error {
	switch {
	case e == nil:
		return errors.New("the endpoint is nil: pass one")
	case e.Host == "":
		return errors.New("the endpoint has no host: set Host")
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

// cloneEndpoint returns a copy that templates may change.
func cloneEndpoint(e *metlo.TestEndpoint) *metlo.TestEndpoint {
	c := *e
	c.DataFields = slices.Clone(e.DataFields)
	if e.AuthConfig != nil {
		auth := *e.AuthConfig
		c.AuthConfig = &auth
	}
	return &c
}

// GenerateOption configures Generate.
type GenerateOption func(*generator)

// WithRandom sets the source of sample values and of the test's id. f returns numbers in [0, 1).
func WithRandom(f func() float64) GenerateOption {
	return func(g *generator) {
		if f != nil {
			g.random = f
		}
	}
}

// WithID sets the test's id. By default it is a random UUID.
func WithID(id string) GenerateOption {
	return func(g *generator) { g.id = id }
}

// WithTemplate adds a template, or replaces the built-in template of the same name. If t has no Build function, WithTemplate
// removes the built-in template.
func WithTemplate(t Template) GenerateOption {
	return func(g *generator) { g.templates[strings.ToUpper(t.Name)] = t.Build }
}

// TemplateInput holds the endpoint and the configuration for which a template generates a test.
type TemplateInput struct {
	// Endpoint is a copy of the endpoint under test.
	Endpoint *metlo.TestEndpoint
	// Config is the testing configuration. It is never nil.
	Config *TestingConfig

	random  func() float64
	id      string
	fillIDs bool // ids in bodies are variables to fill in
}

// host returns the entry of the testing configuration for the endpoint's host, or nil.
func (in *TemplateInput) host() *testingconfig.Host {
	for i := range in.Config.Hosts {
		if in.Config.Hosts[i].Name == in.Endpoint.Host {
			return &in.Config.Hosts[i]
		}
	}
	return nil
}

// baseURL returns the URL of the server that the requests go to.
func (in *TemplateInput) baseURL() string {
	host := in.Endpoint.Host
	if h := in.host(); h != nil && h.TestingHost != "" {
		host = h.TestingHost
	}
	if strings.HasPrefix(host, "http://") || strings.HasPrefix(host, "https://") {
		return strings.TrimSuffix(host, "/")
	}
	return "https://" + host
}

// float returns a random number in [0, 1), even if the caller's function does not.
func (in *TemplateInput) float() float64 {
	f := in.random()
	if !(f >= 0 && f < 1) {
		return 0
	}
	return f
}

// RequireAuth returns ErrNoAuthConfig if the endpoint has no auth config.
func (in *TemplateInput) RequireAuth() error {
	if in.Endpoint.AuthConfig == nil {
		return in.noAuth()
	}
	return nil
}

func (in *TemplateInput) noAuth() error {
	return fmt.Errorf("%w for host %q: add the host to the authentication section of Metlo's config, or to the testing config", ErrNoAuthConfig, in.Endpoint.Host)
}

// uuid returns a version 4 UUID made of the random numbers.
func (in *TemplateInput) uuid() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(in.float() * 256)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
