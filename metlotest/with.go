package metlotest

import (
	"encoding/json"
	"fmt"

	"github.com/metlo-go/metlo"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// Fixture is what [With] takes.
type Fixture interface {
	metlo.Alert | metlo.Endpoint | metlo.DataField | metlo.Host | metlo.Spec
}

// With fills the server with values of the SDK, after all other options and in an order of its own: hosts and
// endpoints first, then what belongs to them. It may be given several times.
//
//	srv := metlotest.New(t,
//		metlotest.With(metlo.Endpoint{UUID: id, Host: "shop.example.com", Method: metlo.MethodGet, Path: "/carts"}),
//		metlotest.With(metlo.Alert{APIEndpointUUID: id, Type: metlo.AlertPIIData, RiskScore: metlo.RiskHigh}))
//
// Fields that are zero get what the server's tables have by default: a new UUID, the present time, RiskNone,
// StatusOpen, TypeUnknown, and IsAuthenticatedDetected is true. An endpoint needs Host, Method and Path, an alert its Type, a data field its DataSection.
// The endpoint of an alert or of a data field is the one with its APIEndpointUUID. An alert may describe its endpoint
// in APIEndpoint instead (UUID, or Host, Method and Path); it is added if it is not there. An endpoint's DataClasses
// are those of its data fields, so give these. [NewServer] panics, and [New] fails the test, when a value does not fit.
func With[T Fixture](items ...T) Option {
	return func(c *config) {
		for i, item := range items {
			list := listOf(item)
			if e, ok := any(&item).(*metlo.Endpoint); ok {
				e.IsAuthenticatedDetected = true // as the server's tables have it; an override stands for anything else
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

// listOf is the list of a data set that holds values of a type.
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
