package metlo_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// target is where a call sends its request: nil if it is refused as an invalid argument, which is the only other way.
func target(t *testing.T, call func(*metlo.Client) error) *url.URL {
	t.Helper()
	var sent *url.URL
	err := call(inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.URL
		return kit.OK(r)
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
				return kit.OK(r)
			}),
		}))
		if err != nil {
			if client != nil || !errors.Is(err, metlo.ErrInvalidArgument) {
				t.Fatalf("client %v, error %v", client, err)
			}
			return
		}
		if err := client.Ping(t.Context()); err != nil {
			kit.CheckError(t, err)
			return
		}
		u, err := url.Parse(strings.TrimSpace(base))
		if err != nil || sent.Host != u.Host || sent.Scheme != u.Scheme || sent.User != nil || !strings.HasSuffix(sent.EscapedPath(), "/api/v1/summary/endpoint-tracked") {
			t.Fatalf("%q sends to %q", base, sent)
		}
	})
}

// text is a pointer to an enum.
