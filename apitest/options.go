package apitest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/internal/netguard"
	"github.com/metlo-go/metlo/apitest/internal/script"
)

// Option changes how Run and RunAll work.
type Option func(*settings) error

type settings struct {
	allow           netguard.AllowList
	env             map[string]any
	client          *http.Client
	stepTimeout     time.Duration
	runTimeout      time.Duration
	payloads        map[string][]string
	scripts         script.Limits
	maxRequests     int
	maxBody         int64
	cookies         CookieMode
	lenient         bool
	requireControls bool
	handler         http.Handler
	showSecrets     bool
	parallel        int
	slots           chan struct{} // one for each test or payload that runs
	retries         int
	pace            *pacer
}

// applyOptions gives the settings also when an option is wrong.
func applyOptions(opts []Option) (*settings, error) {
	s := &settings{
		env:         map[string]any{},
		client:      http.DefaultClient,
		stepTimeout: 10 * time.Second,
		payloads:    builtinPayloads(),
		scripts:     script.Default(),
		maxRequests: 1000,
		maxBody:     10 << 20,
		parallel:    1,
		pace:        &pacer{},
	}
	var errs []error
	for _, o := range opts {
		if o != nil {
			errs = append(errs, o(s))
		}
	}
	return s, errors.Join(errs...)
}

func newSettings(opts []Option) (*settings, error) {
	s, err := applyOptions(opts)
	if len(s.allow) == 0 && s.handler == nil && err == nil {
		err = errors.New(`apitest: no host is allowed: pass AllowHosts("staging.example.com")`)
	}
	if s.lenient && s.requireControls && err == nil {
		err = errors.New("apitest: Lenient and RequireControls exclude each other: choose one")
	}
	s.slots = make(chan struct{}, max(s.parallel, 1))
	return s, err
}

// AllowHosts names the hosts that may be called. At least one is required.
//
// A host is "api.example.com" (ports 80 and 443), "localhost:8080" (that port only) or
// an origin such as "http://localhost:8080" (that scheme and port only). There are no wildcards.
func AllowHosts(hosts ...string) Option {
	hosts = slices.Clone(hosts)
	return func(s *settings) error {
		var errs []error
		for _, h := range hosts {
			entry, err := netguard.Parse(h)
			errs = append(errs, err)
			s.allow = append(s.allow, entry)
		}
		return errors.Join(errs...)
	}
}

// Lenient judges as the original library does: a test fails when an assertion fails or a step gets no response, and
// passes otherwise, also when it tested nothing. Without it such a test is Inconclusive.
func Lenient() Option {
	return func(s *settings) error {
		s.lenient = true
		return nil
	}
}

// RequireControls makes a check inconclusive that held where nothing shows the target to work. It is an error together
// with Lenient.
func RequireControls() Option {
	return func(s *settings) error {
		s.requireControls = true
		return nil
	}
}

// WithEnv sets variables. An entry of the test's own Env wins over a variable of the same name, unless it is an
// unfilled <<placeholder>> or needs a variable that does not exist. {{default NAME "fallback"}} in an entry lets the
// caller's value through.
func WithEnv(env map[string]string) Option {
	env = maps.Clone(env)
	return func(s *settings) error {
		for k, v := range env {
			if k == "global" {
				return errors.New("apitest: the variable global is taken: use WithGlobalEnv")
			}
			s.env[k] = v
		}
		return nil
	}
}

// WithGlobalEnv sets what {{global.NAME}} stands for, as kept by Metlo for all tests.
func WithGlobalEnv(env map[string]string) Option {
	env = maps.Clone(env)
	return func(s *settings) error {
		for k, v := range env {
			s.setGlobal(k, v)
		}
		return nil
	}
}

// WithGlobals is WithGlobalEnv for what Testing.GlobalEnv of the client gives.
func WithGlobals(list []metlo.EnvVariable) Option {
	list = slices.Clone(list)
	return func(s *settings) error {
		for _, nv := range list {
			s.setGlobal(nv.Name, nv.Value.Reveal())
		}
		return nil
	}
}

func (s *settings) setGlobal(name, value string) {
	global, ok := s.env["global"].(map[string]any)
	if !ok {
		global = map[string]any{}
		s.env["global"] = global
	}
	global[name] = value
}

// WithHTTPClient sends requests through c, which is copied. Its Jar is not used: cookies belong to the run.
func WithHTTPClient(c *http.Client) Option {
	return func(s *settings) error {
		if c == nil {
			return errors.New("apitest: the HTTP client is nil")
		}
		s.client = c
		return nil
	}
}

// WithStepTimeout bounds each attempt of a step from dialling to the last byte of the response. Default 10 s.
// A step's own timeout wins.
func WithStepTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.stepTimeout = d
		return positive(d > 0, "step timeout %v", d)
	}
}

// WithRunTimeout bounds the run of one test. It has no default.
func WithRunTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.runTimeout = d
		return positive(d > 0, "run timeout %v", d)
	}
}

// WithScriptLimits bounds each script in time and in memory, in bytes. The body of the response does not count.
// Default 1 s and 128 MiB; memory is at least 1 MiB.
func WithScriptLimits(timeout time.Duration, memory uint64) Option {
	return func(s *settings) error {
		if timeout <= 0 || memory < 1<<20 {
			return fmt.Errorf("apitest: script limits %v and %d bytes: need a positive time and at least 1 MiB", timeout, memory)
		}
		s.scripts = script.Limits{Timeout: timeout, Memory: memory}
		return nil
	}
}

// WithMaxRequests bounds how many requests payloads may multiply a test into. Default 1000.
func WithMaxRequests(n int) Option {
	return func(s *settings) error {
		s.maxRequests = n
		return positive(n > 0, "%d requests at most", n)
	}
}

// WithMaxResponseBytes bounds each response body after decompression; a longer one fails its step. Default 10 MiB.
func WithMaxResponseBytes(n int64) Option {
	return func(s *settings) error {
		s.maxBody = n
		return positive(n > 0, "%d response bytes at most", n)
	}
}

// WithCookies overrides the cookie mode of the tests.
func WithCookies(mode CookieMode) Option {
	return func(s *settings) error {
		if !slices.Contains(cookieModes, string(mode)) {
			return fmt.Errorf("apitest: cookie mode %q: use CookiesShared, CookiesPerIdentity or CookiesNone", mode)
		}
		s.cookies = mode
		return nil
	}
}

// WithSecretsShown leaves secrets readable in results, which mask them otherwise.
func WithSecretsShown() Option {
	return func(s *settings) error {
		s.showSecrets = true
		return nil
	}
}

// WithParallel lets up to n tests, and payloads of a test, run at a time. Default 1. The steps of a test run one after the
// other, and so do the payloads of a test that stops on failure, and those of a test in apitestt.RunT.
func WithParallel(n int) Option {
	return func(s *settings) error {
		s.parallel = n
		return positive(n > 0, "%d tests at a time", n)
	}
}

// WithRetry sends a step again, up to n times, when it gets no response, or 429, 502, 503 or 504.
// A step's own retry wins. The waits are 250 ms, doubling up to 4 s, or what Retry-After says up to 30 s.
func WithRetry(n int) Option {
	return func(s *settings) error {
		s.retries = n
		return positive(n >= 0, "%d retries", n)
	}
}

// WithRateLimit sends at most perSecond requests each second to each host, after a burst of the given number.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(s *settings) error {
		s.pace.perSecond, s.pace.burst = perSecond, burst
		return positive(perSecond > 0 && burst > 0, "rate limit %v per second with bursts of %d", perSecond, burst)
	}
}

// WithLimiter lets requests to a host wait for l, and for the limit of WithRateLimit besides. The host is written as in
// a URL, with its port if there is one; "" stands for every host.
func WithLimiter(host string, l metlo.Limiter) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("apitest: the limiter is nil")
		}
		s.pace.add(host, l)
		return nil
	}
}

func positive(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("apitest: "+format+": must be positive", args...)
}
