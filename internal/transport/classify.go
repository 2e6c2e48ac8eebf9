package transport

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// Repeat is a class of requests, by the proof about a failed attempt that a repetition needs.
type Repeat int

// The classes, in ascending order of what they permit.
const (
	RepeatNever       Repeat = iota // the body cannot be sent again
	RepeatUnprocessed               // proof that the server did not act on the request
	RepeatIdempotent                // proof that the server did not act on it, or declined for now
	RepeatSafe                      // no proof needed: a read changes nothing

	noRepeat // an outcome after which no request may be repeated
)

// outcome describes the end of an attempt.
type outcome struct {
	Attempt
	repeatable Repeat        // least class of requests that may be repeated
	retryAfter time.Duration // requested wait, 0 for none
	unreadable bool          // Retry-After could not be parsed
	cooldown   bool          // all calls must wait
}

// classify returns the outcome of an attempt, from its response or its error.
func classify(resp *http.Response, err error, now time.Time) outcome {
	o := outcome{repeatable: noRepeat}
	if err != nil {
		o.Err = err
		o.Unsent = neverSent(err)
		var proxy *ProxyError
		switch {
		case errors.As(err, &proxy):
			o.StatusCode, o.retryAfter = proxy.StatusCode, proxy.retryAfter
			if proxy.isTransient() {
				o.repeatable = RepeatUnprocessed
			}
		case o.Unsent && !isFinal(err):
			o.repeatable = RepeatUnprocessed
		case broken(err):
			o.repeatable = RepeatSafe
		}
		return o
	}
	o.StatusCode = resp.StatusCode
	parsed := false
	if texts := resp.Header["Retry-After"]; strings.Join(texts, "") != "" {
		o.retryAfter, parsed = retryAfter(texts, now)
		o.unreadable = !parsed
	}
	switch {
	case o.StatusCode == http.StatusTooManyRequests:
		o.repeatable, o.cooldown = RepeatUnprocessed, true
	case o.StatusCode == http.StatusServiceUnavailable && parsed:
		o.repeatable, o.cooldown = RepeatIdempotent, true
	case IsTransient(o.StatusCode):
		o.repeatable = RepeatSafe
	}
	return o
}

// IsTransient reports whether the same request may succeed soon after a status.
func IsTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 530:
		return true
	}
	return status >= 520 && status <= 527
}

// IsLasting reports whether the error of a call without a response would occur again.
func IsLasting(err error) bool {
	var source *SourceError
	var proxy *ProxyError
	if errors.As(err, &proxy) {
		return !proxy.isTransient()
	}
	return !(broken(err) || isLate(err)) || errors.As(err, &source)
}

// neverSent reports whether no part of the request can have reached a server, regardless of whether a repetition is
// useful.
func neverSent(err error) bool {
	var (
		op     *net.OpError
		dns    *net.DNSError
		proxy  *ProxyError
		plain  *PlainProxyError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
	)
	return errors.As(err, &proxy) || errors.As(err, &plain) || errors.As(err, &dns) || errors.As(err, &record) ||
		errors.As(err, &cert) || errors.Is(err, http.ErrSchemeMismatch) || (errors.As(err, &op) && op.Op == "dial")
}

// broken reports whether the connection failed in a way that may not affect another one.
func broken(err error) bool {
	if isFinal(err) {
		return false
	}
	var (
		op     *net.OpError
		stream streamError
	)
	return errors.As(err, &op) || errors.As(err, &stream) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) || isHangUp(err)
}

// isFinal reports whether another attempt would fail too: for the rate limit, for an unknown name, and for a failed TLS
// handshake between incompatible sides.
func isFinal(err error) bool {
	var (
		limit  *LimitError
		dns    *net.DNSError
		op     *net.OpError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
	)
	return errors.As(err, &limit) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &cert) ||
		(errors.As(err, &dns) && dns.IsNotFound) ||
		(errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")) // alerts of crypto/tls
}

// isHangUp reports whether net/http found that the server ended the connection. Those errors have neither a type nor a
// value.
func isHangUp(err error) bool {
	text := err.Error()
	return strings.Contains(text, "http: server closed idle connection") ||
		strings.Contains(text, "http2: server sent GOAWAY and closed the connection") ||
		strings.Contains(text, "http2: client connection lost") ||
		strings.Contains(text, "http2: client connection force closed") ||
		strings.Contains(text, "http2: client conn is closed")
}

// streamError describes an HTTP/2 stream that the server reset. The unexported error of net/http converts itself to any
// struct with these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "http2: stream error" }
