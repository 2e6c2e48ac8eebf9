package metlo

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo/internal/transport"
	"github.com/metlo-go/metlo/internal/wire"
)

const (
	defaultTimeout     = 60 * time.Second
	defaultIdleTimeout = 30 * time.Second
	defaultMaxBytes    = 64 << 20
	defaultPatience    = 30 * time.Second
	defaultRate        = 10 // requests per second that the API's documentation recommends as the client's limit
	defaultBurst       = 10
)

// Option changes how a [Client] works. An option with a fault makes [NewClient] fail with [ErrInvalidArgument].
type Option func(*settings) error

// Limiter delays each attempt of a request until it may start. *rate.Limiter of golang.org/x/time/rate is one. Wait is
// called by many goroutines, and must end when its context does.
type Limiter interface {
	Wait(context.Context) error
}

// RetryPolicy holds how often and how soon a request is repeated. Of the waits, a zero field has the default's value;
// MaxRetries is taken as it is, so 0 means no retry.
type RetryPolicy struct {
	MaxRetries    int           // attempts after the first; 3 without WithRetry
	BaseWait      time.Duration // ceiling of the first random wait, doubled for each later one; default 250 ms
	MaxWait       time.Duration // highest ceiling; default 5 s
	MaxRetryAfter time.Duration // longest Retry-After that is waited for; a longer one ends the call; default 60 s
}

type settings struct {
	http         *http.Client
	collectorURL *url.URL
	userAgent    string
	headers      []header
	logger       *slog.Logger
	hooks        Hooks
	limiter      Limiter
	retry        RetryPolicy
	patience     time.Duration // how long reads are repeated once the server has answered
	timeout      time.Duration
	idleTimeout  time.Duration
	maxBytes     int64
	maxPage      int // 0 for any
	insecureHTTP bool
	noProxy      bool
}

type header struct {
	name  string
	value Secret
	plain bool // the value is not a secret
}

func defaultSettings() settings {
	return settings{
		userAgent:   "metlo-go/" + Version,
		limiter:     rate.NewLimiter(defaultRate, defaultBurst),
		retry:       RetryPolicy{MaxRetries: 3, BaseWait: 250 * time.Millisecond, MaxWait: 5 * time.Second, MaxRetryAfter: time.Minute},
		patience:    defaultPatience,
		timeout:     defaultTimeout,
		idleTimeout: defaultIdleTimeout,
		maxBytes:    defaultMaxBytes,
	}
}

// WithHTTPClient sends requests with a copy of h, for a proxy, a certificate authority or a transport of one's own.
// Its CheckRedirect runs after the client's own check. Its Timeout bounds each attempt with its body; lists that
// stream for longer end with an error. The default client honours HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func WithHTTPClient(h *http.Client) Option {
	return func(s *settings) error {
		if h == nil {
			return invalid("WithHTTPClient: nil: leave the option out for the default")
		}
		c := *h
		s.http = &c
		return nil
	}
}

// WithCollectorURL sets where the collector answers: another port than the backend's, 8081 by default. Only the
// methods of [CollectorService] need it.
func WithCollectorURL(baseURL string) Option {
	return func(s *settings) error {
		u, err := parseBaseURL(baseURL)
		if err != nil {
			return invalid("WithCollectorURL: %v", err)
		}
		s.collectorURL = u
		return nil
	}
}

// WithUserAgent sets the User-Agent header, such as "inventory-sync/1.2".
func WithUserAgent(userAgent string) Option {
	return func(s *settings) error {
		if userAgent == "" || !validHeaderValue(userAgent) {
			return invalid("WithUserAgent: %q: use one line of printable text", userAgent)
		}
		s.userAgent = userAgent
		return nil
	}
}

// WithHeader sends a secret header with every request to the configured hosts, and to no other, as a proxy before an
// instance may want it. It is treated as the key is: it is not sent over plain http to a host that is not loopback, and
// a value of 8 bytes or more is redacted from errors. Use [WithPlainHeader] for a value that is not secret. A name that
// is given twice is sent twice. Headers that the client sets itself are refused, and so is Idempotency-Key, by which
// net/http would repeat changes.
func WithHeader(name, value string) Option {
	return func(s *settings) error { return s.addHeader("WithHeader", name, value, false) }
}

// WithPlainHeader is [WithHeader] for a value that anybody may see, such as a tenant's name. It may travel over plain
// http, and errors show it. Headers that hold credentials, such as Cookie, are refused.
func WithPlainHeader(name, value string) Option {
	return func(s *settings) error { return s.addHeader("WithPlainHeader", name, value, true) }
}

func (s *settings) addHeader(option, name, value string, plain bool) error {
	canonical := http.CanonicalHeaderKey(name)
	switch canonical {
	case "Authorization", "User-Agent", "Host", "Content-Type", "Content-Length", "Content-Encoding", "Accept",
		"Accept-Encoding", "Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect", "Keep-Alive",
		"Proxy-Connection":
		return invalid("%s: %s is set by the client: the key is an argument of NewClient, and WithUserAgent sets the user agent", option, canonical)
	case "Idempotency-Key", "X-Idempotency-Key":
		return invalid("%s: with %s net/http would send a change again by itself, and Metlo does not read it: leave it out", option, canonical)
	case "Cookie", "Proxy-Authorization":
		if plain {
			return invalid("%s: %s holds credentials: use WithHeader", option, canonical)
		}
	}
	if !validHeaderName(name) {
		return invalid("%s: %q is no header name: use letters, digits and hyphens", option, name)
	}
	if !validHeaderValue(value) {
		return invalid("%s: the value of %s holds a line break or another control character: remove it", option, canonical)
	}
	s.headers = append(s.headers, header{canonical, NewSecret(value), plain})
	return nil
}

func (s *settings) holdsSecrets() bool {
	return slices.ContainsFunc(s.headers, func(h header) bool { return !h.plain })
}

// WithLogger logs each attempt: method, host, route, status, number, wait, duration, and the cause if it failed, with
// secrets redacted. An attempt that failed on the way, or after whose status another may succeed, is logged at level
// Warn, any other at Debug.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) error {
		if logger == nil {
			return invalid("WithLogger: nil: leave the option out to log nothing")
		}
		s.logger = logger
		return nil
	}
}

// WithRateLimit limits attempts, retries included, to perSecond on average and to burst at once. Without it the limit
// is the one that the API's documentation recommends: 10 a second after a burst of 10.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(s *settings) error {
		if !(perSecond > 0) || perSecond > 1e9 {
			return invalid("WithRateLimit: %v requests a second: use a positive number, or WithoutRateLimit", perSecond)
		}
		if burst < 1 {
			return invalid("WithRateLimit: burst %d: use 1 or more", burst)
		}
		s.limiter = rate.NewLimiter(rate.Limit(perSecond), burst)
		return nil
	}
}

// WithoutRateLimit starts every attempt at once. After a 429 all calls of the client still wait together.
func WithoutRateLimit() Option {
	return func(s *settings) error {
		s.limiter = nil
		return nil
	}
}

// WithLimiter asks limiter before each attempt, such as one that several clients share.
func WithLimiter(limiter Limiter) Option {
	return func(s *settings) error {
		if isNil(limiter) {
			return invalid("WithLimiter: nil: use WithoutRateLimit for no limit")
		}
		s.limiter = limiter
		return nil
	}
}

// WithRetry sets how often and how soon requests are repeated; see [RetryPolicy] for what a zero field means. What may be
// repeated at all depends on the request: a GET after a broken connection, a cut body, 408, 425, 429, 502, 503, 504, 520 to
// 527 and 530; anything else only after proof that the server did not act on it, which is a connection that was never made,
// a proxy that refused for now, a 429, and for idempotent changes a 503 with Retry-After.
//
// Without WithRetry and [WithoutRetry], a client that a Metlo server has answered before repeats a GET of one object or of a
// first page for up to 30 s, so that it outlasts a restart of the backend.
func WithRetry(policy RetryPolicy) Option {
	return func(s *settings) error {
		if policy.MaxRetries < 0 || policy.BaseWait < 0 || policy.MaxWait < 0 || policy.MaxRetryAfter < 0 {
			return invalid("WithRetry: a field is negative: MaxRetries is 0 or more, and a wait of 0 stands for the default")
		}
		p := defaultSettings().retry
		p.MaxRetries = policy.MaxRetries
		switch {
		case policy.MaxWait == 0:
			p.MaxWait = max(p.MaxWait, policy.BaseWait)
		case policy.BaseWait == 0:
			p.BaseWait = min(p.BaseWait, policy.MaxWait)
		case policy.BaseWait > policy.MaxWait:
			return invalid("WithRetry: BaseWait %v is over MaxWait %v: swap them", policy.BaseWait, policy.MaxWait)
		}
		setIfPositive(&p.BaseWait, policy.BaseWait)
		setIfPositive(&p.MaxWait, policy.MaxWait)
		setIfPositive(&p.MaxRetryAfter, policy.MaxRetryAfter)
		s.retry, s.patience = p, 0
		return nil
	}
}

func setIfPositive(field *time.Duration, value time.Duration) {
	if value > 0 {
		*field = value
	}
}

// WithoutRetry sends every request once.
func WithoutRetry() Option {
	return func(s *settings) error {
		s.retry.MaxRetries, s.patience = 0, 0
		return nil
	}
}

// WithHeaderTimeout bounds the time from the start of an attempt to its response headers; the default is 60 s. Some routes
// of the server never answer while its database is down. A timeout ends the call; it is not retried.
func WithHeaderTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return invalid("WithHeaderTimeout: %v: use a positive duration", d)
		}
		s.timeout = d
		return nil
	}
}

// WithIdleTimeout bounds the wait for the next KiB of a body; the default is 30 s. Time that the caller spends in a
// loop over a list does not count.
func WithIdleTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return invalid("WithIdleTimeout: %v: use a positive duration", d)
		}
		s.idleTimeout = d
		return nil
	}
}

// WithMaxResponseBytes bounds an object or a page, and each single item of a list that All walks; the default is
// 64 MiB. Anything larger is [ErrInvalidResponse].
func WithMaxResponseBytes(n int64) Option {
	return func(s *settings) error {
		if n <= 0 {
			return invalid("WithMaxResponseBytes: %d: use a positive number of bytes", n)
		}
		s.maxBytes = n
		return nil
	}
}

// WithMaxPageSize bounds the number of items that a request for a list asks for, for a gateway that refuses more. All
// then goes by pages, which takes several times as many requests as there are pages: docs/listing.md has the numbers.
// A List with a larger Limit is [ErrInvalidArgument].
func WithMaxPageSize(items int) Option {
	return func(s *settings) error {
		if items < 1 {
			return invalid("WithMaxPageSize: %d: use 1 or more", items)
		}
		s.maxPage = items
		return nil
	}
}

// WithInsecureHTTP allows a key to travel over plain http to a host that is not loopback, where anybody on the way can
// read it.
func WithInsecureHTTP() Option {
	return func(s *settings) error {
		s.insecureHTTP = true
		return nil
	}
}

// parseBaseURL accepts http(s)://host[:port][/prefix] with or without /api/v1 at its end.
func parseBaseURL(text string) (*url.URL, error) {
	const form = "use http(s)://host[:port][/prefix], such as https://metlo.example.com"
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("the base URL is empty: " + form)
	}
	u, err := url.Parse(strings.TrimSpace(text))
	switch {
	case err != nil:
		return nil, errors.New("the base URL cannot be parsed: " + form)
	case u.Scheme == "" || (u.Host == "" && (u.Scheme == "http" || u.Scheme == "https")):
		return nil, errors.New("the base URL has no scheme or no host: " + form)
	case u.User != nil:
		return nil, errors.New("the base URL holds user info: pass the key as an argument and other credentials with WithHeader")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the base URL's scheme is neither http nor https: " + form)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("the base URL has no host: " + form)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("the base URL has a query or a fragment: " + form)
	case hasDotElement(u.EscapedPath()):
		return nil, errors.New("the base URL's path holds . or ..: " + form)
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api/v1"), "/")
	clean := &url.URL{Scheme: u.Scheme, Host: u.Host}
	if strings.EqualFold(u.Hostname(), "localhost") {
		clean.Host = strings.ToLower(u.Host) // as the names of hosts without a proxy are compared
	}
	setEscapedPath(clean, prefix+"/api/v1")
	return clean, nil
}

// staysPrivate refuses an address to which secrets would travel where others can read them: over plain http to another
// machine, or to a proxy, which forwards what it gets.
func staysPrivate(u *url.URL, rt http.RoundTripper) error {
	if u == nil || u.Scheme != "http" {
		return nil
	}
	if !isLoopback(u.Hostname()) {
		return invalid("the key or a value of WithHeader would travel over plain http to %s: use https, or WithInsecureHTTP if the network is trusted", u.Host)
	}
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	// The transport refuses a proxy by itself. This reports it before the first call.
	proxy, err := t.Proxy(&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}})
	if err == nil && proxy != nil {
		return invalid("the key or a value of WithHeader would travel over plain http through the proxy %s: use https, except %s from the proxy, or use WithInsecureHTTP if the network is trusted", proxy.Host, u.Host)
	}
	return nil
}

// isLoopback reports whether traffic to host stays on this machine. Names below localhost do not count, since a resolver
// may lead them anywhere.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func validHeaderName(name string) bool {
	for _, r := range name {
		if r > '~' || r <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) {
			return false
		}
	}
	return name != ""
}

func validHeaderValue(value string) bool {
	for i := range len(value) {
		if b := value[i]; (b < ' ' && b != '\t') || b == 0x7f {
			return false
		}
	}
	return true
}

func (s *settings) pipeline(r redactor, header http.Header, secrets []string) *transport.Pipeline {
	return transport.New(transport.Config{
		HTTP:    s.http,
		Limiter: s.limiter,
		Retry: transport.Policy{
			MaxRetries: s.retry.MaxRetries, BaseWait: s.retry.BaseWait, MaxWait: s.retry.MaxWait,
			MaxRetryAfter: s.retry.MaxRetryAfter, Patience: s.patience,
		},
		Header:        header,
		Secrets:       secrets,
		KeepFromProxy: s.noProxy,
		HeaderTimeout: s.timeout,
		IdleTimeout:   s.idleTimeout,
		Logger:        s.logger,
		OnAttempt:     s.hooks.onAttempt(r),
		OnWait:        s.hooks.onWait(),
		Redact:        func(err error) string { return wire.OneLine(r.text(err.Error())) },
	})
}
