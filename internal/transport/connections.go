package transport

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	serverKeepsIdleConn = 5 * time.Second
	longestPing         = 5 * time.Second
	maxHeaderBytes      = 1 << 20
)

// NewTransport returns the default transport. It closes idle connections before the server does, which keeps them for 5 s.
// On an HTTP/2 connection that is silent for a third of the header timeout, it sends a ping. It closes the connection if
// no answer arrives within the same time.
func NewTransport(headerTimeout time.Duration) *http.Transport {
	ping := min(headerTimeout/3, longestPing)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		OnProxyConnectResponse: onProxyConnectResponse,
		DialContext:            dialer{net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}}.dial,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: ping, PingTimeout: ping},
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        serverKeepsIdleConn - time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

func onProxyConnectResponse(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	e := &ProxyError{StatusCode: resp.StatusCode}
	e.retryAfter, _ = retryAfter(resp.Header["Retry-After"], time.Now())
	return e
}

// dialer connects to the name localhost without a resolver, which could return an address of another machine.
type dialer struct{ net.Dialer }

func (d dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !strings.EqualFold(host, "localhost") {
		return d.DialContext(ctx, network, address)
	}
	conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	if err == nil {
		return conn, nil
	}
	if conn, over6 := d.DialContext(ctx, network, net.JoinHostPort("::1", port)); over6 == nil {
		return conn, nil
	}
	return nil, err
}
