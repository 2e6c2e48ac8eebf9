package backend

import (
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/internal/analysis"
	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// dataClass is a kind of sensitive data: a built-in one, or one of the metlo-config.
type dataClass struct {
	analysis.Class

	custom bool
}

// classes returns the built-in data classes that are not disabled, then those of the metlo-config.
func (st *Store) classes() []dataClass {
	if st.classList != nil {
		return st.classList
	}
	disabled := st.metloConfig.value.Texts("disabledDataClass")
	var list []analysis.Class
	var classes []dataClass
	add := func(class analysis.Class, custom bool) {
		list, classes = append(list, class), append(classes, dataClass{class, custom})
	}
	for _, class := range analysis.Builtin() {
		if !slices.Contains(disabled, class.ConfigKey) {
			add(class, false)
		}
	}
	for name, v := range st.metloConfig.value.Object("sensitiveData").All() {
		def, _ := v.(*js.Object)
		add(analysis.Class{
			Name: name, Severity: strings.ToLower(def.Text("severity")),
			Pattern: alternatives(def.Texts("patterns")), KeyPattern: alternatives(def.Texts("keyPatterns")),
		}, true)
	}
	st.classList, st.scanner = classes, analysis.NewClasses(list)
	return classes
}

func alternatives(patterns []string) string {
	if len(patterns) == 0 {
		return ""
	}
	return "(" + strings.Join(patterns, ")|(") + ")"
}

func (st *Store) severity(class string) string {
	if risk := st.classRisk(class); risk != nil {
		return *risk
	}
	return "none"
}

// classRisk returns a class's severity, or nil for an unknown class.
func (st *Store) classRisk(class string) *string {
	for _, d := range st.classes() {
		if d.Name == class {
			return &d.Severity
		}
	}
	return nil
}

const classCacheTime = 30 * time.Second

// listDataClasses answers from the backend's own cache, so a new metlo-config shows up to 30 s late.
func listDataClasses(c *call) Response {
	return Ok(cached(c.Store, "dataClasses", classCacheTime, func() []*js.Object {
		return convert(c.classes(), func(d dataClass) *js.Object {
			o := js.New("className", d.Name, "severity", d.Severity)
			if d.ShortName != "" {
				o.Set("shortName", d.ShortName)
			}
			return o
		})
	}))
}

// agentClass returns a class in the agents' form: unset members are absent from built-in ones, and null in those of the
// metlo-config.
func (d dataClass) agentClass() *js.Object {
	o := js.New("className", d.Name, "severity", d.Severity)
	if d.ShortName != "" {
		o.Set("shortName", d.ShortName)
	}
	for _, part := range []struct{ name, source string }{{"regex", d.Pattern}, {"keyRegex", d.KeyPattern}} {
		switch {
		case part.source != "":
			o.Set(part.name, regexpSource(part.source))
		case d.custom:
			o.Set(part.name, nil)
		}
	}
	return o
}

// regexpSource returns the property source of new RegExp(s), in which slashes outside of brackets are escaped.
func regexpSource(s string) string {
	var b strings.Builder
	inClass := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			b.WriteByte(c)
			i++
		case c == '[':
			inClass = true
		case c == ']':
			inClass = false
		case c == '/' && !inClass:
			b.WriteByte('\\')
		case c == '\n':
			b.WriteString(`\n`)
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
