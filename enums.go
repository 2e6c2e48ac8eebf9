package metlo

import (
	"fmt"
	"strings"
)

//go:generate go -C tools run ./enumgen -o ../enums_gen.go

// enum lists the values of an enumeration in the server's spelling, and the documentation's other names. The tables
// below are read-only.
type enum[E ~string] struct {
	values  []E
	aliases map[string]E // other names in upper case, and their values
}

// find returns the value named text, or text itself if there is none.
func (e *enum[E]) find(text string) (E, bool) {
	for _, v := range e.values {
		if string(v) == text {
			return v, true
		}
	}
	for _, v := range e.values {
		if strings.EqualFold(string(v), text) {
			return v, true
		}
	}
	if v, ok := e.aliases[strings.ToUpper(text)]; ok {
		return v, true
	}
	return E(text), false
}

// unmarshal is like find for a decoder: a value in the expected spelling costs no allocation.
func (e *enum[E]) unmarshal(text []byte) E {
	for _, v := range e.values {
		if string(v) == string(text) {
			return v
		}
	}
	v, _ := e.find(string(text))
	return v
}

func (e *enum[E]) known(v E) bool {
	_, ok := e.find(string(v))
	return ok
}

func (e *enum[E]) parse(name, text string) (E, error) {
	if v, ok := e.find(strings.TrimSpace(text)); ok {
		return v, nil
	}
	names := make([]string, len(e.values))
	for i, v := range e.values {
		names[i] = string(v)
	}
	return "", fmt.Errorf("%w: %q is not a known %s: use one of %s", ErrInvalidArgument, text, name, strings.Join(names, ", "))
}

// AtLeast reports whether r is as high as other or higher. Scores that the SDK does not know are below every known one.
func (r RiskScore) AtLeast(other RiskScore) bool { return r.rank() >= other.rank() }

func (r RiskScore) rank() int {
	v, _ := riskScores.find(string(r))
	for i, s := range riskScores.values {
		if s == v {
			return i
		}
	}
	return -1
}

// IsResponse reports whether the section belongs to a response.
func (d DataSection) IsResponse() bool {
	v, _ := dataSections.find(string(d))
	return v == SectionResponseHeaders || v == SectionResponseBody
}
