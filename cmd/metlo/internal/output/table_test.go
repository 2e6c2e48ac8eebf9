package output

import (
	"strings"
	"testing"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAge(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for want, at := range map[string]time.Time{
		"just now": now.Add(-59 * time.Second), "1m ago": now.Add(-119 * time.Second), "47h ago": now.Add(-48*time.Hour + time.Second),
		"2d ago": now.Add(-48 * time.Hour), "59d ago": now.Add(-60*24*time.Hour + time.Second), "2026-10-01": now.Add(-60 * 24 * time.Hour),
		"5m ahead": now.Add(5 * time.Minute),
	} {
		assert.Equal(t, want, age(at.Format(time.RFC3339), now))
	}
	assert.Empty(t, age("", now))
	assert.Equal(t, "50m ago", age("2026-11-30T11:10:00.123Z", now.Add(time.Second)), "milliseconds are read too")
}

type row struct{ id, risk, place, text string }

// TestVitalColumnsAreWholeWhileThereIsRoom writes one list at every width.
func TestVitalColumnsAreWholeWhileThereIsRoom(t *testing.T) {
	columns := []Column[row]{
		{Name: "uuid", Value: func(r *row) string { return r.id }, ID: true},
		{Name: "risk", Value: func(r *row) string { return r.risk }, Vital: true},
		{Name: "text", Value: func(r *row) string { return r.text }},
		{Name: "endpoint", Value: func(r *row) string { return r.place }, Vital: true},
	}
	items := []row{
		{"01234567-a", "high", "GET shop.example.com/v1/orders/{param1}/items", "some text that is long"},
		{"01234567-b", "medium", "GET pay.example.com/", "text"},
	}
	for width := range 160 {
		var out strings.Builder
		p, err := New(&out, Flags{Format: "table"})
		require.NoError(t, err)
		p.Width = width + 1
		require.NoError(t, List(p, func(yield func(row, error) bool) { _ = yield(items[0], nil) && yield(items[1], nil) }, columns))
		if width+1 < narrowest {
			assert.Contains(t, out.String(), "01234567-a", "an id can be copied at %d", width+1)
			continue
		}
		for line := range strings.Lines(out.String()) {
			assert.LessOrEqual(t, text.StringWidthWithoutEscSequences(strings.TrimSpace(line)), width+1)
		}
		assert.Contains(t, out.String(), "01234567-a  high ", "the id tells the items apart at %d", width+1)
		if width+1 >= len("01234567-a  medium  ")+len(items[0].place) {
			assert.Contains(t, out.String(), items[0].place, "at %d", width+1)
		} else {
			assert.Contains(t, out.String(), "/items", "both ends of the endpoint are left at %d", width+1)
		}
	}
}
