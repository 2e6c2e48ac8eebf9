package metlo

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"

	"github.com/metlo-go/metlo/internal/wire"
)

// TestingService reads the input of generated tests and the testing configuration. Module apitest generates and runs
// tests.
type TestingService struct{ client *Client }

// TestEndpoint is the input of a generated test of an endpoint.
type TestEndpoint struct {
	UUID            string          `json:"uuid"` // Testing.Endpoint leaves it empty
	Host            string          `json:"host"`
	Path            string          `json:"path"` // parameters in braces
	Method          RestMethod      `json:"method"`
	IsGraphQL       bool            `json:"isGraphQl"`
	GraphQLMetadata json.RawMessage `json:"graphQlMetadata,omitzero"`
	GraphQLSchema   string          `json:"graphQlSchema"` // empty if none was uploaded
	DataFields      []TestDataField `json:"dataFields"`
	AuthConfig      *TestAuthConfig `json:"authConfig"`         // nil if the configuration does not name the host
	Generated       *GeneratedTest  `json:"generated,omitzero"` // the documented form of the answer; nil on a real server
}

// TestDataField is a data field in the input of a test.
type TestDataField struct {
	DataSection DataSection `json:"dataSection"`
	ContentType string      `json:"contentType"`
	DataPath    string      `json:"dataPath"`
	DataType    DataType    `json:"dataType"`
	Entity      string      `json:"entity"` // such as User.id; empty if none is set
}

// TestAuthConfig describes how requests to a host authenticate.
type TestAuthConfig struct {
	AuthType    AuthType `json:"authType"`
	HeaderKey   string   `json:"headerKey"`   // set for header and jwt
	JWTUserPath string   `json:"jwtUserPath"` // set for jwt
	CookieName  string   `json:"cookieName"`  // set for session_cookie
}

// GeneratedTest is a test that the server generated, in the form of the documentation.
type GeneratedTest struct {
	Success         bool            `json:"success"`
	TemplateName    string          `json:"templateName"`
	TemplateVersion int             `json:"templateVersion"`
	Test            json.RawMessage `json:"test,omitzero"`
	Message         string          `json:"msg"`
}

// TestEndpointQuery selects one endpoint.
type TestEndpointQuery struct {
	Endpoint string     `url:"endpoint,omitempty"` // UUID, or the path exactly as listed, with its parameters in braces
	Host     string     `url:"host,omitempty"`     // distinguishes endpoints of one path
	Method   RestMethod `url:"method,omitempty"`   // distinguishes endpoints of one path
}

// TestingConfig holds the testing configuration: actors, resources and their permissions.
type TestingConfig struct {
	UUID         string `json:"uuid"`         // empty if none was ever set
	ConfigString Secret `json:"configString"` // contains the credentials of actors
}

// EnvVariable is a variable of all tests, often a credential.
type EnvVariable struct {
	Name  string `json:"name"`
	Value Secret `json:"value"`
}

// Endpoint returns the input of a test of one endpoint. A path without host and method selects the first endpoint with
// that path. If there is none, the error is [ErrNotFound].
//
// GET /gen-test-endpoint
func (s *TestingService) Endpoint(ctx context.Context, opts *TestEndpointQuery) (*TestEndpoint, error) {
	r := newRequest("Testing.Endpoint", http.MethodGet, "/gen-test-endpoint").filter(opts)
	if opts == nil || opts.Endpoint == "" {
		r.fail("Endpoint is empty: use an endpoint's UUID, or its path as listed")
	}
	answer, err := fetch(ctx, s.client, r, (*testEndpointAnswer).check)
	if err != nil {
		return nil, err
	}
	return answer.value(), nil
}

// testEndpointAnswer holds both forms of an answer: the server's and the documentation's.
type testEndpointAnswer struct {
	TestEndpoint
	Success         *bool           `json:"success"`
	TemplateName    string          `json:"templateName"`
	TemplateVersion int             `json:"templateVersion"`
	Test            json.RawMessage `json:"test,omitzero"`
	Msg             string          `json:"msg"`
}

func (a *testEndpointAnswer) check() error {
	switch {
	case a.Success == nil && a.Host == "":
		return errShape
	case a.Success != nil && !*a.Success:
		return &wire.RefusedError{Message: a.Msg}
	}
	return nil
}

func (a *testEndpointAnswer) value() *TestEndpoint {
	if a.Success != nil {
		a.Generated = &GeneratedTest{
			Success: *a.Success, TemplateName: a.TemplateName, TemplateVersion: a.TemplateVersion, Test: a.Test, Message: a.Msg,
		}
	}
	return &a.TestEndpoint
}

// Endpoints returns the input of tests of a host's riskiest endpoints, and none for an unknown host. The server joins
// endpoints with their data fields and sends those that fit into ten rows, so it may send two of sixteen: use
// [TestingService.AllEndpoints] for all.
//
// GET /gen-test-endpoints
func (s *TestingService) Endpoints(ctx context.Context, host string) ([]TestEndpoint, error) {
	r := newRequest("Testing.Endpoints", http.MethodGet, "/gen-test-endpoints").filter(&struct {
		Host string `url:"host"`
	}{host})
	if host == "" {
		r.fail("the host is empty: use one of Hosts.Names")
	}
	answers, err := fetchAll(ctx, s.client, r, (*testEndpointAnswer).check)
	if err != nil {
		return nil, err
	}
	endpoints := make([]TestEndpoint, len(answers))
	for i := range answers {
		endpoints[i] = *answers[i].value()
	}
	return endpoints, nil
}

// AllEndpoints returns an iterator over the input of a test of each of a host's endpoints. It costs one request per
// endpoint, and omits endpoints that are deleted meanwhile. The sequence ends after the first error, which may be an
// [IncompleteError] of [EndpointsService.All].
//
// GET /gen-test-endpoint
func (s *TestingService) AllEndpoints(ctx context.Context, host string) iter.Seq2[TestEndpoint, error] {
	return func(yield func(TestEndpoint, error) bool) {
		if host == "" {
			yield(TestEndpoint{}, invalid("Testing.AllEndpoints: the host is empty: use one of Hosts.Names"))
			return
		}
		for endpoint, err := range s.client.Endpoints.All(ctx, &EndpointFilter{Hosts: []string{host}}) {
			if err != nil {
				yield(TestEndpoint{}, err)
				return
			}
			test, err := s.Endpoint(ctx, &TestEndpointQuery{Endpoint: endpoint.UUID})
			switch {
			case errors.Is(err, ErrNotFound):
				continue
			case err != nil:
				yield(TestEndpoint{}, err)
				return
			}
			test.UUID = endpoint.UUID
			if !yield(*test, nil) {
				return
			}
		}
	}
}

// GlobalEnv returns the variables of all tests, as set by the instance's configuration. The result is also empty if the
// server fails to read them.
//
// GET /testing/global-env
func (s *TestingService) GlobalEnv(ctx context.Context) ([]EnvVariable, error) {
	r := newRequest("Testing.GlobalEnv", http.MethodGet, "/testing/global-env")
	r.private = true
	pairs, err := fetchAll(ctx, s.client, r, anything[NameValue])
	if err != nil {
		return nil, err
	}
	variables := make([]EnvVariable, len(pairs))
	for i, pair := range pairs {
		variables[i] = EnvVariable{Name: pair.Name, Value: NewSecret(pair.Value)}
	}
	return variables, nil
}

// Config returns the testing configuration. Both fields are empty if none was ever set.
//
// GET /testing-config
func (s *TestingService) Config(ctx context.Context) (*TestingConfig, error) {
	r := newRequest("Testing.Config", http.MethodGet, "/testing-config")
	r.private = true
	answer, err := fetch(ctx, s.client, r, (*testingConfigAnswer).check)
	if err != nil {
		return nil, err
	}
	return &answer.TestingConfig, nil
}

// testingConfigAnswer distinguishes an empty configuration from an object of another kind.
type testingConfigAnswer struct {
	TestingConfig
	ConfigString *string `json:"configString"`
}

func (a *testingConfigAnswer) check() error {
	if a.ConfigString == nil {
		return errShape
	}
	a.TestingConfig.ConfigString = NewSecret(*a.ConfigString)
	return nil
}

// UpdateConfig replaces the testing configuration and recomputes the resource permissions of every endpoint. A text
// that cannot be parsed is a *[TestingSyntaxError], and one with invalid content a *[ValidationError]. A rule whose
// method is a list is [ErrBadRequest] although the server has saved the text: write one rule per method.
//
// PUT /testing-config
func (s *TestingService) UpdateConfig(ctx context.Context, configString string) error {
	r := newRequest("Testing.UpdateConfig", http.MethodPut, "/testing-config")
	return exec(ctx, s.client, r.encode(struct {
		ConfigString string `json:"configString"`
	}{configString}))
}

// EntityTags returns the entities of data fields, such as Customer.id. The server caches its answer for 60 s.
//
// GET /testing-config/entity-tags
func (s *TestingService) EntityTags(ctx context.Context) ([]string, error) {
	return fetchAll[string](ctx, s.client, newRequest("Testing.EntityTags", http.MethodGet, "/testing-config/entity-tags"), anything)
}

// ResourcePermissions returns the permissions for filters of endpoints, such as Order.read. The server caches its
// answer for 60 s, even across a change of the configuration.
//
// GET /testing-config/resource-permissions
func (s *TestingService) ResourcePermissions(ctx context.Context) ([]string, error) {
	return fetchAll[string](ctx, s.client, newRequest("Testing.ResourcePermissions", http.MethodGet, "/testing-config/resource-permissions"), anything)
}
