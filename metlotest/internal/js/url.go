package js

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// URL is what new URL(text) gives, as far as the server looks at it.
type URL struct {
	// Protocol ends with a colon.
	Protocol string
	// Host has the port, unless it is the protocol's default.
	Host string
	// Pathname starts with a slash in special schemes.
	Pathname string
}

func defaultPort(protocol string) (port string, special bool) {
	ports := map[string]string{"http:": "80", "https:": "443", "ws:": "80", "wss:": "443", "ftp:": "21", "file:": ""}
	port, special = ports[protocol]
	return port, special
}

// ParseURL is new URL(text): the WHATWG's rules for absolute URLs.
func ParseURL(text string) (*URL, bool) {
	text = strings.Trim(text, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\v\f\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	text = strings.NewReplacer("\t", "", "\n", "", "\r", "").Replace(text)
	scheme := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`).FindString(text)
	if scheme == "" {
		return nil, false
	}
	u := &URL{Protocol: strings.ToLower(scheme)}
	rest, _, _ := strings.Cut(text[len(scheme):], "#")
	port, special := defaultPort(u.Protocol)
	if !special {
		return u, opaque(u, rest)
	}
	rest, _, _ = strings.Cut(rest, "?")
	rest = strings.ReplaceAll(rest, `\`, "/")
	authority, path, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
	u.Pathname = "/" + path
	if u.Protocol == "file:" {
		u.Host, u.Pathname = "", rest
		return u, true
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		authority = authority[at+1:]
	}
	host, number, ok := splitPort(authority)
	if !ok {
		return nil, false
	}
	if host, ok = parseHost(host); !ok {
		return nil, false
	}
	u.Host = host
	if number != "" && number != port {
		u.Host += ":" + number
	}
	return u, true
}

func opaque(u *URL, rest string) bool {
	rest, _, _ = strings.Cut(rest, "?")
	u.Pathname = rest
	after, hasAuthority := strings.CutPrefix(rest, "//")
	if !hasAuthority {
		return true
	}
	authority, path, found := strings.Cut(after, "/")
	u.Pathname = ""
	if found {
		u.Pathname = "/" + path
	}
	host, port, ok := splitPort(authority[strings.LastIndex(authority, "@")+1:])
	u.Host = host
	if port != "" {
		u.Host += ":" + port
	}
	return ok && !strings.ContainsAny(host, " <>^|\x00")
}

const maxPort = 65535

func splitPort(authority string) (host, port string, ok bool) {
	at := strings.LastIndex(authority, ":")
	if at < 0 || strings.HasSuffix(authority, "]") {
		return authority, "", true
	}
	host, port = authority[:at], authority[at+1:]
	if port == "" {
		return host, "", true
	}
	n, err := strconv.Atoi(port)
	if err != nil || n > maxPort || strings.Trim(port, "0123456789") != "" {
		return "", "", false
	}
	return host, strconv.Itoa(n), true
}

func parseHost(host string) (string, bool) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return host, ok && net.ParseIP(inner) != nil && strings.Contains(inner, ":")
	}
	decoded, err := url.PathUnescape(host)
	if err != nil || decoded == "" || strings.ContainsAny(decoded, "\x00\t\n\r #/:<>?@[\\]^|%") {
		return "", false
	}
	decoded = strings.ToLower(decoded)
	labels := strings.Split(strings.TrimSuffix(decoded, "."), ".")
	if last := labels[len(labels)-1]; last != "" && strings.Trim(last, "0123456789") == "" {
		return parseIPv4(labels)
	}
	return decoded, true
}

// parseIPv4 reads up to four numbers, of which the last fills the bytes that are left.
func parseIPv4(labels []string) (string, bool) {
	if len(labels) > net.IPv4len {
		return "", false
	}
	var address uint64
	for i, label := range labels {
		n, err := strconv.ParseUint(label, 0, 64)
		most := uint64(255)
		if i == len(labels)-1 {
			most = 1<<(8*(net.IPv4len-i)) - 1
		}
		if err != nil || n > most {
			return "", false
		}
		if i == len(labels)-1 {
			address |= n
		} else {
			address |= n << (8 * (net.IPv4len - 1 - i))
		}
	}
	return net.IPv4(byte(address>>24), byte(address>>16), byte(address>>8), byte(address)).String(), true
}
