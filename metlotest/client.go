package metlotest

import "github.com/metlo-go/metlo"

// Client returns a client for this server, with its key, its collector and an HTTP client that reaches it. The given
// options follow these and may replace them. It panics if an option is invalid.
func (s *Server) Client(opts ...metlo.Option) *metlo.Client {
	all := append([]metlo.Option{metlo.WithHTTPClient(s.HTTPClient()), metlo.WithCollectorURL(s.CollectorURL)}, opts...)
	client, err := metlo.NewClient(s.URL, s.APIKey, all...)
	if err != nil {
		panic("metlotest: Client: " + err.Error())
	}
	return client
}
