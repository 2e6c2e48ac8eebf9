package faults

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/backend"
)

const (
	chunked    = "Transfer-Encoding: chunked"
	blockSize  = 64 << 10
	giantSize  = 1 << 30
	bombBlocks = 256 // MiB into which a gzip bomb expands
)

func contentLength(n int) string { return "Content-Length: " + strconv.Itoa(n) }

func chunkOf(text string) string { return fmt.Sprintf("%04x\r\n%s\r\n", len(text), text) }

// framed sends the sound body under other framing, and closes the connection after it.
func framed(name, does string, framing func(length int) []string) Failure {
	return Failure{Name: name, Does: does, send: func(x *responder, res backend.Response) {
		x.head(res, framing(len(res.Body))...)
		x.halves(res.Body)
		x.hangUp()
	}}
}

// framingFailures returns those in which the bytes are there, and HTTP around them is wrong.
func framingFailures() []Failure {
	return []Failure{
		framed("Content-Length too long", "the body ends before the length that was announced", func(n int) []string {
			return []string{contentLength(n + 100)}
		}),
		framed("Content-Length too short", "the body goes on after the length that was announced", func(n int) []string {
			return []string{contentLength(n - n/3 - 1)}
		}),
		framed("Content-Length of no number", "the length is a word", func(int) []string {
			return []string{"Content-Length: many"}
		}),
		framed("Content-Length below zero", "the length is negative", func(int) []string {
			return []string{"Content-Length: -1"}
		}),
		framed("Content-Length twice", "two lengths contradict each other", func(n int) []string {
			return []string{contentLength(n), contentLength(n + 1)}
		}),
		framed("no Content-Length", "the body ends with the connection, as HTTP/1.0 has it", func(int) []string {
			return []string{"Connection: close"}
		}),
		framed("unknown Transfer-Encoding", "the body comes in a coding that nobody asked for", func(int) []string {
			return []string{"Transfer-Encoding: zigzag"}
		}),
		framed("gzip that is not gzip", "a plain body is announced as compressed", func(n int) []string {
			return []string{"Content-Encoding: gzip", contentLength(n)}
		}),
		{
			Name: "chunk size of no number", Does: "the size of the first chunk is a word",
			send: func(x *responder, res backend.Response) {
				x.head(res, chunked)
				x.write("many\r\n" + string(res.Body) + "\r\n")
				x.hangUp()
			},
		},
		{
			Name: "no HTTP", Does: "another protocol answers on the port",
			send: func(x *responder, _ backend.Response) {
				x.pause(x.server.failure.Delay)
				x.write("SSH-2.0-OpenSSH_9.6\r\n")
				x.hangUp()
			},
		},
		{
			Name: "second answer", Does: "an answer that nobody asked for follows the first on its connection",
			send: func(x *responder, res backend.Response) {
				x.respond(res)
				x.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				x.hangUp()
			},
		},
	}
}

// headerFailures returns those of a head that is too much.
func headerFailures() []Failure {
	return []Failure{
		{
			Name: "10,000 headers", Does: "the head has 10,000 lines",
			send: func(x *responder, res backend.Response) {
				var lines []string
				for i := range 10_000 {
					lines = append(lines, fmt.Sprintf("X-Header-%d: %d", i, i))
				}
				x.head(res, append(lines, contentLength(len(res.Body)))...)
				x.halves(res.Body)
			},
		},
		{
			Name: "headers without end", Does: "header lines come for ever",
			send: func(x *responder, res backend.Response) {
				x.pause(x.server.failure.Delay)
				x.write(x.headText(res))
				x.stream(strings.Repeat("X-Header: value\r\n", blockSize/17), 1<<62, false)
			},
		},
		{
			Name: "header of 2 MiB", Does: "one header line has 2 MiB",
			send: func(x *responder, res backend.Response) {
				x.head(res, "X-Header: "+strings.Repeat("a", 2<<20), contentLength(len(res.Body)))
				x.halves(res.Body)
			},
		},
		{
			Name: "interim answers without end", Does: "103 Early Hints comes for ever",
			send: func(x *responder, _ backend.Response) {
				x.pause(x.server.failure.Delay)
				x.stream(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10), 1<<62, false)
			},
		},
	}
}

// sizeFailures returns those of a body that is too much.
func sizeFailures() []Failure {
	return []Failure{
		{
			Name: "gzip bomb", Does: "a compressed body expands about 1000 times, to 256 MiB",
			send: func(x *responder, _ backend.Response) {
				bomb := gzipBomb()
				x.head(backend.Response{Status: 200, ContentType: backend.TypeJSON}, "Content-Encoding: gzip", contentLength(len(bomb)))
				x.write(string(bomb))
			},
		},
		{
			Name: "body without end", Does: "a string comes for ever",
			send: func(x *responder, _ backend.Response) {
				x.head(backend.Response{Status: 200, ContentType: backend.TypeJSON}, chunked)
				x.chunk(`"`)
				x.stream(strings.Repeat("a", blockSize), 1<<62, true)
			},
		},
		{
			Name: "error page without end", Does: "the body of a 500 comes for ever",
			send: func(x *responder, _ backend.Response) {
				x.head(backend.Response{Status: 500, ContentType: backend.TypeHTML}, chunked)
				x.stream(strings.Repeat("a", blockSize), 1<<62, true)
			},
		},
		{
			Name: "array without end", Does: "items of a list come for ever",
			send: func(x *responder, _ backend.Response) {
				x.head(backend.Response{Status: 200, ContentType: backend.TypeJSON}, chunked)
				x.chunk(`[[{"uuid":""}`)
				x.stream(strings.Repeat(`,{"uuid":""}`, blockSize/12), 1<<62, true)
			},
		},
		{
			Name: "300,000 empty items", Does: "a list has 300,000 items of two bytes",
			send: func(x *responder, _ backend.Response) {
				x.respond(backend.Response{Status: 200, ContentType: backend.TypeJSON, Body: []byte("[[{}" + strings.Repeat(",{}", 299_999) + "],300000]")})
			},
		},
		{
			Name: "white space without end", Does: "spaces come for ever",
			send: func(x *responder, _ backend.Response) {
				x.head(backend.Response{Status: 200, ContentType: backend.TypeJSON}, chunked)
				x.stream(strings.Repeat(" ", blockSize), 1<<62, true)
			},
		},
		{
			Name: "item of 1 GB", Does: "a list has one item of 1 GB",
			send: func(x *responder, _ backend.Response) {
				const before, after = `[[{"uuid":"00000000-0000-4000-8000-000000000001","path":"`, `"}],1]`
				x.head(backend.Response{Status: 200, ContentType: backend.TypeJSON}, contentLength(len(before)+giantSize+len(after)))
				x.write(before)
				x.stream(strings.Repeat("a", blockSize), giantSize, false)
				x.write(after)
			},
		},
	}
}

// gzipBomb returns a list of one item, as members of a gzip file that each are 1 MiB of the same letter.
func gzipBomb() []byte {
	bomb := gzipped(`[[{"uuid":"00000000-0000-4000-8000-000000000001","path":"`)
	bomb = append(bomb, bytes.Repeat(gzipped(strings.Repeat("a", 1<<20)), bombBlocks)...)
	return append(bomb, gzipped(`"}],1]`)...)
}

func gzipped(text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		panic("metlotest: " + err.Error())
	}
	if err := w.Close(); err != nil {
		panic("metlotest: " + err.Error())
	}
	return b.Bytes()
}
