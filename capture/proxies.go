package capture

import (
	"net"
	"net/netip"
	"strings"

	"github.com/metlo-go/metlo/internal/analysis"
)

// proxies are the networks that WithTrustedProxies names. Programs without that option do not link this code.
type proxies struct{ networks []netip.Prefix }

// originalSourcer returns the address of the client behind trusted proxies.
type originalSourcer interface {
	originalSource(source string, headers []analysis.Pair) string
}

// originalSource is the last address of X-Forwarded-For that is no trusted proxy's, if a trusted proxy sent it.
func (p proxies) originalSource(source string, headers []analysis.Pair) string {
	if !p.trusted(source) {
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
