package js

import (
	"strings"
	"time"
)

// ParseDate simulates new Date(text) for the ISO form and other common ones. Local time is UTC. V8 accepts further
// forms.
func ParseDate(s string) (time.Time, bool) {
	for _, layout := range []string{
		"2006", "2006-01", "2006-01-02", "2006-01-02T15:04", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00",
		time.RFC3339Nano, "2006-01T15:04", "2006T15:04", "2006-1-2", "2006-1-2 15:04", "2006-1-2 15:04:05.999999999", "1/2/2006", "2006/1/2",
		"Jan 2, 2006", "January 2, 2006", "2 January 2006", "Jan 2 2006 3:04 PM", time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC,
		time.UnixDate, "Mon Jan 02 2006 15:04:05 GMT-0700", "Mon Jan 02 2006 15:04:05 GMT-0700 (MST)",
	} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil {
			return t.UTC().Truncate(time.Millisecond), true
		}
	}
	return time.Time{}, false
}
