package faults

import (
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

const (
	dripPause  = time.Second
	stallAfter = 40 // bytes of a head after which it stalls
)

// connectionFailures returns the failures in which the connection fails before the answer is complete.
func connectionFailures() []Failure {
	return []Failure{
		{
			Name: "connection refused", Does: "nothing listens on the port, regardless of Times", NeedsSocket: true,
			refuse: true,
		},
		{Name: "connection never made", Does: "packets to the server are dropped", unreachable: true},
		{
			Name: "reset on accept", Does: "the connection is reset before a request is read", NeedsSocket: true,
			accept: (*responder).reset,
		},
		{
			Name: "reset before headers", Does: "the connection is reset after the request was read", NeedsSocket: true,
			send: func(x *responder, _ backend.Response) {
				x.pause(x.server.failure.Delay)
				x.reset()
			},
		},
		{
			Name: "reset after headers", Does: "the connection is reset between the head and the body", NeedsSocket: true,
			send: func(x *responder, res backend.Response) {
				x.head(res, contentLength(len(res.Body)))
				x.pause(x.server.failure.Delay)
				x.reset()
			},
		},
		{
			Name: "reset in the body", Does: "the connection is reset after half of the body", NeedsSocket: true,
			send: func(x *responder, res backend.Response) {
				x.half(res)
				x.pause(x.server.failure.Delay)
				x.reset()
			},
		},
		{
			Name: "closed before headers", Does: "the connection is closed after the request was read",
			send: func(x *responder, _ backend.Response) {
				x.pause(x.server.failure.Delay)
				x.hangUp()
			},
		},
		{
			Name: "closed in the headers", Does: "the connection is closed within the head",
			send: func(x *responder, res backend.Response) {
				x.pause(x.server.failure.Delay)
				x.write(x.headText(res, contentLength(len(res.Body)))[:stallAfter])
				x.hangUp()
			},
		},
		{
			Name: "cut in the body", Does: "the connection is closed after half of the body",
			send: func(x *responder, res backend.Response) {
				x.half(res)
				x.pause(x.server.failure.Delay)
				x.hangUp()
			},
		},
		{
			Name: "cut in a chunk", Does: "the connection is closed within a chunk of the body",
			send: func(x *responder, res backend.Response) {
				x.head(res, chunked)
				x.pause(x.server.failure.Delay)
				x.write(chunkOf(string(res.Body))[:len(res.Body)/2+len("ffff\r\n")])
				x.hangUp()
			},
		},
		{
			Name: "cut between chunks", Does: "the connection is closed where another chunk should follow",
			send: func(x *responder, res backend.Response) {
				x.head(res, chunked)
				x.pause(x.server.failure.Delay)
				x.chunk(string(res.Body[:(len(res.Body)+1)/2]))
				x.hangUp()
			},
		},
		{
			Name: "closed after each answer", Does: "a connection that was promised for more requests is closed after its first",
			send: func(x *responder, res backend.Response) {
				x.respond(res)
				x.hangUp()
			},
		},
		{
			Name: "stall before headers", Does: "the request is read, and nothing comes",
			send: func(x *responder, _ backend.Response) { x.hang() },
		},
		{
			Name: "stall in the headers", Does: "the head begins and does not go on",
			send: func(x *responder, res backend.Response) {
				x.write(x.headText(res, contentLength(len(res.Body)))[:stallAfter])
				x.hang()
			},
		},
		{
			Name: "stall in the body", Does: "half of the body comes and no more",
			send: func(x *responder, res backend.Response) {
				x.half(res)
				x.hang()
			},
		},
		{
			Name: "stall between chunks", Does: "half of the body comes as a chunk, and no other",
			send: func(x *responder, res backend.Response) {
				x.head(res, chunked)
				x.chunk(string(res.Body[:(len(res.Body)+1)/2]))
				x.hang()
			},
		},
		{
			Name: "drip of headers", Does: "the head comes at a byte a second",
			send: func(x *responder, res backend.Response) {
				x.drip(x.headText(res, contentLength(len(res.Body)))+"\r\n", dripPause)
				x.write(string(res.Body))
			},
		},
		{
			Name: "drip of the body", Does: "the body comes at a byte a second",
			send: func(x *responder, res backend.Response) {
				x.head(res, contentLength(len(res.Body)))
				x.drip(string(res.Body), dripPause)
			},
		},
	}
}

// half sends the head and half of the body.
func (x *responder) half(res backend.Response) {
	x.head(res, contentLength(len(res.Body)))
	x.write(string(res.Body[:(len(res.Body)+1)/2]))
}

// tlsFailures returns the failures of a server that cannot authenticate itself.
func tlsFailures() []Failure {
	return []Failure{
		{Name: "TLS with a wrong name", Does: "the certificate is for another host", NeedsSocket: true, tls: tlsWrongName},
		{Name: "TLS that expired", Does: "the certificate ended an hour ago", NeedsSocket: true, tls: tlsExpired},
		{Name: "TLS by a stranger", Does: "the certificate is signed by an authority that nobody knows", NeedsSocket: true, tls: tlsUntrusted},
		{
			Name: "TLS without TLS", Does: "a server answers https in plain HTTP", NeedsSocket: true, tls: tlsGood,
			accept: func(x *responder) {
				x.write("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
				x.hang()
			},
		},
		{
			Name: "TLS that stalls", Does: "the handshake gets no answer", tls: tlsGood,
			accept: (*responder).hang,
		},
	}
}
