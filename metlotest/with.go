package metlotest

import (
	"encoding/json"
	"fmt"

	"github.com/metlo-go/metlo"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// Fixture is the type of a value for [With].
type Fixture interface {
	metlo.Alert | metlo.Endpoint | metlo.DataField | metlo.Host | metlo.Spec
}

// With fills the server with values of the SDK, after all other options: first hosts and endpoints, then the rest. It
// may be used several times.
//
//	srv := metlotest.New(t,
//		metlotest.With(metlo.Endpoint{UUID: id, Host: "shop.example.com", Method: metlo.MethodGet, Path: "/carts"}),
//		metlotest.With(metlo.Alert{APIEndpointUUID: id, Type: metlo.AlertPIIData, RiskScore: metlo.RiskHigh}))
//
// Zero fields get the server's defaults: a new UUID, the present time, RiskNone, StatusOpen, TypeUnknown, and true for
// IsAuthenticatedDetected. An endpoint needs Host, Method and Path, an alert its Type, a data field its DataSection.
// APIEndpointUUID selects the endpoint of an alert or of a data field. An alert may describe its endpoint in
// APIEndpoint instead (UUID, or Host, Method and Path); With adds a missing one. An endpoint's DataClasses are those of
// its data fields, so add data fields. [NewServer] panics, and [New] fails the test, for invalid values.
func With[T Fixture](items ...T) Option {
	return func(c *config) {
		for i, item := range items {
			list := listOf(item)
			if e, ok := any(&item).(*metlo.Endpoint); ok {
				e.IsAuthenticatedDetected = true // the server's default; the override stands for other values
			}
			row, err := json.Marshal(item)
			if err != nil {
				c.problems = append(c.problems, fmt.Errorf("With: %s[%d]: %w", list, i, err))
				continue
			}
			if c.fixtures == nil {
				c.fixtures = backend.Fixtures{}
			}
			c.fixtures[list] = append(c.fixtures[list], row)
		}
	}
}

// listOf returns the list of a data set that holds values of the type.
func listOf[T Fixture](item T) string {
	switch any(item).(type) {
	case metlo.Alert:
		return "alerts"
	case metlo.Endpoint:
		return "endpoints"
	case metlo.DataField:
		return "dataFields"
	case metlo.Host:
		return "hosts"
	}
	return "specs"
}
