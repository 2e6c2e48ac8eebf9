package metlo_test

import (
	"bufio"
	"context"
	"encoding"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/metlo-go/metlo"
)

// seedRecordings passes every exchange with a real server to add.
func seedRecordings(f *testing.F, add func(recording)) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "recordings", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatal("no recordings", err)
	}
	for _, file := range files {
		for _, r := range mustRecordings(strings.TrimSuffix(filepath.Base(file), ".json")) {
			if len(r.Response.Body) < 8<<10 {
				add(r)
			}
		}
	}
}

// readers are calls that between them decode everything that the server sends.
func readers() []func(context.Context, *metlo.Client) error {
	second := func(_ any, err error) error { return err }
	return []func(context.Context, *metlo.Client) error{
		func(ctx context.Context, c *metlo.Client) error { return second(c.Endpoints.Get(ctx, endpointID(1))) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Endpoints.List(ctx, nil)) },
		func(ctx context.Context, c *metlo.Client) error {
			return second(metlo.Collect(c.Endpoints.All(ctx, nil)))
		},
		func(ctx context.Context, c *metlo.Client) error { return second(c.Endpoints.Usage(ctx, endpointID(1))) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Alerts.List(ctx, nil)) },
		func(ctx context.Context, c *metlo.Client) error { return second(metlo.Collect(c.Alerts.All(ctx, nil))) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Alerts.Resolve(ctx, alertID(1), "")) },
		func(ctx context.Context, c *metlo.Client) error {
			return c.Alerts.UpdateMany(ctx, &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, AllAlerts: true})
		},
		func(ctx context.Context, c *metlo.Client) error { return second(c.Hosts.List(ctx, nil)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Hosts.Names(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Hosts.Graph(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Keys.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Keys.Create(ctx, "ci", "")) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Webhooks.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Settings.Get(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Settings.Config(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Summary.Get(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Specs.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Specs.Get(ctx, "a.yaml")) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Specs.Zip(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.DataClasses.List(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Testing.Config(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return second(c.Testing.GlobalEnv(ctx)) },
		func(ctx context.Context, c *metlo.Client) error { return c.Testing.UpdateConfig(ctx, "x") },
		func(ctx context.Context, c *metlo.Client) error { return c.Ping(ctx) },
		func(ctx context.Context, c *metlo.Client) error {
			return c.Call(ctx, http.MethodGet, "/x", nil, nil, new(map[string]any))
		},
	}
}

// checkError asserts what holds of every error of a call, whatever the server sent.
func checkError(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	c := cell{err: err}
	if wrong := c.malformed(); wrong != "" {
		t.Fatal(wrong)
	}
	if found := leak(everythingOf(err), someKey); found != "" {
		t.Fatalf("the error shows the key: %s", found)
	}
}

// fuzzClient has its key refused after 1,000 requests, since a list can go on for as long as its total says.
func fuzzClient(t *testing.T, rt http.RoundTripper) *metlo.Client {
	sent := 0
	limited := roundTrip(func(r *http.Request) (*http.Response, error) {
		if sent++; sent > 1000 {
			return reply(r, http.StatusUnauthorized, "enough"), nil
		}
		return rt.RoundTrip(r)
	})
	return inProcess(t, limited, metlo.WithMaxResponseBytes(64<<10), metlo.WithRetry(metlo.RetryPolicy{
		MaxRetries: 1, BaseWait: time.Nanosecond, MaxWait: time.Nanosecond, MaxRetryAfter: time.Nanosecond,
	}))
}

// FuzzAnswers has every call read a body. KEY in it stands for the client's key.
func FuzzAnswers(f *testing.F) {
	kinds := uint8(len(readers()))
	seedRecordings(f, func(r recording) {
		f.Add(uint8(r.Seq)%kinds, uint16(r.Response.Status), r.Response.Body)
	})
	f.Add(uint8(0), uint16(500), `{"message":"Authorization: KEY"}`)
	f.Add(uint8(1), uint16(200), `[[{"uuid":"KEY"}],"KEY"]`)
	f.Add(uint8(7), uint16(200), `<html><title>KEY</title>`)
	f.Fuzz(func(t *testing.T, kind uint8, status uint16, body string) {
		if status < 200 || status > 599 {
			return
		}
		body = strings.ReplaceAll(body, "KEY", someKey)
		client := fuzzClient(t, &answering{int(status), []byte(body), http.Header{}})
		checkError(t, readers()[kind%kinds](t.Context(), client))
	})
}

// FuzzResponses has calls read the bytes of a whole response, header and all.
func FuzzResponses(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
		"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Down\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 503 Down\r\nRetry-After: -99999999999999999999\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/KEY?KEY\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 308 Moved\r\nLocation: /api/v1/x\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 301 Moved\r\nLocation: ://\r\n\r\n",
		"HTTP/1.1 302 Found\r\nLocation: http://KEY.example:0x/\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\nTrailer: KEY\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/html\r\n\r\n\x1f\x8b",
		"HTTP/1.0 401 KEY\r\nWWW-Authenticate: KEY\r\n\r\nKEY",
	} {
		f.Add(uint8(1), seed)
		f.Add(uint8(6), seed)
	}
	kinds := uint8(len(readers()))
	f.Fuzz(func(t *testing.T, kind uint8, raw string) {
		raw = strings.ReplaceAll(raw, "KEY", someKey)
		client := fuzzClient(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host != "metlo.example.com" || r.URL.Scheme != "https" {
				t.Fatalf("a request to %s", r.URL)
			}
			if r.Body != nil {
				if _, err := io.Copy(io.Discard, r.Body); err != nil {
					return nil, err
				}
			}
			return http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), r)
		}))
		checkError(t, readers()[kind%kinds](t.Context(), client))
	})
}

// target is where a call sends its request: nil if it is refused as an invalid argument, which is the only other way.
func target(t *testing.T, call func(*metlo.Client) error) *url.URL {
	t.Helper()
	var sent *url.URL
	err := call(inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.URL
		return reply(r, http.StatusOK, "OK"), nil
	})))
	if sent == nil && !errors.Is(err, metlo.ErrInvalidArgument) {
		t.Fatalf("nothing was sent: %v", err)
	}
	return sent
}

// FuzzElements has names travel as one element of a path.
func FuzzElements(f *testing.F) {
	for _, seed := range []string{"ci", "a/b", "..", "%2e%2e", "a%2fb", "ключ", "\xff", "a?b#c", " ", ";", "\x00", "a\\..\\b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		sent := target(t, func(client *metlo.Client) error {
			return client.Keys.Delete(t.Context(), name)
		})
		if sent == nil {
			return
		}
		elements := strings.Split(sent.EscapedPath(), "/")
		if len(elements) != 6 {
			t.Fatalf("%q travels as %q", name, sent.EscapedPath())
		}
		if got, err := url.PathUnescape(elements[4]); err != nil || got != name || got == "." || got == ".." {
			t.Fatalf("%q travels as %q", name, elements[4])
		}
	})
}

// FuzzCallPaths has Call take a path as the caller wrote it, or refuse it.
func FuzzCallPaths(f *testing.F) {
	for _, seed := range []string{"/endpoints", "/../x", "//evil.example/", "/a%2f..%2fb", "/a?b", "/%", "/a b", "", "/é", "/a;b", "/%2e%2E/", "/a\\..\\b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		sent := target(t, func(client *metlo.Client) error {
			return client.Call(t.Context(), http.MethodGet, path, nil, nil, nil)
		})
		if sent == nil {
			return
		}
		want, err := url.PathUnescape(path)
		if err != nil || sent.Path != "/api/v1"+want || strings.Count(sent.EscapedPath(), "/") != strings.Count(path, "/")+2 || sent.Host != "metlo.example.com" || sent.RawQuery != "" || sent.Fragment != "" {
			t.Fatalf("%q travels as %q", path, sent)
		}
		for element := range strings.SplitSeq(sent.Path, "/") {
			if element == ".." {
				t.Fatalf("%q climbs as %q", path, sent.Path)
			}
		}
	})
}

// FuzzBaseURL has NewClient take a base URL, after which requests go to its host and nowhere else.
func FuzzBaseURL(f *testing.F) {
	for _, seed := range []string{
		"https://metlo.example.com", "http://127.0.0.1:8080/", "https://h/prefix/api/v1/", "https://u:p@h", "https://h?x", "https://h#",
		"https://[::1]:8443", "HTTPS://H", "https://h/%2e%2e/", "https://h:port", "//h", "https:///", "https://h/a%2fb", "http://é.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, base string) {
		var sent *url.URL
		client, err := metlo.NewClient(base, someKey, metlo.WithInsecureHTTP(), metlo.WithHTTPClient(&http.Client{
			Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				sent = r.URL
				return reply(r, http.StatusOK, "OK"), nil
			}),
		}))
		if err != nil {
			if client != nil || !errors.Is(err, metlo.ErrInvalidArgument) {
				t.Fatalf("client %v, error %v", client, err)
			}
			return
		}
		if err := client.Ping(t.Context()); err != nil {
			checkError(t, err)
			return
		}
		u, err := url.Parse(strings.TrimSpace(base))
		if err != nil || sent.Host != u.Host || sent.Scheme != u.Scheme || sent.User != nil || !strings.HasSuffix(sent.EscapedPath(), "/api/v1") {
			t.Fatalf("%q sends to %q", base, sent)
		}
	})
}

// text is a pointer to an enum.
type text[E any] interface {
	*E
	encoding.TextUnmarshaler
}

type enumValue interface {
	~string
	String() string
	Known() bool
	encoding.TextMarshaler
}

func checkEnum[E enumValue, P text[E]](t *testing.T, input string, parse func(string) (E, error)) {
	t.Helper()
	v, err := parse(input)
	switch {
	case err != nil && (!errors.Is(err, metlo.ErrInvalidArgument) || v != ""):
		t.Fatalf("%T: value %q with error %v", v, v, err)
	case err == nil && (!v.Known() || v.String() != string(v)):
		t.Fatalf("%T: %q is parsed from %q, and is not known as %q", v, v, input, v.String())
	}
	var got E
	if err := P(&got).UnmarshalText([]byte(input)); err != nil {
		t.Fatalf("%T: %v", got, err)
	}
	sent, err := got.MarshalText()
	if err != nil {
		t.Fatalf("%T: %v", got, err)
	}
	var again E
	if err := P(&again).UnmarshalText(sent); err != nil || again != got {
		t.Fatalf("%T: %q is sent as %q and read as %q: %v", got, got, sent, again, err)
	}
	if !got.Known() && string(got) != input {
		t.Fatalf("%T: an unknown value %q became %q", got, input, got)
	}
}

func FuzzEnums(f *testing.F) {
	for _, seed := range []string{
		"high", "HIGH", " high ", "Open", "UNRESOLVED", "RESOLVE", "EXTERNAL", "PII_DATA_DETECTED", "GET", "reqBody", "", "ſ", "İ", "\xff", "a\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		checkEnum[metlo.RiskScore](t, input, metlo.ParseRiskScore)
		checkEnum[metlo.AlertStatus](t, input, metlo.ParseAlertStatus)
		checkEnum[metlo.AlertUpdateType](t, input, metlo.ParseAlertUpdateType)
		checkEnum[metlo.AlertType](t, input, metlo.ParseAlertType)
		checkEnum[metlo.HostType](t, input, metlo.ParseHostType)
		checkEnum[metlo.RestMethod](t, input, metlo.ParseRestMethod)
		checkEnum[metlo.DataSection](t, input, metlo.ParseDataSection)
		checkEnum[metlo.DataType](t, input, metlo.ParseDataType)
		checkEnum[metlo.DataTag](t, input, metlo.ParseDataTag)
		checkEnum[metlo.APIKeyType](t, input, metlo.ParseAPIKeyType)
		checkEnum[metlo.SpecExtension](t, input, metlo.ParseSpecExtension)
		checkEnum[metlo.AuthType](t, input, metlo.ParseAuthType)
		checkEnum[metlo.HostSort](t, input, metlo.ParseHostSort)
		checkEnum[metlo.SortOrder](t, input, metlo.ParseSortOrder)
		checkEnum[metlo.AnalysisType](t, input, metlo.ParseAnalysisType)
	})
}

// FuzzCredentialsFile has a client be made from the file that the Metlo CLI writes.
func FuzzCredentialsFile(f *testing.F) {
	f.Add("METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=" + someKey + "\n")
	f.Add("METLO_HOST=http://metlo.example.com\nMETLO_API_KEY=" + someKey + "\n")
	f.Add("METLO_HOST=metlo\nMETLO_API_KEY='" + someKey + "\n")
	f.Fuzz(func(t *testing.T, content string) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		for _, name := range []string{"METLO_HOST", "METLO_API_KEY", "METLO_COLLECTOR_HOST", "METLO_INSECURE_HTTP"} {
			t.Setenv(name, "")
		}
		if err := os.MkdirAll(filepath.Join(home, ".metlo"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".metlo", "credentials"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		client, err := metlo.NewClientFromEnv()
		if (client == nil) == (err == nil) {
			t.Fatalf("client %v, error %v", client, err)
		}
		if err != nil && (!errors.Is(err, metlo.ErrInvalidArgument) || leak(err.Error(), someKey) != "") {
			t.Fatal(err)
		}
	})
}
