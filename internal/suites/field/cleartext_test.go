package field

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// keysInTheClear sends keys over plain http to every spelling of this machine's name, with and without a proxy.
func keysInTheClear(t *testing.T) (cases int, saw string) {
	var direct []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		direct = append(direct, r.Header.Get("Authorization"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`["direct"]`))
	}))
	defer server.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	explicit := newRecordingProxy()
	defer explicit.Close()
	proxyURL, err := url.Parse(explicit.URL)
	require.NoError(t, err)

	const reaches, refused = "reaches", "refused"
	tests := []struct {
		host    string
		env     string // outcome with the default client, which uses HTTP_PROXY
		through string // proxy for everything
	}{
		{"127.0.0.1", reaches, refused},
		{"localhost", reaches, refused},
		{"LOCALHOST", reaches, refused},
		{"LocalHost", reaches, refused},
		{"[::ffff:127.0.0.1]", reaches, refused},
		{"localhost.", refused, refused},
		{"metlo.localhost", refused, refused},
		{"127.1", refused, refused},
		{"0x7f000001", refused, refused},
		{"0.0.0.0", refused, refused},
		{"metlo.example.com", refused, refused},
		{"localhost.example.com", refused, refused},
	}
	seen := 0
	for _, tt := range tests {
		for name, transport := range map[string]http.RoundTripper{
			"default client":        nil,
			"proxy of the caller's": &http.Transport{Proxy: http.ProxyURL(proxyURL)},
			"default transport":     http.DefaultTransport,
		} {
			cases++
			t.Run(tt.host+" "+name, func(t *testing.T) {
				want := tt.env
				if name == "proxy of the caller's" {
					want = tt.through
				}
				opts := []metlo.Option{metlo.WithoutRetry()}
				if transport != nil {
					opts = append(opts, metlo.WithHTTPClient(&http.Client{Transport: transport}))
				}
				direct = nil
				client, err := metlo.NewClient("http://"+tt.host+":"+port, kit.Key, opts...)
				if err == nil {
					_, err = client.Hosts.Names(t.Context())
					client.CloseIdleConnections()
				}
				if want == refused {
					require.ErrorIs(t, err, metlo.ErrInvalidArgument)
					assert.NotContains(t, err.Error(), kit.Key)
				} else {
					require.NoError(t, err)
					assert.Equal(t, []string{kit.Key}, direct, "the server has the key")
				}
				for _, proxy := range []*recordingProxy{envProxy, explicit} {
					for _, key := range proxy.keys() {
						seen++
						t.Errorf("a proxy saw %q", key)
					}
				}
			})
		}
	}

	t.Run("a proxy that comes later", func(t *testing.T) {
		cases++
		on := false
		tr := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
			if on {
				return proxyURL, nil
			}
			return nil, nil
		}}
		defer tr.CloseIdleConnections()
		client, err := metlo.NewClient(server.URL, kit.Key, metlo.WithHTTPClient(&http.Client{Transport: tr}))
		require.NoError(t, err)
		_, err = client.Hosts.Names(t.Context())
		require.NoError(t, err)
		on = true
		_, err = client.Hosts.Names(t.Context())
		require.ErrorIs(t, err, metlo.ErrInvalidArgument)
		assert.Empty(t, explicit.keys())
	})
	t.Run("a proxy that cannot be asked", func(t *testing.T) {
		cases++
		tr := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return nil, errors.New("no idea") }}
		client, err := metlo.NewClient(server.URL, kit.Key, metlo.WithHTTPClient(&http.Client{Transport: tr}), metlo.WithoutRetry())
		require.NoError(t, err)
		_, err = client.Hosts.Names(t.Context())
		require.ErrorIs(t, err, metlo.ErrNoResponse)
	})
	t.Run("allowed, or without a key", func(t *testing.T) {
		cases += 2
		tr := &http.Transport{Proxy: http.ProxyURL(proxyURL)}
		defer tr.CloseIdleConnections()
		for key, opts := range map[string][]metlo.Option{kit.Key: {metlo.WithInsecureHTTP()}, "": nil} {
			client, err := metlo.NewClient(server.URL, key, append(opts, metlo.WithHTTPClient(&http.Client{Transport: tr}))...)
			require.NoError(t, err)
			names, err := client.Hosts.Names(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []string{"through.the.proxy"}, names)
			assert.Equal(t, []string{key}, explicit.keys())
		}
	})
	return cases, fmt.Sprintf("the proxies saw %d keys that were not allowed", seen)
}
