package backend

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// dataClass is a kind of sensitive data. A value belongs to it when it matches regex and valid, where
// set, agrees; a field does when its path matches keyRegex.
type dataClass struct {
	className, severity, shortName, configKey string
	regex, keyRegex                           *string
	textOnly, custom                          bool
	valid                                     func(string) bool
	valuePattern, keyPattern                  *regexp.Regexp
}

func ptr(s string) *string { return &s }

// builtinClasses are those of every server, in its order. Four of them match nothing.
func builtinClasses() []dataClass {
	return []dataClass{
		{
			className: "Email", severity: "medium", configKey: "EMAIL", textOnly: true,
			regex: ptr(`(^|\s)(?:[a-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+)*|"(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21\x23-\x5b\x5d-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*")@(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?|[a-z0-9-]*[a-z0-9]:(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21-\x5a\x53-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])+)\])(\s|$)`),
		},
		{
			className: "Credit Card Number", severity: "high", shortName: "CCN", configKey: "CREDIT_CARD",
			regex: ptr(`(^|\s)3[47][0-9]{13}(\s|$)|(^|\s)3[47][0-9]{2}-[0-9]{6}-[0-9]{5}(\s|$)|(^|\s)3[47][0-9]{2}[ ][0-9]{6}[ ][0-9]{5}(\s|$)|(^|\s)4[0-9]{12}(?:[0-9]{3})?(\s|$)|(^|\s)4[0-9]{3}-[0-9]{4}-[0-9]{4}-[0-9]{4}(\s|$)|(^|\s)4[0-9]{3}[ ][0-9]{4}[ ][0-9]{4}[ ][0-9]{4}(\s|$)|(^|\s)5[1-5][0-9]{14}(\s|$)|(^|\s)(?:222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[0-1]\d|2720)[0-9]{12}(\s|$)|(^|\s)6(?:011\d{12,15}|5\d{14,17}|4[4-9]\d{13,16}|22(?:1(?:2[6-9]|[3-9]\d)|[2-8]\d{2}|9(?:[01]\d|2[0-5]))\d{10,13})(\s|$)|(^|\s)(?:2131|1800|35[0-9]{3})[0-9]{11}(\s|$)`),
		},
		{
			className: "Social Security Number", severity: "high", shortName: "SSN", configKey: "SSN",
			regex: ptr(`(^|\s)[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}(\s|$)`),
		},
		{
			className: "Phone Number", severity: "medium", shortName: "Phone Num", configKey: "PHONE_NUMBER", textOnly: true,
			regex: ptr(`(^|\s)(\+\d{1,2}\s)?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(\s|$)`),
		},
		{
			className: "IP Address", severity: "low", shortName: "IP", configKey: "IP_ADDRESS", textOnly: true,
			regex: ptr(`(^|\s)(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)(\s|$)`),
		},
		{
			className: "Geographic Coordinates", severity: "medium", shortName: "Coordinates", configKey: "COORDINATE", textOnly: true,
			regex: ptr(`(^|\s)[-+]?(?:[1-8]?\d(?:\.\d+)?|90(?:\.0+)?)\s*,\s*[-+]?(?:180(?:\.0+)?|(?:(?:1[0-7]\d)|(?:[1-9]?\d))(?:\.\d+)?)(\s|$)`),
		},
		{
			className: "Vehicle Identification Number", severity: "low", shortName: "VIN", configKey: "VIN",
		},
		{
			className: "Address", severity: "medium", configKey: "ADDRESS", textOnly: true,
			keyRegex: ptr(`address`),
		},
		{
			className: "Date of Birth", severity: "medium", shortName: "DOB", configKey: "DOB",
		},
		{
			className: "Driver License Number", severity: "medium", shortName: "DL", configKey: "DL_NUMBER",
		},
		{
			className: "Aadhar Number", severity: "high", shortName: "Aadhar", configKey: "AADHAR_NUMBER", textOnly: true, valid: validAadhar,
			regex: ptr(`(^|\s)(([0-9]{12})|([0-9]{4} [0-9]{4} [0-9]{4}))(\s|$)`),
		},
		{
			className: "Brazil CPF", severity: "high", shortName: "CPF", configKey: "BRAZIL_CPF", valid: validCPF,
			regex: ptr(`(^|\s)([-\.\s]?(\d{3})){3}[-\.\s]?(\d{2})(\s|$)`),
		},
	}
}

// compile compiles an expression of JavaScript; nil for none, and for one that package regexp does not run.
func compile(source *string) *regexp.Regexp {
	if source == nil {
		return nil
	}
	re, _ := js.CompileRegexp(*source)
	return re
}

// accepts reports whether a pattern matches, and what it matched is valid.
func (d *dataClass) accepts(re *regexp.Regexp, text string) bool {
	if re == nil {
		return false
	}
	if d.valid == nil {
		return re.MatchString(text)
	}
	return re.MatchString(text) && d.valid(re.FindString(text))
}

func (d *dataClass) matchesValue(value any) bool {
	text, isText := value.(string)
	if d.regex == nil || value == nil || js.IsUndefined(value) || d.textOnly && !isText {
		return false
	}
	if !isText {
		text = js.String(value)
	}
	return d.accepts(d.valuePattern, text)
}

func (d *dataClass) matchesName(name string) bool {
	return d.accepts(d.keyPattern, name)
}

// classes are the built-in ones that are not disabled, then those of the metlo-config.
func (st *Store) classes() []dataClass {
	if st.classList != nil {
		return st.classList
	}
	disabled := st.metloConfig.value.Texts("disabledDataClass")
	classes := slices.DeleteFunc(builtinClasses(), func(d dataClass) bool { return slices.Contains(disabled, d.configKey) })
	for name, v := range st.metloConfig.value.Object("sensitiveData").All() {
		def, _ := v.(*js.Object)
		classes = append(classes, dataClass{
			className: name, severity: strings.ToLower(def.Text("severity")), custom: true,
			regex: alternatives(def.Texts("patterns")), keyRegex: alternatives(def.Texts("keyPatterns")),
		})
	}
	for i := range classes {
		classes[i].valuePattern, classes[i].keyPattern = compile(classes[i].regex), compile(classes[i].keyRegex)
	}
	st.classList = classes
	return classes
}

func alternatives(patterns []string) *string {
	if len(patterns) == 0 {
		return nil
	}
	return ptr("(" + strings.Join(patterns, ")|(") + ")")
}

func (st *Store) severity(class string) string {
	if risk := st.classRisk(class); risk != nil {
		return *risk
	}
	return "none"
}

// classRisk is a class's severity, nil when no such class is defined.
func (st *Store) classRisk(class string) *string {
	for _, d := range st.classes() {
		if d.className == class {
			return &d.severity
		}
	}
	return nil
}

const classCacheTime = 30 * time.Second

// listDataClasses answers from the backend's own cache, so a new metlo-config shows up to 30 s late.
func listDataClasses(c *call) Response {
	return Ok(cached(c.Store, "dataClasses", classCacheTime, func() []*js.Object {
		return convert(c.classes(), func(d dataClass) *js.Object {
			o := js.New("className", d.className, "severity", d.severity)
			if d.shortName != "" {
				o.Set("shortName", d.shortName)
			}
			return o
		})
	}))
}

// agentClass is a class as agents get it: what is not set is left out of built-in ones, and null in those of
// the metlo-config.
func (d dataClass) agentClass() *js.Object {
	o := js.New("className", d.className, "severity", d.severity)
	if d.shortName != "" {
		o.Set("shortName", d.shortName)
	}
	for _, part := range []struct {
		name   string
		source *string
	}{{"regex", d.regex}, {"keyRegex", d.keyRegex}} {
		switch {
		case part.source != nil:
			o.Set(part.name, regexpSource(*part.source))
		case d.custom:
			o.Set(part.name, nil)
		}
	}
	return o
}

// regexpSource is the property source of new RegExp(s): slashes outside of brackets are escaped.
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

func digitsOf(s string) []int {
	var digits []int
	for _, r := range s {
		if r >= '0' && r <= '9' {
			digits = append(digits, int(r-'0'))
		}
	}
	return digits
}

// validAadhar checks the last digit by Verhoeff's scheme.
func validAadhar(s string) bool {
	digits := digitsOf(s)
	if len(digits) != 12 {
		return false
	}
	// The dihedral group of the pentagon, and the permutation that goes with the place.
	multiply := func(a, b int) int {
		switch {
		case a < 5 && b < 5:
			return (a + b) % 5
		case a < 5:
			return (a+b)%5 + 5
		case b < 5:
			return (a-b)%5 + 5
		}
		return (a - b + 5) % 5
	}
	permutation := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	check := 0
	for i := range digits {
		d := digits[len(digits)-1-i]
		for range i % 8 {
			d = permutation[d]
		}
		check = multiply(check, d)
	}
	return check == 0
}

// validCPF checks the two digits at the end.
func validCPF(s string) bool {
	digits := digitsOf(s)
	if len(digits) != 11 {
		return false
	}
	for n := 9; n < 11; n++ {
		sum := 0
		for i, d := range digits[:n] {
			sum += d * (n + 1 - i)
		}
		check := 0
		if rest := sum % 11; rest >= 2 {
			check = 11 - rest
		}
		if digits[n] != check {
			return false
		}
	}
	return true
}
