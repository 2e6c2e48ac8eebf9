package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Policy bounds how often and how soon a request is repeated.
type Policy struct {
	MaxRetries    int           // attempts after the first
	BaseWait      time.Duration // ceiling of the first random wait; each later ceiling is twice as high
	MaxWait       time.Duration // highest ceiling
	MaxRetryAfter time.Duration // longest wait that a server may ask for
}

// Repeat says what must be known of a failed attempt before the request may be sent again.
type Repeat int

// In ascending order of what may be repeated.
const (
	RepeatNever       Repeat = iota // the body cannot be sent again
	RepeatUnprocessed               // that the server did not act on it
	RepeatIdempotent                // that the server did not act on it, or declined for now
	RepeatSafe                      // nothing: reading changes nothing
)

// verdict is retryablehttp's CheckRetry. It is called once when an attempt ends without being repeated by its status,
// and once more with the outcome of the handler.
func verdict(ctx context.Context, resp *http.Response, err error) (bool, error) {
	c := callOf(ctx)
	c.calm()
	if c.answered.Load() {
		return c.afterBody(err), nil
	}
	return c.afterHeaders(resp, err), nil
}

func (c *call) afterHeaders(resp *http.Response, err error) bool {
	attempt := Attempt{}
	told, hasTold := time.Duration(0), false
	if err != nil {
		attempt.Err = c.cause(err)
	} else {
		attempt.StatusCode = resp.StatusCode
		if resp.Header["Retry-After"] != nil {
			told, hasTold = retryAfter(resp.Header, time.Now())
		}
	}
	c.attempts = append(c.attempts, attempt)
	wait := c.delay(told)
	if attempt.StatusCode == http.StatusTooManyRequests || (attempt.StatusCode == http.StatusServiceUnavailable && hasTold) {
		c.pipeline.gate.cool(wait)
	}
	if c.mayRepeat(attempt, hasTold) && c.putOff(wait) {
		if err == nil {
			drain(resp.Body, resp.ContentLength)
			resp.Body = http.NoBody
		}
		return true
	}
	if err == nil {
		c.answered.Store(true)
		c.body.wrap(c, resp)
	} else {
		c.log()
	}
	return false
}

func (c *call) afterBody(err error) bool {
	if err != nil && c.wasCut(err) && c.request.Repeat == RepeatSafe && c.Context.Err() == nil && c.putOff(c.delay(0)) {
		return true
	}
	c.log()
	return false
}

// wasCut reports whether err says that the body ended early, and if so adds it to the record of the attempt.
func (c *call) wasCut(err error) bool {
	var cut *CutError
	if !errors.As(err, &cut) {
		return false
	}
	c.attempts[len(c.attempts)-1].Err = cut.Err
	return true
}

// mayRepeat reports whether the attempt's outcome allows another one.
func (c *call) mayRepeat(a Attempt, retryAfter bool) bool {
	if c.Context.Err() != nil || c.request.Repeat == RepeatNever {
		return false
	}
	switch {
	case a.Err != nil:
		return neverSent(a.Err) || (c.request.Repeat == RepeatSafe && broken(a.Err))
	case a.StatusCode == http.StatusTooManyRequests:
		return true
	case a.StatusCode == http.StatusServiceUnavailable && retryAfter:
		return c.request.Repeat >= RepeatIdempotent
	case a.StatusCode == http.StatusBadGateway, a.StatusCode == http.StatusServiceUnavailable,
		a.StatusCode == http.StatusGatewayTimeout:
		return c.request.Repeat == RepeatSafe
	}
	return false
}

// delay is how long to wait after the last attempt: what the server told, or a random time under a ceiling that doubles.
func (c *call) delay(told time.Duration) time.Duration {
	if told > 0 {
		return min(told, c.pipeline.policy.MaxRetryAfter)
	}
	return c.pipeline.policy.backoff(len(c.attempts))
}

// backoff is a random time under a ceiling that doubles with each failure.
func (p *Policy) backoff(failures int) time.Duration {
	ceiling := p.MaxWait
	if shift := failures - 1; p.BaseWait < ceiling>>shift {
		ceiling = p.BaseWait << shift
	}
	if ceiling <= 0 {
		return 0
	}
	return rand.N(ceiling)
}

// ErrGiveUp says that a request failed as often as the policy allows.
var ErrGiveUp = errors.New("no retry is left")

// Pause waits as Do would after so many failures in a row, for a caller that repeats a request by itself.
func (p *Pipeline) Pause(ctx context.Context, failures int) error {
	if failures > p.policy.MaxRetries {
		return ErrGiveUp
	}
	return sleepTill(ctx, time.Now().Add(p.policy.backoff(failures)))
}

// putOff schedules another attempt, unless there were enough or the context would end before it.
func (c *call) putOff(wait time.Duration) bool {
	n := len(c.attempts)
	if n > c.pipeline.policy.MaxRetries {
		return false
	}
	resume := time.Now().Add(wait)
	if deadline, ok := c.Deadline(); ok && resume.After(deadline) {
		return false
	}
	c.resume, c.attempts[n-1].Wait = resume, wait
	c.log()
	return true
}

// noBackoff leaves the waiting to prepareRetry, which knows the call.
func noBackoff(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return 0 }

// prepareRetry waits out the delay, passes the gate and makes the request whole again.
func prepareRetry(req *http.Request) error {
	c := callOf(req.Context())
	if err := sleepTill(c.caller, c.resume); err != nil {
		return err
	}
	if err := c.pipeline.gate.pass(c.caller); err != nil {
		return err
	}
	if err := c.fill(req); err != nil {
		return err
	}
	c.begin()
	return nil
}

// neverSent reports whether no byte of the request can have reached a server.
func neverSent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial" && !isFinal(err)
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
		strings.Contains(text, "http2: client connection lost")
}

// streamError is a stream of HTTP/2 that the server reset. The error of net/http, which is not exported, turns itself
// into any struct with these fields.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "http2: stream error" }

// retryAfter reads the delay that a server asks for: whole seconds or a date. A negative number or any other text is
// as good as no header; a number too large to count is the longest delay there is.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && seconds < 0, errors.Is(err, strconv.ErrRange) && text[0] == '-':
		return 0, false
	case errors.Is(err, strconv.ErrRange), err == nil && seconds > int64(1<<63-1)/int64(time.Second):
		return 1<<63 - 1, true
	case err == nil:
		return time.Duration(seconds) * time.Second, true
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return max(date.Sub(now), 0), true
}
