package transport

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	half := 30 * time.Second
	tests := map[string]struct {
		want time.Duration
		ok   bool
	}{
		"":                                 {0, false},
		" ":                                {0, false},
		"0":                                {0, true},
		"120":                              {2 * time.Minute, true},
		" 5 ":                              {5 * time.Second, true},
		"-1":                               {0, false},
		"-99999999999999999999":            {0, false},
		"9223372036":                       {9223372036 * time.Second, true},
		"9223372037":                       {math.MaxInt64, true},
		"9223372036854775807":              {math.MaxInt64, true},
		"99999999999999999999":             {math.MaxInt64, true},
		"1.5":                              {1500 * time.Millisecond, true},
		"0.25":                             {250 * time.Millisecond, true},
		"30.0":                             {half, true},
		"30.":                              {0, false},
		".5":                               {0, false},
		"1.2.3":                            {0, false},
		"30s":                              {half, true},
		"30 s":                             {half, true},
		"1.5s":                             {1500 * time.Millisecond, true},
		"s":                                {0, false},
		"30, 30":                           {half, true},
		"5,30":                             {half, true},
		"30, soon":                         {0, false},
		"30,":                              {0, false},
		"5, Sun, 01 Mar 2026 12:00:30 GMT": {half, true},
		"0x10":                             {0, false},
		"1e3":                              {0, false},
		"NaN":                              {0, false},
		"Inf":                              {0, false},
		"soon":                             {0, false},
		"Sun, 01 Mar 2026 12:00:30 GMT":    {half, true},
		"Sun, 01 Mar 2026 12:00:30 UTC":    {half, true},
		"Sun, 01 Mar 2026 12:00:30 +0000":  {half, true},
		"Sun, 01 Mar 2026 13:00:30 +0100":  {half, true},
		"Sun, 1 Mar 2026 12:00:30 GMT":     {half, true},
		"Sun, 01 Mar 2026 12:00:30 CET":    {0, false},
		"Sunday, 01-Mar-26 12:00:30 GMT":   {half, true},
		"Sunday, 01-Mar-26 12:00:30 UTC":   {half, true},
		"Sun Mar  1 12:00:30 2026":         {half, true},
		"2026-03-01T12:00:30Z":             {half, true},
		"Sun, 01 Mar 2026 11:59:00 GMT":    {0, true},
		"Sat, 01 Jan 9999 00:00:00 GMT":    {math.MaxInt64, true},
	}
	for text, tt := range tests {
		got, ok := retryAfter([]string{text}, now)
		assert.Equal(t, tt.ok, ok, "%q", text)
		assert.Equal(t, tt.want, got, "%q", text)
	}
	got, ok := retryAfter([]string{"5", "30"}, now)
	assert.True(t, ok)
	assert.Equal(t, half, got, "of two headers the longest counts")
	_, ok = retryAfter(nil, now)
	assert.False(t, ok)
}

func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"0", "120", "-1", "1.5", "30s", "30, 30", "99999999999999999999", "-99999999999999999999", "9223372037", "Sun, 01 Mar 2026 12:00:30 GMT", "Sun, 01 Mar 2026 12:00:30 +0000", "Sunday, 01-Mar-26 12:00:30 GMT", "Sun Mar  1 12:00:30 2026", "1e3", "+5"} {
		f.Add(text, int64(1772366400))
	}
	f.Fuzz(func(t *testing.T, text string, now int64) {
		wait, ok := retryAfter([]string{text}, time.Unix(now, 0))
		if wait < 0 {
			t.Fatalf("%q: the wait %v is negative", text, wait)
		}
		if !ok && wait != 0 {
			t.Fatalf("%q: a wait of %v from a header that says nothing", text, wait)
		}
	})
}
