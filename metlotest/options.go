package metlotest

import (
	"errors"
	"fmt"
	"io"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

// Option configures a Server.
type Option func(*config)

type config struct {
	inMemory bool
	fill     []backend.Fill
	fixtures backend.Fixtures
	problems []error
}

// InMemory serves over pipes instead of sockets, so that the server works inside a testing/synctest bubble. Its URL
// looks like a loopback address, but only [Server.HTTPClient] and [Server.Client] reach it.
func InMemory() Option {
	return func(c *config) { c.inMemory = true }
}

// Load fills the server from JSON: an object with the optional lists endpoints, dataFields, alerts, hosts and specs,
// whose rows have the API's form, and usage. The object usage maps an endpoint's uuid to its calls per day. Missing and
// null keys of a row get the server's defaults: riskScore none, status Open, a new uuid, the present time. NewServer
// panics for invalid data, including unknown keys, and names the place, such as alerts[3].riskScore.
func Load(r io.Reader) Option {
	return func(c *config) {
		c.fill = append(c.fill, func(st *backend.Store) error { return st.Load(r) })
	}
}

// Demo fills the server with a small shop. It has endpoints with personal data, one of them public, a GraphQL endpoint,
// alerts of several types and states, a webhook, and a spec. It also has a custom data class, a testing config and a
// global test environment. Each server has a separate copy.
func Demo() Option {
	return func(c *config) {
		c.fill = append(c.fill, (*backend.Store).Demo)
	}
}

// InstantAnalysis simplifies the server for tests about other subjects. It analyses each logged call at once. The first
// trace with a data class sets the field's class, alerts and risk, and calls the webhooks. An endpoint that answers
// without the authentication of the metlo-config is reported. Calls count in the usage, hosts are public at once, and
// no answer is cached.
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

// newBackend returns the backend that options describe.
func newBackend(opts []Option) (*backend.Server, config, error) {
	c, err := configure(opts)
	if err != nil {
		return nil, c, err
	}
	b, err := backend.New(c.fill...)
	return b, c, err
}
