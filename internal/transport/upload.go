package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// uploadGrace is the time for which the end of an attempt waits for a pending read of the content.
const uploadGrace = 100 * time.Millisecond

// uploadBuffer is the size of one read of the content.
const uploadBuffer = 32 << 10

// ErrEmptyContent reports that the content of an upload is empty.
var ErrEmptyContent = errors.New("the file is empty")

// Upload is a body that is read while it is sent: a prefix, the content of a reader, and a suffix.
type Upload struct {
	prefix, suffix string
	content        io.Reader
	seeker         io.Seeker // nil if the content can be read only once
	start, size    int64     // position and size of the content in seeker; the size is -1 if unknown
	inMemory       bool      // reads of the content never block
}

// NewUpload returns an upload of the rest of content. If content implements io.Seeker, its length is known, and it can
// be sent again.
func NewUpload(prefix, suffix string, content io.Reader) (*Upload, error) {
	u := &Upload{prefix: prefix, suffix: suffix, content: content, size: -1}
	switch content.(type) {
	case *bytes.Reader, *strings.Reader, *bytes.Buffer:
		u.inMemory = true
	}
	seeker, ok := content.(io.Seeker)
	if !ok {
		return u, nil
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return u, nil //nolint:nilerr // such as a pipe that is an *os.File
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return u, nil //nolint:nilerr // as above
	}
	if _, err := seeker.Seek(start, io.SeekStart); err != nil {
		return nil, fmt.Errorf("the file cannot be read: %w", err)
	}
	if end > start { // some files report size 0 but have content
		u.seeker, u.start, u.size = seeker, start, end-start
	}
	return u, nil
}

// length returns the Content-Length, or -1 if it is unknown.
func (u *Upload) length() int64 {
	if u.size < 0 {
		return -1
	}
	return int64(len(u.prefix)) + u.size + int64(len(u.suffix))
}

// open returns the body of one attempt, which ends with ctx. The body of the previous attempt, if any, must be
// finished.
func (u *Upload) open(ctx context.Context, before *uploadBody) (*uploadBody, error) {
	b := &uploadBody{ctx: ctx, upload: u, content: u.content, ended: make(chan struct{})}
	if u.size >= 0 {
		b.content = io.LimitReader(u.content, u.size) // a file may grow meanwhile
	}
	if before != nil && before.started {
		if _, err := u.seeker.Seek(u.start, io.SeekStart); err != nil {
			return b, &SourceError{Err: fmt.Errorf("the file cannot be read again: %w", err)}
		}
	}
	b.parts = io.MultiReader(strings.NewReader(u.prefix), readerFunc(b.readContent), strings.NewReader(u.suffix))
	return b, nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// SourceError describes a body that could not be read.
type SourceError struct {
	Err    error
	Unread bool // no byte of the content was read
}

func (e *SourceError) Error() string { return e.Err.Error() }
func (e *SourceError) Unwrap() error { return e.Err }

// uploadBody is the body of one attempt. net/http waits for a read of it even when the context ends, and a reader may
// block forever, such as a file on a network. So a goroutine reads the content, and the wait for it ends with the
// attempt. The goroutine remains until its read returns. Content in memory needs no goroutine.
type uploadBody struct {
	ctx     context.Context // context of the call
	upload  *Upload
	content io.Reader
	parts   io.Reader
	started bool   // the content was read
	some    bool   // there is content
	buf     []byte // buffer of the content
	rest    []byte // part of buf that was read and not yet passed on

	mu      sync.Mutex
	ended   chan struct{} // closed at the end of the attempt
	closed  bool
	pending chan read // pending read of the content; nil for none
}

type read struct {
	n   int
	err error
}

func (b *uploadBody) Read(p []byte) (int, error) { return b.parts.Read(p) }

// readContent reads the next part of the content. Its errors are *SourceErrors.
func (b *uploadBody) readContent(p []byte) (int, error) {
	if len(b.rest) > 0 {
		n := copy(p, b.rest)
		b.rest = b.rest[n:]
		return n, nil
	}
	if b.buf == nil {
		b.buf = make([]byte, uploadBuffer)
	}
	got, err := b.next()
	if err != nil {
		return 0, err
	}
	b.some = b.some || got.n > 0
	n := copy(p, b.buf[:got.n])
	b.rest = b.buf[n:got.n]
	switch {
	case len(b.rest) > 0:
		return n, nil // the error will occur again
	case got.err == io.EOF && !b.some: //nolint:errorlint // readers return io.EOF bare
		return n, &SourceError{Err: ErrEmptyContent, Unread: true}
	case got.err != nil && got.err != io.EOF: //nolint:errorlint // as above
		return n, &SourceError{Err: fmt.Errorf("the file cannot be read: %w", got.err), Unread: !b.some}
	}
	return n, got.err
}

var errUploadEnded = errors.New("the attempt has ended")

// next reads content, and waits for it until the attempt ends.
func (b *uploadBody) next() (read, error) {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return read{}, errUploadEnded
	}
	b.started = true
	if b.upload.inMemory {
		defer b.mu.Unlock()
		n, err := b.content.Read(b.buf)
		return read{n, err}, nil
	}
	pending := make(chan read, 1)
	b.pending = pending
	b.mu.Unlock()
	go func() {
		n, err := b.content.Read(b.buf)
		pending <- read{n, err}
	}()
	select {
	case got := <-pending:
		b.mu.Lock()
		b.pending = nil
		b.mu.Unlock()
		return got, nil
	case <-b.ended:
		return read{}, errUploadEnded
	case <-b.ctx.Done():
		return read{}, context.Cause(b.ctx)
	}
}

// Close ends the body: no further read of the content begins.
func (b *uploadBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		close(b.ended)
	}
	return nil
}

// finish closes the body, waits briefly for a pending read, and reports whether nothing reads the content any more.
func (b *uploadBody) finish() bool {
	_ = b.Close()
	b.mu.Lock()
	pending := b.pending
	b.mu.Unlock()
	if pending == nil {
		return true
	}
	timer := time.NewTimer(uploadGrace)
	defer timer.Stop()
	select {
	case got := <-pending:
		pending <- got // for whoever else waits
		return true
	case <-timer.C:
		return false
	}
}

// rewindable closes the body and reports whether the content can be sent again.
func (b *uploadBody) rewindable() bool { return b.upload.seeker != nil && b.finish() }
