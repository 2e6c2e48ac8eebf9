package metlo_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestHostsReadWhatTheServerSays(t *testing.T) {
	want := []metlo.Host{
		{Host: "shop.example.com", NumEndpoints: 17, IsPublic: true},
		{Host: "api.example.org", NumEndpoints: 15, IsPublic: true},
	}
	items := `[{"host":"shop.example.com","numEndpoints":"17","isPublic":true},{"host":"api.example.org","numEndpoints":15,"isPublic":true}]`
	for name, row := range map[string]struct {
		body  string
		total int
	}{
		"recorded":                   {recordingNamed(t, "hosts", "list").Response.Body, 4},
		"numbers and strings":        {"[" + items + ",2]", 2},
		"total as a string":          {"[" + items + `,"2"]`, 2},
		"documented bare array":      {items, -1},
		"documented object":          {`{"items":` + items + `,"totalCount":2}`, 2},
		"documented envelope":        {`{"ok":true,"data":` + items + `}`, -1},
		"envelope of a recorded one": {`{"ok":true,"data":[` + items + `,9]}`, 9},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := scriptedClient(t, always(http.StatusOK, row.body))
			page, err := client.Hosts.List(t.Context(), nil, 0, 0)
			require.NoError(t, err)
			assert.Equal(t, want, page.Items)
			assert.Equal(t, row.total, page.Total)
		})
	}
}

func TestHostsSendTheirFilters(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "[[],0]"))
	_, err := client.Hosts.List(t.Context(), &metlo.HostFilter{
		SearchQuery: "shop & co", HostType: metlo.HostPublic, SortBy: metlo.SortByHost, SortOrder: metlo.Ascending,
	}, 6, 3)
	require.NoError(t, err)
	require.Len(t, server.sent, 1)
	assert.Equal(t, "/api/v1/hosts", server.sent[0].Path)
	assert.Equal(t, url.Values{
		"searchQuery": {"shop & co"}, "hostType": {"Public"}, "sortBy": {"host"}, "sortOrder": {"ASC"}, "limit": {"3"}, "offset": {"6"},
	}, server.sent[0].Query)
}

func TestHostsAllYieldsEachHostOnce(t *testing.T) {
	client, server := scriptedClient(t, func(r sentRequest) (int, string, error) {
		if r.Query.Get("limit") == "1" {
			return http.StatusOK, `[[{"host":"a","numEndpoints":"2","isPublic":false}],2]`, nil
		}
		return http.StatusOK, `[[{"host":"b","numEndpoints":"2","isPublic":true},{"host":"a","numEndpoints":"2","isPublic":false}],2]`, nil
	})
	hosts, err := metlo.Collect(client.Hosts.All(t.Context(), nil, metlo.PageSize(1)))
	require.NoError(t, err)
	assert.Equal(t, []metlo.Host{{Host: "a", NumEndpoints: 2}, {Host: "b", NumEndpoints: 2, IsPublic: true}}, hosts)
	assert.Len(t, server.sent, 2)
}

func TestHostsNamesAndGraph(t *testing.T) {
	client, _ := scriptedClient(t, func(r sentRequest) (int, string, error) {
		return http.StatusOK, recordingNamed(t, "hosts", map[string]string{
			"/api/v1/endpoints/hosts": "names", "/api/v1/hosts-graph": "graph",
		}[r.Path]).Response.Body, nil
	})
	names, err := client.Hosts.Names(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"shop.example.com", "pay.example.com", "internal.example.local", "api.example.org"}, names)
	graph, err := client.Hosts.Graph(t.Context())
	require.NoError(t, err)
	assert.Empty(t, graph.Hosts)
	assert.Empty(t, graph.Edges)

	client, _ = scriptedClient(t, always(http.StatusOK, `{"login":"required"}`))
	_, err = client.Hosts.Graph(t.Context())
	assert.ErrorIs(t, err, metlo.ErrInvalidResponse)
}

func TestHostsDelete(t *testing.T) {
	client, server := scriptedClient(t, always(http.StatusOK, "Success"))
	require.NoError(t, client.Hosts.DeleteMany(t.Context(), "a.example.com", "b.example.com"))
	require.Len(t, server.sent, 1)
	assert.Equal(t, "DELETE /api/v1/hosts", server.sent[0].Method+" "+server.sent[0].Path)
	assert.JSONEq(t, `{"hosts":["a.example.com","b.example.com"]}`, server.sent[0].Body)

	client, _ = scriptedClient(t, always(http.StatusInternalServerError, ""))
	assert.ErrorIs(t, client.Hosts.DeleteMany(t.Context(), "a.example.com"), metlo.ErrServer)
}

func TestHostsRefuse(t *testing.T) {
	list := func(offset, limit int) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Hosts.List(ctx, nil, offset, limit)
			return err
		}
	}
	assertRefusals(t, map[string]refusal{
		"negative limit":  {list(0, -1), "use 0 for the default"},
		"negative offset": {list(-1, 0), "use 0 to start"},
		"negative page size": {func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Hosts.All(ctx, nil, metlo.PageSize(-1)))
			return err
		}, "use 0 for the default"},
		"nothing to delete": {func(ctx context.Context, c *metlo.Client) error { return c.Hosts.DeleteMany(ctx) }, "pass at least one"},
		"an empty host": {func(ctx context.Context, c *metlo.Client) error { return c.Hosts.DeleteMany(ctx, "a", "") },
			"use one of Hosts.Names"},
	})
}

func ExampleHostsService_All() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	for host, err := range server.Client().Hosts.All(context.Background(), &metlo.HostFilter{HostType: metlo.HostPublic}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(host.Host, host.NumEndpoints)
	}
	// Unordered output:
	// shop.example.com 10
	// pay.example.com 3
}

func TestHostsCalls(t *testing.T) {
	assertRecordedCalls(t, "hosts", map[string]recordedCall{
		"Names": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Hosts.Names(t.Context()); return err },
			sent: "GET /api/v1/endpoints/hosts", recording: "names",
		},
		"Graph": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Hosts.Graph(t.Context()); return err },
			sent: "GET /api/v1/hosts-graph", recording: "graph",
		},
		"Delete of nothing": {
			call: func(t *testing.T, c *metlo.Client) error { return c.Hosts.DeleteMany(t.Context(), "nope.example.com") },
			sent: "DELETE /api/v1/hosts", body: `{"hosts":["nope.example.com"]}`, recording: "delete_missing",
		},
		"List sorted by what is not known": {
			call: func(t *testing.T, c *metlo.Client) error {
				_, err := c.Hosts.List(t.Context(), &metlo.HostFilter{SortBy: "risk"}, 0, 0)
				var v *metlo.ValidationError
				assert.ErrorAs(t, err, &v)
				return err
			},
			sent: "GET /api/v1/hosts", query: "sortBy=risk", recording: "list_sort_bad", want: metlo.ErrBadRequest,
		},
	})
}

func TestHostsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"List": func(ctx context.Context, c *metlo.Client) error { _, err := c.Hosts.List(ctx, nil, 0, 0); return err },
		"All": func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Hosts.All(ctx, nil))
			return err
		},
		"Names":  func(ctx context.Context, c *metlo.Client) error { _, err := c.Hosts.Names(ctx); return err },
		"Graph":  func(ctx context.Context, c *metlo.Client) error { _, err := c.Hosts.Graph(ctx); return err },
		"Delete": func(ctx context.Context, c *metlo.Client) error { return c.Hosts.DeleteMany(ctx, "a.example.com") },
	})
}
