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

// Repeat says what must be known of a failed attempt before the request may be sent again.
type Repeat int

// In ascending order of what may be repeated.
const (
	RepeatNever       Repeat = iota // the body cannot be sent again
	RepeatUnprocessed               // that the server did not act on it
	RepeatIdempotent                // that the server did not act on it, or declined for now
	RepeatSafe                      // nothing: reading changes nothing

	noRepeat // as what an outcome allows: no request may be sent again for it
)

// outcome is what an attempt came to.
type outcome struct {
	Attempt
	repeatable Repeat        // the least of the classes of requests that may be sent again
	retryAfter time.Duration // what the server told, 0 if it told nothing or not to wait
	unreadable bool          // it told something that is no time
	cooldown   bool          // it asks all calls to wait
}

// classify says what an attempt came to, from its response or its error.
func classify(resp *http.Response, err error, now time.Time) outcome {
	o := outcome{repeatable: noRepeat}
	if err != nil {
		o.Err = err
		o.Unsent = neverSent(err)
		var proxy *ProxyError
		switch {
		case errors.As(err, &proxy):
			o.StatusCode, o.retryAfter = proxy.StatusCode, proxy.retryAfter
			if proxy.transient() {
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
	told := false
	if texts := resp.Header["Retry-After"]; strings.Join(texts, "") != "" {
		o.retryAfter, told = retryAfter(texts, now)
		o.unreadable = !told
	}
	switch {
	case o.StatusCode == http.StatusTooManyRequests:
		o.repeatable, o.cooldown = RepeatUnprocessed, true
	case o.StatusCode == http.StatusServiceUnavailable && told:
		o.repeatable, o.cooldown = RepeatIdempotent, true
	case IsTransient(o.StatusCode):
		o.repeatable = RepeatSafe
	}
	return o
}

// IsTransient reports whether a status says that the same request may succeed soon.
func IsTransient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 530:
		return true
	}
	return status >= 520 && status <= 527
}

// IsLasting reports whether an error that left a call without a response would be the same again.
func IsLasting(err error) bool {
	var source *SourceError
	var proxy *ProxyError
	if errors.As(err, &proxy) {
		return !proxy.transient()
	}
	return !(broken(err) || isLate(err)) || errors.As(err, &source)
}

// neverSent reports whether nothing of the request can have reached a server.
func neverSent(err error) bool {
	var (
		op    *net.OpError
		proxy *ProxyError
	)
	return errors.As(err, &proxy) || (errors.As(err, &op) && op.Op == "dial" && !isFinal(err))
}

// broken reports whether the connection failed in a way that another one may not.
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

// isFinal reports whether the failure would be the same again: the rate limit's, a name that does not exist, or TLS
// between two sides that do not trust or understand each other.
func isFinal(err error) bool {
	var (
		limit  *LimitError
		dns    *net.DNSError
		op     *net.OpError
		record tls.RecordHeaderError
		cert   *tls.CertificateVerificationError
	)
	return errors.As(err, &limit) || errors.As(err, &record) || errors.As(err, &cert) ||
		(errors.As(err, &dns) && dns.IsNotFound) ||
		(errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")) // alerts of crypto/tls
}

// isHangUp knows the errors of net/http for a connection that the server ended which have neither a type nor a value.
func isHangUp(err error) bool {
	text := err.Error()
	return strings.Contains(text, "http: server closed idle connection") ||
		strings.Contains(text, "http2: server sent GOAWAY and closed the connection") ||
		strings.Contains(text, "http2: client connection lost") ||
		strings.Contains(text, "http2: client connection force closed") ||
		strings.Contains(text, "http2: client conn is closed")
}

// streamError is a stream of HTTP/2 that the server reset. The error of net/http, which is not exported, turns itself
// into any struct with these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "http2: stream error" }
