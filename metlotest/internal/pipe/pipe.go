// Package pipe connects servers and clients in one process without sockets, as synctest requires.
package pipe

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// Addresses of listeners that are in memory.
const (
	Backend   = "127.0.0.1:8080"
	Collector = "127.0.0.1:8081"
	Elsewhere = "127.0.0.1:9999"
)

// Listener is a net.Listener whose connections are net.Pipes.
type Listener struct {
	address pipeAddr
	conns   chan net.Conn
	done    chan struct{}
	once    sync.Once
}

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

// Listen returns a listener with an address, but without a socket.
func Listen(address string) *Listener {
	return &Listener{address: pipeAddr(address), conns: make(chan net.Conn), done: make(chan struct{})}
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial with an error. It may be called twice.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr returns the address that clients dial.
func (l *Listener) Addr() net.Addr { return l.address }

// Dial connects to the listener.
func (l *Listener) Dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		err = &net.OpError{Op: "dial", Net: "pipe", Addr: l.address, Err: net.ErrClosed}
	case <-ctx.Done():
		err = ctx.Err()
	}
	client.Close()
	server.Close()
	return nil, err
}

// Transport returns a transport that uses dial, and closes idle connections before the server does.
func Transport(dial func(context.Context, string, string) (net.Conn, error)) *http.Transport {
	return &http.Transport{DialContext: dial, IdleConnTimeout: 4 * time.Second, DisableCompression: true, MaxIdleConnsPerHost: 16}
}
