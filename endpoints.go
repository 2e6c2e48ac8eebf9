package metlo

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"time"

	"github.com/metlo-go/metlo/internal/walk"
)

// EndpointsService reads and curates the inventory of endpoints.
type EndpointsService struct{ client *Client }

// Endpoint is a method, a host and a path with its parameters.
type Endpoint struct {
	UUID                    string          `json:"uuid"`
	Path                    string          `json:"path"`      // parameters in braces: /users/{param1}
	PathRegex               string          `json:"pathRegex"` // pattern of the paths of its requests
	CreatedAt               time.Time       `json:"createdAt,omitzero"`
	UpdatedAt               time.Time       `json:"updatedAt,omitzero"`
	FirstDetected           time.Time       `json:"firstDetected,omitzero"` // zero until Metlo sees a request
	LastActive              time.Time       `json:"lastActive,omitzero"`    // zero until Metlo sees a request
	Host                    string          `json:"host"`
	NumberParams            int             `json:"numberParams"` // parameters in the path
	Method                  RestMethod      `json:"method"`
	RiskScore               RiskScore       `json:"riskScore"`
	Owner                   string          `json:"owner"`
	OldEndpointUUIDs        []string        `json:"oldEndpointUuids"`                // endpoints that this one replaced
	ResourcePermissions     []string        `json:"resourcePermissions"`             // such as Order.read, from the testing configuration
	IsAuthenticatedDetected bool            `json:"isAuthenticatedDetected"`         // false proves missing authentication; true is the default and proves nothing; the open-source server never sets false
	IsAuthenticatedUserSet  *bool           `json:"isAuthenticatedUserSet,omitzero"` // a user's override; nil without one
	IsGraphQL               bool            `json:"isGraphQl"`
	HostIPs                 map[string]int  `json:"hostIps"`         // numbers of requests by destination
	SrcIPs                  map[string]int  `json:"srcIps"`          // numbers of requests by source
	PathLocked              bool            `json:"userSet"`         // the path is locked: Metlo does not regroup it
	OpenAPISpecName         string          `json:"openapiSpecName"` // empty if the endpoint has no spec
	FullTraceCaptureEnabled bool            `json:"fullTraceCaptureEnabled"`
	GraphQLMetadata         json.RawMessage `json:"graphQlMetadata,omitzero"`
	Token0                  string          `json:"token_0"` // first element of the path; {param} for a parameter
	Token1                  string          `json:"token_1"`
	Token2                  string          `json:"token_2"`
	Token3                  string          `json:"token_3"`
	Token4                  string          `json:"token_4"`
	Token5                  string          `json:"token_5"`
	DataClasses             []string        `json:"dataClasses"` // data classes of its data fields
	IsPublic                bool            `json:"isPublic"`    // its host is reachable from the internet; set in lists only
}

// Authentication describes whether an endpoint requires authentication.
type Authentication string

// Values of Authentication.
const (
	AuthenticationUnknown  Authentication = "unknown"
	AuthenticationRequired Authentication = "required"
	AuthenticationNone     Authentication = "none"
)

// Authentication returns whether the endpoint requires authentication: a user's override if there is one, and none if
// the server detected requests without credentials. Otherwise it is unknown, since IsAuthenticatedDetected is true by
// default. [EndpointDetail.AuthenticationEvidence] counts traces.
func (e *Endpoint) Authentication() Authentication {
	switch set := e.IsAuthenticatedUserSet; {
	case set != nil && *set:
		return AuthenticationRequired
	case set != nil || !e.IsAuthenticatedDetected:
		return AuthenticationNone
	}
	return AuthenticationUnknown
}

func (e *Endpoint) accept() error {
	dropNull(&e.GraphQLMetadata)
	return hasID(e.UUID)
}

func describeEndpoint(e *Endpoint) (walk.Item, error) {
	return walk.Item{Key: walk.UUIDKey(e.UUID), Created: e.CreatedAt, Values: [2]string{e.Host, string(e.Method)}}, e.accept()
}

// EndpointDetail is an endpoint with its data fields, alerts, tests, spec and traces.
type EndpointDetail struct {
	Endpoint

	DataFields             []DataField     `json:"dataFields"`
	Alerts                 []EndpointAlert `json:"alerts"`
	OpenAPISpec            *Spec           `json:"openapiSpec"` // nil if the endpoint has no spec
	Traces                 []CapturedTrace `json:"traces"`      // the newest traces, at most 100, newest first
	Tests                  []EndpointTest  `json:"tests"`
	GlobalFullTraceCapture bool            `json:"globalFullTraceCapture"`
	GraphQLSchema          string          `json:"graphQlSchema"` // empty if none was uploaded
}

// AuthenticationEvidence counts traces by what they prove about authentication.
type AuthenticationEvidence struct {
	Traces           int // number of traces, at most the newest 100
	WithCredentials  int // traces that carried credentials
	SucceededWithout int // traces without credentials and with a status from 200 to 299: proof that the endpoint requires none
}

// AuthenticationEvidence counts the traces of the endpoint by their SessionMeta, which the agent fills. Traces of
// agents that do not look at credentials prove nothing.
func (e *EndpointDetail) AuthenticationEvidence() AuthenticationEvidence {
	evidence := AuthenticationEvidence{Traces: len(e.Traces)}
	for _, t := range e.Traces {
		switch provided := t.SessionMeta.AuthenticationProvided; {
		case provided == nil:
		case *provided:
			evidence.WithCredentials++
		case t.ResponseStatus >= 200 && t.ResponseStatus < 300:
			evidence.SucceededWithout++
		}
	}
	return evidence
}

// EndpointAlert is an alert in an endpoint's details.
type EndpointAlert struct {
	UUID   string      `json:"uuid"`
	Status AlertStatus `json:"status"`
}

// EndpointTest is a test that is stored with an endpoint.
type EndpointTest struct {
	UUID     string          `json:"uuid"`
	Name     string          `json:"name"`
	Tags     []string        `json:"tags"`
	Requests json.RawMessage `json:"requests,omitzero"`
}

// NameValue is a header, a parameter or a variable.
type NameValue struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// UnmarshalJSON also accepts values that some agents send: a number, a list or null. It keeps them as JSON text.
func (n *NameValue) UnmarshalJSON(data []byte) error {
	var pair struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	*n = NameValue{Name: pair.Name}
	if len(pair.Value) == 0 || string(pair.Value) == "null" {
		return nil
	}
	if json.Unmarshal(pair.Value, &n.Value) != nil {
		n.Value = string(pair.Value)
	}
	return nil
}

// EndpointUsage counts the requests of a day.
type EndpointUsage struct {
	Day   time.Time `json:"date,omitzero"` // midnight UTC at the start of the day
	Count int       `json:"count"`
}

// EndpointFilter selects endpoints. Values of one field are alternatives; fields that are set apply together.
type EndpointFilter struct {
	Hosts               []string     `url:"hosts,omitempty,brackets"`
	RiskScores          []RiskScore  `url:"riskScores,omitempty,brackets"`
	Methods             []RestMethod `url:"methods,omitempty,brackets"`
	DataClasses         []string     `url:"dataClasses,omitempty,brackets"`
	ResourcePermissions []string     `url:"resourcePermissions,omitempty,brackets"`
	SearchQuery         string       `url:"searchQuery,omitempty"` // POSIX regular expression on the path; see [regexp.QuoteMeta]
	IsAuthenticated     *bool        `url:"isAuthenticated,omitempty"`
	HostType            HostType     `url:"hostType,omitempty"`
}

func (s *EndpointsService) listing(name string, filter *EndpointFilter) *listing[Endpoint] {
	f := valueOf(filter)
	return &listing[Endpoint]{
		client:       s.client,
		base:         newRequest(name, http.MethodGet, "/endpoints").filter(&f),
		describe:     describeEndpoint,
		defaultLimit: defaultRows,
		filters:      []string{"hosts[]", "methods[]"},
		values:       s.client.hostsOr(texts(restMethods.values)),
	}
}

// List returns one page of at most limit endpoints, 10 if limit is 0, starting at offset: the highest risk first, then
// the most recently active. The order of rows that are equal in both is undefined, so pages overlap and leave gaps: use
// [EndpointsService.All] for a complete list. The error is [ErrInvalidArgument] or one of the server's.
//
// GET /endpoints
func (s *EndpointsService) List(ctx context.Context, filter *EndpointFilter, offset, limit int) (*Page[Endpoint], error) {
	return s.listing("Endpoints.List", filter).page(ctx, offset, limit)
}

// All returns an iterator over every endpoint that passes the filter throughout the walk, each once. It takes two
// requests if the server sends the whole list at once. Otherwise it walks by host and method, or by pages, until a
// count proves that no endpoint is missing; docs/listing.md describes cost and assumptions. The sequence ends after the
// first error. A final [IncompleteError] holds how many endpoints may be missing.
//
// GET /endpoints
func (s *EndpointsService) All(ctx context.Context, filter *EndpointFilter, opts ...WalkOption) iter.Seq2[Endpoint, error] {
	return s.listing("Endpoints.All", filter).all(ctx, opts)
}

// Get returns an endpoint with its data fields, alerts, spec and latest traces. DataClasses holds the classes of the
// data fields. If the endpoint does not exist, the error is [ErrNotFound].
//
// GET /endpoint/:uuid
func (s *EndpointsService) Get(ctx context.Context, id string) (*EndpointDetail, error) {
	e, err := fetch(ctx, s.client, newRequest("Endpoints.Get", http.MethodGet, "/endpoint/{uuid}", id), func(e *EndpointDetail) error { return e.accept() })
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, class := range e.DataClasses {
		seen[class] = true
	}
	for _, field := range e.DataFields {
		for _, class := range field.DataClasses {
			if !seen[class] {
				seen[class] = true
				e.DataClasses = append(e.DataClasses, class)
			}
		}
	}
	return e, nil
}

// Usage returns the endpoint's number of requests per day, oldest first. Days without requests are absent. If the
// endpoint does not exist, the error is [ErrNotFound].
//
// GET /endpoint/:uuid/usage
func (s *EndpointsService) Usage(ctx context.Context, id string) ([]EndpointUsage, error) {
	return fetchAll[EndpointUsage](ctx, s.client, newRequest("Endpoints.Usage", http.MethodGet, "/endpoint/{uuid}/usage", id), anything)
}

// SuggestedPaths returns at most 100 paths that Metlo suggests for the endpoint from its traffic, best first. The
// result is empty if the endpoint does not exist.
//
// GET /endpoint/:uuid/suggested-paths
func (s *EndpointsService) SuggestedPaths(ctx context.Context, id string) ([]string, error) {
	return fetchAll[string](ctx, s.client, newRequest("Endpoints.SuggestedPaths", http.MethodGet, "/endpoint/{uuid}/suggested-paths", id), anything)
}

// SetAuthenticated overrides whether the endpoint requires authentication; nil removes the override. If the endpoint
// does not exist, the error is [ErrNotFound].
//
// PUT /endpoint/:uuid/authenticated
func (s *EndpointsService) SetAuthenticated(ctx context.Context, id string, authenticated *bool) error {
	return exec(ctx, s.client, newRequest("Endpoints.SetAuthenticated", http.MethodPut, "/endpoint/{uuid}/authenticated", id).encode(struct {
		Authenticated *bool `json:"authenticated"`
	}{authenticated}))
}

// SetFullTraceCapture sets whether Metlo stores the endpoint's future traces with their headers and bodies. If the
// endpoint does not exist, the error is [ErrNotFound].
//
// PUT /endpoint/:uuid/enable-full-trace-capture
func (s *EndpointsService) SetFullTraceCapture(ctx context.Context, id string, enabled bool) error {
	return exec(ctx, s.client, newRequest("Endpoints.SetFullTraceCapture", http.MethodPut, "/endpoint/{uuid}/enable-full-trace-capture", id).encode(struct {
		Enabled bool `json:"enabled"`
	}{enabled}))
}

// SetPathLocked sets [Endpoint.PathLocked]. Metlo regroups the paths of endpoints by itself, except locked ones. The
// server reports success even if the endpoint does not exist.
//
// POST /endpoint/:uuid/userSet
func (s *EndpointsService) SetPathLocked(ctx context.Context, id string, locked bool) error {
	return exec(ctx, s.client, newRequest("Endpoints.SetPathLocked", http.MethodPost, "/endpoint/{uuid}/userSet", id).encode(struct {
		UserSetState bool `json:"userSetState"`
	}{locked}))
}

// UpdatePaths deletes endpoints with their alerts, data fields and traces, and creates an endpoint for each path. It
// deletes the endpoints of the same method and host whose path matches one of the paths or is matched by one, which
// normally includes the endpoint with this id. The server does not return the ids of the new endpoints. A path begins
// with a slash, has as many elements as the endpoint's, and writes a parameter as {name}. The server silently skips a
// path that it cannot create. The error is [ErrBadRequest] for a malformed path, and [ErrNotFound] if the endpoint does
// not exist.
//
// Shortly after traffic the server also loses request counts of all endpoints: those since it last saved them.
//
// POST /endpoint/:uuid/update-paths
func (s *EndpointsService) UpdatePaths(ctx context.Context, id string, paths ...string) error {
	r := newRequest("Endpoints.UpdatePaths", http.MethodPost, "/endpoint/{uuid}/update-paths", id)
	if len(paths) == 0 {
		r.fail("no path: pass at least one")
	}
	return exec(ctx, s.client, r.encode(struct {
		Paths []string `json:"paths"`
	}{paths}))
}

// UploadGraphQLSchema replaces the schema, at most 500 MiB in the schema definition language, of a GraphQL endpoint. It
// applies to all endpoints of the same host and path. The schema is streamed; it is sent again only if it is an
// [io.Seeker] and the server cannot have acted on it. The error is [ErrBadRequest] for a schema that cannot be parsed
// and for an endpoint that is not GraphQL, and [ErrNotFound] if the endpoint does not exist.
//
// PUT /endpoint/:uuid/graphql-schema
func (s *EndpointsService) UploadGraphQLSchema(ctx context.Context, id string, schema io.Reader) error {
	r := newRequest("Endpoints.UploadGraphQLSchema", http.MethodPut, "/endpoint/{uuid}/graphql-schema", id)
	return exec(ctx, s.client, r.upload("schema.graphql", "application/octet-stream", schema))
}

// DeleteGraphQLSchema removes the schema of a GraphQL endpoint; without one it does nothing. The error is
// [ErrBadRequest] if the endpoint is not GraphQL, and [ErrNotFound] if it does not exist.
//
// DELETE /endpoint/:uuid/graphql-schema
func (s *EndpointsService) DeleteGraphQLSchema(ctx context.Context, id string) error {
	return exec(ctx, s.client, newRequest("Endpoints.DeleteGraphQLSchema", http.MethodDelete, "/endpoint/{uuid}/graphql-schema", id))
}

// Delete deletes an endpoint with its alerts, data fields, tests and traces. The server answers 500 with an empty body
// for an endpoint that does not exist, and also while requests to it arrive; both are [ErrServer].
//
// Shortly after traffic the server also loses request counts of all endpoints: those since it last saved them.
//
// DELETE /endpoint/:uuid
func (s *EndpointsService) Delete(ctx context.Context, id string) error {
	return exec(ctx, s.client, newRequest("Endpoints.Delete", http.MethodDelete, "/endpoint/{uuid}", id))
}

// DeleteMany deletes endpoints with their alerts, data fields, tests and traces. The server ignores unknown ids.
// Without an id the error is [ErrInvalidArgument].
//
// Shortly after traffic the server also loses request counts of all endpoints: those since it last saved them.
//
// DELETE /endpoints
func (s *EndpointsService) DeleteMany(ctx context.Context, ids ...string) error {
	r := newRequest("Endpoints.DeleteMany", http.MethodDelete, "/endpoints")
	if len(ids) == 0 {
		r.fail("no id: pass at least one")
	}
	r.uuid(ids...)
	return exec(ctx, s.client, r.encode(struct {
		UUIDs []string `json:"uuids"`
	}{ids}))
}
