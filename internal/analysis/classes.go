package analysis

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
)

// Class is a class of sensitive data. A value belongs to it if it matches Pattern, a field if its path matches KeyPattern. Both are
// regular expressions of JavaScript; an empty one matches nothing.
type Class struct {
	Name       string
	Severity   string
	ShortName  string
	ConfigKey  string // name of a built-in class in the instance's configuration
	Pattern    string
	KeyPattern string
}

// Builtin returns the built-in classes of the server in its order. Three of them have no patterns.
func Builtin() []Class {
	return []Class{
		{
			Name: "Email", Severity: "medium", ConfigKey: "EMAIL",
			Pattern: `(^|\s)(?:[a-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_` + "`" + `{|}~-]+)*|"(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21\x23-\x5b\x5d-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])*")@(?:(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?|\[(?:(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.){3}(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?|[a-z0-9-]*[a-z0-9]:(?:[\x01-\x08\x0b\x0c\x0e-\x1f\x21-\x5a\x53-\x7f]|\\[\x01-\x09\x0b\x0c\x0e-\x7f])+)\])(\s|$)`,
		},
		{
			Name: "Credit Card Number", Severity: "high", ShortName: "CCN", ConfigKey: "CREDIT_CARD",
			Pattern: `(^|\s)3[47][0-9]{13}(\s|$)|(^|\s)3[47][0-9]{2}-[0-9]{6}-[0-9]{5}(\s|$)|(^|\s)3[47][0-9]{2}[ ][0-9]{6}[ ][0-9]{5}(\s|$)|(^|\s)4[0-9]{12}(?:[0-9]{3})?(\s|$)|(^|\s)4[0-9]{3}-[0-9]{4}-[0-9]{4}-[0-9]{4}(\s|$)|(^|\s)4[0-9]{3}[ ][0-9]{4}[ ][0-9]{4}[ ][0-9]{4}(\s|$)|(^|\s)5[1-5][0-9]{14}(\s|$)|(^|\s)(?:222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[0-1]\d|2720)[0-9]{12}(\s|$)|(^|\s)6(?:011\d{12,15}|5\d{14,17}|4[4-9]\d{13,16}|22(?:1(?:2[6-9]|[3-9]\d)|[2-8]\d{2}|9(?:[01]\d|2[0-5]))\d{10,13})(\s|$)|(^|\s)(?:2131|1800|35[0-9]{3})[0-9]{11}(\s|$)`,
		},
		{
			Name: "Social Security Number", Severity: "high", ShortName: "SSN", ConfigKey: "SSN",
			Pattern: `(^|\s)[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}(\s|$)`,
		},
		{
			Name: "Phone Number", Severity: "medium", ShortName: "Phone Num", ConfigKey: "PHONE_NUMBER",
			Pattern: `(^|\s)(\+\d{1,2}\s)?\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(\s|$)`,
		},
		{
			Name: "IP Address", Severity: "low", ShortName: "IP", ConfigKey: "IP_ADDRESS",
			Pattern: `(^|\s)(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)\.(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)(\s|$)`,
		},
		{
			Name: "Geographic Coordinates", Severity: "medium", ShortName: "Coordinates", ConfigKey: "COORDINATE",
			Pattern: `(^|\s)[-+]?(?:[1-8]?\d(?:\.\d+)?|90(?:\.0+)?)\s*,\s*[-+]?(?:180(?:\.0+)?|(?:(?:1[0-7]\d)|(?:[1-9]?\d))(?:\.\d+)?)(\s|$)`,
		},
		{Name: "Vehicle Identification Number", Severity: "low", ShortName: "VIN", ConfigKey: "VIN"},
		{Name: "Address", Severity: "medium", ConfigKey: "ADDRESS", KeyPattern: `address`},
		{Name: "Date of Birth", Severity: "medium", ShortName: "DOB", ConfigKey: "DOB"},
		{Name: "Driver License Number", Severity: "medium", ShortName: "DL", ConfigKey: "DL_NUMBER"},
		{
			Name: "Aadhar Number", Severity: "high", ShortName: "Aadhar", ConfigKey: "AADHAR_NUMBER",
			Pattern: `(^|\s)(([0-9]{12})|([0-9]{4} [0-9]{4} [0-9]{4}))(\s|$)`,
		},
		{
			Name: "Brazil CPF", Severity: "high", ShortName: "CPF", ConfigKey: "BRAZIL_CPF",
			Pattern: `(^|\s)([-\.\s]?(\d{3})){3}[-\.\s]?(\d{2})(\s|$)`,
		},
	}
}

// BuiltinClasses returns the compiled built-in classes.
var BuiltinClasses = sync.OnceValue(func() *Classes { return NewClasses(Builtin()) })

// valid returns the function that verifies the checksum of a class's values, or nil.
func valid(class string) func(string) bool {
	switch class {
	case "Aadhar Number":
		return validAadhar
	case "Brazil CPF":
		return validCPF
	}
	return nil
}

// stringsOnly reports whether only strings, not numbers, belong to a class.
func stringsOnly(class string) bool {
	switch class {
	case "Phone Number", "Address", "Geographic Coordinates", "IP Address", "Email", "Aadhar Number":
		return true
	}
	return false
}

const maxClasses = 128

// classSet is a set of class indexes.
type classSet [maxClasses / 64]uint64

func (s *classSet) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s *classSet) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s classSet) with(other classSet) classSet {
	for i := range s {
		s[i] |= other[i]
	}
	return s
}

// Classes detects sensitive data. It is safe for concurrent use.
type Classes struct {
	names    []string
	patterns []pattern
	keys     []keyPattern

	// Faults are the errors of patterns that package regexp cannot compile. Their classes are not detected.
	Faults []error
}

type pattern struct {
	class       int
	re          *regexp.Regexp
	need        need
	stringsOnly bool
	valid       func(string) bool
}

type keyPattern struct {
	class int
	re    *regexp.Regexp
	valid func(string) bool
}

// NewClasses compiles the patterns of at most 128 classes.
func NewClasses(list []Class) *Classes {
	c := &Classes{}
	for i, class := range list {
		if i >= maxClasses {
			c.Faults = append(c.Faults, fmt.Errorf("data class %q: only the first %d classes are used: remove some from the configuration", class.Name, maxClasses))
			continue
		}
		c.names = append(c.names, class.Name)
		if re := c.compile(class.Name, class.Pattern); re != nil {
			c.patterns = append(c.patterns, pattern{i, re, needOf(class.Pattern), stringsOnly(class.Name), valid(class.Name)})
		}
		if re := c.compile(class.Name, class.KeyPattern); re != nil {
			c.keys = append(c.keys, keyPattern{i, re, valid(class.Name)})
		}
	}
	return c
}

func (c *Classes) compile(class, text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	re, err := CompilePattern(text)
	if err != nil {
		c.Faults = append(c.Faults, fmt.Errorf("data class %q: %w", class, err))
	}
	return re
}

// CompilePattern compiles a regular expression of JavaScript. It fails for lookaround and back references, which package regexp
// lacks.
func CompilePattern(text string) (*regexp.Regexp, error) {
	return regexp.Compile(translatePattern(text))
}

// translatePattern rewrites the syntax of JavaScript that Go lacks: \u0041, [^], and redundant escapes.
func translatePattern(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, `\u`) && len(rest) >= 6 && isHex(rest[2:6]):
			b.WriteString(`\x{` + rest[2:6] + `}`)
			i += 5
		case strings.HasPrefix(rest, `\_`) || strings.HasPrefix(rest, `\/`):
			b.WriteByte(rest[1])
			i++
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(rest[:2])
			i++
		case strings.HasPrefix(rest, `[^]`):
			b.WriteString(`(?s:.)`)
			i += 2
		default:
			b.WriteByte(rest[0])
		}
	}
	return b.String()
}

func isHex(text string) bool {
	for i := range len(text) {
		if c := text[i]; !(c >= '0' && c <= '9') && !(c|0x20 >= 'a' && c|0x20 <= 'f') {
			return false
		}
	}
	return true
}

// maxSearched is the maximum number of bytes of a section that are searched for each class. Texts that cannot match do not count.
const maxSearched = 64 << 10

// searched counts the bytes that were searched for each class.
type searched [maxClasses]int

// scan adds the classes of a value to found. isString distinguishes a string from a number or a boolean. With a non-nil
// work it searches each class in at most maxSearched bytes in all.
func (c *Classes) scan(found *classSet, text []byte, isString bool, work *searched) {
	if len(text) == 0 || len(c.patterns) == 0 {
		return
	}
	var has need
	has.count(text)
	for i := range c.patterns {
		p := &c.patterns[i]
		if found.has(p.class) || p.stringsOnly && !isString || !p.need.metBy(&has, text) {
			continue
		}
		part := text
		if work != nil {
			part = text[:min(len(text), maxSearched-work[p.class])]
			work[p.class] += len(part)
		}
		if p.valid != nil {
			if match := p.re.Find(part); match != nil && p.valid(string(match)) {
				found.add(p.class)
			}
		} else if p.re.Match(part) {
			found.add(p.class)
		}
	}
}

// Scan returns the names of the classes of a value, in their order.
func (c *Classes) Scan(text string, isString bool) []string {
	var found classSet
	c.scan(&found, []byte(text), isString, nil)
	return c.named(found)
}

// ScanName returns the names of the classes that the path of a field shows, in their order.
func (c *Classes) ScanName(path string) []string { return c.named(c.ofName(path)) }

func (c *Classes) ofName(path string) (found classSet) {
	for _, key := range c.keys {
		if match := key.re.FindString(path); key.re.MatchString(path) && (key.valid == nil || key.valid(match)) {
			found.add(key.class)
		}
	}
	return found
}

func (c *Classes) named(found classSet) []string {
	if found == (classSet{}) {
		return nil
	}
	var names []string
	for i, name := range c.names {
		if found.has(i) {
			names = append(names, name)
		}
	}
	return names
}

// need describes conditions that every match of a pattern fulfils. Checking them first avoids running the pattern on most texts. The
// same type holds the counts of a text.
type need struct {
	digits, ats, dots, commas, length int

	// whole is true if a match in a text without spaces is the whole text. Then each character is in alphabet, and there are at
	// most longest.
	whole    bool
	longest  int
	alphabet [4]uint64
	spaces   bool // whether a text contains spaces
	dense    int  // most digits in any denseWindow consecutive bytes of a text with spaces
}

const denseWindow = 32

// needOf returns the need of a pattern.
func needOf(text string) need {
	re, err := syntax.Parse(translatePattern(text), syntax.Perl)
	if err != nil {
		return need{}
	}
	n := leastOf(re)
	n.whole, n.longest = isBounded(re), longestOf(re)
	n.letters(re)
	return n
}

const unlimited = 1 << 20

// longestOf returns the maximum length of a match in characters.
func longestOf(re *syntax.Regexp) int {
	n := 0
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		n = 1
	case syntax.OpCapture, syntax.OpQuest:
		n = longestOf(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		n = unlimited
	case syntax.OpRepeat:
		n = unlimited
		if re.Max >= 0 {
			n = longestOf(re.Sub[0]) * re.Max
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			n += longestOf(sub)
		}
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			n = max(n, longestOf(sub))
		}
	}
	return min(n, unlimited)
}

// leastOf returns the minimum counts of every match.
func leastOf(re *syntax.Regexp) need {
	switch re.Op {
	case syntax.OpLiteral:
		var n need
		for _, r := range re.Rune {
			n.rune(r)
		}
		return n
	case syntax.OpCharClass:
		if len(re.Rune) == 2 && re.Rune[0] == re.Rune[1] {
			var n need
			n.rune(re.Rune[0])
			return n
		}
		n := need{length: 1, digits: 1}
		for i := 0; i < len(re.Rune); i += 2 {
			if re.Rune[i] < '0' || re.Rune[i+1] > '9' {
				n.digits = 0
			}
		}
		return n
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return need{length: 1}
	case syntax.OpCapture, syntax.OpPlus:
		return leastOf(re.Sub[0])
	case syntax.OpRepeat:
		n := leastOf(re.Sub[0])
		return need{digits: n.digits * re.Min, ats: n.ats * re.Min, dots: n.dots * re.Min, commas: n.commas * re.Min, length: n.length * re.Min}
	case syntax.OpConcat:
		var sum need
		for _, sub := range re.Sub {
			n := leastOf(sub)
			sum.digits, sum.ats, sum.dots = sum.digits+n.digits, sum.ats+n.ats, sum.dots+n.dots
			sum.commas, sum.length = sum.commas+n.commas, sum.length+n.length
		}
		return sum
	case syntax.OpAlternate:
		least := leastOf(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			n := leastOf(sub)
			least.digits, least.ats, least.dots = min(least.digits, n.digits), min(least.ats, n.ats), min(least.dots, n.dots)
			least.commas, least.length = min(least.commas, n.commas), min(least.length, n.length)
		}
		return least
	}
	return need{}
}

func (n *need) rune(r rune) {
	n.length++
	switch {
	case r >= '0' && r <= '9':
		n.digits++
	case r == '@':
		n.ats++
	case r == '.':
		n.dots++
	case r == ',':
		n.commas++
	}
}

// isBounded reports whether every match begins at the beginning of the text or with a space, and ends at the end or with a space.
func isBounded(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpCapture:
		return isBounded(re.Sub[0])
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !isBounded(sub) {
				return false
			}
		}
		return true
	case syntax.OpConcat:
		return isBound(re.Sub[0], syntax.OpBeginText) && isBound(re.Sub[len(re.Sub)-1], syntax.OpEndText)
	}
	return false
}

func isBound(re *syntax.Regexp, anchor syntax.Op) bool {
	switch re.Op {
	case anchor:
		return true
	case syntax.OpCapture:
		return isBound(re.Sub[0], anchor)
	case syntax.OpAlternate:
		for _, sub := range re.Sub {
			if !isBound(sub, anchor) {
				return false
			}
		}
		return true
	case syntax.OpCharClass:
		for i := 0; i < len(re.Rune); i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1]; r++ {
				if r > ' ' || !isSpace(byte(r)) {
					return false
				}
			}
		}
		return true
	}
	return false
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// letters adds the characters that a match may contain to the alphabet. It sets whole to false if these may be outside ASCII.
func (n *need) letters(re *syntax.Regexp) {
	anything := re.Op == syntax.OpAnyChar || re.Op == syntax.OpAnyCharNotNL || re.Flags&syntax.FoldCase != 0
	for i, r := range re.Rune {
		switch {
		case re.Op == syntax.OpCharClass && i%2 == 0:
			if re.Rune[i+1] > 0x7f {
				anything = true
				continue
			}
			for c := r; c <= re.Rune[i+1]; c++ {
				n.alphabet[c/64] |= 1 << (c % 64)
			}
		case re.Op == syntax.OpLiteral && r < 0x80:
			n.alphabet[r/64] |= 1 << (r % 64)
		case re.Op == syntax.OpLiteral:
			anything = true
		}
	}
	if anything {
		n.whole = false
	}
	for _, sub := range re.Sub {
		n.letters(sub)
	}
}

// count sets the counts of a text.
func (n *need) count(text []byte) {
	n.length = len(text)
	for _, c := range text {
		switch {
		case c >= '0' && c <= '9':
			n.digits++
		case c > '@':
		case c == '@':
			n.ats++
		case c == '.':
			n.dots++
		case c == ',':
			n.commas++
		case isSpace(c):
			n.spaces = true
		}
	}
	if !n.spaces || n.digits == 0 {
		return
	}
	digits := 0
	for i, c := range text {
		if isDigit(c) {
			digits++
			n.dense = max(n.dense, digits)
		}
		if i >= denseWindow-1 && isDigit(text[i-denseWindow+1]) {
			digits--
		}
	}
}

// metBy reports whether a text with these counts may match.
func (n *need) metBy(has *need, text []byte) bool {
	if has.digits < n.digits || has.ats < n.ats || has.dots < n.dots || has.commas < n.commas || has.length < n.length {
		return false
	}
	switch {
	case !n.whole:
		return true
	case !has.spaces && has.length > n.longest && n.longest < unlimited:
		return false // a match would be the whole text
	case has.spaces && n.longest <= denseWindow && has.dense < n.digits:
		return false
	}
	return n.within(text, has.spaces)
}

// within reports whether consecutive characters of the alphabet, at most as many as a match has, hold enough digits. In a
// text without spaces a match is the whole text.
func (n *need) within(text []byte, spaces bool) bool {
	from, digits := 0, 0
	for i, c := range text {
		if n.alphabet[c/64]&(1<<(c%64)) == 0 {
			if !spaces {
				return false
			}
			from, digits = i+1, 0
			continue
		}
		if isDigit(c) {
			digits++
		}
		if i-from == n.longest && n.longest < unlimited {
			if isDigit(text[from]) {
				digits--
			}
			from++
		}
		if spaces && digits >= n.digits && i-from+1 >= n.length {
			return true
		}
	}
	return !spaces
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
