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

// Generate makes a test for endpoint from a template, whose name is matched in any case: one of Templates, or one given
// by WithTemplate. config may be nil for templates that do not need it. Requests go to the testingHost that config
// names for the endpoint's host, else to that host.
//
// Errors: ErrUnknownTemplate; ErrNotApplicable when the template cannot test the endpoint, as BOLA without an id, or
// when the steps of the test would contradict each other; ErrNoAuthConfig when the template needs the authentication of
// a host for which none is configured; and an endpoint that lacks host, path or method.
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

// Templates gives the names of the built-in templates, sorted.
func Templates() []string { return sortedKeys(builtinTemplates()) }

// FileName gives the name of the file for the test that a template makes of an endpoint, such as
// get-shop.example.com-orders-_orderId_-bola.yaml. Generating again replaces the file. A path with characters that a
// name cannot keep apart gets a checksum besides.
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

// TestingConfig is what a testing configuration says about hosts, actors, resources and permissions, in the order of
// its text.
type TestingConfig = testingconfig.Config

// ParseTestingConfig reads a text of the language that says who may do what, as Testing.Config of the client gives it.
// An empty text is an empty configuration. Faults are *ConfigError, all of them joined, with line and column.
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

// Format lays out a testing configuration in the standard way. A fault of the syntax is a *ConfigError; members are not
// checked. A text that ends in a comment gets no line break at its end, because Metlo's server refuses one there.
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

// Template makes tests of one kind.
type Template struct {
	// Name is what Generate is called with. Case does not count.
	Name string
	// Build makes the test.
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
		return nil, errors.New("the template built nothing")
	}
	cfg, err := builder.Config()
	if err != nil {
		return nil, err
	}
	if i, j, found := contradiction(cfg); found {
		return nil, in.notApplicable("makes steps %d and %d the same request, of which one must succeed where the other must not", i+1, j+1)
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
type GenerateOption func(*generator)

// WithRandom takes sample values and the test's id from f, which gives numbers from 0 up to but not 1.
func WithRandom(f func() float64) GenerateOption {
	return func(g *generator) {
		if f != nil {
			g.random = f
		}
	}
}

// WithID sets the test's id instead of a random UUID.
func WithID(id string) GenerateOption {
	return func(g *generator) { g.id = id }
}

// WithTemplate adds a template of your own, or replaces a built-in one of that name. One without a Build function is
// unknown.
func WithTemplate(t Template) GenerateOption {
	return func(g *generator) { g.templates[strings.ToUpper(t.Name)] = t.Build }
}

// TemplateInput is what a template works with.
type TemplateInput struct {
	// Endpoint is a copy of the endpoint under test.
	Endpoint *metlo.TestEndpoint
	// Config knows hosts, actors, resources and permissions. It is never nil.
	Config *TestingConfig

	random  func() float64
	id      string
	fillIDs bool // ids in bodies are variables to fill in
}

// host returns what the testing configuration says about the endpoint's host, or nil.
func (in *TemplateInput) host() *testingconfig.Host {
	for i := range in.Config.Hosts {
		if in.Config.Hosts[i].Name == in.Endpoint.Host {
			return &in.Config.Hosts[i]
		}
	}
	return nil
}

// baseURL is where the endpoint's requests go.
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
