package metlo_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

func TestConnectionAfterABreakInALoop(t *testing.T) {
	tests := map[string]struct {
		alerts int
		first  int // rows of the first request
		dials  int64
	}{
		"serves on after a page":            {alerts: 1000, first: 100, dials: 1},
		"serves on after a list of 2 MiB":   {alerts: 4000, first: 5000, dials: 1},
		"is given up for the rest of 5 MiB": {alerts: 8000, first: 50_000, dials: 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := metlotest.NewServer(backlog(tt.alerts))
			defer server.Close()
			var dials atomic.Int64
			transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				dials.Add(1)
				return new(net.Dialer).DialContext(ctx, network, address)
			}}
			defer transport.CloseIdleConnections()
			client, err := metlo.NewClient(server.URL, "", metlo.WithHTTPClient(&http.Client{Transport: transport}), unlimited())
			require.NoError(t, err)
			for _, err := range client.Alerts.All(t.Context(), &metlo.AlertListOptions{PageSize: tt.first}) {
				require.NoError(t, err)
				break
			}
			require.NoError(t, client.Ping(t.Context()))
			assert.Equal(t, tt.dials, dials.Load())
		})
	}
}
