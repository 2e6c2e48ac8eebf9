package metlo_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
)

// target returns the URL to which a call sends its request. It is nil if the call fails with ErrInvalidArgument.
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

// FuzzElements sends names as one element of a path.
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

// FuzzCallPaths has Call send or reject a path of the caller.
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

const bigSchema = 1 << 20

// refusing answers the first n uploads with a status before it has read them, and takes the next one.
func refusing(n, status int, got *[]string) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if len(*got) < n {
			head := make([]byte, 10)
			_, _ = io.ReadFull(r.Body, head)
			*got = append(*got, "refused")
			_ = r.Body.Close()
			return (&kit.Answer{Status: status, Header: http.Header{"Retry-After": {"0"}}}).RoundTrip(r)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		*got = append(*got, string(body))
		return (&kit.Answer{Status: 200, Body: []byte("OK")}).RoundTrip(r)
	}
}

func TestUploadsAreSentAgainOnlyOnProof(t *testing.T) {
	schema := strings.Repeat("x", bigSchema)
	quick := metlo.WithRetry(metlo.RetryPolicy{MaxRetries: 3, BaseWait: 1, MaxWait: time.Millisecond})
	tests := []struct {
		name    string
		content func() io.Reader
		status  int
		sent    int
		want    error
	}{
		{"a seeker after 429", func() io.Reader { return strings.NewReader(schema) }, 429, 3, nil},
		{"a stream after 429", func() io.Reader { return io.MultiReader(strings.NewReader(schema)) }, 429, 1, metlo.ErrRateLimited},
		{"a seeker after 503", func() io.Reader { return strings.NewReader(schema) }, 503, 1, metlo.ErrServer},
		{"a seeker after 500", func() io.Reader { return strings.NewReader(schema) }, 500, 1, metlo.ErrServer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			client := inProcess(t, refusing(2, tt.status, &got), quick)
			err := client.Endpoints.UploadGraphQLSchema(t.Context(), endpointID(1), tt.content())
			assert.Len(t, got, tt.sent)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(got[2], schema), "the whole content, once")
		})
	}
}

// brokenReader fails after its text.
type brokenReader struct{ io.Reader }

func (b brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = errors.New("disk on fire")
	}
	return n, err
}

func TestAnUploadThatCannotBeReadToItsEnd(t *testing.T) {
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		_, err := io.ReadAll(r.Body)
		return nil, err
	}))
	err := client.Endpoints.UploadGraphQLSchema(t.Context(), endpointID(1), brokenReader{strings.NewReader("type Query")})
	require.ErrorContains(t, err, "disk on fire")
	var e *metlo.Error
	require.ErrorAs(t, err, &e)
	assert.Len(t, e.Attempts, 1)

	err = client.Endpoints.UploadGraphQLSchema(t.Context(), endpointID(1), brokenReader{strings.NewReader("")})
	require.ErrorIs(t, err, metlo.ErrInvalidArgument, "nothing can be read at all")
}

func TestARefusedUploadReadsNothing(t *testing.T) {
	content := strings.NewReader("type Query { me: String }")
	client := inProcess(t, unreachable{t})
	require.ErrorIs(t, client.Endpoints.UploadGraphQLSchema(t.Context(), "no-uuid", content), metlo.ErrInvalidArgument)
	assert.Equal(t, 25, content.Len())
}

func TestAReaderThatBlocksEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content, writer := io.Pipe()
		defer writer.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := inProcess(t, refusing(0, 0, new([]string))).Specs.Upload(ctx, "a.json", content)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, metlo.ErrNoResponse)
	})
}

func TestTheContentIsTheCallersAgainAfterTheCall(t *testing.T) {
	content := bytes.NewBufferString(strings.Repeat("x", bigSchema))
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		return (&kit.Answer{Status: 422}).RoundTrip(r)
	}))
	require.ErrorIs(t, client.Specs.Upload(t.Context(), "a.json", content), metlo.ErrUnprocessable)
	content.Reset() // the race detector would report this write
}

func TestALongUploadIsNoLateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content, writer := io.Pipe()
		go func() {
			defer writer.Close()
			for range 60 {
				<-time.After(time.Minute / 2)
				_, _ = io.WriteString(writer, "x")
			}
		}()
		client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			return (&kit.Answer{Status: 200, Body: []byte("OK")}).RoundTrip(r)
		}))
		require.NoError(t, client.Specs.Upload(t.Context(), "a.json", content))
	})
}
