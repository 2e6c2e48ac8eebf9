package capture

import "io"

// requestBody is the body of a recorded request. It copies what the handler reads, and reads no more.
type requestBody Exchange

func (b *requestBody) Read(p []byte) (int, error) {
	x := (*Exchange)(b)
	n, err := x.body.Read(p)
	x.read(p, n, err)
	return n, err
}

func (b *requestBody) Close() error { return b.body.Close() }

// read records the bytes that the handler read. At the end of the body it copies the trailers from the original request.
func (x *Exchange) read(p []byte, n int, err error) {
	defer x.rec.contain()
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.scratch == nil {
		return
	}
	if n > 0 {
		x.scratch.in.add(p[:n], x.rec)
	}
	if err != io.EOF { //nolint:errorlint // a body that wraps io.EOF is not at its end
		return
	}
	x.readWhole = true
	if x.original.Trailer != nil {
		x.request.Trailer = x.original.Trailer
	}
}
