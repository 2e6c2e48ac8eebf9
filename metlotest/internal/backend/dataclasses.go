package backend

import (
	"math"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// dataClass is a kind of sensitive data. A value belongs to it when value matches the whole of it
// or a word in it, valid (when set) agrees, and key (when set) matches the field's name.
type dataClass struct {
	className, severity, shortName, configKey string
	value, key                                string
	valid                                     func(string) bool
	custom                                    bool
	valuePattern, keyPattern                  *regexp.Regexp
}

func builtinClasses() []dataClass {
	return []dataClass{
		{className: "Email", severity: "medium", configKey: "EMAIL", value: `[^\s@<>"]+@[\w-]+(?:\.[\w-]+)+`},
		{className: "Credit Card Number", severity: "high", shortName: "CCN", configKey: "CREDIT_CARD", value: `\d(?:[ -]?\d){12,18}`, valid: luhn},
		{className: "Social Security Number", severity: "high", shortName: "SSN", configKey: "SSN", value: `\d{3}[- ]\d{2}[- ]\d{4}`, valid: plausibleSSN},
		{className: "Phone Number", severity: "medium", shortName: "Phone Num", configKey: "PHONE_NUMBER", value: `(?:\+?\d{1,3}[-. ]?)?\(?\d{3}\)?[-. ]\d{3}[-. ]?\d{4}|\+\d{10,14}`},
		{className: "IP Address", severity: "low", shortName: "IP", configKey: "IP_ADDRESS", value: `\d{1,3}(?:\.\d{1,3}){3}`, valid: isIP},
		{className: "Geographic Coordinates", severity: "medium", shortName: "Coordinates", configKey: "COORDINATE", value: `[-+]?\d{1,2}\.\d+ *, *[-+]?\d{1,3}\.\d+`, valid: onEarth},
		{className: "Vehicle Identification Number", severity: "low", shortName: "VIN", configKey: "VIN", value: `[A-HJ-NPR-Z0-9]{17}`, valid: lettersAndDigits},
		{className: "Address", severity: "medium", configKey: "ADDRESS", value: `\d{1,4} [\w ]{1,50}\b(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Highway|Hwy|Way|Place|Pl)\b\.?.*`},
		{className: "Date of Birth", severity: "medium", shortName: "DOB", configKey: "DOB", value: `\d{4}[-/.]\d\d[-/.]\d\d|\d\d[-/.]\d\d[-/.]\d{4}`, key: `(?i)dob|birth`, valid: isDate},
		{className: "Driver License Number", severity: "medium", shortName: "DL", configKey: "DL_NUMBER", value: `[A-Za-z]{0,3}[- ]?\d[\d -]{5,14}`, key: `(?i)licen[cs]e`},
		{className: "Aadhar Number", severity: "high", shortName: "Aadhar", configKey: "AADHAR_NUMBER", value: `[2-9]\d{3} \d{4} \d{4}`},
		{className: "Brazil CPF", severity: "high", shortName: "CPF", configKey: "BRAZIL_CPF", value: `\d{3}\.\d{3}\.\d{3}-\d{2}`},
	}
}

func isIP(s string) bool { return net.ParseIP(s) != nil }

func onEarth(s string) bool {
	north, east, _ := strings.Cut(strings.ReplaceAll(s, " ", ""), ",")
	latitude, err := strconv.ParseFloat(north, 64)
	longitude, err2 := strconv.ParseFloat(east, 64)
	return err == nil && err2 == nil && math.Abs(latitude) <= 90 && math.Abs(longitude) <= 180
}

func isDate(s string) bool {
	s = strings.NewReplacer("/", "-", ".", "-").Replace(s)
	for _, layout := range []string{"2006-01-02", "01-02-2006", "02-01-2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

func luhn(s string) bool {
	sum, double := 0, false
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ' ' || s[i] == '-' {
			continue
		}
		d := int(s[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum, double = sum+d, !double
	}
	return sum > 0 && sum%10 == 0
}

func plausibleSSN(s string) bool {
	area := s[:3]
	return area != "000" && area != "666" && area[0] != '9' && s[4:6] != "00" && s[len(s)-4:] != "0000"
}

func lettersAndDigits(s string) bool {
	return strings.ContainsAny(s, "0123456789") && strings.ContainsAny(s, "ABCDEFGHJKLMNPRSTUVWXYZ")
}

// compile prepares a class for matching. A custom pattern that Go cannot compile matches nothing.
func (d *dataClass) compile() {
	pattern := `(?:^|\s)(` + d.value + `)(?:\s|$)`
	if d.custom {
		pattern = `(` + d.value + `)`
	}
	if re, err := regexp.Compile(pattern); err == nil {
		d.valuePattern = re
	}
	if d.key != "" {
		d.keyPattern = regexp.MustCompile(d.key)
	}
}

// matches tells whether a value found under a name belongs to the class.
func (d *dataClass) matches(name, value string) bool {
	if d.valuePattern == nil || d.keyPattern != nil && !d.keyPattern.MatchString(name) {
		return false
	}
	found := d.valuePattern.FindStringSubmatch(value)
	return len(found) > 1 && (d.valid == nil || d.valid(found[1]))
}

// classes are the built-in ones that are not disabled, then those of the metlo-config.
func (st *Store) classes() []dataClass {
	if st.classList != nil {
		return st.classList
	}
	disabled := st.metloConfig.value.Texts("disabledDataClass")
	classes := slices.DeleteFunc(builtinClasses(), func(d dataClass) bool { return slices.Contains(disabled, d.configKey) })
	if own := st.metloConfig.value.Object("sensitiveData"); own != nil {
		for _, name := range own.Keys {
			def := own.Object(name)
			classes = append(classes, dataClass{
				className: name, severity: strings.ToLower(def.Text("severity")), value: strings.Join(def.Texts("patterns"), "|"), custom: true,
			})
		}
	}
	for i := range classes {
		classes[i].compile()
	}
	st.classList = classes
	return classes
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
	if now := time.Now(); !now.Before(c.classCacheUntil) {
		c.classCache, c.classCacheUntil = c.classes(), now.Add(classCacheTime)
	}
	return Ok(convert(c.classCache, func(d dataClass) *js.Object {
		o := js.New("className", d.className, "severity", d.severity)
		if d.shortName != "" {
			o.Set("shortName", d.shortName)
		}
		return o
	}))
}
