package metlo

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
)

// HostsService lists and deletes the hosts of the inventory.
type HostsService struct{ client *Client }

// Host is a host with endpoints.
type Host struct {
	Host         string `json:"host"`
	NumEndpoints int    `json:"numEndpoints"`
	IsPublic     bool   `json:"isPublic"` // reachable from the internet
}

func describeHost(h *Host) (walk.Item, error) {
	return walk.Item{Key: walk.TextKey(h.Host)}, hasID(h.Host)
}

// HostGraph describes which hosts call which. The open-source server sends an empty one.
type HostGraph struct {
	Hosts map[string]json.RawMessage `json:"hosts"` // hosts by name
	Edges []json.RawMessage          `json:"edges"`
}

func (g *HostGraph) check() error {
	if g.Hosts == nil || g.Edges == nil {
		return errShape
	}
	return nil
}

// HostFilter selects and orders hosts. Fields that are set apply together.
type HostFilter struct {
	SearchQuery string    `url:"searchQuery,omitempty"` // part of the name, case-insensitive
	HostType    HostType  `url:"hostType,omitempty"`
	SortBy      HostSort  `url:"sortBy,omitempty"`    // default numEndpoints
	SortOrder   SortOrder `url:"sortOrder,omitempty"` // default DESC
}

func (s *HostsService) listing(name string, f HostFilter) *listing[Host] {
	return &listing[Host]{
		client:       s.client,
		base:         newRequest(name, http.MethodGet, "/hosts").filter(&f),
		describe:     describeHost,
		defaultLimit: defaultRows,
		options:      wire.ListOptions{Lenient: true}, // the server sends numEndpoints as a string
	}
}

// List returns one page of at most limit hosts, 10 if limit is 0, starting at offset. Hosts with the most endpoints
// come first unless the filter sets another order. The order of equal hosts is undefined, so pages overlap and leave
// gaps: use [HostsService.All] for a complete list. The error is [ErrInvalidArgument] or one of the server's.
//
// GET /hosts
func (s *HostsService) List(ctx context.Context, filter *HostFilter, offset, limit int) (*Page[Host], error) {
	return s.listing("Hosts.List", valueOf(filter)).page(ctx, offset, limit)
}

// All returns an iterator over every host that passes the filter throughout the walk, each once, sorted by name unless
// SortBy or SortOrder is set. It takes two requests if the server sends the whole list at once. Otherwise it walks by
// pages until a count proves that no host is missing. The sequence ends after the first error. A final
// [IncompleteError] holds how many hosts may be missing.
//
// GET /hosts
func (s *HostsService) All(ctx context.Context, filter *HostFilter, opts ...WalkOption) iter.Seq2[Host, error] {
	f := valueOf(filter)
	if f.SortBy == "" && f.SortOrder == "" {
		f.SortBy, f.SortOrder = SortByHost, Ascending
	}
	return s.listing("Hosts.All", f).all(ctx, opts)
}

// Names returns the names of all hosts that have endpoints, in undefined order.
//
// GET /endpoints/hosts
func (s *HostsService) Names(ctx context.Context) ([]string, error) {
	return fetchAll[string](ctx, s.client, newRequest("Hosts.Names", http.MethodGet, "/endpoints/hosts"), anything)
}

// Graph returns which hosts call which. The open-source server always sends an empty graph.
//
// GET /hosts-graph
func (s *HostsService) Graph(ctx context.Context) (*HostGraph, error) {
	return fetch(ctx, s.client, newRequest("Hosts.Graph", http.MethodGet, "/hosts-graph"), (*HostGraph).check)
}

// DeleteMany deletes hosts with all their endpoints, the alerts, data fields and traces of these, their GraphQL schemas
// and the specs that Metlo generated from their traffic. The server ignores unknown hosts. Without a host the error is
// [ErrInvalidArgument].
//
// Shortly after traffic the server also loses request counts of all endpoints: those since it last saved them.
//
// DELETE /hosts
func (s *HostsService) DeleteMany(ctx context.Context, hosts ...string) error {
	r := newRequest("Hosts.DeleteMany", http.MethodDelete, "/hosts")
	if len(hosts) == 0 {
		r.fail("no host: pass at least one")
	}
	for i, host := range hosts {
		if host == "" {
			r.fail("host %d is empty: use one of Hosts.Names", i)
		}
	}
	return exec(ctx, s.client, r.encode(struct {
		Hosts []string `json:"hosts"`
	}{hosts}))
}
