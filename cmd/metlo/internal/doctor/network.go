package doctor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// network checks the path between the command and the servers: the proxy of the environment, or the address with TLS.
func (d *Doctor) network(ctx context.Context) {
	if len(d.Addresses) == 0 {
		return
	}
	proxies, direct := []*url.URL{}, []*url.URL{}
	for _, address := range d.Addresses {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			d.add(Row{Address, Failed, address + " is not the address of a server", "write https://metlo.example.com"})
			return
		}
		proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u})
		switch {
		case err != nil:
			d.add(Row{Proxy, Failed, "the environment names an invalid proxy: " + d.Explain(err), "check HTTPS_PROXY and HTTP_PROXY"})
			return
		case proxy != nil:
			proxies = append(proxies, proxy)
		default:
			direct = append(direct, u)
		}
	}
	d.dialAll(ctx, Proxy, proxies, "the environment sets no proxy for these addresses", "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY")
	d.dialAll(ctx, Address, direct, "the proxy looks it up", "check the address, the network and the certificate")
}

// dialAll connects to servers, with TLS if their address has the scheme https.
func (d *Doctor) dialAll(ctx context.Context, name string, servers []*url.URL, none, advice string) {
	if len(servers) == 0 {
		d.notChecked(name, none, "")
		return
	}
	detail := ""
	for i, u := range servers {
		if i > 0 && u.Host == servers[i-1].Host {
			continue
		}
		var seen string
		got := d.try(ctx, func(ctx context.Context) (err error) {
			seen, err = dial(ctx, u)
			return err
		})
		if d.outOfTime(name, &got) {
			return
		}
		if got.err != nil {
			d.add(Row{name, Failed, u.Host + ": " + d.why(&got), advice})
			return
		}
		if detail != "" {
			detail += "; "
		}
		detail += u.Host + " " + seen
	}
	d.add(Row{name, OK, detail, ""})
}

func dial(ctx context.Context, u *url.URL) (string, error) {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	server := net.JoinHostPort(u.Hostname(), port)
	if u.Scheme != "https" {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", server)
		if err != nil {
			return "", err
		}
		return "answers", conn.Close()
	}
	conn, err := new(tls.Dialer).DialContext(ctx, "tcp", server)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState() //nolint:forcetypeassert // a tls.Dialer returns no other type
	until := state.PeerCertificates[0].NotAfter
	return fmt.Sprintf("answers with %s, certificate until %s", tls.VersionName(state.Version), until.UTC().Format(time.DateOnly)), nil
}
