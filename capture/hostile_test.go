package capture

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/analysis"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

const (
	hostileSmall = 64 << 10
	hostileLarge = 1 << 20
	hostileRatio = 20 // maximum cost of the large body, as a multiple of that of the small one
)

// hostileShape describes a body that attempts to make analysis slow.
type hostileShape struct {
	path, contentType string
	body              func(size int) string
	encoding          string
}

// upTo returns repetitions of part between begin and end. A verb in part is replaced by the number of the repetition.
func upTo(size int, begin, part, end string) string {
	var b strings.Builder
	b.WriteString(begin)
	for i := 0; b.Len()+len(end) < size; i++ {
		if strings.Contains(part, "%") {
			b.WriteString(strings.ReplaceAll(strings.ReplaceAll(part, "%d", fmt.Sprint(i)), "%s", lettersOf(i)))
		} else {
			b.WriteString(part)
		}
	}
	return b.String() + end
}

// lettersOf spells a number in letters.
func lettersOf(i int) string {
	return string([]byte{byte('a' + i%26), byte('a' + i/26%26), byte('a' + i/676%26)})
}

// within returns n nested bodies.
func within(n int, open, inner, end string) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

func hostileShapes() map[string]hostileShape {
	const (
		form      = "application/x-www-form-urlencoded"
		multipart = "multipart/form-data; boundary=b"
	)
	longName := `{"` + strings.Repeat("customer_address_", 3) + `details":`
	quoted := `{\"a\":\"{\\\"b\\\":1}\"},`
	return map[string]hostileShape{
		"deep lists":                   {body: func(n int) string { return within(n/2, "[", "", "]") }},
		"deep objects":                 {body: func(n int) string { return within(n/6, `{"a":`, "1", "}") }},
		"one name many times":          {body: func(n int) string { return upTo(n, "{", `"value":"a",`, `"name":"token"}`) }},
		"many names":                   {body: func(n int) string { return upTo(n, "{", `"name%s%d":1,`, `"name":"token"}`) }},
		"many names that are values":   {body: func(n int) string { return upTo(n, "{", `"IdIpIdIpIdIpIdIpIdIpIdIp%s%d":1,`, `"name":"token"}`) }},
		"JSON in texts":                {body: func(n int) string { return upTo(n, `{"a":"`, quoted, `"}`) }},
		"long names within each other": {body: func(n int) string { return upTo(n, "[", within(198, longName, "1", "}")+",", "1]") }},
		"items of many shapes":         {body: func(n int) string { return upTo(n, "[", `{"order%s":{"item%s":[{"name%d":%d}]}},`, "1]") }},
		"texts like card numbers":      {body: func(n int) string { return upTo(n, "[", `"4111 1111 4111 1",`, "1]") }},
		"pairs of a form":              {contentType: form, body: func(n int) string { return upTo(n, "", "a%d=%d&", "") }},
		"nested XML":                   {contentType: "application/xml", body: func(n int) string { return within(n/7, "<a>", "", "</a>") }},
		"attributes of XML":            {contentType: "application/xml", body: func(n int) string { return upTo(n, "<a ", `b="1" `, "/>") }},
		"digits":                       {contentType: "text/plain", body: func(n int) string { return upTo(n, "", "11 1 ", "") }},
		"addresses that are none":      {contentType: "text/plain", body: func(n int) string { return upTo(n, "", "a.b@", "") }},
		"parts of a form": {contentType: multipart, body: func(n int) string {
			return upTo(n, "", "--b\r\nContent-Disposition: form-data; name=a%d\r\n\r\n{\"x\":1}\r\n", "--b--")
		}},
		"lines of the head of a part": {contentType: multipart, body: func(n int) string {
			return upTo(n, "--b\r\n", "Content-Disposition: form-data; name=a\r\n", "\r\n\r\nx\r\n--b--")
		}},
		"continued parameters of a part": {contentType: multipart, body: func(n int) string {
			return upTo(n, "--b\r\nContent-Disposition: form-data", "; a*%d=b", "\r\n\r\nx\r\n--b--")
		}},
		"fragments within fragments": {path: "/graphql", contentType: "application/graphql", body: func(n int) string {
			return upTo(n, "{...F0}", " fragment F%d on T{name(id:1){...F%d} user(id:1){...F0}}", "")
		}},
		"operations of GraphQL":           {path: "/graphql", contentType: "application/graphql", body: func(n int) string { return upTo(n, "", "query a{b} ", "") }},
		"a selection within each other":   {path: "/graphql", contentType: "application/graphql", body: func(n int) string { return upTo(n, "", "{a", "") }},
		"arguments that are not followed": {path: "/graphql", contentType: "application/graphql", body: func(n int) string { return upTo(n, "{a(", "b ", "") }},
		"a variable that is used each time": {path: "/graphql", body: func(n int) string {
			return upTo(n, `{"variables":{"v":["a1","b2"]},"query":"query($v:T){me(x:[`, "$v ", `])}"}`)
		}},
		"302 bytes of gzip": {contentType: "text/plain", encoding: "gzip", body: func(n int) string { return upTo(min(n, 288_000), "", "11 1 ", "") }},
	}
}

// analysis returns a function that analyzes the shape at a size, as a sender does.
func (h hostileShape) analysis(t testing.TB, r *Recorder, size int) func() {
	text := h.body(size)
	x := &record{
		method: http.MethodPost, host: testHost, path: h.path, status: 200, served: true, in: []byte(text), inTotal: int64(len(text)),
		requestHeaders: []analysis.Pair{{Name: "Content-Type", Value: h.contentType}},
	}
	if x.path == "" {
		x.path = "/users"
	}
	if h.contentType == "" {
		x.requestHeaders[0].Value = "application/json"
	}
	if h.encoding != "" && size == hostileLarge {
		x.in = []byte(compressed(text))
		assert.Less(t, len(x.in), 700)
		x.requestHeaders = append(x.requestHeaders, analysis.Pair{Name: "Content-Encoding", Value: h.encoding})
	}
	return func() {
		_, became := newSender(r).analyze(x, testHost) // a new sender has cached no names
		require.Contains(t, []outcome{usable, noOperation}, became)
	}
}

// TestHostileBodies checks the cost of hostile bodies. It limits allocated memory. It also compares the time with that of
// smaller bodies of the same total size.
func TestHostileBodies(t *testing.T) {
	for name, shape := range hostileShapes() {
		t.Run(name, func(t *testing.T) {
			r := recorderFor(t, &collector{}, WithBodyLimit(hostileLarge))
			small, large := shape.analysis(t, r, hostileSmall), shape.analysis(t, r, hostileLarge)
			if !kit.Race {
				one, all := allocated(small), allocated(large)
				t.Logf("%d bytes allocated for 64 KiB, %d for 1 MiB", one, all)
				assert.LessOrEqual(t, all, hostileRatio*max(one, hostileSmall))
			}
			assertCostsNoMore(t, large, func() {
				for range parts / 2 {
					small()
				}
			}, name)
		})
	}
}

// allocated returns the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// BenchmarkHostileBodies compares the time of 1 MiB with that of 64 KiB.
func BenchmarkHostileBodies(b *testing.B) {
	for name, shape := range hostileShapes() {
		b.Run(name, func(b *testing.B) {
			r := recorderFor(b, &collector{}, WithBodyLimit(hostileLarge))
			var small, large []time.Duration
			for b.Loop() {
				for range 5 {
					small = append(small, timeOf(shape.analysis(b, r, hostileSmall)))
					large = append(large, timeOf(shape.analysis(b, r, hostileLarge)))
				}
			}
			slices.Sort(small)
			slices.Sort(large)
			one, all := small[len(small)/2], large[len(large)/2]
			b.ReportMetric(float64(one.Microseconds()), "µs/64KiB")
			b.ReportMetric(float64(all.Microseconds()), "µs/MiB")
			b.ReportMetric(float64(all)/float64(one), "ratio")
		})
	}
}

func timeOf(f func()) time.Duration {
	begun := time.Now()
	f()
	return time.Since(begun)
}

// BenchmarkAnalysis compares the analysis of 64 KiB of JSON with decoding it into any.
func BenchmarkAnalysis(b *testing.B) {
	for name, part := range map[string]string{
		"records": `{"id":%d,"email":"jane.doe@example.com","name":"Jane Doe","tags":["new","vip"],"active":true,"amount":12.5,"note":null},`,
		"texts":   `{"subject":"Your order number %d","text":"` + strings.Repeat("It was sent on Monday and arrives within 3 days. ", 10) + `"},`,
		"numbers": `[%d,0.25,1e3,-17],`,
	} {
		b.Run(name, func(b *testing.B) {
			shape := hostileShape{body: func(n int) string { return upTo(n, "[", part, "1]") }}
			r := recorderFor(b, &collector{})
			data := []byte(shape.body(hostileSmall))
			analyze, decode := shape.analysis(b, r, hostileSmall), func() {
				var v any
				require.NoError(b, json.Unmarshal(data, &v))
			}
			var ours, theirs []time.Duration
			for b.Loop() {
				for range 20 {
					ours, theirs = append(ours, timeOf(analyze)), append(theirs, timeOf(decode))
				}
			}
			slices.Sort(ours)
			slices.Sort(theirs)
			one, other := ours[len(ours)/2], theirs[len(theirs)/2]
			b.ReportMetric(float64(one.Microseconds()), "µs/analysis")
			b.ReportMetric(float64(other.Microseconds()), "µs/decode")
			b.ReportMetric(float64(one)/float64(other), "ratio")
		})
	}
}
