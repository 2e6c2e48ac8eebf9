package capture

import (
	"net"
	"net/netip"
	"strings"

	"github.com/metlo-go/metlo/internal/analysis"
)

// proxies holds the networks that WithTrustedProxies names. Programs without that option do not link this code.
type proxies struct{ networks []netip.Prefix }

// originalSourcer determines the address of the client behind trusted proxies.
type originalSourcer interface {
	originalSource(remote string, headers []analysis.Pair) string
}

// originalSource returns the last address of X-Forwarded-For that is not a trusted proxy's, if the request came from a
// trusted proxy or over a unix socket. Otherwise it returns "".
func (p proxies) originalSource(remote string, headers []analysis.Pair) string {
	if source, _ := addressOf(remote); !isUnixSocket(remote) && !p.trusted(source) {
		return ""
	}
	var hops []string
	for _, header := range headers {
		if strings.EqualFold(header.Name, "X-Forwarded-For") {
			hops = append(hops, strings.Split(header.Value, ",")...)
		}
	}
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if host, _, err := net.SplitHostPort(hop); err == nil {
			hop = host
		}
		addr, err := netip.ParseAddr(strings.Trim(hop, "[]"))
		if err != nil {
			return ""
		}
		if !p.trusted(addr.String()) {
			return addr.Unmap().String()
		}
	}
	return ""
}

// isUnixSocket reports whether a remote address is that of a unix socket, whose other end is on this machine.
func isUnixSocket(remote string) bool {
	return strings.HasPrefix(remote, "@") || strings.HasPrefix(remote, "/")
}

func (p proxies) trusted(address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	addr = addr.Unmap().WithZone("")
	for _, prefix := range p.networks {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
