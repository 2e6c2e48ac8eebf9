package metlotest

import (
	"errors"
	"fmt"
	"io"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// Option changes how a Server starts.
type Option func(*config)

type config struct {
	inMemory bool
	fill     []backend.Fill
	fixtures backend.Fixtures
	problems []error
}

// InMemory serves over pipes instead of sockets, so that the server works inside a testing/synctest
// bubble. Its URL looks like a loopback address, but only [Server.HTTPClient] and [Server.Client]
// reach it.
func InMemory() Option {
	return func(c *config) { c.inMemory = true }
}

// Load fills the server from JSON: an object with the lists endpoints, dataFields, alerts, hosts and
// specs, rows as the API gives them, and usage, which maps an endpoint's uuid to its calls per day.
// All parts may be absent. A key that a row does not have, or that is null, gets what the server's tables have by
// default: riskScore none, status Open, a new uuid, the present time. NewServer panics when the text does not fit,
// unknown keys included, and names the place, such as alerts[3].riskScore.
func Load(r io.Reader) Option {
	return func(c *config) {
		c.fill = append(c.fill, func(st *backend.Store) error { return st.Load(r) })
	}
}

// Demo fills the server with a small shop: endpoints with personal data, one of them open to
// everybody, a GraphQL endpoint, alerts of several types and states, a webhook, a spec, a data class
// of its own, a testing config and a global test environment. Each server's copy is its own.
func Demo() Option {
	return func(c *config) {
		c.fill = append(c.fill, (*backend.Store).Demo)
	}
}

// InstantAnalysis makes the server kinder than any real one, for tests that are about something else:
// each call that is logged is analysed at once, by itself. A field gets its data classes from the first
// trace that shows them, with the alerts, the risk and the webhooks that go with it; an endpoint that
// answers without the authentication that the metlo-config names is reported; calls count in the usage
// and hosts are public at once; nothing is answered from a cache.
func InstantAnalysis() Option {
	return func(c *config) { c.fill = append(c.fill, backend.Instant) }
}

// configure applies options.
func configure(opts []Option) (config, error) {
	var c config
	for _, opt := range opts {
		if opt == nil {
			return c, errors.New("an option is nil; leave it out")
		}
		opt(&c)
	}
	if len(c.fixtures) > 0 {
		c.fill = append(c.fill, func(st *backend.Store) error {
			if err := st.LoadFixtures(c.fixtures); err != nil {
				return fmt.Errorf("With: %w", err)
			}
			return nil
		})
	}
	return c, errors.Join(c.problems...)
}

// newBackend makes the backend that options describe.
func newBackend(opts []Option) (*backend.Server, config, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, c, err
	}
	b, err := backend.New(c.fill...)
	return b, c, err
}
