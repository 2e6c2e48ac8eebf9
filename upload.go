package metlo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
	"time"
)

// uploadGrace is how long the end of a call waits for a reader that was not read to its end.
const uploadGrace = time.Second

// upload streams content as the file of a multipart form. Nothing of it is read before the rest of the request is known
// to be valid.
func (r *request) upload(filename, contentType string, content io.Reader) *request {
	if content == nil || isNil(content) {
		r.fail("the reader is nil: pass the file's content")
		return r
	}
	form := multipart.NewWriter(io.Discard)
	f := &formFile{content: content, boundary: form.Boundary(), filename: filename, contentType: contentType}
	r.contentType = form.FormDataContentType()
	if seeker, ok := content.(io.Seeker); ok {
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			f.seeker, f.start = seeker, at
		}
	}
	r.seekable = f.seeker != nil
	r.prepare = func(ctx context.Context) error { return f.peek(ctx, r) }
	r.stream = f.open
	return r
}

// formFile is the file of a multipart form.
type formFile struct {
	content     io.Reader
	seeker      io.Seeker // nil if the content can be read only once
	start       int64     // of the content for seeker
	first       []byte    // read before anything is sent
	filename    string
	contentType string
	boundary    string
	opened      bool
}

// peek finds out whether there is any content. A reader that blocks is left behind when the context ends.
func (f *formFile) peek(ctx context.Context, r *request) error {
	type result struct {
		first []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		first := make([]byte, 1)
		n, err := io.ReadFull(f.content, first)
		done <- result{first[:n], err}
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case got := <-done:
		f.first = got.first
		switch {
		case errors.Is(got.err, io.EOF):
			r.fail("the file is empty")
		case got.err != nil:
			r.fail("the file cannot be read: %v", got.err)
		}
		return nil
	}
}

// open returns the form from its beginning.
func (f *formFile) open() (io.ReadCloser, error) {
	if f.opened {
		if _, err := f.seeker.Seek(f.start+int64(len(f.first)), io.SeekStart); err != nil {
			return nil, fmt.Errorf("the file cannot be read again: %w", err)
		}
	}
	f.opened = true
	pr, pw := io.Pipe()
	body := &formBody{PipeReader: pr, done: make(chan struct{}), again: f.seeker != nil}
	go func() {
		defer close(body.done)
		pw.CloseWithError(f.write(pw))
	}()
	return body, nil
}

// formBody is a form that a goroutine writes.
type formBody struct {
	*io.PipeReader
	done  chan struct{}
	again bool // the content may be read again
}

// Close ends the goroutine and waits until nothing reads the content any more: for ever if it is to be read again, and
// else for a second, since a reader may block.
func (b *formBody) Close() error {
	err := b.PipeReader.Close()
	var late <-chan time.Time
	if !b.again {
		timer := time.NewTimer(uploadGrace)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-b.done:
	case <-late:
	}
	return err
}

func (f *formFile) write(w io.Writer) error {
	form := multipart.NewWriter(w)
	if err := form.SetBoundary(f.boundary); err != nil {
		return err
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(f.filename)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="` + quoted + `"`},
		"Content-Type":        {f.contentType},
	})
	if err != nil {
		return err
	}
	if _, err := part.Write(f.first); err != nil {
		return err
	}
	if _, err := io.Copy(part, f.content); err != nil {
		return err
	}
	return form.Close()
}
