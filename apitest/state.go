package apitest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/cookies"
	"github.com/metlo-go/metlo/apitest/internal/handlebars"
)

// state holds the variables and cookies that steps pass on.
type state struct {
	vars map[string]any
	// unset holds the variables that are declared but have no value, with the names of the missing variables.
	unset   map[string][]string
	jars    *cookies.Jars
	payload map[string]string
}

func (s *state) clone() *state {
	return &state{vars: maps.Clone(s.vars), unset: maps.Clone(s.unset), jars: s.jars.Clone(), payload: maps.Clone(s.payload)}
}

// initialState evaluates the test's Env. Unless the run is lenient, a variable whose value needs one that does not
// exist is unset.
func (s *settings) initialState(c *Config) (*state, error) {
	mode := c.cookies()
	if s.cookies != "" {
		mode = s.cookies
	}
	st := &state{
		vars: maps.Clone(s.env), unset: map[string][]string{}, payload: map[string]string{},
		jars: cookies.NewJars(mode != CookiesNone, mode == CookiesPerIdentity),
	}
	for i, kv := range c.Env {
		value, uses, err := handlebars.Render(kv.Value, st.vars)
		if err != nil {
			return st, &ConfigError{Path: fmt.Sprintf("env[%d].value", i), Message: err.Error()}
		}
		missing := st.missing(uses)
		if given, ok := s.env[kv.Name]; ok && (isPlaceholder(value) || len(missing) > 0) {
			st.vars[kv.Name] = given
			continue
		}
		st.vars[kv.Name] = value
		delete(st.unset, kv.Name)
		if len(missing) > 0 && !s.lenient {
			delete(st.vars, kv.Name)
			st.unset[kv.Name] = missing
		}
	}
	return st, nil
}

// missing returns the names of the variables that the caller must supply for uses.
func (s *state) missing(uses []handlebars.Use) []string {
	var out []string
	for _, u := range uses {
		if u.Value != nil || u.Guarded {
			continue
		}
		root, _, _ := strings.Cut(u.Name, ".")
		causes := s.unset[root]
		if causes == nil {
			causes = []string{u.Name}
		}
		for _, c := range causes {
			if !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// problems returns the reasons why a filled-in text differs from its author's intent. If emptyCounts is set, an empty
// variable is a reason too, because it changes a URL or a header.
func (s *state) problems(where string, uses []handlebars.Use, emptyCounts bool) []string {
	var out []string
	for _, u := range uses {
		root, _, _ := strings.Cut(u.Name, ".")
		_, fromPayload := s.payload[root]
		switch {
		case fromPayload:
		case isPlaceholder(u.Value):
			out = append(out, fmt.Sprintf("%s: the variable %s is not filled in: it still is %v", where, u.Name, u.Value))
		case u.Guarded:
		case u.Value == nil:
			out = append(out, where+": "+s.whyUnset(u.Name))
		case u.Value == "" && emptyCounts:
			out = append(out, fmt.Sprintf("%s: the variable %s is empty", where, u.Name))
		}
	}
	return out
}

// whyUnset returns why a variable does not exist.
func (s *state) whyUnset(name string) string {
	root, _, _ := strings.Cut(name, ".")
	if causes := s.unset[root]; len(causes) > 0 && !slices.Equal(causes, []string{name}) {
		return fmt.Sprintf("the variable %s is not set, because %s is missing", name, strings.Join(causes, " and "))
	}
	known := slices.Collect(maps.Keys(s.vars))
	if root == "global" {
		if global, ok := s.vars["global"].(map[string]any); ok {
			known = nil
			for k := range global {
				known = append(known, "global."+k)
			}
		}
	}
	slices.Sort(known)
	return fmt.Sprintf("the variable %s is not set%s", name, didYouMean(name, known))
}

var (
	placeholder      = regexp.MustCompile(`<<([A-Za-z0-9_.\-]+)>>`)
	wholePlaceholder = regexp.MustCompile(`^<<[^<>]+>>$`)
)

// isPlaceholder reports whether v is a placeholder that was not filled in.
func isPlaceholder(v any) bool {
	text, ok := v.(string)
	return ok && wholePlaceholder.MatchString(text)
}

// placeholderIn returns the name of the first <<placeholder>> in text, or "".
func placeholderIn(text string) string {
	if m := placeholder.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}
