package drift

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// elements returns the parts of a path between slashes. It drops empty parts, as the instance does, and the text after
// a question mark or a number sign in the path of a document.
func elements(path string) []string {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// isParameter reports whether a whole element is a parameter.
func isParameter(element string) bool {
	return len(element) >= 2 && element[0] == '{' && strings.IndexByte(element, '}') == len(element)-1
}

// isRest reports whether an element matches all elements that follow, as {proxy+} does.
func isRest(element string) bool {
	return isParameter(element) && (strings.HasSuffix(element, "+}") || strings.HasSuffix(element, "*}") || strings.HasSuffix(element, "...}"))
}

// plain returns an element without its escapes.
func plain(element string) string {
	if text, err := url.PathUnescape(element); err == nil {
		return text
	}
	return element
}

// node is a node of a tree of paths. Paths with a common beginning share the nodes from the root.
type node[T any] struct {
	static    map[string]*node[T] // children by the element without its escapes
	mixed     []mixedNode[T]      // children whose element contains parameters and text, the one with the longest text first
	parameter *node[T]
	rest      []T // paths whose last element matches all that follow
	ends      []T // paths that end here
}

type mixedNode[T any] struct {
	texts []string // texts around the parameters
	below *node[T]
}

// add adds a value under a path.
func (n *node[T]) add(path []string, value T) {
	for i, element := range path {
		switch {
		case isRest(element) && i == len(path)-1:
			n.rest = append(n.rest, value)
			return
		case isParameter(element):
			if n.parameter == nil {
				n.parameter = &node[T]{}
			}
			n = n.parameter
		case strings.Contains(element, "{") && strings.Contains(element, "}"):
			n = n.addMixed(element)
		default:
			if n.static == nil {
				n.static = map[string]*node[T]{}
			}
			text := plain(element)
			if n.static[text] == nil {
				n.static[text] = &node[T]{}
			}
			n = n.static[text]
		}
	}
	n.ends = append(n.ends, value)
}

var parameters = regexp.MustCompile(`\{[^{}]*\}`)

func (n *node[T]) addMixed(element string) *node[T] {
	texts := parameters.Split(element, -1)
	for i, text := range texts {
		texts[i] = plain(text)
	}
	for _, m := range n.mixed {
		if slices.Equal(m.texts, texts) {
			return m.below
		}
	}
	below := &node[T]{}
	n.mixed = append(n.mixed, mixedNode[T]{texts, below})
	slices.SortStableFunc(n.mixed, func(x, y mixedNode[T]) int { return len(strings.Join(y.texts, "")) - len(strings.Join(x.texts, "")) })
	return below
}

// fits reports whether a text has the texts around the parameters, and a non-empty value for each parameter.
func (m *mixedNode[T]) fits(text string) bool {
	last := len(m.texts) - 1
	rest, ok := strings.CutPrefix(text, m.texts[0])
	if !ok || last == 0 {
		return ok && rest == ""
	}
	for _, between := range m.texts[1:last] {
		if rest == "" {
			return false
		}
		at := strings.Index(rest[1:], between)
		if at < 0 {
			return false
		}
		rest = rest[1+at+len(between):]
	}
	return len(rest) > len(m.texts[last]) && strings.HasSuffix(rest, m.texts[last])
}

// find returns the values under the path that a router chooses. At each element a text beats an element with parameters
// and text, which beats a parameter, which beats a rest. A parameter in the given path matches parameters only.
func (n *node[T]) find(path []string) []T {
	if n == nil {
		return nil
	}
	if len(path) == 0 {
		return n.ends
	}
	isValue := !isParameter(path[0])
	if isValue {
		if found := n.static[plain(path[0])].find(path[1:]); found != nil {
			return found
		}
	}
	for _, m := range n.mixed {
		if !isValue || m.fits(plain(path[0])) {
			if found := m.below.find(path[1:]); found != nil {
				return found
			}
		}
	}
	if found := n.parameter.find(path[1:]); found != nil {
		return found
	}
	return n.rest
}

// overlaps reports whether a request may match both the path and one in the tree. A parameter of either matches any
// element.
func (n *node[T]) overlaps(path []string) bool {
	if n == nil {
		return false
	}
	if len(path) == 0 {
		return len(n.ends) > 0
	}
	if len(n.rest) > 0 || n.parameter.overlaps(path[1:]) {
		return true
	}
	isValue := !isParameter(path[0])
	for _, m := range n.mixed {
		if (!isValue || m.fits(plain(path[0]))) && m.below.overlaps(path[1:]) {
			return true
		}
	}
	if isValue {
		return n.static[plain(path[0])].overlaps(path[1:])
	}
	for _, below := range n.static {
		if below.overlaps(path[1:]) {
			return true
		}
	}
	return false
}

// collect calls take for each path in the tree that matches a subset of the requests that the given path matches.
func (n *node[T]) collect(path []string, take func(T)) {
	switch {
	case n == nil:
		return
	case len(path) == 0:
		for _, value := range n.ends {
			take(value)
		}
		return
	case !isParameter(path[0]):
		n.static[plain(path[0])].collect(path[1:], take)
		return
	}
	for _, below := range n.static {
		below.collect(path[1:], take)
	}
	for _, m := range n.mixed {
		m.below.collect(path[1:], take)
	}
	n.parameter.collect(path[1:], take)
}

// covers reports whether a path in the tree matches all requests that the given path matches, and take accepts it.
func (n *node[T]) covers(path []string, take func(T) bool) bool {
	switch {
	case n == nil:
		return false
	case len(path) == 0:
		return slices.ContainsFunc(n.ends, take)
	case n.parameter.covers(path[1:], take):
		return true
	}
	return !isParameter(path[0]) && n.static[plain(path[0])].covers(path[1:], take)
}

// paths holds a tree for each host and method.
type paths[T any] map[[2]string]*node[T]

func (p paths[T]) add(host, method string, path []string, value T) {
	key := [2]string{host, method}
	if p[key] == nil {
		p[key] = &node[T]{}
	}
	p[key].add(path, value)
}

func (p paths[T]) find(host, method string, path []string) []T {
	return p[[2]string{host, method}].find(path)
}

func (p paths[T]) overlap(host, method string, path []string) bool {
	return p[[2]string{host, method}].overlaps(path)
}

func (p paths[T]) cover(host, method string, path []string, take func(T) bool) bool {
	return p[[2]string{host, method}].covers(path, take)
}

func (p paths[T]) collect(host, method string, path []string, take func(T)) {
	p[[2]string{host, method}].collect(path, take)
}
