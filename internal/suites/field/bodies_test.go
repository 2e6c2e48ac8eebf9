package field

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

const openAPI = `{"openapi":"3.0.3","info":{"title":"t","version":"1"},"servers":[{"url":"https://NAME.example.com"}],"paths":{}}`

// uploadNames returns file names that a form could carry in several ways.
func uploadNames(t *testing.T) (cases int, saw string) {
	srv := metlotest.NewServer()
	defer srv.Close()
	client := srv.Client(metlo.WithoutRateLimit())
	defer client.CloseIdleConnections()
	for i, name := range []string{"plain", "übung", "日本語", "naïve file", `a"b`, "50%", "a+b", "Ü'*()", "emoji 🎉", "%C3%BC"} {
		cases++
		t.Run(name, func(t *testing.T) {
			document := strings.Replace(openAPI, "NAME", "h"+string(rune('a'+i)), 1)
			require.NoError(t, client.Specs.Upload(t.Context(), name+".json", strings.NewReader(document)))
			spec, err := client.Specs.Get(t.Context(), name)
			require.NoError(t, err)
			assert.Equal(t, name, spec.Name)
			require.NoError(t, client.Specs.Delete(t.Context(), name))
		})
	}
	return cases, ""
}

// blockingReader is content that stops after its first part until resume is closed.
type blockingReader struct {
	io.Reader
	resume chan struct{}
}

func (h *blockingReader) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if err == io.EOF {
		<-h.resume
	}
	return n, err
}

func (h *blockingReader) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return 1 << 20, nil
	}
	return offset, nil
}

func blockingContent(t *testing.T) (cases int, saw string) {
	for name, seeks := range map[string]bool{"a stream": false, "a seeker": true} {
		for _, early := range []int{401, 429, 0} {
			cases++
			t.Run(name, func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if early == 0 {
						_, _ = io.Copy(io.Discard, r.Body)
						return
					}
					http.NewResponseController(w).EnableFullDuplex()
					w.Header().Set("Connection", "close")
					w.WriteHeader(early)
				}))
				defer server.Close()
				content := &blockingReader{strings.NewReader("first"), make(chan struct{})}
				var reader io.Reader = content
				if !seeks {
					reader = struct{ io.Reader }{content}
				}
				ctx, cancel := context.WithCancel(t.Context())
				if early == 0 {
					time.AfterFunc(100*time.Millisecond, cancel)
				}
				defer cancel()
				client, err := metlo.NewClient(server.URL, kit.Key, quickRetries())
				require.NoError(t, err)
				defer client.CloseIdleConnections()
				err = client.Specs.Upload(ctx, "a.json", reader)
				switch early {
				case 401:
					require.ErrorIs(t, err, metlo.ErrUnauthorized)
				case 429:
					require.ErrorIs(t, err, metlo.ErrRateLimited)
				default:
					require.ErrorIs(t, err, context.Canceled)
				}
				close(content.resume)
			})
		}
	}
	return cases, ""
}

// answers returns possible answers for a caller of Call.
func answers(t *testing.T) (cases int, saw string) {
	type id int64
	var (
		n64   int64
		u16   uint16
		named id
		list  []int32
		table map[string]uint64
	)
	for out, body := range map[any]string{&n64: `"5"`, &u16: `"5"`, &named: `"5"`, &list: `["1",2]`, &table: `{"a":"7"}`} {
		cases++
		require.NoError(t, kit.Client(t, kit.JSON(200, body)).Call(t.Context(), http.MethodGet, "/x", nil, nil, out))
	}
	assert.Equal(t, []any{int64(5), uint16(5), id(5)}, []any{n64, u16, named})
	assert.Equal(t, []int32{1, 2}, list)
	assert.Equal(t, map[string]uint64{"a": 7}, table)

	zipped := func(b []byte) []byte {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b)
		_ = w.Close()
		return out.Bytes()
	}
	once := zipped([]byte(`["a"]`))
	tests := map[string]struct {
		encodings []string
		body      []byte
		says      string
	}{
		"plain":                 {nil, []byte(`["a"]`), ""},
		"identity":              {[]string{"identity"}, []byte(`["a"]`), ""},
		"gzip, as is asked for": {[]string{"gzip"}, once, ""},
		"x-gzip":                {[]string{"x-gzip"}, once, "x-gzip"},
		"deflate":               {[]string{"deflate"}, []byte("x\x9c\x03\x00"), "deflate"},
		"br":                    {[]string{"br"}, []byte{0x8b, 1, 0x80}, "br"},
		"zstd":                  {[]string{"zstd"}, []byte{0x28, 0xb5, 0x2f, 0xfd}, "zstd"},
		"gzip twice":            {[]string{"gzip, gzip"}, zipped(once), "gzip, gzip"},
		"gzip in two headers":   {[]string{"gzip", "gzip"}, zipped(once), "gzip"},
		"gzip twice, said once": {[]string{"gzip"}, zipped(once), "gzip"},
		"gzip that is not said": {nil, once, "gzip"},
	}
	for name, tt := range tests {
		for _, status := range []int{200, 500} {
			cases++
			t.Run(name, func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					for _, e := range tt.encodings {
						w.Header().Add("Content-Encoding", e)
					}
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(status)
					_, _ = w.Write(tt.body)
				}))
				defer server.Close()
				client, err := metlo.NewClient(server.URL, kit.Key)
				require.NoError(t, err)
				defer client.CloseIdleConnections()
				_, err = client.Hosts.Names(t.Context())
				switch {
				case status == 500:
					require.ErrorIs(t, err, metlo.ErrServer)
				case tt.says == "":
					require.NoError(t, err)
					return
				default:
					require.ErrorIs(t, err, metlo.ErrInvalidResponse)
				}
				assert.Contains(t, err.Error(), tt.says)
				assert.NotContains(t, err.Error(), "\ufffd")
			})
		}
	}
	return cases, ""
}
