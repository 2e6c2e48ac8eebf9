package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatAnErrorProves(t *testing.T) {
	op := func(op string, err error) error { return &net.OpError{Op: op, Net: "tcp", Err: err} }
	tests := []struct {
		name      string
		err       error
		neverSent bool
		broken    bool
	}{
		{"refused", op("dial", syscall.ECONNREFUSED), true, true},
		{"unreachable", op("dial", syscall.EHOSTUNREACH), true, true},
		{"dial timed out", op("dial", os.ErrDeadlineExceeded), true, true},
		{"name does not exist", op("dial", &net.DNSError{Err: "no such host", IsNotFound: true}), true, false},
		{"name server does not answer", op("dial", &net.DNSError{Err: "timeout", IsTimeout: true, IsTemporary: true}), true, true},
		{"name does not exist, said without a dial", &net.DNSError{IsNotFound: true}, true, false},
		{"reset", op("read", os.NewSyscallError("read", syscall.ECONNRESET)), false, true},
		{"broken pipe", op("write", os.NewSyscallError("write", syscall.EPIPE)), false, true},
		{"bare reset", syscall.ECONNRESET, false, true},
		{"closed pipe", io.ErrClosedPipe, false, true},
		{"hang-up", io.EOF, false, true},
		{"hang-up within headers", fmt.Errorf("http: %w", io.ErrUnexpectedEOF), false, true},
		{"hang-up of a fresh connection", errors.New("http: server closed idle connection"), false, true},
		{"GOAWAY", errors.New("http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=\"\""), false, true},
		{"http2 ping lost", errors.New("http2: client connection lost"), false, true},
		{"proxy refused", &ProxyError{Err: op("proxyconnect", op("dial", syscall.ECONNREFUSED))}, true, true},
		{"TLS alert received", op("remote error", tls.AlertError(40)), false, false},
		{"TLS alert sent", op("local error", tls.AlertError(42)), false, false},
		{"certificate", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: &x509.Certificate{}, Host: "metlo"}}, true, false},
		{"certificate of a proxy", &ProxyError{Err: op("proxyconnect", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}})}, true, false},
		{"no TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, true, false},
		{"http to https", http.ErrSchemeMismatch, true, false},
		{"rate limit", &LimitError{Err: op("dial", syscall.ECONNREFUSED)}, true, false},
		{"cancelled", context.Canceled, false, false},
		{"malformed response", errors.New(`malformed HTTP response "SSH-2.0"`), false, false},
		{"bad scheme", errors.New(`unsupported protocol scheme "ftp"`), false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, tt.neverSent, neverSent(tt.err), "nothing reached the server")
			assert.Equal(t, tt.broken, broken(tt.err), "a read may be sent again")
		})
	}
}
