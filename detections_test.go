package metlo_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

// detected is a row of the fake's table.
type detected struct {
	id string
	at time.Time
}

// detector sends detections like the real server: newest first, with times cut to milliseconds in the response. The
// order of rows with equal times depends on limit and offset.
type detector struct {
	rows   []detected
	cap    int         // rows of a page; 0 for 50
	before func(n int) // called before request n is answered
	answer func(page, total string) string
	ignore map[string]bool // names of ignored parameters
	n      int
}

func (d *detector) serve(r sentRequest) (int, string, error) {
	if d.n++; d.before != nil {
		d.before(d.n)
	}
	param := func(name string) string {
		if d.ignore[name] {
			return ""
		}
		return r.Query.Get(name)
	}
	limit, offset := 10, 0
	if s := param("detectionLimit"); s != "" {
		limit, _ = strconv.Atoi(s)
	}
	if s := param("detectionOffset"); s != "" {
		offset, _ = strconv.Atoi(s)
	}
	if limit > 50 {
		return http.StatusBadRequest, "limit", nil
	}
	var rows []detected
	for _, row := range d.rows {
		if bound, err := time.Parse(time.RFC3339Nano, param("start")); err == nil && row.at.Before(bound) {
			continue
		}
		if bound, err := time.Parse(time.RFC3339Nano, param("end")); err == nil && row.at.After(bound) {
			continue
		}
		rows = append(rows, row)
	}
	order := make(map[string]uint32, len(rows))
	for _, row := range rows {
		h := fnv.New32a()
		_, _ = fmt.Fprint(h, limit+offset, d.n, row.id)
		order[row.id] = h.Sum32()
	}
	slices.SortFunc(rows, func(a, b detected) int {
		if c := b.at.Compare(a.at); c != 0 {
			return c
		}
		return cmp.Compare(order[a.id], order[b.id])
	})
	total := len(rows)
	rows = rows[min(offset, total):]
	if d.cap > 0 {
		limit = min(limit, d.cap)
	}
	rows = rows[:min(limit, len(rows))]
	items := make([]map[string]any, len(rows))
	for i, row := range rows {
		items[i] = map[string]any{"uuid": row.id, "createdAt": row.at.UTC().Format("2006-01-02T15:04:05.000Z")}
	}
	page, err := json.Marshal(items)
	if d.answer != nil {
		return http.StatusOK, d.answer(string(page), strconv.Itoa(total)), err
	}
	return http.StatusOK, fmt.Sprintf("[%s,%d]", page, total), err
}

var detectedSince = time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)

// detectedRows returns n rows with gap between them, oldest first.
func detectedRows(from, n int, start time.Time, gap time.Duration) []detected {
	rows := make([]detected, n)
	for i := range rows {
		rows[i] = detected{endpointUUID(from + i), start.Add(time.Duration(i) * gap)}
	}
	return rows
}

func endpointUUID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

func idsOf(endpoints []metlo.Endpoint) []string {
	ids := make([]string, len(endpoints))
	for i := range endpoints {
		ids[i] = endpoints[i].UUID
	}
	return ids
}

func idsOfRows(rows []detected) []string {
	ids := make([]string, len(rows))
	for i := range rows {
		ids[i] = rows[i].id
	}
	return ids
}

// sized returns the option for the size of the first request, or none for 0.
func sized(items int) []metlo.WalkOption {
	if items == 0 {
		return nil
	}
	return []metlo.WalkOption{metlo.PageSize(items)}
}

func TestDetectionsAllYieldsEachRowOnce(t *testing.T) {
	since := detectedSince
	second := detectedRows(0, 175, since, time.Second)
	for name, row := range map[string]struct {
		rows     []detected
		cap      int
		opts     *metlo.DetectionFilter
		size     int        // rows of the first request; 0 for the default
		want     []detected // nil for all rows
		answer   func(page, total string) string
		requests int // maximum; 0 for any
	}{
		"none":                            {requests: 1},
		"less than a page":                {rows: second[:7], requests: 1},
		"exactly a page":                  {rows: second[:50], requests: 2},
		"one more than a page":            {rows: second[:51], requests: 2},
		"four pages":                      {rows: second, requests: 4},
		"several a millisecond":           {rows: detectedRows(0, 175, since, 10*time.Microsecond)},
		"all at one time":                 {rows: detectedRows(0, 175, since, 0)},
		"a full page at one time":         {rows: detectedRows(0, 50, since, 0)},
		"one time between others":         {rows: slices.Concat(second[:60], detectedRows(500, 120, since.Add(90*time.Second), 0), detectedRows(900, 70, since.Add(time.Hour), time.Second))},
		"two full times side by side":     {rows: slices.Concat(detectedRows(0, 60, since, 0), detectedRows(100, 60, since.Add(time.Millisecond), 0), detectedRows(200, 5, since.Add(-time.Hour), 0))},
		"a time just below a millisecond": {rows: slices.Concat(detectedRows(0, 60, since.Add(-time.Microsecond), 0), detectedRows(100, 60, since, 0))},
		"a first request of one row":      {rows: second, size: 1},
		"one row at a time in a crowd":    {rows: detectedRows(0, 60, since, 0), size: 1},
		"bounded by time": {rows: second, opts: &metlo.DetectionFilter{CreatedAfter: second[20].at, CreatedBefore: second[150].at},
			want: second[20:151]},
		"bounded within a crowd": {rows: slices.Concat(detectedRows(0, 70, since, 0), detectedRows(100, 9, since.Add(time.Hour), 0)),
			opts: &metlo.DetectionFilter{CreatedBefore: since}, want: detectedRows(0, 70, since, 0)},
		"pages capped at 20":  {rows: second, cap: 20},
		"a crowd capped at 9": {rows: detectedRows(0, 40, since, 0), cap: 9},
		"total unknown":       {rows: second, answer: func(page, _ string) string { return page }},
		"documented envelope": {rows: second, answer: func(page, total string) string {
			return `{"ok":true,"data":[` + page + "," + total + `]}`
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &detector{rows: row.rows, cap: row.cap, answer: row.answer}
			client, server := scriptedClient(t, d.serve)
			got, err := metlo.Collect(client.Detections.AllEndpoints(t.Context(), row.opts, sized(row.size)...))
			require.NoError(t, err)
			want := row.want
			if want == nil {
				want = row.rows
			}
			assert.ElementsMatch(t, idsOfRows(want), idsOf(got))
			assert.True(t, slices.IsSortedFunc(got, func(a, b metlo.Endpoint) int { return b.CreatedAt.Compare(a.CreatedAt) }), "newest first")
			if row.requests > 0 {
				assert.LessOrEqual(t, len(server.sent), row.requests)
			}
		})
	}
}

// If one millisecond fills a page, only totals prove that its rows are complete.
func TestDetectionsAllSaysWhatItCannotKnow(t *testing.T) {
	d := &detector{rows: detectedRows(0, 120, detectedSince, 0), answer: func(page, _ string) string { return page }}
	client, _ := scriptedClient(t, d.serve)
	_, err := metlo.Collect(client.Detections.AllEndpoints(t.Context(), nil))
	var incomplete *metlo.IncompleteError
	require.ErrorAs(t, err, &incomplete)
	assert.Equal(t, -1, incomplete.Missing)
}

func TestDetectionsAllUnderTraffic(t *testing.T) {
	old := detectedRows(0, 400, detectedSince, time.Second)
	t.Run("new rows arrive before each request", func(t *testing.T) {
		d := &detector{rows: slices.Clone(old)}
		d.before = func(n int) {
			d.rows = append(d.rows, detectedRows(1000*n, 7, detectedSince.Add(time.Duration(n)*time.Hour), time.Second)...)
		}
		client, _ := scriptedClient(t, d.serve)
		got, err := metlo.Collect(client.Detections.AllEndpoints(t.Context(), nil))
		require.NoError(t, err)
		assertOnce(t, idsOfRows(old), idsOf(got))
	})
	t.Run("rows vanish before each request", func(t *testing.T) {
		d := &detector{rows: slices.Clone(old)}
		d.before = func(int) { d.rows = slices.Delete(d.rows, len(d.rows)-9, len(d.rows)) }
		client, _ := scriptedClient(t, d.serve)
		got, err := metlo.Collect(client.Detections.AllEndpoints(t.Context(), nil))
		require.NoError(t, err)
		assertOnce(t, idsOfRows(d.rows), idsOf(got))
	})
	t.Run("rows of a crowd vanish before each request", func(t *testing.T) {
		crowd := detectedRows(0, 160, detectedSince, 0)
		d := &detector{rows: slices.Clone(crowd)}
		d.before = func(n int) {
			if n < 9 {
				d.rows = d.rows[:len(d.rows)-2]
			}
		}
		client, _ := scriptedClient(t, d.serve)
		got, err := metlo.Collect(client.Detections.AllEndpoints(t.Context(), nil))
		require.NoError(t, err)
		assertOnce(t, idsOfRows(d.rows), idsOf(got))
	})
}

// assertOnce asserts that got holds each of want once.
func assertOnce(t *testing.T, want, got []string) {
	t.Helper()
	assert.Subset(t, got, want)
	slices.Sort(got)
	assert.Len(t, slices.Compact(slices.Clone(got)), len(got), "nothing twice")
}

// A misbehaving server causes an error or the whole list, and never an endless walk.
func TestDetectionsAllEndsOnBrokenServers(t *testing.T) {
	second := detectedRows(0, 120, detectedSince, time.Second)
	for name, row := range map[string]struct {
		rows   []detected
		ignore []string
		whole  bool
	}{
		"the end is ignored":                 {second, []string{"end"}, true},
		"the offset is ignored":              {second, []string{"detectionOffset"}, true},
		"end and offset are ignored":         {second, []string{"end", "detectionOffset"}, false},
		"everything is ignored":              {second, []string{"end", "detectionOffset", "detectionLimit"}, false},
		"the offset is ignored in a crowd":   {detectedRows(0, 200, detectedSince, 0), []string{"detectionOffset"}, false},
		"a crowd, and end ignored, goes on":  {detectedRows(0, 120, detectedSince, 0), []string{"end"}, true},
		"a crowd before others, all ignored": {slices.Concat(detectedRows(0, 60, detectedSince, 0), detectedRows(90, 9, detectedSince.Add(-time.Hour), 0)), []string{"end", "detectionOffset"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := &detector{rows: row.rows, ignore: map[string]bool{}}
			for _, name := range row.ignore {
				d.ignore[name] = true
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			d.before = func(n int) {
				if n > 3000 {
					cancel(errors.New("the walk does not end"))
				}
			}
			client, _ := scriptedClient(t, d.serve)
			got, err := metlo.Collect(client.Detections.AllEndpoints(ctx, nil))
			if row.whole || (err == nil && len(got) == len(row.rows)) {
				require.NoError(t, err)
				assert.ElementsMatch(t, idsOfRows(row.rows), idsOf(got))
				return
			}
			var incomplete *metlo.IncompleteError
			require.ErrorAs(t, err, &incomplete)
			assert.ErrorIs(t, err, metlo.ErrInvalidResponse)
			assert.Equal(t, len(got), incomplete.Seen)
			assert.GreaterOrEqual(t, incomplete.Missing, len(row.rows)-len(got))
		})
	}
}

func TestDetectionsAllEndsWithTheFirstError(t *testing.T) {
	d := &detector{rows: detectedRows(0, 175, detectedSince, time.Second)}
	client, _ := scriptedClient(t, func(r sentRequest) (int, string, error) {
		if d.n == 2 {
			return http.StatusInternalServerError, "gone", nil
		}
		return d.serve(r)
	})
	seq := client.Detections.AllEndpoints(t.Context(), nil)
	got, err := metlo.Collect(seq)
	require.ErrorIs(t, err, metlo.ErrServer)
	assert.Len(t, got, 99)

	d.n = -1000
	again, err := metlo.Collect(seq)
	require.NoError(t, err, "each range is a fresh walk")
	assert.Len(t, again, 175)

	client, server := scriptedClient(t, d.serve)
	for _, err := range client.Detections.AllEndpoints(t.Context(), nil) {
		require.NoError(t, err)
		break
	}
	assert.Len(t, server.sent, 1, "breaking out asks for nothing more")
}

func TestDetectionsSendTheirFilters(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	client, server := scriptedClient(t, always(http.StatusOK, "[[],0]"))
	opts := &metlo.DetectionFilter{
		CreatedAfter: time.Date(2026, 1, 1, 1, 0, 0, 0, berlin), CreatedBefore: time.Date(2026, 2, 1, 0, 0, 0, 250_999_999, time.UTC),
		RiskScores: []metlo.RiskScore{metlo.RiskHigh}, Hosts: []string{"a.example.com", "b.example.com"},
	}
	_, err := client.Detections.ListEndpoints(t.Context(), opts, 3, 50)
	require.NoError(t, err)
	want := url.Values{
		"detectionType": {"endpoint"}, "start": {"2026-01-01T00:00:00Z"}, "end": {"2026-02-01T00:00:00.25Z"},
		"detectionRiskScores[]": {"high"}, "detectionHosts[]": {"a.example.com", "b.example.com"},
		"detectionLimit": {"50"}, "detectionOffset": {"3"},
	}
	assert.Equal(t, want, server.sent[0].Query)

	_, err = client.Detections.ListDataFields(t.Context(), nil, 0, 0)
	require.NoError(t, err)
	assert.Equal(t, url.Values{"detectionType": {"data_field"}}, server.sent[1].Query)
}

// The server filters data fields by the risk of their endpoint, as recorded.
func TestDetectedDataFieldsByRisk(t *testing.T) {
	recorded := recordingNamed(t, "../recordings-2/detections", "fields_by_risk")
	client, server := scriptedClient(t, always(http.StatusOK, recorded.Response.Body))
	page, err := client.Detections.ListDataFields(t.Context(), &metlo.DetectionFilter{
		RiskScores: []metlo.RiskScore{metlo.RiskHigh}, CreatedAfter: time.Date(2026, 2, 3, 14, 30, 0, 0, time.UTC),
	}, 0, 0)
	require.NoError(t, err)
	target, err := url.Parse(recorded.Request.Path)
	require.NoError(t, err)
	want := target.Query()
	want.Del("detectionLimit") // the recording asks for all rows
	assert.Equal(t, want, server.sent[0].Query)
	require.NotEmpty(t, page.Items)
	assert.Len(t, page.Items, page.Total)
	for _, field := range page.Items {
		assert.Equal(t, metlo.RiskHigh, field.APIEndpoint.RiskScore)
	}

	demo := metlotest.New(t, metlotest.Demo()).Client()
	all, err := metlo.Collect(demo.Detections.AllDataFields(t.Context(), nil))
	require.NoError(t, err)
	all = slices.DeleteFunc(all, func(f metlo.DataField) bool { return f.APIEndpoint.RiskScore != metlo.RiskHigh })
	risky, err := metlo.Collect(demo.Detections.AllDataFields(t.Context(), &metlo.DetectionFilter{RiskScores: []metlo.RiskScore{metlo.RiskHigh}}))
	require.NoError(t, err)
	assert.NotEmpty(t, risky)
	assert.ElementsMatch(t, all, risky)
}

func TestDetectionsReadWhatTheServerSays(t *testing.T) {
	client, _ := scriptedClient(t, always(http.StatusOK, recordingNamed(t, "summary", "new_detections").Response.Body))
	page, err := client.Detections.ListEndpoints(t.Context(), nil, 0, 2)
	require.NoError(t, err)
	require.Len(t, page.Items, 2)
	assert.Equal(t, "/v1/tickets/12/{param1}", page.Items[0].Path)
	assert.True(t, page.Items[0].LastActive.IsZero())

	client, _ = scriptedClient(t, always(http.StatusOK, `[[{"uuid":"`+endpointUUID(1)+`","dataPath":"email","matches":null,`+
		`"createdAt":"2026-11-01T00:00:00.000Z","apiEndpoint":{"uuid":"`+endpointUUID(2)+`","graphQlMetadata":null}}],1]`))
	fields, err := metlo.Collect(client.Detections.AllDataFields(t.Context(), nil))
	require.NoError(t, err)
	require.Len(t, fields, 1)
	assert.Nil(t, fields[0].Matches)
	require.NotNil(t, fields[0].APIEndpoint)
	assert.Equal(t, endpointUUID(2), fields[0].APIEndpoint.UUID)
	assert.Nil(t, fields[0].APIEndpoint.GraphQLMetadata)

	client, _ = scriptedClient(t, always(http.StatusOK, recordingNamed(t, "summary", "new_detections_agg").Response.Body))
	days, err := client.Detections.Daily(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []metlo.DetectionDay{{Day: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), NumEndpoints: 1}}, days)
}

func TestDetectionsRefuse(t *testing.T) {
	endpoints := func(o metlo.DetectionFilter) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Detections.ListEndpoints(ctx, &o, 0, 0)
			return err
		}
	}
	fields := func(o metlo.DetectionFilter) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Detections.AllDataFields(ctx, &o))
			return err
		}
	}
	page := func(offset, limit int) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Detections.ListDataFields(ctx, nil, offset, limit)
			return err
		}
	}
	assertRefusals(t, map[string]refusal{
		"a limit over 50":        {page(0, 51), "use All"},
		"a negative limit":       {page(0, -1), "use 0 for the default"},
		"a negative offset":      {page(-1, 0), "use 0 to start"},
		"a start after the end":  {endpoints(metlo.DetectionFilter{CreatedAfter: detectedSince, CreatedBefore: detectedSince.Add(-1)}), "swap them"},
		"an empty list of hosts": {endpoints(metlo.DetectionFilter{Hosts: []string{}}), "use nil"},
		"an empty list of risks": {fields(metlo.DetectionFilter{RiskScores: []metlo.RiskScore{}}), "use nil"},
	})
}

// The walk used to end at 50 of 250 rows if one had no time.
func TestDetectionsWithoutATime(t *testing.T) {
	for name, without := range map[string]func(i int) bool{
		"the last of a page":   func(i int) bool { return i == 200 },
		"the first":            func(i int) bool { return i == 249 },
		"one on a later page":  func(i int) bool { return i == 120 },
		"a page":               func(i int) bool { return i >= 200 },
		"all":                  func(int) bool { return true },
		"the last of the list": func(i int) bool { return i == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			d := &detector{rows: detectedRows(0, 250, detectedSince, time.Second), answer: func(page, total string) string {
				for i, row := range detectedRows(0, 250, detectedSince, time.Second) {
					if without(i) {
						page = strings.ReplaceAll(page, row.at.UTC().Format(`"2006-01-02T15:04:05.000Z"`), "null")
					}
				}
				return "[" + page + "," + total + "]"
			}}
			client, server := scriptedClient(t, d.serve)
			got, err := metlo.Collect(client.Detections.AllEndpoints(t.Context(), nil))
			require.NoError(t, err)
			assert.ElementsMatch(t, idsOfRows(d.rows), idsOf(got))
			assert.LessOrEqual(t, len(server.sent), 12*5+20)
		})
	}
}

func ExampleDetectionsService_AllEndpoints() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	for endpoint, err := range server.Client().Detections.AllEndpoints(context.Background(), &metlo.DetectionFilter{
		Hosts:      []string{"shop.example.com"},
		RiskScores: []metlo.RiskScore{metlo.RiskHigh},
	}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(endpoint.Method, endpoint.Path)
	}
	// Output: GET /v1/export/customers
}

func TestDetectionsCalls(t *testing.T) {
	assertRecordedCalls(t, "summary", map[string]recordedCall{
		"Daily": {
			call: func(t *testing.T, c *metlo.Client) error { _, err := c.Detections.Daily(t.Context()); return err },
			sent: "GET /api/v1/new-detections-agg", recording: "new_detections_agg",
		},
	})
	assertRecordedCalls(t, "detections", map[string]recordedCall{
		"ListDataFields": {
			call: func(t *testing.T, c *metlo.Client) error {
				page, err := c.Detections.ListDataFields(t.Context(), nil, 500, 1)
				if assert.NoError(t, err) {
					assert.Equal(t, 500, page.Offset)
				}
				return err
			},
			sent: "GET /api/v1/new-detections", query: "detectionLimit=1&detectionOffset=500&detectionType=data_field",
			recording: "fields_by_risk_page",
		},
	})
}

func TestDetectionsMeetFaults(t *testing.T) {
	assertFaults(t, map[string]func(context.Context, *metlo.Client) error{
		"ListEndpoints": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Detections.ListEndpoints(ctx, nil, 0, 0)
			return err
		},
		"ListDataFields": func(ctx context.Context, c *metlo.Client) error {
			_, err := c.Detections.ListDataFields(ctx, nil, 0, 0)
			return err
		},
		"AllEndpoints": func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Detections.AllEndpoints(ctx, nil))
			return err
		},
		"AllDataFields": func(ctx context.Context, c *metlo.Client) error {
			_, err := metlo.Collect(c.Detections.AllDataFields(ctx, nil))
			return err
		},
		"Daily": func(ctx context.Context, c *metlo.Client) error { _, err := c.Detections.Daily(ctx); return err },
	})
}
