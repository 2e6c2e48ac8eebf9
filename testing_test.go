package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestAllGenTestEndpoints(t *testing.T) {
	srv := metlotest.NewServer(inventory(16))
	defer srv.Close()
	tests, err := metlo.Collect(srv.Client(unlimited()).Testing.AllEndpoints(t.Context(), "shop.example.com"))
	require.NoError(t, err)
	assert.Len(t, tests, 16)
	assert.NotEmpty(t, tests[0].UUID)
}

func ExampleTestingService_Endpoint() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	endpoint, err := server.Client().Testing.Endpoint(context.Background(), &metlo.TestEndpointQuery{
		Endpoint: "/v1/orders/{param1}", Host: "shop.example.com", Method: metlo.MethodGet,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(endpoint.AuthConfig.AuthType, endpoint.AuthConfig.HeaderKey)
	for _, field := range endpoint.DataFields {
		if field.Entity != "" {
			fmt.Println(field.DataSection, field.DataPath, "holds", field.Entity)
		}
	}
	// Output:
	// header Authorization
	// reqPath param1 holds Order.id
}

const aTestingConfig = "actor Customer {\n  items = [{\"id\": \"c1\"}]\n}\n"

func TestTestingCalls(t *testing.T) {
	genTest := func(o metlo.TestEndpointQuery) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error {
			_, err := c.Testing.Endpoint(t.Context(), &o)
			return err
		}
	}
	updateConfig := func(text string) func(*testing.T, *metlo.Client) error {
		return func(t *testing.T, c *metlo.Client) error { return c.Testing.UpdateConfig(t.Context(), text) }
	}
	assertRecordedCalls(t, "testing", map[string]recordedCall{
		"GenTestEndpoint": {
			call: func(t *testing.T, c *metlo.Client) error {
				e, err := c.Testing.Endpoint(t.Context(), &metlo.TestEndpointQuery{
					Endpoint: "/v3/cards/11/{param1}", Host: "api.example.org", Method: metlo.MethodPost,
				})
				if assert.NoError(t, err) {
					assert.Equal(t, "api.example.org", e.Host)
					assert.Equal(t, metlo.MethodPost, e.Method)
					assert.Equal(t, metlo.TestDataField{DataSection: metlo.SectionRequestPath, DataPath: "param1", DataType: metlo.TypeString}, e.DataFields[0])
					assert.Nil(t, e.AuthConfig)
					assert.Nil(t, e.Generated)
				}
				return err
			},
			sent:      "GET /api/v1/gen-test-endpoint",
			query:     "endpoint=/v3/cards/11/{param1}&host=api.example.org&method=POST",
			recording: "gen_test_endpoint",
		},
		"GenTestEndpoint of nothing": {
			call: genTest(metlo.TestEndpointQuery{Endpoint: "/nope"}), sent: "GET /api/v1/gen-test-endpoint",
			query: "endpoint=/nope", recording: "gen_test_endpoint_missing", want: metlo.ErrNotFound,
		},
		"GenTestEndpoints": {
			call: func(t *testing.T, c *metlo.Client) error {
				endpoints, err := c.Testing.Endpoints(t.Context(), "pay.example.com")
				if assert.NoError(t, err) && assert.Len(t, endpoints, 2) {
					assert.Equal(t, "00000000-0000-4000-8000-00000000001d", endpoints[0].UUID)
					assert.Len(t, endpoints[0].DataFields, 6)
				}
				return err
			},
			sent: "GET /api/v1/gen-test-endpoints", query: "host=pay.example.com", recording: "gen_test_endpoints",
		},
		"GenTestEndpoints of an unknown host": {
			call: func(t *testing.T, c *metlo.Client) error {
				endpoints, err := c.Testing.Endpoints(t.Context(), "nope.example.com")
				assert.Equal(t, []metlo.TestEndpoint{}, endpoints)
				return err
			},
			sent: "GET /api/v1/gen-test-endpoints", query: "host=nope.example.com", recording: "gen_test_endpoints_unknown_host",
		},
		"GlobalEnv": {
			call: func(t *testing.T, c *metlo.Client) error {
				variables, err := c.Testing.GlobalEnv(t.Context())
				assert.Equal(t, []metlo.EnvVariable{}, variables)
				return err
			},
			sent: "GET /api/v1/testing/global-env", recording: "global_env",
		},
		"Config": {
			call: func(t *testing.T, c *metlo.Client) error {
				config, err := c.Testing.Config(t.Context())
				if assert.NoError(t, err) {
					assert.Equal(t, "3508f909-2aab-470b-a070-01e12b6468e6", config.UUID)
					assert.Contains(t, config.ConfigString.Reveal(), "has_permission(Customer")
					assert.NotContains(t, fmt.Sprintf("%v %+v %#v", config, *config, *config), "has_permission")
				}
				return err
			},
			sent: "GET /api/v1/testing-config", recording: "config_get",
		},
		"Config that was never set": {
			call: func(t *testing.T, c *metlo.Client) error {
				config, err := c.Testing.Config(t.Context())
				if assert.NoError(t, err) {
					assert.Empty(t, config.UUID+config.ConfigString.Reveal())
				}
				return err
			},
			sent: "GET /api/v1/testing-config", recording: "config_get_empty",
		},
		"UpdateConfig": {
			call: updateConfig(aTestingConfig), sent: "PUT /api/v1/testing-config",
			body: `{"configString":` + strconv.Quote(aTestingConfig) + `}`, recording: "config_put",
		},
		"UpdateConfig with what does not parse": {
			call: func(t *testing.T, c *metlo.Client) error {
				err := c.Testing.UpdateConfig(t.Context(), "RESOURCES")
				var s *metlo.TestingSyntaxError
				if assert.ErrorAs(t, err, &s) {
					assert.Equal(t, 1, s.StartLine)
				}
				return err
			},
			sent: "PUT /api/v1/testing-config", body: `{"configString":"RESOURCES"}`,
			recording: "config_put_syntax_error", want: metlo.ErrBadRequest,
		},
		"UpdateConfig with a method that is none": {
			call: func(t *testing.T, c *metlo.Client) error {
				err := c.Testing.UpdateConfig(t.Context(), "x")
				var v *metlo.ValidationError
				assert.ErrorAs(t, err, &v)
				return err
			},
			sent: "PUT /api/v1/testing-config", body: `{"configString":"x"}`,
			recording: "put_rule_lower_case_method", want: metlo.ErrBadRequest,
		},
		"UpdateConfig with a pattern that is none": {
			call: updateConfig("x"), sent: "PUT /api/v1/testing-config", body: `{"configString":"x"}`,
			recording: "put_rule_bad_regex", want: metlo.ErrBadRequest,
		},
		"EntityTags": {
			call: func(t *testing.T, c *metlo.Client) error {
				tags, err := c.Testing.EntityTags(t.Context())
				assert.Equal(t, []string{"Customer.id", "Order.id"}, tags)
				return err
			},
			sent: "GET /api/v1/testing-config/entity-tags", recording: "entity_tags",
		},
		"ResourcePermissions": {
			call: func(t *testing.T, c *metlo.Client) error {
				permissions, err := c.Testing.ResourcePermissions(t.Context())
				assert.Equal(t, []string{"Order.read", "Order.update"}, permissions)
				return err
			},
			sent: "GET /api/v1/testing-config/resource-permissions", recording: "resource_permissions",
		},
	})
}

func TestTestingGlobalEnvHidesValues(t *testing.T) {
	const secret = "w7lnNxno80J6BKexQoCidb1lhTeuE6R9"
	client, _ := scriptedClient(t, always(http.StatusOK, `[{"name":"TOKEN","value":"`+secret+`"}]`))
	variables, err := client.Testing.GlobalEnv(t.Context())
	require.NoError(t, err)
	require.Len(t, variables, 1)
	assert.Equal(t, "TOKEN", variables[0].Name)
	assert.Equal(t, secret, variables[0].Value.Reveal())
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", variables, variables, variables), secret)

	client, _ = scriptedClient(t, always(http.StatusOK, `[{"name":"TOKEN","value":"`+secret))
	_, err = client.Testing.GlobalEnv(t.Context())
	require.ErrorIs(t, err, metlo.ErrInvalidResponse)
	assert.Empty(t, kit.Leak(kit.TextsOf(err), secret))
}

// The documented response is a generated test, or an error.
func TestTestingGenTestEndpointDocumentedForm(t *testing.T) {
	opts := &metlo.TestEndpointQuery{Endpoint: "/a"}
	client, _ := scriptedClient(t, always(http.StatusOK,
		`{"success":true,"templateName":"BOLA","templateVersion":2,"test":{"id":"a"},"msg":"made"}`))
	endpoint, err := client.Testing.Endpoint(t.Context(), opts)
	require.NoError(t, err)
	assert.Equal(t, &metlo.GeneratedTest{
		Success: true, TemplateName: "BOLA", TemplateVersion: 2, Test: []byte(`{"id":"a"}`), Message: "made",
	}, endpoint.Generated)

	client, _ = scriptedClient(t, always(http.StatusOK, `{"success":false,"msg":"no template fits"}`))
	_, err = client.Testing.Endpoint(t.Context(), opts)
	require.Error(t, err)
	assert.ErrorContains(t, err, "no template fits")
	assert.Equal(t, 1, kit.CountSentinels(err))
}

func TestTestingMeetsFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"GenTestEndpoint": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Testing.Endpoint(ctx, &metlo.TestEndpointQuery{Endpoint: "/a"})
			return err
		},
		"GenTestEndpoints": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Testing.Endpoints(ctx, "h")
			return err
		},
		"AllEndpoints": func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Testing.AllEndpoints(ctx, "h"))
			return err
		},
		"GlobalEnv":    func(ctx context.Context, c *metlo.Client) error { _, err := c.Testing.GlobalEnv(ctx); return err },
		"Config":       func(ctx context.Context, c *metlo.Client) error { _, err := c.Testing.Config(ctx); return err },
		"UpdateConfig": func(ctx context.Context, c *metlo.Client) error { return c.Testing.UpdateConfig(ctx, "") },
		"EntityTags":   func(ctx context.Context, c *metlo.Client) error { _, err := c.Testing.EntityTags(ctx); return err },
		"ResourcePermissions": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Testing.ResourcePermissions(ctx)
			return err
		},
	})
}

func TestTestingRefuses(t *testing.T) {
	genTest := func(o *metlo.TestEndpointQuery) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Testing.Endpoint(ctx, o)
			return err
		}
	}
	assertRefusals(t, map[string]refusal{
		"no options":                   {genTest(nil), "Endpoint is empty"},
		"no endpoint":                  {genTest(&metlo.TestEndpointQuery{Host: "h"}), "Endpoint is empty"},
		"an endpoint that is too long": {genTest(&metlo.TestEndpointQuery{Endpoint: "/" + strings.Repeat("a", 15_000)}), "over 15000"},
		"no host": {func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Testing.Endpoints(ctx, "")
			return err
		}, "use one of Hosts.Names"},
		"no host of a walk": {func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Testing.AllEndpoints(ctx, ""))
			return err
		}, "use one of Hosts.Names"},
	})
}

func TestGlobalEnvKeepsValuesOutOfErrors(t *testing.T) {
	const value = "hunter2-hunter2"
	for name, body := range map[string]string{
		"cut":              `[{"name":"PASSWORD","value":"` + value,
		"followed by text": `[{"name":"PASSWORD","value":"` + value + `"}] and more`,
		"an object":        `{"name":"PASSWORD","value":"` + value + `"}`,
		"bare text":        value,
	} {
		t.Run(name, func(t *testing.T) {
			client := inProcess(t, answering(http.StatusOK, body), metlo.WithoutRetry())
			_, err := client.Testing.GlobalEnv(t.Context())
			require.Error(t, err)
			for cause := err; cause != nil; cause = errors.Unwrap(cause) {
				assert.NotContains(t, fmt.Sprintf("%v %+v %#v %q", cause, cause, cause, cause), value)
			}
			var e *metlo.Error
			require.ErrorAs(t, err, &e)
			assert.NotContains(t, string(e.Body), value)
		})
	}
}
