package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streamed returns content that cannot seek.
func streamed(r io.Reader) io.Reader { return struct{ io.Reader }{r} }

func uploading(t *testing.T, content io.Reader) *Request {
	t.Helper()
	u, err := NewUpload("<", ">", content)
	require.NoError(t, err)
	r := request("POST", "https://metlo/", RepeatUnprocessed)
	r.Upload, r.ContentType = u, "text/plain"
	return r
}

func TestWhichContentIsReadWithoutAGoroutine(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString("a body")
	require.NoError(t, err)
	_, err = file.Seek(0, io.SeekStart)
	require.NoError(t, err)
	pipe, end, err := os.Pipe()
	require.NoError(t, err)
	defer pipe.Close()
	_, err = end.WriteString("a body")
	require.NoError(t, err)
	require.NoError(t, end.Close())
	for name, tt := range map[string]struct {
		content  io.Reader
		inMemory bool
	}{
		"bytes.Reader":   {bytes.NewReader([]byte("a body")), true},
		"strings.Reader": {strings.NewReader("a body"), true},
		"bytes.Buffer":   {bytes.NewBufferString("a body"), true},
		"a file":         {file, false},
		"a pipe":         {pipe, false},
		"another reader": {streamed(strings.NewReader("a body")), false},
		"another seeker": {struct{ io.ReadSeeker }{strings.NewReader("a body")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := uploading(t, tt.content)
			require.Equal(t, tt.inMemory, r.Upload.inMemory)
			rt := roundTripper(func(r *http.Request) (*http.Response, error) {
				text, err := io.ReadAll(r.Body)
				assert.NoError(t, err)
				assert.Equal(t, "<a body>", string(text))
				return answer(r, 200, ""), nil
			})
			_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), r, discard)
			require.NoError(t, err)
		})
	}
}

// slowly returns a byte after each interval.
type slowly struct {
	io.Reader
	every time.Duration
}

func (s slowly) Read(p []byte) (int, error) {
	<-time.After(s.every)
	return s.Reader.Read(p[:1])
}

func TestAnUploadMayTakeLongerThanTheWaitForHeaders(t *testing.T) {
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	for name, client := range map[string]http.Client{"bare": {}, "with a jar": {Jar: jar}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
					text, err := io.ReadAll(r.Body)
					assert.NoError(t, err)
					assert.NoError(t, r.Context().Err())
					assert.Equal(t, "<a body>", string(text))
					assert.Equal(t, []string{"text/plain"}, r.Header["Content-Type"])
					return answer(r, 200, ""), nil
				})
				r := uploading(t, slowly{strings.NewReader("a body"), 8 * time.Second})
				start := time.Now()
				_, err := pipeline(&client, func(c *Config) { c.HeaderTimeout = 10 * time.Second }).do(t.Context(), r, discard)
				require.NoError(t, err)
				assert.Equal(t, 7*8*time.Second, time.Since(start), "six bytes and the end")
			})
		})
	}
}

func TestReadOfAPastUploadIsNoNewWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		rt := roundTripper(func(r *http.Request) (*http.Response, error) {
			if sent++; sent > 1 {
				assert.NoError(t, r.Context().Err())
				return answer(r, 200, ""), nil
			}
			go func() { // like net/http when the server answers early
				<-time.After(time.Millisecond)
				_, _ = r.Body.Read(make([]byte, 1))
			}()
			return answer(r, 429, "", "Retry-After", "60"), nil
		})
		start := time.Now()
		_, err := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.HeaderTimeout = 10 * time.Second }).do(t.Context(), uploading(t, strings.NewReader("a body")), discard)
		require.NoError(t, err)
		assert.Equal(t, 2, sent)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestUploads(t *testing.T) {
	tests := map[string]struct {
		content func() io.Reader
		status  int
		sent    int
		length  int64
	}{
		"of what can seek":                          {func() io.Reader { return strings.NewReader("the file") }, 429, 4, 10},
		"of what can be read once":                  {func() io.Reader { return streamed(strings.NewReader("the file")) }, 429, 1, -1},
		"that the server took":                      {func() io.Reader { return strings.NewReader("the file") }, 200, 1, 10},
		"that the server refused":                   {func() io.Reader { return strings.NewReader("the file") }, 500, 1, 10},
		"from where the content stands":             {func() io.Reader { r := strings.NewReader("not the file"); _, _ = r.Seek(4, io.SeekStart); return r }, 429, 4, 10},
		"of a seeker that fails to tell":            {func() io.Reader { return &lame{Reader: strings.NewReader("the file")} }, 429, 1, -1},
		"of a file that grew since it was measured": {func() io.Reader { return &growing{Reader: strings.NewReader("the file, and more"), size: 8} }, 429, 4, 10},
	}
	for name, tt := range tests {
		for _, reads := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					sent := 0
					rt := roundTripper(func(r *http.Request) (*http.Response, error) {
						sent++
						assert.Equal(t, tt.length, r.ContentLength)
						if reads {
							b, err := io.ReadAll(r.Body)
							assert.NoError(t, err)
							assert.Equal(t, "<the file>", string(b))
						}
						return answer(r, tt.status, ""), nil
					})
					_, err := pipeline(&http.Client{Transport: rt}).do(t.Context(), uploading(t, tt.content()), discard)
					require.NoError(t, err)
					assert.Equal(t, tt.sent, sent)
				})
			})
		}
	}
}

// lame is an io.Seeker that cannot seek, like an *os.File of a pipe.
type lame struct{ io.Reader }

func (l *lame) Seek(int64, int) (int64, error) { return 0, os.ErrInvalid }

// growing reports a smaller size than it has.
type growing struct {
	*strings.Reader
	size int64
}

func (g *growing) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekEnd {
		return g.size + offset, nil
	}
	return g.Reader.Seek(offset, whence)
}

// failing is content whose nth seek fails, counted from the start of the first attempt.
type failing struct {
	*strings.Reader
	seeks int
}

var errFile = errors.New("the file is gone")

func (f *failing) Seek(offset int64, whence int) (int64, error) {
	if f.seeks++; f.seeks > 3 {
		return 0, errFile
	}
	return f.Reader.Seek(offset, whence)
}

func TestUploadThatCannotBeRead(t *testing.T) {
	readAll := func(sent *int) roundTripper {
		return func(r *http.Request) (*http.Response, error) {
			*sent++
			if _, err := io.ReadAll(r.Body); err != nil {
				return nil, err
			}
			return answer(r, 429, ""), nil
		}
	}
	tests := map[string]struct {
		content io.Reader
		want    error
		unread  bool
		sent    int
	}{
		"again":                 {&failing{Reader: strings.NewReader("the file")}, errFile, false, 1},
		"at all":                {io.MultiReader(errReader{}), errFile, true, 1},
		"to its end":            {io.MultiReader(strings.NewReader("half"), errReader{}), errFile, false, 1},
		"since it is empty":     {streamed(strings.NewReader("")), ErrEmptyContent, true, 1},
		"since nothing is left": {strings.NewReader(""), ErrEmptyContent, true, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				attempts, err := pipeline(&http.Client{Transport: readAll(&sent)}).do(t.Context(), uploading(t, tt.content), discard)
				require.ErrorIs(t, err, tt.want)
				assert.Equal(t, tt.unread, requireAs[*SourceError](t, err).Unread)
				assert.Equal(t, tt.sent, sent)
				assert.Len(t, attempts, tt.sent)
			})
		})
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errFile }

// blocking is content whose second read blocks until it is released.
type blocking struct {
	*strings.Reader
	reads int
	let   chan struct{}
}

func (b *blocking) Read(p []byte) (int, error) {
	if b.reads++; b.reads > 1 {
		<-b.let
		return 0, io.EOF
	}
	return b.Reader.Read(p[:1])
}

// TestAReaderThatBlocks has the content of an upload block in the middle.
func TestAReaderThatBlocks(t *testing.T) {
	t.Run("does not hide an answer that came early", func(t *testing.T) {
		for _, status := range []int{401, 429} {
			var sent atomic.Int32
			address, stop := early(t, status, &sent)
			content := &blocking{Reader: strings.NewReader(strings.Repeat("x", 100)), let: make(chan struct{})}
			p, ctx := loopback(t, &http.Transport{})
			r := uploading(t, content)
			r.URL = get(address).URL
			var got int
			_, err := p.do(ctx, r, func(resp *http.Response) error { got = resp.StatusCode; return discard(resp) })
			require.NoError(t, err)
			assert.Equal(t, status, got)
			assert.EqualValues(t, 1, sent.Load(), "content that something still reads is not sent again")
			close(content.let)
			stop()
		}
	})
	t.Run("does not outlast the context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			n.serve("metlo:80", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
			content := &blocking{Reader: strings.NewReader(strings.Repeat("x", 100)), let: make(chan struct{})}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r := uploading(t, content)
			r.URL = get("http://metlo/").URL
			start := time.Now()
			_, err := pipeline(n.client()).do(ctx, r, discard)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			assert.LessOrEqual(t, time.Since(start), time.Second+uploadGrace)
			close(content.let)
		})
	})
}

// early answers each request at once, without reading its body.
func early(t *testing.T, status int, sent *atomic.Int32) (address string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				sent.Add(1)
				resp := &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1}
				_ = resp.Write(conn)
			}
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String() + "/", func() {
		_ = l.Close()
		<-served
	}
}
