package main

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/examples/demoshop"
	"github.com/metlo-go/metlo/metlotest"
)

const demoConfig = `authentication:
  - host: shop.example.com
    authType: header
    headerKey: X-Api-Key
globalTestEnv:
  - name: CREDENTIALS
    value: demo-root
`

const demoRules = `host "shop.example.com" { authType = "header", headerKey = "X-Api-Key" }

actor Customer { items = [{"name": "ann", "auth": "demo-ann"}, {"name": "bob", "auth": "demo-bob"}] }
actor Admin { items = [{"name": "root", "auth": "demo-root"}] }

resource Order {
  permissions = ["read"],
  items = [{"id": "o1", "owner": "ann"}, {"id": "o2", "owner": "bob"}],
  endpoints = [{"permissions": ["read"], "path": "^/orders/"}]
}
resource Customers {
  permissions = ["list"],
  endpoints = [{"permissions": ["list"], "path": "^/admin/"}]
}

has_permission(Customer(name="ann"), ["read"], Order(owner="ann"))
has_permission(Customer(name="bob"), ["read"], Order(owner="bob"))
has_permission(Admin, ["read"], Order)
has_permission(Admin, ["list"], Customers)
`

// startDemo starts the demo shop and a Metlo server that has recorded its traffic.
func startDemo(ctx context.Context, s *settings) (*metlo.Client, func(), error) {
	shop := httptest.NewServer(demoshop.Handler(s.fixed))
	server := metlotest.NewServer()
	closeAll := func() { server.Close(); shop.Close() }
	client := server.Client()
	s.host, s.baseURL = demoshop.Host, shop.URL
	for customer, order := range map[string]string{"Customer_1": "o1", "Customer_2": "o2"} {
		s.values[customer+"_ALLOWED_PATH"] = "/orders/" + order
	}
	if err := setUp(ctx, client); err != nil {
		closeAll()
		return nil, nil, fmt.Errorf("demo: %w", err)
	}
	return client, closeAll, nil
}

func setUp(ctx context.Context, client *metlo.Client) error {
	for _, path := range []string{"/orders/1001", "/orders/1002", "/profile", "/admin/users"} {
		trace := &metlo.Trace{
			Request: metlo.TraceRequest{
				Method: metlo.MethodGet, URL: metlo.TraceURL{Host: demoshop.Host, Path: path},
				Headers: []metlo.NameValue{{Name: "X-Api-Key", Value: "demo-ann"}},
			},
			Response: metlo.TraceResponse{
				Status: 200, Body: `{"id":"o1"}`,
				Headers: []metlo.NameValue{{Name: "content-type", Value: "application/json"}},
			},
			Meta: metlo.TraceMeta{
				Incoming: true, Source: "203.0.113.5", SourcePort: "50000", Destination: "198.51.100.9", DestinationPort: "443",
			},
		}
		if err := client.Collector.Log(ctx, trace); err != nil {
			return err
		}
	}
	if err := client.Settings.UpdateMetloConfig(ctx, demoConfig); err != nil {
		return err
	}
	if err := client.Testing.UpdateConfig(ctx, demoRules); err != nil {
		return err
	}
	return markOrderIDs(ctx, client)
}

// markOrderIDs marks the parameter of /orders/{…} as the id of an order.
func markOrderIDs(ctx context.Context, client *metlo.Client) error {
	entity := "Order.id"
	for endpoint, err := range client.Endpoints.All(ctx, nil) {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(endpoint.Path, "/orders/") {
			continue
		}
		detail, err := client.Endpoints.Get(ctx, endpoint.UUID)
		if err != nil {
			return err
		}
		for _, f := range detail.DataFields {
			if f.DataSection != metlo.SectionRequestPath {
				continue
			}
			if _, err := client.DataFields.SetEntity(ctx, f.UUID, &entity); err != nil {
				return err
			}
		}
	}
	return nil
}
