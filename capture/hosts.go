package capture

import (
	"net"
	"strings"
)

// hosts is the set of hosts whose traffic is recorded.
type hosts struct {
	named map[string]bool // names as NormalizeHost spells them
	any   bool
}

// NormalizeHost returns the spelling of a host in which hosts are compared and sent: in lower case, without a final dot, and
// without the ports 80 and 443.
func NormalizeHost(host string) string {
	host = strings.ToLower(strings.ToValidUTF8(strings.TrimSpace(host), "\uFFFD"))
	if strings.IndexByte(host, ':') < 0 {
		return strings.TrimSuffix(host, ".")
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return strings.TrimSuffix(host, ".")
	}
	name = strings.TrimSuffix(name, ".")
	if port == "" || port == "80" || port == "443" {
		if strings.Contains(name, ":") {
			return "[" + name + "]"
		}
		return name
	}
	return net.JoinHostPort(name, port)
}

// find returns the host name for traces of a host, and whether the host is recorded. A named host without a port matches every
// port.
func (h *hosts) find(host string, config *instanceConfig) (name string, ok bool) {
	if h.named[host] {
		return host, true
	}
	name = NormalizeHost(host)
	if h.named[name] {
		return name, true
	}
	if strings.IndexByte(name, ':') >= 0 {
		if bare, _, err := net.SplitHostPort(name); err == nil && h.named[bare] {
			return bare, true
		}
	}
	if mapped, known := config.host(name); known {
		return mapped, true
	}
	return name, h.any && name != ""
}
