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

// Endpoint is a path, with its parameters, on a host under a method.
type Endpoint struct {
	UUID                    string          `json:"uuid"`
	Path                    string          `json:"path"`      // parameters in braces: /users/{param1}
	PathRegex               string          `json:"pathRegex"` // what the paths of its requests match
	CreatedAt               time.Time       `json:"createdAt,omitzero"`
	UpdatedAt               time.Time       `json:"updatedAt,omitzero"`
	FirstDetected           time.Time       `json:"firstDetected,omitzero"` // zero until a request to it was seen
	LastActive              time.Time       `json:"lastActive,omitzero"`    // zero until a request to it was seen
	Host                    string          `json:"host"`
	NumberParams            int             `json:"numberParams"` // parameters in the path
	Method                  RestMethod      `json:"method"`
	RiskScore               RiskScore       `json:"riskScore"`
	Owner                   string          `json:"owner"`
	OldEndpointUUIDs        []string        `json:"oldEndpointUuids"`                // endpoints that this one replaced
	ResourcePermissions     []string        `json:"resourcePermissions"`             // such as Order.read, from the testing configuration
	IsAuthenticatedDetected bool            `json:"isAuthenticatedDetected"`         // true proves nothing: it is the default, and the open-source server never sets it to false
	IsAuthenticatedUserSet  *bool           `json:"isAuthenticatedUserSet,omitzero"` // the override of a user; nil without one
	IsGraphQL               bool            `json:"isGraphQl"`
	HostIPs                 map[string]int  `json:"hostIps"`         // requests by destination
	SrcIPs                  map[string]int  `json:"srcIps"`          // requests by source
	PathLocked              bool            `json:"userSet"`         // the path is locked: no longer regrouped by itself
	OpenAPISpecName         string          `json:"openapiSpecName"` // empty if no spec describes it
	FullTraceCaptureEnabled bool            `json:"fullTraceCaptureEnabled"`
	GraphQLMetadata         json.RawMessage `json:"graphQlMetadata,omitzero"`
	Token0                  string          `json:"token_0"` // first element of the path; {param} for a parameter
	Token1                  string          `json:"token_1"`
	Token2                  string          `json:"token_2"`
	Token3                  string          `json:"token_3"`
	Token4                  string          `json:"token_4"`
	Token5                  string          `json:"token_5"`
	DataClasses             []string        `json:"dataClasses"` // found in its data fields
	IsPublic                bool            `json:"isPublic"`    // the internet reaches its host; set in lists only
}

// Authentication is what is known about whether an endpoint requires authentication.
type Authentication string

// What can be known.
const (
	AuthenticationUnknown  Authentication = "unknown"
	AuthenticationRequired Authentication = "required"
	AuthenticationNone     Authentication = "none"
)

// Authentication returns what the endpoint proves: the override of a user if there is one, and none if the server detected
// requests without credentials. It is unknown otherwise, since IsAuthenticatedDetected is true by default.
// [EndpointDetail.AuthenticationEvidence] counts traces.
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

// EndpointDetail is an endpoint with what is known of it.
type EndpointDetail struct {
	Endpoint

	DataFields             []DataField     `json:"dataFields"`
	Alerts                 []EndpointAlert `json:"alerts"`
	OpenAPISpec            *Spec           `json:"openapiSpec"` // nil if no spec describes it
	Traces                 []CapturedTrace `json:"traces"`      // at most 100, newest first
	Tests                  []EndpointTest  `json:"tests"`
	GlobalFullTraceCapture bool            `json:"globalFullTraceCapture"`
	GraphQLSchema          string          `json:"graphQlSchema"` // empty if none was uploaded
}

// AuthenticationEvidence counts traces by what they prove.
type AuthenticationEvidence struct {
	Traces           int // at most 100, the newest
	WithCredentials  int // carried credentials
	SucceededWithout int // carried none, and got a status from 200 to 299: proof that the endpoint requires none
}

// AuthenticationEvidence counts the traces of the endpoint by their SessionMeta, which the agent that saw them has filled. A
// trace of an agent that does not look at credentials proves nothing.
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

// EndpointAlert is an alert as an endpoint's details name it.
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

// UnmarshalJSON accepts as a value also what some agents send: a number, a list or null, which is kept as its JSON text.
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
		client:   s.client,
		base:     newRequest(name, http.MethodGet, "/endpoints").filter(&f),
		describe: describeEndpoint,
		few:      defaultRows,
		filters:  []string{"hosts[]", "methods[]"},
		values:   s.client.hostsOr(texts(restMethods.values)),
	}
}

// List returns one page of endpoints, from offset on and of at most limit items, 10 if limit is 0: the highest risk first
// and then the most recently active. Rows that are equal in both have no order, so pages overlap and leave gaps: use
// [EndpointsService.All] for a complete list. Its errors are [ErrInvalidArgument] and those of the server.
//
// GET /endpoints
func (s *EndpointsService) List(ctx context.Context, filter *EndpointFilter, offset, limit int) (*Page[Endpoint], error) {
	return s.listing("Endpoints.List", filter).page(ctx, offset, limit)
}

// All returns an iterator over every endpoint that passes the filter throughout the walk, each once. It takes two
// requests if the server sends the whole list at once. If not, it walks by host and method, or by pages, until a count
// proves that none is missing; docs/listing.md describes its cost and assumptions. The sequence ends after the first
// error. The last one may be an [IncompleteError], which holds how many endpoints may be missing.
//
// GET /endpoints
func (s *EndpointsService) All(ctx context.Context, filter *EndpointFilter, opts ...WalkOption) iter.Seq2[Endpoint, error] {
	return s.listing("Endpoints.All", filter).all(ctx, opts)
}

// Get returns an endpoint with its data fields, alerts, spec and latest traces. DataClasses holds the classes of the
// data fields. Without such an endpoint it returns [ErrNotFound].
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

// Usage returns how many requests the endpoint had on each day that had any, oldest first. Without such an endpoint it
// returns [ErrNotFound].
//
// GET /endpoint/:uuid/usage
func (s *EndpointsService) Usage(ctx context.Context, id string) ([]EndpointUsage, error) {
	return fetchAll[EndpointUsage](ctx, s.client, newRequest("Endpoints.Usage", http.MethodGet, "/endpoint/{uuid}/usage", id), anything)
}

// SuggestedPaths returns paths that Metlo suggests for the endpoint from its traffic, best first, at most 100; none
// for an endpoint that does not exist.
//
// GET /endpoint/:uuid/suggested-paths
func (s *EndpointsService) SuggestedPaths(ctx context.Context, id string) ([]string, error) {
	return fetchAll[string](ctx, s.client, newRequest("Endpoints.SuggestedPaths", http.MethodGet, "/endpoint/{uuid}/suggested-paths", id), anything)
}

// SetAuthenticated overrides whether the endpoint requires authentication; nil ends the override, so that what was
// detected counts again. Without such an endpoint it returns [ErrNotFound].
//
// PUT /endpoint/:uuid/authenticated
func (s *EndpointsService) SetAuthenticated(ctx context.Context, id string, authenticated *bool) error {
	return exec(ctx, s.client, newRequest("Endpoints.SetAuthenticated", http.MethodPut, "/endpoint/{uuid}/authenticated", id).encode(struct {
		Authenticated *bool `json:"authenticated"`
	}{authenticated}))
}

// SetFullTraceCapture sets whether the endpoint's future traces are kept with their headers and bodies. Without such an
// endpoint it returns [ErrNotFound].
//
// PUT /endpoint/:uuid/enable-full-trace-capture
func (s *EndpointsService) SetFullTraceCapture(ctx context.Context, id string, enabled bool) error {
	return exec(ctx, s.client, newRequest("Endpoints.SetFullTraceCapture", http.MethodPut, "/endpoint/{uuid}/enable-full-trace-capture", id).encode(struct {
		Enabled bool `json:"enabled"`
	}{enabled}))
}

// SetPathLocked sets [Endpoint.PathLocked]: the path of an endpoint that has it stays as it is, while Metlo regroups others
// by itself. The server reports success for an endpoint that does not exist too.
//
// POST /endpoint/:uuid/userSet
func (s *EndpointsService) SetPathLocked(ctx context.Context, id string, locked bool) error {
	return exec(ctx, s.client, newRequest("Endpoints.SetPathLocked", http.MethodPost, "/endpoint/{uuid}/userSet", id).encode(struct {
		UserSetState bool `json:"userSetState"`
	}{locked}))
}

// UpdatePaths deletes endpoints with their alerts, data fields and traces, and creates an endpoint for each path. It
// deletes those of the same method and host whose path matches one of the paths or is matched by one; normally the
// given endpoint is among them. The new endpoints have new ids, which the server does not return. A path begins with a
// slash, has as many elements as the endpoint's, and writes a parameter as {name}. The server skips a path that it
// cannot create, without a word. A path of the wrong form is [ErrBadRequest]; without such an endpoint it returns
// [ErrNotFound].
//
// Shortly after traffic it costs more: the server then forgets the calls to any endpoint that it has counted since it
// last saved its counts.
//
// POST /endpoint/:uuid/update-paths
func (s *EndpointsService) UpdatePaths(ctx context.Context, id string, paths ...string) error {
	r := newRequest("Endpoints.UpdatePaths", http.MethodPost, "/endpoint/{uuid}/update-paths", id)
	if len(paths) == 0 {
		r.fail("no path is given: name at least one")
	}
	return exec(ctx, s.client, r.encode(struct {
		Paths []string `json:"paths"`
	}{paths}))
}

// UploadGraphQLSchema replaces the schema of a GraphQL endpoint, in the schema definition language, at most 500 MiB. It
// applies to all endpoints of the same host and path. The schema is streamed; it is sent again only if it is an
// [io.Seeker] and the server cannot have acted on it. A schema that cannot be parsed and an endpoint that is not GraphQL
// are [ErrBadRequest]; without such an endpoint it returns [ErrNotFound].
//
// PUT /endpoint/:uuid/graphql-schema
func (s *EndpointsService) UploadGraphQLSchema(ctx context.Context, id string, schema io.Reader) error {
	r := newRequest("Endpoints.UploadGraphQLSchema", http.MethodPut, "/endpoint/{uuid}/graphql-schema", id)
	return exec(ctx, s.client, r.upload("schema.graphql", "application/octet-stream", schema))
}

// DeleteGraphQLSchema removes the schema of a GraphQL endpoint; without one it does nothing. An endpoint that is not
// GraphQL is [ErrBadRequest]; without such an endpoint it returns [ErrNotFound].
//
// DELETE /endpoint/:uuid/graphql-schema
func (s *EndpointsService) DeleteGraphQLSchema(ctx context.Context, id string) error {
	return exec(ctx, s.client, newRequest("Endpoints.DeleteGraphQLSchema", http.MethodDelete, "/endpoint/{uuid}/graphql-schema", id))
}

// Delete deletes an endpoint with its alerts, data fields, tests and traces. The server answers 500 with an empty body,
// which is [ErrServer], for an endpoint that does not exist, and [ErrServer] too while requests to it arrive.
//
// Shortly after traffic it costs more: the server then forgets the calls to any endpoint that it has counted since it
// last saved its counts.
//
// DELETE /endpoint/:uuid
func (s *EndpointsService) Delete(ctx context.Context, id string) error {
	return exec(ctx, s.client, newRequest("Endpoints.Delete", http.MethodDelete, "/endpoint/{uuid}", id))
}

// DeleteMany deletes endpoints with their alerts, data fields, tests and traces. Ids of endpoints that do not exist are
// ignored. Without an id it returns [ErrInvalidArgument].
//
// Shortly after traffic it costs more: the server then forgets the calls to any endpoint that it has counted since it
// last saved its counts.
//
// DELETE /endpoints
func (s *EndpointsService) DeleteMany(ctx context.Context, ids ...string) error {
	r := newRequest("Endpoints.DeleteMany", http.MethodDelete, "/endpoints")
	if len(ids) == 0 {
		r.fail("no id is given: name at least one endpoint")
	}
	r.uuid(ids...)
	return exec(ctx, s.client, r.encode(struct {
		UUIDs []string `json:"uuids"`
	}{ids}))
}
