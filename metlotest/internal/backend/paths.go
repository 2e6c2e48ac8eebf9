package backend

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

// pathProblem is why a path cannot be one; "" when it can. tokens is the number of tokens it must
// have, 0 for any.
func pathProblem(path any, tokens int) string {
	s, _ := path.(string)
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		return "No path provided."
	case s[0] != '/':
		return "Path does not start with a leading slash."
	case strings.ContainsAny(s, `\?<>&=`):
		return "Path contains invalid characters."
	case tokens > 0 && len(pathTokens(s)) != tokens:
		return "Path does not have the same number of tokens as the current path."
	}
	return ""
}

func updatePaths(c *call) Response {
	return c.withEndpoint(func(e *endpoint) Response {
		list, isList := c.object().Get("paths").([]any)
		if !isList {
			return Text(http.StatusBadRequest, "Must provide list of paths to create.")
		}
		var paths []string
		for _, p := range list {
			if problem := pathProblem(p, len(pathTokens(e.path))); problem != "" {
				prefix := ""
				if js.Truthy(p) {
					prefix = js.String(p) + ":"
				}
				return Text(http.StatusBadRequest, prefix+" "+problem)
			}
			path := strings.TrimSpace(p.(string))
			if c.endpointAt(e.host, e.method, path) != nil {
				return Text(http.StatusBadRequest, path+": An endpoint with this path already exists for this method and host.")
			}
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
		c.regroup(e.host, e.method, paths)
		return sendStatus()
	})
}

func (st *Store) endpointAt(host, method, path string) *endpoint {
	for _, e := range st.endpoints {
		if e.host == host && e.method == method && e.path == path {
			return e
		}
	}
	return nil
}

// regroup creates endpoints for paths and deletes those that a new one takes the place of.
func (st *Store) regroup(host, method string, paths []string) {
	old := slices.Clone(st.endpoints)
	replaced := map[*endpoint]bool{}
	for _, path := range paths {
		created := st.newEndpoint(host, method, path)
		created.userSet = true
		for _, e := range old {
			if e.host == host && e.method == method && (created.matchesPath(e.path) || e.matchesPath(path)) {
				replaced[e] = true
			}
		}
		st.addEndpoint(created)
	}
	st.removeEndpoints(func(e *endpoint) bool { return replaced[e] })
}

const (
	suggestLimit     = 100
	suggestThreshold = 0.1
)

func suggestedPaths(c *call) Response {
	id := c.params["id"]
	if !zod.IsUUID(id) {
		return noEndpoint()
	}
	e := c.byID[strings.ToLower(id)]
	if e == nil {
		return Ok([]string{})
	}
	return Ok(e.suggestions())
}

// suggestions groups the paths seen: a token that is rare at its place becomes a parameter. The
// groups whose tokens are the most common come first.
func (e *endpoint) suggestions() []string {
	counts := map[string]int{}
	for _, path := range e.seenPaths {
		for i, token := range pathTokens(path) {
			counts[strconv.Itoa(i)+"/"+token]++
		}
	}
	scores := map[string]float64{}
	var order []string
	for _, path := range e.seenPaths {
		tokens, params, total := pathTokens(path), 0, 0.0
		for i, token := range tokens {
			share := float64(counts[strconv.Itoa(i)+"/"+token]) / float64(len(e.seenPaths))
			total += share
			if share < suggestThreshold {
				params++
				tokens[i] = "{param" + strconv.Itoa(params) + "}"
			}
		}
		group := "/" + strings.Join(tokens, "/")
		if _, known := scores[group]; !known {
			order = append(order, group)
		}
		scores[group] = max(scores[group], total/float64(max(len(tokens), 1)))
	}
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(scores[b], scores[a]) })
	return append([]string{}, window(order, suggestLimit, 0)...)
}
