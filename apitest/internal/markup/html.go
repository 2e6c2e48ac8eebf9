// Package markup reads HTML bodies.
package markup

import (
	"fmt"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// InnerHTML returns the inner HTML of the first element of body that matches selector. body may be a page or a
// fragment, such as table rows without a table.
func InnerHTML(body, selector string) (string, error) {
	sel, err := cascadia.ParseGroup(selector)
	if err != nil {
		return "", fmt.Errorf("selector %q: %w", selector, err)
	}
	page, err := html.Parse(strings.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("the body is not HTML: %w", err)
	}
	found := cascadia.Query(page, sel)
	if found == nil {
		found, err = queryFragment(body, sel)
	}
	if err != nil {
		return "", err
	}
	if found == nil {
		return "", fmt.Errorf("selector %q matches nothing in the body", selector)
	}
	var out strings.Builder
	for child := range found.ChildNodes() {
		if err := html.Render(&out, child); err != nil {
			return "", fmt.Errorf("selector %q: %w", selector, err)
		}
	}
	return out.String(), nil
}

func queryFragment(body string, sel cascadia.Matcher) (*html.Node, error) {
	parent := &html.Node{Type: html.ElementNode, Data: "template", DataAtom: atom.Template}
	nodes, err := html.ParseFragment(strings.NewReader(body), parent)
	if err != nil {
		return nil, fmt.Errorf("the body is not HTML: %w", err)
	}
	for _, n := range nodes {
		if n.Type == html.ElementNode && sel.Match(n) {
			return n, nil
		}
		if found := cascadia.Query(n, sel); found != nil {
			return found, nil
		}
	}
	return nil, nil
}
