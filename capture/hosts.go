package capture

import (
	"net"
	"strings"
)

// hosts are those whose traffic is recorded.
type hosts struct {
	named map[string]bool // in the spelling of cleanHost
	any   bool
}

// cleanHost returns a host in the one spelling in which hosts are compared and sent: in lower case, without a final dot, and
// without a port that goes without saying.
func cleanHost(host string) string {
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

// find returns the name under which the traffic of host is sent, and whether it is recorded at all. A name without a port
// stands for every port.
func (h *hosts) find(host string, config *instanceConfig) (name string, ok bool) {
	if h.named[host] {
		return host, true
	}
	name = cleanHost(host)
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
