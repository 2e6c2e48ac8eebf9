package drift

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// FuzzFind compares the tree with a search through all paths.
func FuzzFind(f *testing.F) {
	for _, paths := range []string{"/a/{b}\n/a/c", "/{x}/b\n/a/{y}", "/a{b}c/d\n/{e}/d", "/a/{rest+}\n/a/b/c", "/\n//", "/%61\n/a"} {
		f.Add(paths, "/a/b")
		f.Add(paths, "/a/{p}")
		f.Add(paths, "/aXc/d")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		templates := strings.Split(text, "\n")
		if len(templates) > 20 || len(text) > 400 || len(path) > 100 {
			return
		}
		tree := &node[string]{}
		for _, template := range templates {
			tree.add(elements(template), template)
		}
		wanted := elements(path)
		found := tree.find(wanted)
		fitting := slices.DeleteFunc(slices.Clone(templates), func(template string) bool { return !fits(elements(template), wanted) })
		if len(found) == 0 {
			assert.Empty(t, fitting, "%q has one that fits %q", templates, path)
			return
		}
		for _, template := range found {
			assert.Contains(t, fitting, template)
			for _, other := range fitting {
				assert.LessOrEqual(t, compareRanks(elements(template), elements(other)), 0, "%q is before %q for %q", other, template, path)
			}
		}
		assert.True(t, tree.overlaps(wanted), "what fits overlaps")
		for _, template := range templates {
			if e := elements(template); isWhole(e) {
				assert.True(t, tree.covers(e, func(string) bool { return true }), "%q covers itself", template)
			}
		}
	})
}

// isWhole reports whether all parameters are complete elements.
func isWhole(path []string) bool {
	return !slices.ContainsFunc(path, func(e string) bool { return rank(e) == 1 || isRest(e) })
}

// fits reports whether a path matches a template in a router.
func fits(template, path []string) bool {
	for i, element := range template {
		if isRest(element) && i == len(template)-1 {
			return len(path) > i
		}
		if i >= len(path) {
			return false
		}
		isValue := !isParameter(path[i])
		switch rank(element) {
		case 0:
			if !isValue || plain(path[i]) != plain(element) {
				return false
			}
		case 1:
			if isValue && !fitsParts(element, plain(path[i])) {
				return false
			}
		}
	}
	return len(template) == len(path)
}

// fitsParts reports whether a text has the texts of an element around its parameters, with no empty parameter.
func fitsParts(element, text string) bool {
	parts := parameters.Split(element, -1)
	rest, ok := strings.CutPrefix(text, plain(parts[0]))
	return ok && fitsRest(parts[1:], rest)
}

func fitsRest(parts []string, text string) bool {
	if len(parts) == 0 {
		return text == ""
	}
	for i := 1; i <= len(text); i++ {
		if rest, ok := strings.CutPrefix(text[i:], plain(parts[0])); ok && fitsRest(parts[1:], rest) {
			return true
		}
	}
	return false
}

// rank returns 0 for a text, 1 for an element with parameters and text, and 2 for a parameter.
func rank(element string) int {
	switch {
	case isParameter(element):
		return 2
	case strings.Contains(element, "{") && strings.Contains(element, "}"):
		return 1
	}
	return 0
}

// compareRanks compares two templates by the first element with different ranks.
func compareRanks(x, y []string) int {
	for i := range min(len(x), len(y)) {
		a, b := rank(x[i]), rank(y[i])
		if isRest(x[i]) && i == len(x)-1 {
			a = 3
		}
		if isRest(y[i]) && i == len(y)-1 {
			b = 3
		}
		if a != b {
			return a - b
		}
		if a == 1 && parameters.ReplaceAllString(x[i], "{}") != parameters.ReplaceAllString(y[i], "{}") {
			return 0 // both have parameters and text: the one with more text comes first
		}
	}
	return 0
}

// BenchmarkCompare compares equal numbers of endpoints and operations of one host.
func BenchmarkCompare(b *testing.B) {
	for _, n := range []int{5_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("openapi: 3.0.3\ninfo: {title: Large, version: '1'}\nservers: [{url: 'https://shop.example.com/v1'}]\npaths:\n")
			endpoints := make([]metlo.Endpoint, n)
			for i := range n {
				fmt.Fprintf(&text, "  /things%d/{id}/parts: {get: {responses: {default: {description: ''}}}}\n", i)
				endpoints[i] = newEndpoint("GET", "shop.example.com", fmt.Sprintf("/v1/things%d/{param1}/parts", i))
			}
			d, err := Parse("large.yaml", text.String())
			require.NoError(b, err)
			for b.Loop() {
				c, err := New([]*Document{d}, []string{"shop.example.com"}, Options{Since: since})
				require.NoError(b, err)
				for i := range endpoints {
					if !c.Add(&endpoints[i]) {
						b.Fatal("not found")
					}
				}
				if r := c.Result(); r.Operations != n || r.Findings.Len() > 0 {
					b.Fatal(r.Operations, r.Findings.Len())
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/endpoint")
		})
	}
}
