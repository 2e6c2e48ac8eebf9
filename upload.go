package metlo

import (
	"fmt"
	"io"
	"mime/multipart"
	"net/textproto"
	"strings"
)

// upload streams content as the file of a multipart form.
func (r *request) upload(filename, contentType string, content io.Reader) *request {
	if content == nil || isNil(content) {
		r.fail("the reader is nil: pass the file's content")
		return r
	}
	first := make([]byte, 1)
	n, err := io.ReadFull(content, first)
	switch {
	case err == io.EOF:
		r.fail("the file is empty")
	case err != nil:
		r.fail("the file cannot be read: %v", err)
	}
	form := multipart.NewWriter(io.Discard)
	boundary := form.Boundary()
	r.contentType = form.FormDataContentType()
	seeker, seekable := content.(io.Seeker)
	var start int64
	if seekable {
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			start = at - int64(n)
		} else {
			seekable = false
		}
	}
	r.once = !seekable
	attempts := 0
	r.stream = func() (io.ReadCloser, error) {
		if attempts++; attempts > 1 {
			if _, err := seeker.Seek(start+int64(n), io.SeekStart); err != nil {
				return nil, fmt.Errorf("the file cannot be read again: %w", err)
			}
		}
		pr, pw := io.Pipe()
		body := &formBody{PipeReader: pr, done: make(chan struct{}), wait: seekable}
		go func() {
			defer close(body.done)
			pw.CloseWithError(writeForm(pw, boundary, filename, contentType, first[:n], content))
		}()
		return body, nil
	}
	return r
}

// formBody is a form that a goroutine writes.
type formBody struct {
	*io.PipeReader
	done chan struct{}
	wait bool
}

// Close ends the goroutine. If the content may be read again, it first waits until nothing reads it any more; content
// that cannot be is not waited for, since its reader may block for ever.
func (b *formBody) Close() error {
	err := b.PipeReader.Close()
	if b.wait {
		<-b.done
	}
	return err
}

func writeForm(w io.Writer, boundary, filename, contentType string, first []byte, rest io.Reader) error {
	form := multipart.NewWriter(w)
	if err := form.SetBoundary(boundary); err != nil {
		return err
	}
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", "%0D", "\n", "%0A").Replace(filename)
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="file"; filename="` + quoted + `"`},
		"Content-Type":        {contentType},
	})
	if err != nil {
		return err
	}
	if _, err := part.Write(first); err != nil {
		return err
	}
	if _, err := io.Copy(part, rest); err != nil {
		return err
	}
	return form.Close()
}
