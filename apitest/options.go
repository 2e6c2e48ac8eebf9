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

// Option configures Run and RunAll.
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
	slots           chan struct{} // holds one element for each test or payload that runs
	retries         int
	pace            *pacer
}

// applyOptions returns the settings even if an option is invalid.
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

// AllowHosts sets the hosts that requests may go to. At least one is required.
//
// A host is "api.example.com" (ports 80 and 443), "localhost:8080" (that port only) or an origin such as
// "http://localhost:8080" (that scheme and port only). There are no wildcards.
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

// Lenient applies the rule of the original library: a test fails if an assertion fails or a step gets no response.
// Otherwise it passes, even if it tested nothing. Without Lenient, such a test is inconclusive.
func Lenient() Option {
	return func(s *settings) error {
		s.lenient = true
		return nil
	}
}

// RequireControls turns a check that is uncontrolled into one that is inconclusive. It cannot be combined with Lenient.
func RequireControls() Option {
	return func(s *settings) error {
		s.requireControls = true
		return nil
	}
}

// WithEnv sets variables. An entry of the test's Env wins over a variable of the same name, unless it is an unfilled
// <<placeholder>> or needs a variable that does not exist. In an entry, {{default NAME "fallback"}} uses the variable
// if it is set.
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

// WithGlobalEnv sets the variables that templates read as {{global.NAME}}. Metlo stores such variables for all tests.
func WithGlobalEnv(env map[string]string) Option {
	env = maps.Clone(env)
	return func(s *settings) error {
		for k, v := range env {
			s.setGlobal(k, v)
		}
		return nil
	}
}

// WithGlobals sets the variables that the client's Testing.GlobalEnv returns, as WithGlobalEnv does.
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

// WithHTTPClient sends requests with a copy of c. The Jar of c is not used, because each run has its own cookies.
func WithHTTPClient(c *http.Client) Option {
	return func(s *settings) error {
		if c == nil {
			return errors.New("apitest: the HTTP client is nil: pass one")
		}
		s.client = c
		return nil
	}
}

// WithStepTimeout sets the time limit of each attempt of a step, from dialing to the last byte of the response. The
// default is 10 s. The timeout of a step takes precedence.
func WithStepTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.stepTimeout = d
		return positive(d > 0, "step timeout %v", d)
	}
}

// WithRunTimeout sets the time limit of the run of one test. By default there is none.
func WithRunTimeout(d time.Duration) Option {
	return func(s *settings) error {
		s.runTimeout = d
		return positive(d > 0, "run timeout %v", d)
	}
}

// WithScriptLimits sets the limits of each script in time and in bytes of memory. The body of the response is not
// counted. The defaults are 1 s and 128 MiB. The least memory is 1 MiB.
func WithScriptLimits(timeout time.Duration, memory uint64) Option {
	return func(s *settings) error {
		if timeout <= 0 || memory < 1<<20 {
			return fmt.Errorf("apitest: script limits %v and %d bytes: use a positive time and at least 1 MiB", timeout, memory)
		}
		s.scripts = script.Limits{Timeout: timeout, Memory: memory}
		return nil
	}
}

// WithMaxRequests sets the number of requests that a test with payloads may send. The default is 1000.
func WithMaxRequests(n int) Option {
	return func(s *settings) error {
		s.maxRequests = n
		return positive(n > 0, "%d requests at most", n)
	}
}

// WithMaxResponseBytes sets the limit of each response body after decompression. A step with a longer body fails. The
// default is 10 MiB.
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

// WithSecretsShown disables the masking of secrets in results.
func WithSecretsShown() Option {
	return func(s *settings) error {
		s.showSecrets = true
		return nil
	}
}

// WithParallel sets how many tests, and payloads of a test, run at the same time. The default is 1. The steps of a test
// run in order. So do the payloads of a test that stops on failure or runs in apitestt.RunT.
func WithParallel(n int) Option {
	return func(s *settings) error {
		s.parallel = n
		return positive(n > 0, "%d tests at a time", n)
	}
}

// WithRetry sets how often a step is sent again if it gets no response, or the status 429, 502, 503 or 504. The retry
// of a step takes precedence. The wait is 250 ms at first and doubles up to 4 s. A Retry-After header of up to 30 s
// takes precedence.
func WithRetry(n int) Option {
	return func(s *settings) error {
		s.retries = n
		return positive(n >= 0, "%d retries", n)
	}
}

// WithRateLimit limits the requests to each host to perSecond after a burst of the given size.
func WithRateLimit(perSecond float64, burst int) Option {
	return func(s *settings) error {
		s.pace.perSecond, s.pace.burst = perSecond, burst
		return positive(perSecond > 0 && burst > 0, "rate limit %v per second with bursts of %d", perSecond, burst)
	}
}

// WithLimiter delays requests to a host until l allows them, in addition to the limit of WithRateLimit. The host is written as in
// a URL, with its port if it has one. An empty host means every host.
func WithLimiter(host string, l metlo.Limiter) Option {
	return func(s *settings) error {
		if l == nil {
			return errors.New("apitest: the limiter is nil: pass one")
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
