package backend

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
	"github.com/metlo-go/metlo/metlotest/internal/pg"
	"github.com/metlo-go/metlo/metlotest/internal/zod"
)

// validPath returns a path without empty tokens, or the reason why it is invalid. The path must have the given number
// of tokens; 0 allows any.
func validPath(path string, tokens int) (valid, problem string) {
	switch {
	case path == "":
		return "", "No path provided."
	case path[0] != '/':
		return "", "Path does not start with a leading slash."
	case strings.ContainsAny(path, `\?<>&=`):
		return "", "Path contains an invalid character."
	case path == "/" && tokens > 0:
		return "", "Path does not match endpoint length"
	case path == "/":
		return path, ""
	}
	var named []string
	empty := 0
	for token := range strings.SplitSeq(path, "/") {
		if token == "" {
			empty++
		} else {
			named = append(named, token)
		}
	}
	if empty > 2 {
		return "", "Too many trailing or leading slashes in path."
	}
	valid = "/" + strings.Join(named, "/")
	if tokens > 0 && len(pathTokens(valid)) != tokens {
		return "", "Path does not have the same number of tokens as the current path."
	}
	return valid, ""
}

func updatePaths(c *call) Response {
	if !zod.IsUUID(c.params["id"]) {
		return noEndpoint()
	}
	list := c.object().Get("paths")
	items, isList := list.([]any)
	if !isList {
		return Text(http.StatusBadRequest, "Must provide list of paths to create.")
	}
	e := c.byID[strings.ToLower(c.params["id"])]
	if e == nil {
		return Text(http.StatusNotFound, "Endpoint not found.")
	}
	var paths []string
	for _, p := range items {
		text, isText := p.(string)
		if js.Truthy(p) && !isText {
			return databaseError("path.startsWith is not a function")
		}
		path, problem := validPath(text, len(pathTokens(e.path)))
		if problem != "" {
			prefix := ""
			if text != "" {
				prefix = text + ":"
			}
			return Text(http.StatusBadRequest, prefix+" "+problem)
		}
		if pg.HasNul(path) {
			return databaseError(pg.NulByte)
		}
		if c.endpointAt(e.host, e.method, path) != nil {
			return Text(http.StatusBadRequest, text+": An endpoint with this path already exists for this method and host.")
		}
		if !slices.Contains(paths, path) {
			paths = append(paths, path)
		}
	}
	c.regroup(e.host, e.method, paths, true)
	return sendStatus()
}

func (st *Store) endpointAt(host, method, path string) *endpoint {
	for _, e := range st.endpoints {
		if e.host == host && e.method == method && e.path == path {
			return e
		}
	}
	return nil
}

// regroup creates endpoints for paths and deletes those that a new one replaces.
func (st *Store) regroup(host, method string, paths []string, userSet bool) []*endpoint {
	old := slices.Clone(st.endpoints)
	replaced := map[*endpoint]bool{}
	var all []*endpoint
	for _, path := range paths {
		created := st.newEndpoint(host, method, path)
		created.userSet = userSet
		for _, e := range old {
			if e.host == host && e.method == method && !e.isGraphQL && (created.matchesPath(e.path) || e.matchesPath(path)) {
				replaced[e] = true
			}
		}
		st.addEndpoint(created)
		all = append(all, created)
	}
	st.removeEndpoints(func(e *endpoint) bool { return replaced[e] })
	return all
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

// suggestions groups the seen paths: a token that is rare at its place becomes a parameter. Groups with the most common
// tokens come first.
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
