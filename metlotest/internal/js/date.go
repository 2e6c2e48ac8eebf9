package js

import (
	"strconv"
	"strings"
	"time"
)

// ParseDate is new Date(text): the ISO form, or what V8 makes of other text. Local time is UTC.
func ParseDate(s string) (time.Time, bool) {
	if t, ok := isoDate(strings.TrimSpace(s)); ok {
		return t, true
	}
	p := dateParser{year: -1, month: -1, day: -1}
	if !p.read(s) {
		return time.Time{}, false
	}
	return p.time()
}

// isoDate reads YYYY, YYYY-MM, YYYY-MM-DD, and a time of the day behind T.
func isoDate(s string) (time.Time, bool) {
	for _, layout := range []string{
		"2006", "2006-01", "2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00",
		time.RFC3339Nano, "2006-01T15:04", "2006T15:04",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Millisecond), true
		}
	}
	return time.Time{}, false
}

// dateParser collects what V8's parser for text that is not ISO finds: numbers, the names of months
// and of zones.
type dateParser struct {
	numbers          []int
	year, month, day int
	clock            [4]int
	clockParts       int
	offset           time.Duration
	named            bool // a month was named
	pm, am           bool
}

func (p *dateParser) read(s string) bool { //nolint:gocyclo // one case for each form that the original knows
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n := digitsAt(s, i)
			if n > 9 {
				return false
			}
			value, _ := strconv.Atoi(s[i : i+n])
			i += n
			next := byte(0)
			if i < len(s) {
				next = s[i]
			}
			if !p.number(value, n, next) {
				return false
			}
			if next == ':' || next == '.' && p.clockParts > 0 || next == '/' || next == '-' && p.clockParts == 0 {
				i++
			}
		case isASCIILetter(c):
			from := i
			for i < len(s) && isASCIILetter(s[i]) {
				i++
			}
			if !p.word(strings.ToLower(s[from:i])) {
				return false
			}
		case (c == '+' || c == '-') && p.clockParts > 0:
			n := digitsAt(s, i+1)
			if n == 0 {
				return false
			}
			if !p.zone(s, &i, n) {
				return false
			}
		case c == '(':
			for i < len(s) && s[i] != ')' {
				i++
			}
			i++
		case c == ')' || c == '(':
			return false
		default:
			i++
		}
	}
	return true
}

func digitsAt(s string, at int) int {
	n := 0
	for at+n < len(s) && s[at+n] >= '0' && s[at+n] <= '9' {
		n++
	}
	return n
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// number takes a number with the character after it.
func (p *dateParser) number(value, digits int, next byte) bool {
	switch {
	case next == ':' && p.clockParts == 0, p.clockParts > 0 && p.clockParts < 3 && next == ':':
		p.clock[p.clockParts] = value
		p.clockParts++
	case p.clockParts > 0 && p.clockParts < 4 && !p.clockDone():
		if p.clockParts == 3 {
			for ; digits < 3; digits++ {
				value *= 10
			}
			for ; digits > 3; digits-- {
				value /= 10
			}
		}
		p.clock[p.clockParts] = value
		p.clockParts++
		if next != '.' || p.clockParts != 3 {
			p.clockParts += 10
		}
	default:
		if len(p.numbers) == 3 {
			return false
		}
		p.numbers = append(p.numbers, value)
	}
	return true
}

func (p *dateParser) clockDone() bool { return p.clockParts >= 10 }

func (p *dateParser) zone(s string, i *int, n int) bool {
	sign := time.Duration(1)
	if s[*i] == '-' {
		sign = -1
	}
	value, _ := strconv.Atoi(s[*i+1 : *i+1+n])
	*i += 1 + n
	hours, minutes := value, 0
	if n > 2 {
		hours, minutes = value/100, value%100
	} else if *i < len(s) && s[*i] == ':' {
		m := digitsAt(s, *i+1)
		minutes, _ = strconv.Atoi(s[*i+1 : *i+1+m])
		*i += 1 + m
	}
	p.offset = time.Duration(int64(sign) * (int64(hours)*60 + int64(minutes)) * int64(time.Minute))
	return true
}

func (p *dateParser) word(w string) bool {
	if len(w) >= 3 {
		if at := strings.Index("jan feb mar apr may jun jul aug sep oct nov dec ", w[:3]+" "); at >= 0 {
			p.month, p.named = at/4, true
			return true
		}
		zones := map[string]int{"utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
		if hours, ok := zones[w]; ok {
			p.offset = time.Duration(hours) * time.Hour
			return true
		}
	}
	switch w {
	case "am":
		p.am = true
	case "pm":
		p.pm = true
	case "z", "t":
	default:
		// Unknown words are skipped before the first number only.
		return len(p.numbers) == 0 && p.clockParts == 0
	}
	return true
}

// time makes a time of the parts: month/day/year, or year/month/day when the first number cannot be a month.
func (p *dateParser) time() (time.Time, bool) { //nolint:gocyclo // one case for each form that the original knows
	n := p.numbers
	switch {
	case p.named && len(n) == 1:
		p.day, p.year = n[0], 2001
	case p.named && len(n) >= 2:
		p.day, p.year = n[0], n[1]
		if n[0] > 31 {
			p.day, p.year = n[1], n[0]
		}
	case len(n) == 3 && n[0] > 31:
		p.year, p.month, p.day = n[0], n[1]-1, n[2]
	case len(n) == 3:
		p.month, p.day, p.year = n[0]-1, n[1], n[2]
	case len(n) == 2 && n[0] > 31:
		p.year, p.month, p.day = n[0], n[1]-1, 1
	case len(n) == 2:
		p.month, p.day, p.year = n[0]-1, n[1], 2001
	case len(n) == 1 && n[0] > 31:
		p.year, p.month, p.day = n[0], 0, 1
	case len(n) == 1:
		p.month, p.day, p.year = n[0]-1, 1, 2001
	default:
		return time.Time{}, false
	}
	switch {
	case p.year >= 0 && p.year <= 49:
		p.year += 2000
	case p.year >= 50 && p.year <= 99:
		p.year += 1900
	}
	if p.pm && p.clock[0] < 12 {
		p.clock[0] += 12
	} else if p.am && p.clock[0] == 12 {
		p.clock[0] = 0
	}
	if p.month < 0 || p.month > 11 || p.day < 1 || p.day > 31 || p.clock[0] > 24 || p.clock[1] > 59 || p.clock[2] > 59 {
		return time.Time{}, false
	}
	t := time.Date(p.year, time.Month(p.month+1), p.day, p.clock[0], p.clock[1], p.clock[2], p.clock[3]*int(time.Millisecond), time.UTC)
	return t.Add(-p.offset), true
}
