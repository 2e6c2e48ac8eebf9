package metlo

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"

	"github.com/metlo-go/metlo/internal/walk"
	"github.com/metlo-go/metlo/internal/wire"
)

// HostsService reads the hosts of the inventory, and deletes them.
type HostsService struct{ client *Client }

// Host is a host with endpoints.
type Host struct {
	Host         string `json:"host"`
	NumEndpoints int    `json:"numEndpoints"`
	IsPublic     bool   `json:"isPublic"` // the internet reaches it
}

func describeHost(h *Host) (walk.Item, error) {
	return walk.Item{Key: walk.TextKey(h.Host)}, hasID(h.Host)
}

// HostGraph holds which hosts call which. The open-source server sends an empty one.
type HostGraph struct {
	Hosts map[string]json.RawMessage `json:"hosts"` // by name
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
	SearchQuery string    `url:"searchQuery,omitempty"` // part of the name, in any case
	HostType    HostType  `url:"hostType,omitempty"`
	SortBy      HostSort  `url:"sortBy,omitempty"`    // default numEndpoints
	SortOrder   SortOrder `url:"sortOrder,omitempty"` // default DESC
}

func (s *HostsService) listing(name string, f HostFilter) *listing[Host] {
	return &listing[Host]{
		client:   s.client,
		base:     newRequest(name, http.MethodGet, "/hosts").filter(&f),
		describe: describeHost,
		few:      defaultRows,
		options:  wire.ListOptions{Lenient: true}, // the server sends numEndpoints as a string
	}
}

// List returns one page of hosts, from offset on and of at most limit items, 10 if limit is 0: those with the most endpoints
// first unless the filter orders them otherwise. Hosts that are
// equal in that have no order, so pages overlap and leave gaps: use [HostsService.All] for a complete list. Its errors
// are [ErrInvalidArgument] and those of the server.
//
// GET /hosts
func (s *HostsService) List(ctx context.Context, filter *HostFilter, offset, limit int) (*Page[Host], error) {
	return s.listing("Hosts.List", valueOf(filter)).page(ctx, offset, limit)
}

// All returns an iterator over every host that passes the filter throughout the walk, each once, by name unless SortBy
// or SortOrder is set. It takes two requests if the server sends the whole list at once. If not, it walks by pages until
// a count proves that none is missing. The sequence ends after the first error. The last one may be an
// [IncompleteError], which holds how many hosts may be missing.
//
// GET /hosts
func (s *HostsService) All(ctx context.Context, filter *HostFilter, opts ...WalkOption) iter.Seq2[Host, error] {
	f := valueOf(filter)
	if f.SortBy == "" && f.SortOrder == "" {
		f.SortBy, f.SortOrder = SortByHost, Ascending
	}
	return s.listing("Hosts.All", f).all(ctx, opts)
}

// Names returns the names of all hosts that have endpoints, in no order.
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

// DeleteMany deletes hosts with all their endpoints, the alerts, data fields and traces of these, their GraphQL schemas and
// the specs that Metlo generated from their traffic. Hosts that do not exist are ignored. Without a host it returns
// [ErrInvalidArgument].
//
// Shortly after traffic it costs more: the server then forgets the calls to any endpoint that it has counted since it
// last saved its counts.
//
// DELETE /hosts
func (s *HostsService) DeleteMany(ctx context.Context, hosts ...string) error {
	r := newRequest("Hosts.DeleteMany", http.MethodDelete, "/hosts")
	if len(hosts) == 0 {
		r.fail("no host is given: name at least one")
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
