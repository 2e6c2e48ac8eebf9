// Package instanceconfig checks the configuration of an instance before it is sent, and compares two configurations.
package instanceconfig

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

// FaultError describes a part of a configuration that the instance would reject.
type FaultError struct {
	Line, Column int
	Message      string
}

func (f *FaultError) Error() string { return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message) }

// Check returns every fault of a text.
func Check(text string) []*FaultError {
	root, err := yamlfile.Load(text)
	var syntax *yamlfile.Error
	switch {
	case errors.As(err, &syntax):
		return []*FaultError{{syntax.Line, syntax.Column, syntax.Reason}}
	case err != nil:
		return []*FaultError{{1, 1, err.Error()}}
	case root == nil:
		return []*FaultError{{1, 1, "the text is empty: write {} for an empty configuration"}}
	}
	c := &checker{}
	config()(c, root, "the configuration")
	return c.faults
}

type checker struct{ faults []*FaultError }

func (c *checker) fault(line, column int, format string, args ...any) {
	c.faults = append(c.faults, &FaultError{line, column, fmt.Sprintf(format, args...)})
}

// rule checks one node; name describes the node in messages.
type rule func(c *checker, n *yaml.Node, name string)

func kind(want string) rule {
	return func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != want {
			c.fault(n.Line, n.Column, "%s must be a %s, and is a %s", name, want, yamlfile.Kind(n))
		}
	}
}

// text returns a rule for a string that matches a pattern; hint describes the pattern.
func text(pattern *regexp.Regexp, hint string) rule {
	return func(c *checker, n *yaml.Node, name string) {
		switch {
		case yamlfile.Kind(n) != "string":
			c.fault(n.Line, n.Column, "%s must be a string, and is a %s: quote it", name, yamlfile.Kind(n))
		case pattern != nil && !pattern.MatchString(yamlfile.Text(n)):
			c.fault(n.Line, n.Column, "%s must %s", name, hint)
		}
	}
}

func word(values ...string) rule {
	return func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != "string" || !slices.Contains(values, yamlfile.Text(n)) {
			c.fault(n.Line, n.Column, "%s must be one of %s", name, strings.Join(values, ", "))
		}
	}
}

func list(least int, element rule) rule {
	return func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != "list" {
			c.fault(n.Line, n.Column, "%s must be a list, and is a %s", name, yamlfile.Kind(n))
			return
		}
		if len(yamlfile.Items(n)) < least {
			c.fault(n.Line, n.Column, "%s must have at least %d elements", name, least)
		}
		for i, item := range yamlfile.Items(n) {
			element(c, item, fmt.Sprintf("%s[%d]", name, i))
		}
	}
}

// table returns a rule for a mapping with names that the user chooses.
func table(names *regexp.Regexp, member rule) rule {
	return func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != "mapping" {
			c.fault(n.Line, n.Column, "%s must be a mapping, and is a %s", name, yamlfile.Kind(n))
			return
		}
		if len(n.Content) == 0 {
			c.fault(n.Line, n.Column, "%s is empty: leave it out", name)
		}
		for key, value := range yamlfile.Pairs(n) {
			if names != nil && !names.MatchString(key.Value) {
				c.fault(key.Line, key.Column, "%q is not a name in %s: use letters, digits, blanks, dashes and underscores", key.Value, name)
				continue
			}
			member(c, value, name+"."+key.Value)
		}
	}
}

// fields returns a rule for a mapping with fixed names.
func fields(required []string, members map[string]rule) rule {
	return func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != "mapping" {
			c.fault(n.Line, n.Column, "%s must be a mapping, and is a %s", name, yamlfile.Kind(n))
			return
		}
		for _, want := range required {
			if yamlfile.Get(n, want) == nil {
				c.fault(n.Line, n.Column, "%s needs %s", name, want)
			}
		}
		for key, value := range yamlfile.Pairs(n) {
			member, known := members[key.Value]
			if !known {
				c.fault(key.Line, key.Column, "%s has no member %q (use %s)", name, key.Value, strings.Join(sortedKeys(members), ", "))
				continue
			}
			member(c, value, key.Value)
		}
	}
}

func sortedKeys(members map[string]rule) []string {
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
