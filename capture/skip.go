package capture

import (
	"net/http"
	"path"
	"slices"
	"strings"
)

func (s Skips) clone() Skips {
	s.Methods, s.Statuses, s.Paths = slices.Clone(s.Methods), slices.Clone(s.Statuses), slices.Clone(s.Paths)
	s.UserAgents, s.Extensions = slices.Clone(s.UserAgents), slices.Clone(s.Extensions)
	return s
}

// skipper is Skips prepared for lookups.
type skipper struct {
	methods    map[string]bool
	statuses   map[int]bool
	paths      map[string]bool
	prefixes   []string
	userAgents []string
	extensions map[string]bool
	match      func(*http.Request) bool
}

func newSkipper(s Skips) skipper {
	k := skipper{
		methods: map[string]bool{}, statuses: map[int]bool{}, paths: map[string]bool{}, extensions: map[string]bool{},
		userAgents: s.UserAgents, match: s.Func,
	}
	for _, method := range s.Methods {
		k.methods[strings.ToUpper(method)] = true
	}
	for _, status := range s.Statuses {
		k.statuses[status] = true
	}
	for _, p := range s.Paths {
		if prefix, ok := strings.CutSuffix(p, "*"); ok {
			k.prefixes = append(k.prefixes, prefix)
		} else {
			k.paths[p] = true
		}
	}
	for _, extension := range s.Extensions {
		k.extensions[strings.ToLower(extension)] = true
	}
	return k
}

// request reports whether a request is skipped. served distinguishes incoming from outgoing requests.
func (k *skipper) request(r *http.Request, served bool) bool {
	if k.methods[r.Method] || (served && k.pathSkipped(r.Method, r.URL.Path)) {
		return true
	}
	if agents := r.Header["User-Agent"]; served && len(agents) > 0 {
		for _, prefix := range k.userAgents {
			if len(agents[0]) >= len(prefix) && strings.EqualFold(agents[0][:len(prefix)], prefix) {
				return true
			}
		}
	}
	return k.match != nil && k.match(r)
}

func (k *skipper) pathSkipped(method, p string) bool {
	if k.paths[p] {
		return true
	}
	for _, prefix := range k.prefixes {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	extension := path.Ext(p)
	return extension != "" && len(extension) <= 8 && k.extensions[strings.ToLower(extension)]
}
