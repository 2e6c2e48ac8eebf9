package apitest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Option changes how Run works.
type Option func(*settings) error

type settings struct {
	allow       allowList
	env         map[string]any
	client      *http.Client
	stepTimeout time.Duration
	payloads    map[string][]string
	scripts     scriptLimits
	maxRequests int
	maxBody     int64
	keepCookies bool
}

func newSettings(opts []Option) (*settings, error) {
	s := &settings{
		env:         map[string]any{},
		client:      http.DefaultClient,
		stepTimeout: 10 * time.Second,
		payloads:    map[string][]string{},
		scripts:     defaultScriptLimits,
		maxRequests: 1000,
		maxBody:     10 << 20,
		keepCookies: true,
	}
	var errs []error
	for _, o := range opts {
		if o != nil {
			errs = append(errs, o(s))
		}
	}
	if len(s.allow) == 0 && errors.Join(errs...) == nil {
		errs = append(errs, errors.New(`apitest: no host is allowed: pass AllowHosts("staging.example.com")`))
	}
	return s, errors.Join(errs...)
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
			entry, err := parseAllowed(h)
			errs = append(errs, err)
			s.allow = append(s.allow, entry)
		}
		return errors.Join(errs...)
	}
}

// WithEnv sets variables before the test's own env, whose entries win over them;
// {{default NAME "fallback"}} in an entry lets the caller's value through.
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
		global, ok := s.env["global"].(map[string]any)
		if !ok {
			global = map[string]any{}
			s.env["global"] = global
		}
		for k, v := range env {
			global[k] = v
		}
		return nil
	}
}

// WithPayloads gives the list that a payload refers to by name. It may not be empty.
func WithPayloads(name string, values ...string) Option {
	values = slices.Clone(values)
	return func(s *settings) error {
		if name == "" || len(values) == 0 {
			return fmt.Errorf("apitest: payload list %q: give a name and at least one value", name)
		}
		s.payloads[name] = values
		return nil
	}
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

// WithStepTimeout bounds each request from dialling to the last byte of the response. Default 10 s.
func WithStepTimeout(d time.Duration) Option {
	return func(s *settings) error {
		if d <= 0 {
			return fmt.Errorf("apitest: step timeout %v: must be positive", d)
		}
		s.stepTimeout = d
		return nil
	}
}

// WithScriptLimits bounds each script in time and in growth of the process's memory, in bytes.
// Default 1 s and 128 MiB; memory is at least 1 MiB.
func WithScriptLimits(timeout time.Duration, memory uint64) Option {
	return func(s *settings) error {
		if timeout <= 0 || memory < 1<<20 {
			return fmt.Errorf("apitest: script limits %v and %d bytes: need a positive time and at least 1 MiB", timeout, memory)
		}
		s.scripts = scriptLimits{timeout: timeout, memory: memory}
		return nil
	}
}

// WithMaxRequests bounds how many requests payloads may multiply a test into. Default 1000.
func WithMaxRequests(n int) Option {
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("apitest: %d requests at most: must be positive", n)
		}
		s.maxRequests = n
		return nil
	}
}

// WithMaxResponseBytes bounds each response body after decompression; a longer one fails its step. Default 10 MiB.
func WithMaxResponseBytes(n int64) Option {
	return func(s *settings) error {
		if n < 1 {
			return fmt.Errorf("apitest: %d response bytes at most: must be positive", n)
		}
		s.maxBody = n
		return nil
	}
}

// WithoutCookieJar forgets the cookies that responses set, instead of sending them in later steps.
// Use it for tests that compare users, where the first user's session must not leak into the second's request.
func WithoutCookieJar() Option {
	return func(s *settings) error {
		s.keepCookies = false
		return nil
	}
}
