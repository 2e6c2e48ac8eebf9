package transport

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const longestWait = time.Duration(math.MaxInt64)

// retryAfter parses a server's Retry-After: seconds, also with a fraction or a unit, or a date. The longest of several
// values, as joined by proxies, counts. It reports false for invalid values, such as a negative number.
func retryAfter(texts []string, now time.Time) (time.Duration, bool) {
	var longest time.Duration
	for _, text := range texts {
		wait, ok := parseWait(text, now)
		if !ok {
			return 0, false
		}
		longest = max(longest, wait)
	}
	return longest, len(texts) > 0
}

func parseWait(text string, now time.Time) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if wait, ok := parseSeconds(text); ok {
		return wait, true
	}
	if date, ok := parseDate(text); ok {
		return max(date.Sub(now), 0), true
	}
	// A date contains a comma, and was tried before.
	first, rest, several := strings.Cut(text, ",")
	if !several {
		return 0, false
	}
	wait, ok := parseSeconds(strings.TrimSpace(first))
	if !ok {
		return 0, false
	}
	more, ok := parseWait(rest, now)
	return max(wait, more), ok
}

// parseSeconds takes 120, 1.5 and 30s.
func parseSeconds(text string) (time.Duration, bool) {
	text = strings.TrimSpace(strings.TrimSuffix(text, "s"))
	if text == "" || strings.Trim(text, "0123456789.") != "" || text[0] == '.' || strings.HasSuffix(text, ".") {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case math.IsInf(seconds, 1), seconds >= longestWait.Seconds():
		return longestWait, true
	case err != nil:
		return 0, false
	}
	whole := time.Duration(seconds) * time.Second
	return whole + time.Duration(math.Round((seconds-math.Trunc(seconds))*float64(time.Second))), true
}

// parseDate parses the dates of HTTP, and those with another name or number for the zone UTC.
func parseDate(text string) (time.Time, bool) {
	if date, err := http.ParseTime(text); err == nil {
		return date, true
	}
	for _, layout := range []string{
		time.RFC1123Z, time.RFC1123, "Mon, _2 Jan 2006 15:04:05 MST", "Mon, _2 Jan 2006 15:04:05 -0700",
		time.RFC850, "Monday, 02-Jan-06 15:04:05 -0700", time.RFC3339,
	} {
		date, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		// A zone that Parse does not know would count as UTC.
		if name, offset := date.Zone(); offset == 0 && name != "" && name != "UTC" && name != "GMT" && name != "Z" {
			return time.Time{}, false
		}
		return date, true
	}
	return time.Time{}, false
}
