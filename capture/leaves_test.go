package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/cases"
)

// planter generates values that occur nowhere else, and stores them.
type planter struct {
	*rand.Rand

	values []string
}

// alphabets returns sets of characters. No word in a trace has two characters of one set in a row.
func alphabets() []string {
	return []string{"qxzjvkw", "QXZJVKWqxzjvkw", "qxzjvkw0123456789", "QXZ7J9VK4", "äöüßqxz", "北京海岸線路"}
}

// value returns a new value of at least five characters.
func (p *planter) value() string {
	alphabet := []rune(alphabets()[p.IntN(len(alphabets()))])
	runes := make([]rune, 5+p.IntN(12))
	for i := range runes {
		runes[i] = alphabet[p.IntN(len(alphabet))]
	}
	p.values = append(p.values, string(runes))
	return string(runes)
}

// ascii returns a new value of ASCII characters.
func (p *planter) ascii() string {
	for {
		n := len(p.values)
		if v := p.value(); strings.IndexFunc(v, func(r rune) bool { return r > 0x7f }) < 0 {
			return v
		}
		p.values = p.values[:n]
	}
}

// shaped returns a new value in a typical form, such as an email address.
func (p *planter) shaped() string {
	v := p.value()
	switch p.IntN(8) {
	case 0:
		return v + "@example.com"
	case 1:
		return "Bearer " + v
	case 2:
		return "https://" + v + ":x@example.com/?" + p.value() + "=" + p.value()
	case 3:
		return `{"` + v + `":"` + p.value() + `"}`
	case 4:
		return base64.StdEncoding.EncodeToString([]byte(v))
	case 5:
		return "-----BEGIN PRIVATE KEY-----\n" + v
	case 6:
		return v[:len(v)-1] + "\x00\xff" + v
	}
	return v
}

func quote(text string) string {
	data, _ := json.Marshal(text)
	return string(data)
}

// json returns JSON with values at any depth, as names, in texts, and beside broken characters.
func (p *planter) json(depth int) string {
	switch p.IntN(7) {
	case 0, 1:
		if depth > 0 {
			var members []string
			for range 1 + p.IntN(4) {
				name := []string{"id", "email", "user", "token", "items", "X-Custom-Header"}[p.IntN(6)]
				if p.IntN(3) == 0 {
					name = p.value()
				}
				members = append(members, quote(name)+":"+p.json(depth-1))
			}
			return "{" + strings.Join(members, ",") + "}"
		}
	case 2:
		if depth > 0 {
			return "[" + p.json(depth-1) + "," + p.json(depth-1) + "]"
		}
	case 3:
		return `"\ud83d` + p.ascii() + `"`
	case 4:
		return fmt.Sprint(p.IntN(1000))
	}
	return quote(p.shaped())
}

// body returns a content type and a body.
func (p *planter) body() (contentType, body string) {
	params := "; charset=" + p.ascii() + `; x="` + p.ascii() + `"`
	switch p.IntN(12) {
	case 0:
		return "application/x-www-form-urlencoded" + params, url.Values{"name": {p.shaped()}, p.value(): {p.value()}, "a[" + p.value() + "]": {p.value()}}.Encode()
	case 1:
		b := "b" + p.ascii()
		return "multipart/form-data; boundary=" + b, "--" + b + "\r\nContent-Disposition: form-data; name=\"note\"\r\nX-A: " + p.value() + "\r\n\r\n" + p.shaped() +
			"\r\n--" + b + "\r\nContent-Disposition: form-data; name=\"" + p.value() + "\"; filename=\"" + p.value() + "\"\r\n\r\n" + p.json(2) + "\r\n--" + b + "--\r\n"
	case 2:
		return "application/xml" + params, "<" + p.ascii() + " a=\"" + p.value() + "\"><b>" + p.value() + "</b></x>"
	case 3:
		return "application/yaml", p.value() + ":\n  - " + p.value() + "\n  b: " + p.value() + "\n"
	case 4:
		return "text/csv", "id," + p.value() + "\n1," + p.value() + "\n"
	case 5:
		return "text/plain" + params, "Text " + p.shaped()
	case 6:
		return "application/vnd." + p.ascii() + "+json", p.json(3)
	case 7:
		return p.ascii() + "/" + p.ascii(), p.value()
	case 8:
		return "application/octet-stream", p.value() + "\x00"
	case 9:
		return "application/json", `{"id":1,"text":` + quote(p.value()+strings.Repeat(" ", p.IntN(2)*5000)+p.value()) // the text and the object have no end
	}
	return "application/json" + params, p.json(4)
}

// exchange returns a request, and a handler that answers it.
func (p *planter) exchange(t *testing.T) (*http.Request, http.HandlerFunc) {
	contentType, body := p.body()
	query := url.Values{"q": {p.shaped()}, p.value(): {p.value()}, "filter[" + p.value() + "]": {p.value()}}
	target := "http://" + testHost + []string{"/users/", "/api/users/", "/other/", "/"}[p.IntN(4)] + url.PathEscape(p.value()) +
		[]string{"", "/orders/17", "/" + url.PathEscape(p.value())}[p.IntN(3)] + "?" + query.Encode()
	isGraphQL := p.IntN(10) == 0
	if isGraphQL {
		contentType = "application/json"
		target = "http://" + testHost + "/graphql"
		body = `{"query":` + quote(`query `+p.ascii()+` { `+p.ascii()+`: me(id: "`+p.value()+`") { `+p.ascii()+`: email `+p.ascii()+` } `+p.ascii()+` { id } }`) +
			`,"variables":{` + quote(p.value()) + `:` + quote(p.value()) + `}}`
	}
	method := []string{http.MethodGet, http.MethodPost, http.MethodPut, p.ascii()}[p.IntN(4)]
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	req.Method = method
	if isGraphQL {
		req.Method = http.MethodPost
	}
	if p.IntN(10) == 0 {
		req.Host = p.ascii() + ".example.com"
	}
	req.RemoteAddr = p.ascii() + ":5000"
	req.Header.Set("Content-Type", contentType)
	for name, value := range map[string]string{
		"Authorization": p.shaped(), "Cookie": p.ascii() + "=" + p.value() + "; sid=" + p.value(), "X-Api-Key": p.value(), "X-" + p.ascii(): p.value(),
		"User-Agent": p.value(), "Referer": p.shaped(), "X-Forwarded-For": p.ascii(),
	} {
		req.Header.Set(name, value)
	}
	req.Trailer = http.Header{p.ascii(): {p.value()}}
	answerType, answer := p.body()
	status := []int{200, 201, 204, 400, 401, 404, 500}[p.IntN(7)]
	zipped := p.IntN(4) == 0
	if isGraphQL {
		answerType, answer, status = "application/json", `{"data":{`+quote(p.ascii())+`:{"email":`+quote(p.value())+`,`+quote(p.ascii())+`:1}}}`, 200
	}
	etag, name, value := p.value(), p.ascii(), p.value()
	return req, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", answerType)
		w.Header().Set("ETag", etag)
		w.Header().Set("Set-Cookie", name+"="+value)
		w.Header()[name] = []string{value}
		if zipped {
			w.Header().Set("Content-Encoding", "gzip")
			answer = compressed(answer)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}
}

const testHost = "shop.example.com"

// output holds all data that left the process, in the forms that are searched for values.
type output struct {
	text   string
	grams  map[string]bool // runs of four lower-case characters, plain and decoded from percent-encoding and hex
	base64 map[string]bool // runs of base64Size characters
}

const base64Size = 6

func newOutput(text string) *output {
	o := &output{text: text, grams: map[string]bool{}, base64: map[string]bool{}}
	o.add(text)
	plain := regexp.MustCompile(`(?:%[0-9A-Fa-f]{2})+`).ReplaceAllStringFunc(text, func(s string) string { plain, _ := url.PathUnescape(s); return plain })
	o.add(plain)
	for _, run := range regexp.MustCompile(`[0-9A-Fa-f]{8,}`).FindAllString(text, -1) {
		for shift := range 2 {
			data, _ := hex.DecodeString(run[shift : len(run)-(len(run)-shift)%2])
			o.add(string(data))
		}
	}
	for i := range len(text) - base64Size {
		o.base64[text[i:i+base64Size]] = true
	}
	return o
}

func (o *output) add(text string) {
	runes := []rune(strings.ToLower(text))
	for i := range len(runes) - 3 {
		o.grams[string(runes[i:i+4])] = true
	}
}

// leftOf returns the parts of a value that left the process, plain or encoded.
func (o *output) leftOf(value string) string {
	runes := []rune(strings.ToLower(value))
	for i := range len(runes) - 3 {
		if gram := string(runes[i : i+4]); o.grams[gram] {
			return gram
		}
	}
	for shift := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), value...))
		encoded = encoded[[]int{0, 2, 3}[shift] : (len(value)+shift)*8/6]
		if o.base64[encoded[:min(len(encoded), base64Size)]] && strings.Contains(o.text, encoded) {
			return encoded
		}
	}
	return ""
}

// TestNoValueLeaves plants values in every place of requests and responses, and searches sent, logged and written data for
// them.
func TestNoValueLeaves(t *testing.T) {
	exchanges, planted, left := cases.Of(10_000), 0, 0
	p := &planter{Rand: rand.New(rand.NewPCG(1, 2))}
	for done := 0; done < exchanges; done += 50 {
		var c collector
		var log, written bytes.Buffer
		opts := []Option{WithHost(testHost), WithoutSampling(), WithSkips(Skips{}), WithoutAgentConfig(), WithSendRate(1e6), WithLogger(loggerTo(&log))}
		sending, err := New(clientFor(t, &c), opts...)
		require.NoError(t, err)
		writing, err := New(nil, append(opts, WithOutput(&written))...)
		require.NoError(t, err)
		p.values = nil
		for range 50 {
			req, answer := p.exchange(t)
			mux := http.NewServeMux()
			mux.HandleFunc("/users/{id}", answer)
			mux.HandleFunc("/users/{id}/orders/{order}", answer)
			mux.HandleFunc("/", answer)
			var inner http.Handler = mux
			if p.IntN(2) == 0 {
				inner = Routes(mux)
			}
			if strings.HasPrefix(req.URL.Path, "/api/") {
				inner = http.StripPrefix("/api", inner)
			}
			sending.Handler(writing.Handler(inner)).ServeHTTP(httptest.NewRecorder(), req)
		}
		for _, r := range []*Recorder{sending, writing} {
			require.NoError(t, r.Shutdown(t.Context()))
			s := r.Stats()
			assert.Equal(t, int64(50), s.Sent+s.Skipped, "%+v", s)
			assert.Greater(t, s.Sent, int64(20))
		}
		all := c.sent() + log.String() + written.String()
		out := newOutput(all)
		slices.Sort(p.values)
		p.values = slices.Compact(p.values)
		planted += len(p.values)
		for _, value := range p.values {
			if found := out.leftOf(value); found != "" {
				left++
				if left < 10 {
					at := strings.Index(strings.ToLower(all), strings.ToLower(found))
					t.Errorf("%q of %q left: …%s…", found, value, all[max(at-60, 0):min(at+60, len(all))])
				}
			}
		}
	}
	t.Logf("%d exchanges, %d planted values, %d left", exchanges, planted, left)
	assert.Zero(t, left)
}

// TestValuesAreFound plants one value in a place that is sent. The search must find it.
func TestValuesAreFound(t *testing.T) {
	for _, all := range []string{
		"a qxzjv b", "a QXZJ b", base64.StdEncoding.EncodeToString([]byte("qxzjvkw")), base64.StdEncoding.EncodeToString([]byte("a-qxzjvkw-")),
		"71787a6a", "f71787a6a", "%71%78%7a%6a", "q%78zj",
	} {
		assert.NotEmpty(t, newOutput(all+" padding").leftOf("qxzjvkw"), all)
	}
	assert.Empty(t, newOutput("a qxz jv zjv").leftOf("qxzjvkw"))
}
