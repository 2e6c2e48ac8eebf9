package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestValuesThatAreNoTextKeepTheirJSON(t *testing.T) {
	body := `{"uuid":"x","traces":[{"uuid":"t","requestHeaders":[{"name":"a","value":["b","c"]},{"name":"n","value":7},{"name":"z","value":null}]}]}`
	e, err := inProcess(t, failing(200, body, nil)).Endpoints.Get(t.Context(), endpointID(1))
	require.NoError(t, err)
	assert.Equal(t, []metlo.NameValue{{Name: "a", Value: `["b","c"]`}, {Name: "n", Value: "7"}, {Name: "z"}}, e.Traces[0].RequestHeaders)
}

func ExampleEndpointsService_All() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	open := false
	for endpoint, err := range server.Client().Endpoints.All(context.Background(), &metlo.EndpointFilter{
		RiskScores:      []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium},
		IsAuthenticated: &open,
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(endpoint.RiskScore, endpoint.Method, endpoint.Path, endpoint.DataClasses)
	}
	// Unordered output:
	// high GET /v1/export/customers [Email Social Security Number]
	// medium POST /v1/login [Email]
	// medium GET /v1/newsletter/confirm [Email]
}

func ExampleEndpointsService_SetAuthenticated() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	found, err := client.Endpoints.List(ctx, &metlo.EndpointFilter{SearchQuery: "^/v1/login$"}, 0, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	public := false
	if err := client.Endpoints.SetAuthenticated(ctx, found.Items[0].UUID, &public); err != nil {
		fmt.Println(err)
		return
	}
	endpoint, err := client.Endpoints.Get(ctx, found.Items[0].UUID)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.Path, "authentication:", endpoint.Authentication())
	// Output: /v1/login authentication: none
}

const (
	anEndpoint = "00000000-0000-4000-8000-00000000000b" // an id of the recordings
	aGraphQL   = "00000000-0000-4000-8000-000000000032" // an id of the recordings
)

func TestEndpointsCalls(t *testing.T) {
	done := func(call func(context.Context, *metlo.Client) error) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error { return call(t.Context(), c) }
	}
	get := func(id string) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error { _, err := c.Endpoints.Get(t.Context(), id); return err }
	}
	suggested := func(id string) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error {
			paths, err := c.Endpoints.SuggestedPaths(t.Context(), id)
			assert.Equal(t, []string{}, paths, "none, not nil")
			return err
		}
	}
	authenticated := func(id string, to *bool) func(*testing.T, *metlo.Client) error {
		return done(func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.SetAuthenticated(ctx, id, to) })
	}
	updatePaths := func(id string, paths ...string) func(*testing.T, *metlo.Client) error {
		return done(func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.UpdatePaths(ctx, id, paths...) })
	}
	deleteMany := func(ids ...string) func(*testing.T, *metlo.Client) error {
		return done(func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.DeleteMany(ctx, ids...) })
	}
	deleteSchema := func(id string) func(*testing.T, *metlo.Client) error {
		return done(func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.DeleteGraphQLSchema(ctx, id) })
	}
	assertRecordedCalls(t, "endpoints", map[string]recordedCall{
		"List": {
			call: func(t *testing.T, c *metlo.Client) error {
				page, err := c.Endpoints.List(t.Context(), &metlo.EndpointFilter{
					Hosts: []string{"shop.example.com", "pay.example.com"}, RiskScores: []metlo.RiskScore{metlo.RiskHigh},
					Methods: []metlo.RestMethod{metlo.MethodGet},
				}, 0, 1)
				if assert.NoError(t, err) && assert.Len(t, page.Items, 1) {
					e := page.Items[0]
					assert.Equal(t, 2, page.Total)
					assert.Equal(t, "/v1/sessions/60/{param1}", e.Path)
					assert.Equal(t, time.Date(2026, 6, 1, 0, 20, 0, 0, time.UTC), e.LastActive)
					assert.Equal(t, []string{"Date of Birth", "Email", "Social Security Number"}, e.DataClasses)
					assert.True(t, e.IsPublic)
				}
				return err
			},
			sent:      "GET /api/v1/endpoints",
			query:     "hosts[]=shop.example.com&hosts[]=pay.example.com&limit=1&methods[]=GET&riskScores[]=high",
			recording: "list_filter_brackets",
		},
		"List with the other filters": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Endpoints.List(t.Context(), &metlo.EndpointFilter{
					DataClasses: []string{"Email"}, ResourcePermissions: []string{"orders:read"}, SearchQuery: "/cards/",
					IsAuthenticated: new(false), HostType: metlo.HostPublic,
				}, 62, 2)
				return err
			},
			sent: "GET /api/v1/endpoints",
			query: "dataClasses[]=Email&hostType=Public&isAuthenticated=false&limit=2&offset=62&resourcePermissions[]=orders:read" +
				"&searchQuery=/cards/",
			recording: "list_page_2",
		},
		"List without options": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Endpoints.List(t.Context(), nil, 0, 0)
				return err
			},
			sent: "GET /api/v1/endpoints", recording: "list_default",
		},
		"List with a filter that the server refuses": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Endpoints.List(t.Context(), &metlo.EndpointFilter{RiskScores: []metlo.RiskScore{"urgent"}}, 0, 1)
				var v *metlo.ValidationError
				if assert.ErrorAs(t, err, &v) && assert.Len(t, v.Issues, 1) {
					assert.Equal(t, "riskScores.0", v.Issues[0].Path)
				}
				return err
			},
			sent: "GET /api/v1/endpoints", query: "limit=1&riskScores[]=urgent",
			recording: "list_filter_documented_enum_name", want: metlo.ErrBadRequest,
		},
		"Get": {
			call: func(t *testing.T, c *metlo.Client) error {
				e, err := c.Endpoints.Get(t.Context(), anEndpoint)
				if assert.NoError(t, err) {
					assert.Equal(t, anEndpoint, e.UUID)
					assert.Equal(t, metlo.MethodPost, e.Method)
					assert.Equal(t, "shop-api", e.OpenAPISpecName)
					assert.Equal(t, metlo.AuthenticationUnknown, e.Authentication(), "true is the default of the server's database")
					require.NotEmpty(t, e.DataFields)
					assert.Equal(t, "email", e.DataFields[0].DataPath)
					assert.Contains(t, e.DataClasses, "Date of Birth", "the classes of its data fields")
				}
				return err
			},
			sent: "GET /api/v1/endpoint/" + anEndpoint, recording: "get",
		},
		"Get of nothing": {
			call: get(kit.Nowhere), sent: "GET /api/v1/endpoint/" + kit.Nowhere,
			recording: "get_missing", want: metlo.ErrNotFound,
		},
		"Usage": {
			call: func(t *testing.T, c *metlo.Client) error {
				usage, err := c.Endpoints.Usage(t.Context(), anEndpoint)
				day := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
				assert.Equal(t, []metlo.EndpointUsage{
					{Day: day, Count: 1001}, {Day: day.AddDate(0, 0, 1), Count: 1004},
					{Day: day.AddDate(0, 0, 2), Count: 1007}, {Day: day.AddDate(0, 0, 3), Count: 1010},
				}, usage)
				return err
			},
			sent: "GET /api/v1/endpoint/" + anEndpoint + "/usage", recording: "usage",
		},
		"Usage of one without traffic": {
			call: func(t *testing.T, c *metlo.Client) error {
				usage, err := c.Endpoints.Usage(t.Context(), anEndpoint)
				assert.Equal(t, []metlo.EndpointUsage{}, usage, "none, not nil")
				return err
			},
			sent: "GET /api/v1/endpoint/" + anEndpoint + "/usage", recording: "usage_empty",
		},
		"SuggestedPaths": {
			call: suggested(anEndpoint), sent: "GET /api/v1/endpoint/" + anEndpoint + "/suggested-paths", recording: "suggested_paths",
		},
		"SuggestedPaths of nothing": {
			call: suggested(kit.Nowhere), sent: "GET /api/v1/endpoint/" + kit.Nowhere + "/suggested-paths",
			recording: "suggested_paths_missing",
		},
		"SetAuthenticated": {
			call: authenticated(anEndpoint, new(true)), sent: "PUT /api/v1/endpoint/" + anEndpoint + "/authenticated",
			body: `{"authenticated":true}`, recording: "set_authenticated",
		},
		"SetAuthenticated to what was detected": {
			call: authenticated(anEndpoint, nil), sent: "PUT /api/v1/endpoint/" + anEndpoint + "/authenticated",
			body: `{"authenticated":null}`, recording: "authenticated_null",
		},
		"SetAuthenticated of nothing": {
			call: authenticated(kit.Nowhere, new(true)), sent: "PUT /api/v1/endpoint/" + kit.Nowhere + "/authenticated",
			body: `{"authenticated":true}`, recording: "set_authenticated_missing", want: metlo.ErrNotFound,
		},
		"SetFullTraceCapture": {
			call: done(func(ctx context.Context, c *metlo.Client) error {
				return c.Endpoints.SetFullTraceCapture(ctx, anEndpoint, false)
			}),
			sent: "PUT /api/v1/endpoint/" + anEndpoint + "/enable-full-trace-capture",
			body: `{"enabled":false}`, recording: "set_full_trace_capture",
		},
		"SetPathLocked": {
			call: done(func(ctx context.Context, c *metlo.Client) error {
				return c.Endpoints.SetPathLocked(ctx, anEndpoint, true)
			}),
			sent: "POST /api/v1/endpoint/" + anEndpoint + "/userSet",
			body: `{"userSetState":true}`, recording: "set_user_set",
		},
		"UpdatePaths": {
			call: updatePaths(anEndpoint, "/v3/invoices/26/a", "/v3/invoices/{id}/b"),
			sent: "POST /api/v1/endpoint/" + anEndpoint + "/update-paths",
			body: `{"paths":["/v3/invoices/26/a","/v3/invoices/{id}/b"]}`, recording: "paths_two",
		},
		"UpdatePaths of nothing": {
			call: updatePaths(kit.Nowhere, "/v9"), sent: "POST /api/v1/endpoint/" + kit.Nowhere + "/update-paths",
			body: `{"paths":["/v9"]}`, recording: "paths_unknown_endpoint", want: metlo.ErrNotFound,
		},
		"UpdatePaths to what is no path": {
			call: updatePaths(anEndpoint, " /v2"), sent: "POST /api/v1/endpoint/" + anEndpoint + "/update-paths",
			body: `{"paths":[" /v2"]}`, recording: "paths_leading_space", want: metlo.ErrBadRequest,
		},
		"DeleteGraphQLSchema": {
			call: deleteSchema(aGraphQL), sent: "DELETE /api/v1/endpoint/" + aGraphQL + "/graphql-schema",
			recording: "graphql_schema_delete",
		},
		"DeleteGraphQLSchema of nothing": {
			call: deleteSchema(kit.Nowhere), sent: "DELETE /api/v1/endpoint/" + kit.Nowhere + "/graphql-schema",
			recording: "graphql_schema_delete_missing", want: metlo.ErrNotFound,
		},
		"Delete": {
			call: done(func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.Delete(ctx, anEndpoint) }),
			sent: "DELETE /api/v1/endpoint/" + anEndpoint, recording: "delete",
		},
		"Delete of nothing": {
			call: done(func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.Delete(ctx, kit.Nowhere) }),
			sent: "DELETE /api/v1/endpoint/" + kit.Nowhere, recording: "delete_missing", want: metlo.ErrServer,
		},
		"DeleteMany": {
			call: deleteMany(anEndpoint, kit.Nowhere), sent: "DELETE /api/v1/endpoints",
			body: `{"uuids":["` + anEndpoint + `","` + kit.Nowhere + `"]}`, recording: "delete_many",
		},
		"DeleteMany of nothing": {
			call: deleteMany(kit.Nowhere), sent: "DELETE /api/v1/endpoints",
			body: `{"uuids":["` + kit.Nowhere + `"]}`, recording: "delete_many_missing",
		},
		"DeleteMany under traffic": {
			call: deleteMany(anEndpoint), sent: "DELETE /api/v1/endpoints",
			body: `{"uuids":["` + anEndpoint + `"]}`, recording: "delete_many_bad_id", want: metlo.ErrServer,
		},
	})
}

func TestEndpointsUploadGraphQLSchema(t *testing.T) {
	const schema = "type Query { me: String }"
	for recording, want := range map[string]error{
		"graphql_schema_upload":                      nil,
		"graphql_schema_upload_not_graphql_endpoint": metlo.ErrBadRequest,
		"graphql_missing_colon":                      metlo.ErrBadRequest,
		"graphql_schema_delete_missing":              metlo.ErrNotFound,
	} {
		t.Run(recording, func(t *testing.T) {
			answer := recordingNamed(t, "endpoints", recording).Response
			client, server := scriptedClient(t, always(answer.Status, answer.Body))
			require.ErrorIs(t, client.Endpoints.UploadGraphQLSchema(t.Context(), aGraphQL, strings.NewReader(schema)), want)
			require.Len(t, server.sent, 1)
			sent := server.sent[0]
			assert.Equal(t, "PUT /api/v1/endpoint/"+aGraphQL+"/graphql-schema", sent.Method+" "+sent.Path)
			mediaType, params, err := mime.ParseMediaType(sent.Header.Get("Content-Type"))
			require.NoError(t, err)
			assert.Equal(t, "multipart/form-data", mediaType)
			form, err := multipart.NewReader(strings.NewReader(sent.Body), params["boundary"]).ReadForm(1 << 20)
			require.NoError(t, err)
			require.Len(t, form.File["file"], 1)
			file := form.File["file"][0]
			assert.Equal(t, "schema.graphql", file.Filename)
			assert.Equal(t, int64(len(schema)), file.Size)
		})
	}
}

func TestEndpointsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.List(ctx, nil, 0, 0)
			return err
		},
		"All": func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Endpoints.All(ctx, nil))
			return err
		},
		"Get": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.Get(ctx, anEndpoint)
			return err
		},
		"Usage": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.Usage(ctx, anEndpoint)
			return err
		},
		"SuggestedPaths": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.SuggestedPaths(ctx, anEndpoint)
			return err
		},
		"SetAuthenticated": func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.SetAuthenticated(ctx, anEndpoint, nil)
		},
		"SetFullTraceCapture": func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.SetFullTraceCapture(ctx, anEndpoint, true)
		},
		"SetPathLocked": func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.SetPathLocked(ctx, anEndpoint, true)
		},
		"UpdatePaths": func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.UpdatePaths(ctx, anEndpoint, "/a")
		},
		"UploadGraphQLSchema": func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.UploadGraphQLSchema(ctx, aGraphQL, strings.NewReader("type Query"))
		},
		"DeleteGraphQLSchema": func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.DeleteGraphQLSchema(ctx, aGraphQL)
		},
		"Delete":     func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.Delete(ctx, anEndpoint) },
		"DeleteMany": func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.DeleteMany(ctx, anEndpoint) },
	})
}

func TestEndpointsRefuse(t *testing.T) {
	list := func(o metlo.EndpointFilter) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.List(ctx, &o, 0, 0)
			return err
		}
	}
	all := func(o metlo.EndpointFilter) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Endpoints.All(ctx, &o))
			return err
		}
	}
	rows := map[string]refusal{
		"a negative limit": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.List(ctx, nil, 0, -1)
			return err
		}, "limit -1"},
		"a negative offset": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Endpoints.List(ctx, nil, -1, 0)
			return err
		}, "offset -1"},
		"a negative page size": {func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Endpoints.All(ctx, nil, metlo.PageSize(-1)))
			return err
		}, "PageSize -1"},
		"no host":                      {list(metlo.EndpointFilter{Hosts: []string{}}), "Hosts is empty"},
		"no risk score":                {list(metlo.EndpointFilter{RiskScores: []metlo.RiskScore{}}), "RiskScores is empty"},
		"no method":                    {list(metlo.EndpointFilter{Methods: []metlo.RestMethod{}}), "Methods is empty"},
		"no data class":                {all(metlo.EndpointFilter{DataClasses: []string{}}), "DataClasses is empty"},
		"no permission":                {all(metlo.EndpointFilter{ResourcePermissions: []string{}}), "ResourcePermissions is empty"},
		"too many filter values":       {list(metlo.EndpointFilter{Hosts: slices.Repeat([]string{"h"}, 901)}), "split the filter"},
		"too many values of two lists": {list(metlo.EndpointFilter{Hosts: slices.Repeat([]string{"h"}, 450), DataClasses: slices.Repeat([]string{"c"}, 451)}), "split the filter"},
		"too long a target":            {list(metlo.EndpointFilter{Hosts: []string{strings.Repeat("h", 15_000)}}), "split the filter"},
		"no path": {func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.UpdatePaths(ctx, anEndpoint) },
			"pass at least one"},
		"no schema": {func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.UploadGraphQLSchema(ctx, aGraphQL, nil)
		}, "the reader is nil"},
		"a schema that cannot be read": {func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.UploadGraphQLSchema(ctx, aGraphQL, iotest.ErrReader(errors.New("no such disk")))
		}, "no such disk"},
		"a deletion of nothing": {func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.DeleteMany(ctx) }, "no id"},
		"a deletion of one that is not a UUID": {func(ctx context.Context, c *metlo.Client) error {
			return c.Endpoints.DeleteMany(ctx, anEndpoint, "x")
		}, "is not a UUID"},
	}
	for _, id := range []string{"", "1", "..", anEndpoint[:35], "{" + anEndpoint + "}"} {
		for name, call := range map[string]func(context.Context, *metlo.Client) error{
			"Get":   func(ctx context.Context, c *metlo.Client) error { _, err := c.Endpoints.Get(ctx, id); return err },
			"Usage": func(ctx context.Context, c *metlo.Client) error { _, err := c.Endpoints.Usage(ctx, id); return err },
			"SuggestedPaths": func(ctx context.Context, c *metlo.Client) error {
				_, err := c.Endpoints.SuggestedPaths(ctx, id)
				return err
			},
			"SetAuthenticated": func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.SetAuthenticated(ctx, id, nil) },
			"SetFullTraceCapture": func(ctx context.Context, c *metlo.Client) error {
				return c.Endpoints.SetFullTraceCapture(ctx, id, true)
			},
			"SetPathLocked": func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.SetPathLocked(ctx, id, true) },
			"UpdatePaths":   func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.UpdatePaths(ctx, id, "/a") },
			"UploadGraphQLSchema": func(ctx context.Context, c *metlo.Client) error {
				return c.Endpoints.UploadGraphQLSchema(ctx, id, strings.NewReader("type Query"))
			},
			"DeleteGraphQLSchema": func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.DeleteGraphQLSchema(ctx, id) },
			"Delete":              func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.Delete(ctx, id) },
			"DeleteMany":          func(ctx context.Context, c *metlo.Client) error { return c.Endpoints.DeleteMany(ctx, id) },
		} {
			rows[name+" of the id "+id] = refusal{call, "is not a UUID"}
		}
	}
	assertRefusals(t, rows)
}

func TestAuthenticationByEvidence(t *testing.T) {
	for name, row := range map[string]struct {
		detected bool
		set      *bool
		want     metlo.Authentication
	}{
		"the default of the database": {true, nil, metlo.AuthenticationUnknown},
		"detected as open":            {false, nil, metlo.AuthenticationNone},
		"set by a user":               {false, new(true), metlo.AuthenticationRequired},
		"set to open by a user":       {true, new(false), metlo.AuthenticationNone},
	} {
		e := metlo.Endpoint{IsAuthenticatedDetected: row.detected, IsAuthenticatedUserSet: row.set}
		assert.Equal(t, row.want, e.Authentication(), name)
	}
	with, without := metlo.SessionMeta{AuthenticationProvided: new(true)}, metlo.SessionMeta{AuthenticationProvided: new(false)}
	detail := metlo.EndpointDetail{Traces: []metlo.CapturedTrace{
		{SessionMeta: with, ResponseStatus: 200}, {SessionMeta: with, ResponseStatus: 401}, {SessionMeta: without, ResponseStatus: 204},
		{SessionMeta: without, ResponseStatus: 401}, {SessionMeta: without, ResponseStatus: 500}, {ResponseStatus: 200},
	}}
	assert.Equal(t, metlo.AuthenticationEvidence{Traces: 6, WithCredentials: 2, SucceededWithout: 1}, detail.AuthenticationEvidence())
}

// Show the progress of a walk.
func ExampleEndpointsService_All_progress() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client, ctx := server.Client(), context.Background()

	done, total := 0, 0
	progress := metlo.OnTotal(func(n int) { total = n }) // known after the first request
	for _, err := range client.Endpoints.All(ctx, nil, metlo.PageSize(5), progress) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if done++; done%5 == 0 && total > 0 {
			fmt.Println(done, "of", total)
		}
	}
	// Output:
	// 10 of 15
	// 15 of 15
}
