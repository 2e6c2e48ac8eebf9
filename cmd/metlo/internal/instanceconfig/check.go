// Package instanceconfig checks the configuration of an instance before it is sent, and compares two of them.
package instanceconfig

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

// FaultError is something that the instance would refuse.
type FaultError struct {
	Line, Column int
	Message      string
}

func (f *FaultError) Error() string { return fmt.Sprintf("%d:%d: %s", f.Line, f.Column, f.Message) }

// Check returns every fault of a text.
func Check(text string) []*FaultError {
	root, err := jsyaml.Load(text)
	var syntax *jsyaml.Error
	switch {
	case errors.As(err, &syntax):
		return []*FaultError{{max(1, syntax.Line), max(1, syntax.Column), syntax.Reason}}
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

// rule checks one place; name says in words which.
type rule func(c *checker, n *jsyaml.Node, name string)

func kind(want jsyaml.Kind) rule {
	return func(c *checker, n *jsyaml.Node, name string) {
		if n.Kind != want {
			c.fault(n.Line, n.Column, "%s must be a %s, and is a %s", name, want, n.Kind)
		}
	}
}

// text is a string that matches a pattern; hint says so in words.
func text(pattern *regexp.Regexp, hint string) rule {
	return func(c *checker, n *jsyaml.Node, name string) {
		switch {
		case n.Kind != jsyaml.String:
			c.fault(n.Line, n.Column, "%s must be a string, and is a %s: quote it", name, n.Kind)
		case pattern != nil && !pattern.MatchString(n.Text):
			c.fault(n.Line, n.Column, "%s must %s", name, hint)
		}
	}
}

func word(values ...string) rule {
	return func(c *checker, n *jsyaml.Node, name string) {
		if n.Kind != jsyaml.String || !slices.Contains(values, n.Text) {
			c.fault(n.Line, n.Column, "%s must be one of %s", name, strings.Join(values, ", "))
		}
	}
}

func list(least int, element rule) rule {
	return func(c *checker, n *jsyaml.Node, name string) {
		if n.Kind != jsyaml.Sequence {
			c.fault(n.Line, n.Column, "%s must be a list, and is a %s", name, n.Kind)
			return
		}
		if len(n.Items) < least {
			c.fault(n.Line, n.Column, "%s must have at least %d elements", name, least)
		}
		for i, item := range n.Items {
			element(c, item, fmt.Sprintf("%s[%d]", name, i))
		}
	}
}

// table is a mapping with names of the user's.
func table(names *regexp.Regexp, member rule) rule {
	return func(c *checker, n *jsyaml.Node, name string) {
		if n.Kind != jsyaml.Mapping {
			c.fault(n.Line, n.Column, "%s must be a mapping, and is a %s", name, n.Kind)
			return
		}
		if len(n.Pairs) == 0 {
			c.fault(n.Line, n.Column, "%s is empty: leave it out", name)
		}
		for _, p := range n.Pairs {
			if names != nil && !names.MatchString(p.Key) {
				c.fault(p.Line, p.Column, "%q is no name in %s: use letters, digits, blanks, dashes and underscores", p.Key, name)
				continue
			}
			member(c, p.Value, name+"."+p.Key)
		}
	}
}

// fields is a mapping with names of the configuration's.
func fields(required []string, members map[string]rule) rule {
	return func(c *checker, n *jsyaml.Node, name string) {
		if n.Kind != jsyaml.Mapping {
			c.fault(n.Line, n.Column, "%s must be a mapping, and is a %s", name, n.Kind)
			return
		}
		for _, want := range required {
			if n.Get(want) == nil {
				c.fault(n.Line, n.Column, "%s needs %s", name, want)
			}
		}
		for _, p := range n.Pairs {
			member, known := members[p.Key]
			if !known {
				c.fault(p.Line, p.Column, "%s has no member %q (use %s)", name, p.Key, strings.Join(sortedKeys(members), ", "))
				continue
			}
			member(c, p.Value, p.Key)
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
