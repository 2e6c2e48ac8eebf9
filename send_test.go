package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestAnswersThatAreNotWhatTheRouteReturns(t *testing.T) {
	const login = "<!doctype html><html><head><title>Sign in</title></head></html>"
	get := func(t *testing.T, c *metlo.Client) error {
		_, err := c.Endpoints.Get(t.Context(), endpointID(1))
		return err
	}
	list := func(t *testing.T, c *metlo.Client) error {
		_, err := c.Endpoints.List(t.Context(), nil, 0, 0)
		return err
	}
	walk := func(t *testing.T, c *metlo.Client) error {
		_, err := metlo.Collect(c.Endpoints.All(t.Context(), nil))
		return err
	}
	write := func(t *testing.T, c *metlo.Client) error { return c.Endpoints.Delete(t.Context(), endpointID(1)) }
	calls := map[string]func(*testing.T, *metlo.Client) error{"get": get, "list": list, "walk": walk, "write": write}
	tests := []struct {
		name, body string
		calls      string
		says       string
	}{
		{"login page", login, "get list walk write", "login proxy"},
		{"empty", "", "get list walk write", ""},
		{"white space", " \n ", "get list walk write", ""},
		{"null", "null", "get write", ""},
		{"object without an id", `{"error":"sign in"}`, "get", "no id"},
		{"another object", `{"error":"sign in"}`, "list walk write", ""},
		{"half a tuple", `[[{"uuid":"x"}]]`, "list walk", "total"},
		{"tuple of three", `[[],1,2]`, "list walk", ""},
		{"two lists", `[[],1][]`, "list walk", "more text"},
		{"cut tuple", `[[{"uuid":"x"},`, "list walk", "cut short"},
		{"cut object", `{"uuid":`, "get", "cut short"},
		{"text", "OK", "get list walk", ""},
		{"number", "42", "get list walk write", ""},
		{"list for an object", "[]", "get write", ""},
		{"number that is none", `{"uuid":"x","numberParams":"many"}`, "get", "integer"},
		{"number out of range", `{"uuid":"x","numberParams":99999999999999999999}`, "get", ""},
		{"time that is none", `{"uuid":"x","createdAt":"yesterday"}`, "get", ""},
	}
	for _, tt := range tests {
		for name := range strings.FieldsSeq(tt.calls) {
			t.Run(tt.name+" for "+name, func(t *testing.T) {
				err := calls[name](t, inProcess(t, failing(200, tt.body, nil), metlo.WithoutRetry()))
				require.ErrorIs(t, err, metlo.ErrInvalidResponse)
				assert.Equal(t, 1, kit.CountSentinels(err))
				assert.Contains(t, err.Error(), tt.says)
				var e *metlo.Error
				require.ErrorAs(t, err, &e)
				assert.Equal(t, 200, e.StatusCode)
			})
		}
	}
}

func TestForeignObjectsAreRefused(t *testing.T) {
	calls := map[string]func(*metlo.Client) error{
		"Testing.Config": func(c *metlo.Client) error { _, err := c.Testing.Config(t.Context()); return err },
		"Testing.Endpoint": func(c *metlo.Client) error {
			_, err := c.Testing.Endpoint(t.Context(), &metlo.TestEndpointQuery{Endpoint: "/"})
			return err
		},
		"DataFields.UpdatePath": func(c *metlo.Client) error {
			_, err := c.DataFields.UpdatePath(t.Context(), kit.FieldID(1), "x")
			return err
		},
		"Settings.MetloConfig": func(c *metlo.Client) error { _, err := c.Settings.MetloConfig(t.Context()); return err },
		"Summary.Get":          func(c *metlo.Client) error { _, err := c.Summary.Get(t.Context()); return err },
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, call(inProcess(t, failing(200, `{"message":"upstream busy"}`, nil))), metlo.ErrInvalidResponse)
		})
	}
	lists := map[string]func(*metlo.Client) error{
		"Keys.List":        func(c *metlo.Client) error { _, err := c.Keys.List(t.Context()); return err },
		"DataClasses.List": func(c *metlo.Client) error { _, err := c.DataClasses.List(t.Context()); return err },
		"Webhooks.List":    func(c *metlo.Client) error { _, err := c.Webhooks.List(t.Context()); return err },
		"Specs.List":       func(c *metlo.Client) error { _, err := c.Specs.List(t.Context()); return err },
		"Alerts.Get":       func(c *metlo.Client) error { _, err := c.Alerts.Get(t.Context(), alertID(1)); return err },
	}
	for name, call := range lists {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, call(inProcess(t, failing(200, `[{"message":"upstream busy"}]`, nil))), metlo.ErrInvalidResponse)
		})
	}
}

func TestNotFoundHasItsAttempts(t *testing.T) {
	_, err := inProcess(t, failing(200, `[[],0]`, nil)).Alerts.Get(t.Context(), alertID(1))
	require.ErrorIs(t, err, metlo.ErrNotFound)
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Attempts, 1)
}

func TestAttackTrafficIsNoInvalidResponse(t *testing.T) {
	body := "{\"uuid\":\"x\",\"path\":\"/\xff\xfe\",\"path\":\"/again\",\"host\":\"\\ud800\"}"
	e, err := inProcess(t, failing(200, body, nil)).Endpoints.Get(t.Context(), endpointID(1))
	require.NoError(t, err)
	assert.Equal(t, "/again", e.Path)
}

func TestMoreRowsThanThereCanBe(t *testing.T) {
	const n = 300_000
	tests := map[string]struct {
		body, says string
		limit      int64
		call       func(*metlo.Client) error
	}{
		"an array": {"[" + strings.Repeat("{},", n) + "{}]", "more rows than a server can hold", 64 << 20, func(c *metlo.Client) error {
			_, err := c.Webhooks.List(t.Context())
			return err
		}},
		"an array of texts": {"[" + strings.Repeat(`"",`, n) + `""]`, "more rows than a server can hold", 64 << 20, func(c *metlo.Client) error {
			_, err := c.Hosts.Names(t.Context())
			return err
		}},
		"an array of null": {"[" + strings.Repeat("null,", n) + "null]", "is null", 64 << 20, func(c *metlo.Client) error {
			_, err := c.Specs.List(t.Context())
			return err
		}},
		"an array in an object": {`{"endpoints":[` + strings.Repeat("{  },", n) + "{}]}", "decoded it takes more than", 2 << 20, func(c *metlo.Client) error {
			_, err := c.Settings.AgentConfig(t.Context())
			return err
		}},
		"a value of the caller's": {"[" + strings.Repeat("{  },", n) + "{}]", "decoded it takes more than", 2 << 20, func(c *metlo.Client) error {
			var v any
			return c.Call(t.Context(), http.MethodGet, "/endpoints", nil, nil, &v)
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := tt.call(inProcess(t, kit.JSON(http.StatusOK, tt.body), metlo.WithMaxResponseBytes(tt.limit)))
			require.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.Contains(t, err.Error(), tt.says)
		})
	}
}

func TestManySmallValuesAreNoFault(t *testing.T) {
	decodesMillions(t)
	point := strings.Repeat("[13.4,52.5],", 10_000)
	trace := `{"responseBody":[` + point + `[0,0]],"requestHeaders":[{"name":"a","value":"b"}]}`
	var traces []map[string]any
	client := inProcess(t, kit.JSON(http.StatusOK, "["+strings.Repeat(trace+",", 50)+trace+"]"))
	require.NoError(t, client.Call(t.Context(), http.MethodGet, "/x", nil, nil, &traces))
	assert.Len(t, traces, 51)
}

// silent is the body of a connection that switched protocols: a read blocks until the server ends it.
type silent struct{ closed chan struct{} }

func (s silent) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.EOF
}

func (s silent) Write(p []byte) (int, error) { return len(p), nil }

func (s silent) Close() error {
	close(s.closed)
	return nil
}

func TestSwitchedProtocolsAreClosedUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := silent{make(chan struct{})}
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusSwitchingProtocols, Header: http.Header{}, Body: body, Request: r}, nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := client.Summary.Get(ctx)
		require.ErrorIs(t, err, metlo.ErrInvalidResponse)
		assert.Zero(t, time.Since(start))
		<-body.closed
	})
}

// Name spans and metrics after the route, which does not contain the ids of a path.
func ExampleRouteFromContext() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	named := roundTrip(func(r *http.Request) (*http.Response, error) {
		fmt.Println(r.Method, metlo.RouteFromContext(r.Context()))
		return http.DefaultTransport.RoundTrip(r)
	})
	client := server.Client(metlo.WithHTTPClient(&http.Client{Transport: named}))
	_, err := client.Endpoints.Usage(context.Background(), "00000000-0000-4000-8000-000000000000")
	fmt.Println(errors.Is(err, metlo.ErrNotFound))
	// Output:
	// GET /endpoint/{uuid}/usage
	// true
}
