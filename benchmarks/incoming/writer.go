package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// writer has the methods of net/http's HTTP/1 writer and discards the data.
type writer struct{ header http.Header }

func (w *writer) Header() http.Header               { return w.header }
func (w *writer) Write(p []byte) (int, error)       { return len(p), nil }
func (w *writer) WriteHeader(int)                   {}
func (w *writer) WriteString(s string) (int, error) { return len(s), nil }
func (w *writer) Flush()                            {}
func (w *writer) FlushError() error                 { return nil }
func (w *writer) CloseNotify() <-chan bool          { return nil }
func (w *writer) SetReadDeadline(time.Time) error   { return nil }
func (w *writer) SetWriteDeadline(time.Time) error  { return nil }
func (w *writer) EnableFullDuplex() error           { return nil }
func (w *writer) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(io.Discard, r)
}
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("there is no connection")
}
