package apitest

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/handlebars"
)

// Set sets a variable of the test. It does not evaluate templates in the value. If the test neither declares nor uses the
// variable, Set returns ErrUnknownVariable.
func (c *Config) Set(name, value string) error {
	if c.set(name, value) {
		return nil
	}
	return fmt.Errorf("apitest: test %s: %w: %q%s", c.ID, ErrUnknownVariable, name, didYouMean(name, c.variables()))
}

// Fill sets each of values whose variable the test knows and ignores the others, so that one map can fill many tests.
func (c *Config) Fill(values map[string]string) {
	for name, value := range values {
		c.set(name, value)
	}
}

func (c *Config) set(name, value string) bool {
	entry := KeyValue{Name: name, Value: handlebars.Literal(value)}
	if i := slices.IndexFunc(c.Env, func(kv KeyValue) bool { return kv.Name == name }); i >= 0 {
		c.Env = slices.Clone(c.Env)
		c.Env[i] = entry
		return true
	}
	if !slices.Contains(c.variables(), name) {
		return false
	}
	c.Env = slices.Insert(slices.Clone(c.Env), 0, entry)
	return true
}

// variables returns the names that the test declares or reads in templates.
func (c *Config) variables() []string {
	var out []string
	for _, kv := range c.Env {
		out = append(out, kv.Name)
	}
	for _, t := range c.texts() {
		uses, _ := handlebars.Check(t.text) // Validate reports faults
		for _, u := range uses {
			if root, _, _ := strings.Cut(u.Name, "."); root != "global" {
				out = append(out, root)
			}
		}
	}
	return out
}

// Placeholders returns what a run with opts still needs, sorted: variables that hold an unfilled <<placeholder>>,
// variables that nothing sets, globals as global.NAME, and payload lists as "payload NAME". A variable with a default
// is not needed. Placeholders searches scripts for words, so it may miss a variable whose name the script declares in
// an unusual way. It sends nothing. It ignores invalid options, which Run reports.
func (c *Config) Placeholders(opts ...Option) []string {
	s, _ := applyOptions(opts)
	st, _ := s.initialState(c)
	need := map[string]bool{}
	for i := range c.Test {
		step := &c.Test[i]
		for _, p := range step.Payload {
			if _, ok := s.payloads[p.Value]; !ok {
				need["payload "+p.Value] = true
			}
			st.assume(p.Key)
		}
		for place, t := range step.texts() {
			if strings.HasPrefix(place, "assert") { // extractors run before assertions
				for _, e := range step.Extract {
					st.assume(e.Name)
				}
			}
			st.collectNeeds(t, need)
		}
		for _, e := range step.Extract {
			st.assume(e.Name)
		}
	}
	return sortedKeys(need)
}

// assume marks a variable as set.
func (s *state) assume(name string) {
	delete(s.unset, name)
	s.vars[name] = "\x00"
}

func (s *state) collectNeeds(t placedText, need map[string]bool) {
	_, uses, _ := handlebars.Render(t.text, s.vars)
	for _, u := range uses {
		switch root, _, _ := strings.Cut(u.Name, "."); {
		case isPlaceholder(u.Value):
			need[root] = true
		case u.Value != nil || u.Guarded:
		case s.unset[root] != nil:
			s.addUnset(root, need)
		case u.Name == "global" || strings.HasPrefix(u.Name, "global."):
			need[u.Name] = true
		case s.vars[root] == nil:
			need[root] = true
		}
	}
	if name := placeholderIn(t.text); name != "" && t.language == inText {
		need[name] = true
	}
	if t.language == inScript {
		for _, name := range unknownNames(t.text, s.knows) {
			need[name] = true
		}
	}
	if t.language == inScript || t.language == inPath {
		for name := range s.unset {
			if namesVariable(t.text, name) {
				s.addUnset(name, need)
			}
		}
		for name, v := range s.vars {
			if isPlaceholder(v) && namesVariable(t.text, name) {
				need[name] = true
			}
		}
	}
}

// knows reports whether a variable is set or is reported as unset.
func (s *state) knows(name string) bool {
	return s.vars[name] != nil || s.unset[name] != nil || name == "global"
}

func (s *state) addUnset(name string, need map[string]bool) {
	for _, cause := range s.unset[name] {
		need[cause] = true
	}
}

// namesVariable reports whether source contains name as a word that is not a property of something else.
func namesVariable(source, name string) bool {
	found, err := regexp.MatchString(`(^|[^\w$.])`+regexp.QuoteMeta(name)+`($|[^\w$])`, source)
	return err == nil && found
}

// didYouMean returns a hint with the known name that is most like name, or "" if none is like it.
func didYouMean(name string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), strings.ToLower(k)); d < distance && k != name {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", best)
}

// editDistance returns the number of insertions, deletions and replacements that turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		previous := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := previous
			if a[i] != b[j] {
				cost++
			}
			previous = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
