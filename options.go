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
	defaultRate        = 10 // requests per second, the limit that the API's documentation recommends to clients
	defaultBurst       = 10
)

// Option configures a [Client]. For an invalid option, [NewClient] returns [ErrInvalidArgument].
type Option func(*settings) error

// Limiter delays each attempt of a request until it may start. *rate.Limiter of golang.org/x/time/rate implements it.
// Many goroutines call Wait, which must return when its context ends.
type Limiter interface {
	Wait(context.Context) error
}

// RetryPolicy sets how often and how soon a request is repeated. A zero wait means its default; a MaxRetries of 0 means
// no retry.
type RetryPolicy struct {
	MaxRetries    int           // attempts after the first; 3 without WithRetry
	BaseWait      time.Duration // upper bound of the first random wait, doubled for each later one; default 250 ms
	MaxWait       time.Duration // highest upper bound; default 5 s
	MaxRetryAfter time.Duration // longest Retry-After that the client obeys; a longer one ends the call; default 60 s
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
	maxPage      int // 0 for any size
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

// WithHTTPClient sends requests with a copy of h, which may set a proxy, a certificate authority or a transport. Its
// CheckRedirect runs after the client's own check. Its Timeout limits each attempt including the body; lists that
// stream for longer end with an error. The default client uses HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
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

// WithCollectorURL sets the collector's base URL. The collector listens on another port than the backend, 8081 by
// default. Only the methods of [CollectorService] need it.
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

// WithHeader sends a secret header, such as one for a proxy, with every request to the configured hosts and to no
// other. The client protects the value like the key. It never sends it over plain http to a host other than loopback,
// and redacts values of 8 bytes or more in errors. Use [WithPlainHeader] for a value that is not secret. Setting a name
// twice sends the header twice. WithHeader rejects headers that the client sets itself, and Idempotency-Key, which
// would make net/http repeat changes.
func WithHeader(name, value string) Option {
	return func(s *settings) error { return s.addHeader("WithHeader", name, value, false) }
}

// WithPlainHeader is like [WithHeader] for a value that is not secret, such as a tenant's name. The value may be sent
// over plain http, and errors show it. It rejects headers that hold credentials, such as Cookie.
func WithPlainHeader(name, value string) Option {
	return func(s *settings) error { return s.addHeader("WithPlainHeader", name, value, true) }
}

func (s *settings) addHeader(option, name, value string, plain bool) error {
	canonical := http.CanonicalHeaderKey(name)
	switch canonical {
	case "Authorization", "User-Agent", "Host", "Content-Type", "Content-Length", "Content-Encoding", "Accept",
		"Accept-Encoding", "Connection", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect", "Keep-Alive",
		"Proxy-Connection":
		return invalid("%s: the client sets %s itself: pass the key to NewClient, and the user agent to WithUserAgent", option, canonical)
	case "Idempotency-Key", "X-Idempotency-Key":
		return invalid("%s: %s would make net/http repeat changes, and Metlo ignores it: leave it out", option, canonical)
	case "Cookie", "Proxy-Authorization":
		if plain {
			return invalid("%s: %s contains credentials: use WithHeader", option, canonical)
		}
	}
	if !validHeaderName(name) {
		return invalid("%s: %q is not a header name: use letters, digits and hyphens", option, name)
	}
	if !validHeaderValue(value) {
		return invalid("%s: the value of %s contains a line break or another control character: remove it", option, canonical)
	}
	s.headers = append(s.headers, header{canonical, NewSecret(value), plain})
	return nil
}

func (s *settings) holdsSecrets() bool {
	return slices.ContainsFunc(s.headers, func(h header) bool { return !h.plain })
}

// WithLogger logs each attempt: method, host, route, status, number, wait, duration, and the cause of a failure, with
// secrets redacted. The level is Warn for an attempt that failed before the response was complete or whose status is
// retryable, and Debug for any other.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) error {
		if logger == nil {
			return invalid("WithLogger: nil: leave the option out to log nothing")
		}
		s.logger = logger
		return nil
	}
}

// WithRateLimit limits attempts, including retries, to perSecond on average and to burst at once. The default is the
// limit that the API's documentation recommends: 10 per second after a burst of 10.
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

// WithoutRateLimit disables the rate limit. After a 429 all calls of the client still wait together.
func WithoutRateLimit() Option {
	return func(s *settings) error {
		s.limiter = nil
		return nil
	}
}

// WithLimiter calls limiter before each attempt. Several clients can share one.
func WithLimiter(limiter Limiter) Option {
	return func(s *settings) error {
		if isNil(limiter) {
			return invalid("WithLimiter: nil: use WithoutRateLimit for no limit")
		}
		s.limiter = limiter
		return nil
	}
}

// WithRetry sets how often and how soon requests are repeated; see [RetryPolicy] for zero fields. The client repeats a
// GET after a broken connection, a cut body, 408, 425, 429, 502, 503, 504, 520 to 527 and 530. It repeats other
// requests only after proof that the server did not act on them. Proofs are a connection that could not be made, a
// proxy's temporary refusal, a 429, and for idempotent changes a 503 with Retry-After.
//
// Without WithRetry and [WithoutRetry], a client that already got an answer of Metlo repeats some reads for up to 30 s,
// to outlast a restart of the backend. These are each GET of one object or of a list's first page.
func WithRetry(policy RetryPolicy) Option {
	return func(s *settings) error {
		if policy.MaxRetries < 0 || policy.BaseWait < 0 || policy.MaxWait < 0 || policy.MaxRetryAfter < 0 {
			return invalid("WithRetry: a field is negative: use 0 or more; a wait of 0 means the default")
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

// WithoutRetry disables retries.
func WithoutRetry() Option {
	return func(s *settings) error {
		s.retry.MaxRetries, s.patience = 0, 0
		return nil
	}
}

// WithHeaderTimeout limits the time from the start of an attempt to its response headers; the default is 60 s. Some
// routes of the server never answer while its database is down. A timeout ends the call without a retry.
func WithHeaderTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return invalid("WithHeaderTimeout: %v: use a positive duration", d)
		}
		s.timeout = d
		return nil
	}
}

// WithIdleTimeout limits the wait for the next KiB of a body; the default is 30 s. Time spent in a caller's loop over a
// list does not count.
func WithIdleTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return invalid("WithIdleTimeout: %v: use a positive duration", d)
		}
		s.idleTimeout = d
		return nil
	}
}

// WithMaxResponseBytes limits the size of an object or a page, and of each item of a list that All walks; the default
// is 64 MiB. A larger response is [ErrInvalidResponse].
func WithMaxResponseBytes(n int64) Option {
	return func(s *settings) error {
		if n <= 0 {
			return invalid("WithMaxResponseBytes: %d: use a positive number of bytes", n)
		}
		s.maxBytes = n
		return nil
	}
}

// WithMaxPageSize limits the number of items per request for a list, for a gateway that rejects more. All then walks by
// pages, which takes several requests per page: docs/listing.md has the numbers. A List with a larger Limit returns
// [ErrInvalidArgument].
func WithMaxPageSize(items int) Option {
	return func(s *settings) error {
		if items < 1 {
			return invalid("WithMaxPageSize: %d: use 1 or more", items)
		}
		s.maxPage = items
		return nil
	}
}

// WithInsecureHTTP permits sending a key over plain http to a host other than loopback. Anybody on the network path can
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
		return nil, errors.New("the base URL contains user info: pass the key as an argument and other credentials with WithHeader")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("the base URL's scheme is neither http nor https: " + form)
	case u.Hostname() == "" || u.Opaque != "":
		return nil, errors.New("the base URL has no host: " + form)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#"):
		return nil, errors.New("the base URL has a query or a fragment: " + form)
	case hasDotElement(u.EscapedPath()):
		return nil, errors.New("the base URL's path contains . or ..: " + form)
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api/v1"), "/")
	clean := &url.URL{Scheme: u.Scheme, Host: u.Host}
	if strings.EqualFold(u.Hostname(), "localhost") {
		clean.Host = strings.ToLower(u.Host) // the names of hosts without a proxy are compared in lower case
	}
	setEscapedPath(clean, prefix+"/api/v1")
	return clean, nil
}

// checkCleartext rejects an address at which others can read secrets: over plain http to another machine, or to a proxy,
// which forwards them.
func checkCleartext(u *url.URL, rt http.RoundTripper) error {
	if u == nil || u.Scheme != "http" {
		return nil
	}
	if !isLoopback(u.Hostname()) {
		return invalid("the key or a value of WithHeader would be sent over plain http to %s: use https, or WithInsecureHTTP if the network is trusted", u.Host)
	}
	if rt == nil {
		rt = http.DefaultTransport
	}
	t, ok := rt.(*http.Transport)
	if !ok || t.Proxy == nil {
		return nil
	}
	// The transport rejects a proxy too, but only when it is called.
	proxy, err := t.Proxy(&http.Request{Method: http.MethodGet, URL: u, Host: u.Host, Header: http.Header{}})
	if err == nil && proxy != nil {
		return invalid("the key or a value of WithHeader would be sent over plain http through the proxy %s: use https, except %s from the proxy, or use WithInsecureHTTP if the network is trusted", proxy.Host, u.Host)
	}
	return nil
}

// isLoopback reports whether traffic to host stays on this machine. Names below localhost do not count, since a
// resolver may map them to any address.
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
