package capture

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
)

const (
	defaultBodyLimit  = 64 << 10
	defaultCopyLimit  = 256 << 10
	defaultQueueBytes = 8 << 20
	defaultQueueItems = 10_000
	defaultSendRate   = 200 // traces a second, which an instance of usual size can analyze
	smallestQueue     = 64 << 10
	largestLimit      = 1 << 20 // maximum of both body limits, in bytes
)

// Option configures a [Recorder]. [New] fails with [metlo.ErrInvalidArgument] if an option is invalid.
type Option interface{ apply(*settings) error }

type option func(*settings) error

func (o option) apply(s *settings) error { return o(s) }

type settings struct {
	hosts         hosts
	firstHost     string
	environment   string
	bodyLimit     int
	copyLimit     int
	queueBytes    int
	queueItems    int
	sendRate      float64
	sampling      Sampling
	skips         Skips
	proxies       originalSourcer
	clientAddress bool
	credentials   credentials
	users         func(*http.Request) string
	values        func(*Recorder) (traceBuilder, sink) // function of WithValues, or nil
	mask          maskSettings
	output        io.Writer
	agentConfig   time.Duration
	logger        *slog.Logger
	hooks         Hooks
}

func defaultSettings() settings {
	return settings{
		bodyLimit: defaultBodyLimit, copyLimit: defaultCopyLimit, queueBytes: defaultQueueBytes, queueItems: defaultQueueItems,
		sendRate: defaultSendRate, sampling: DefaultSampling(), skips: DefaultSkips(), agentConfig: defaultAgentConfig,
		hosts: hosts{named: map[string]bool{}}, credentials: credentials{},
	}
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("metlo: capture: %s: %w", fmt.Sprintf(format, args...), metlo.ErrInvalidArgument)
}

// WithHost records the traffic of the named hosts, such as shop.example.com: requests that the service receives for them, and
// requests that it sends to them through [Recorder.Transport]. A host without a port matches every port. Case, a final dot and
// the ports 80 and 443 are ignored. The recorder skips and counts requests to other hosts, because clients can send any Host
// header, unless the instance's host map contains the host. A request without a Host header belongs to the first host.
func WithHost(names ...string) Option {
	return option(func(s *settings) error {
		if len(names) == 0 {
			return invalid("WithHost: no host is given: name one, such as shop.example.com")
		}
		for _, name := range names {
			if name == "" || strings.ContainsAny(name, "/?#@ \t\r\n") {
				return invalid("WithHost: %q: use a host name alone, such as shop.example.com", name)
			}
			host := NormalizeHost(name)
			s.hosts.named[host] = true
			if s.firstHost == "" {
				s.firstHost = host
			}
		}
		return nil
	})
}

// WithAnyHost records the traffic of every host. Any name in a Host header is sent to Metlo and becomes a host there. Use it only
// behind a proxy that rejects unknown hosts.
func WithAnyHost() Option {
	return option(func(s *settings) error {
		s.hosts.any = true
		return nil
	})
}

// WithClientAddress adds the address and the port of the client to each trace. The recorder omits them by default.
func WithClientAddress() Option {
	return option(func(s *settings) error {
		s.clientAddress = true
		return nil
	})
}

// WithCredentials names additional headers, cookies and query parameters that hold credentials. The recorder already recognizes
// Authorization, the authentication that the instance configures for the host, and common session cookies and key headers. A
// trace contains whether a request had credentials and of which kind, never the credentials.
func WithCredentials(names ...string) Option {
	return option(func(s *settings) error {
		for _, name := range names {
			if strings.TrimSpace(name) == "" {
				return invalid("WithCredentials: a name is empty: name a header, a cookie or a parameter")
			}
			s.credentials[strings.ToLower(strings.TrimSpace(name))] = true
		}
		return nil
	})
}

// WithUsers adds a pseudonym of the user, such as an internal user number, to each trace. The recorder sends the result of
// pseudonym unchanged, up to 256 bytes, and omits an empty one. It calls pseudonym in the goroutine of the request after the
// handler has returned. If pseudonym panics, the trace has no pseudonym.
func WithUsers(pseudonym func(*http.Request) string) Option {
	return option(func(s *settings) error {
		if pseudonym == nil {
			return invalid("WithUsers: nil: leave the option out")
		}
		s.users = pseudonym
		return nil
	})
}

// WithValues sends the values of headers, parameters, and JSON, form and multipart bodies. Other bodies are not sent. Values whose
// names are those of secrets, and texts that look like tokens, become [redacted]. No list of names is complete, so secrets may
// be sent. Metlo needs values only to display them and to raise the alert "Open API Spec Diff".
func WithValues(opts ...MaskOption) Option {
	return option(func(s *settings) error {
		s.values = newValueBuilder
		for _, opt := range opts {
			if err := opt.setOn(&s.mask); err != nil {
				return err
			}
		}
		return nil
	})
}

// WithOutput writes each trace as one line of JSON to w instead of sending it to a collector. The client of [New] may then be nil.
// One goroutine writes, with one call of Write for each trace. Traces that cannot be written count as failed.
func WithOutput(w io.Writer) Option {
	return option(func(s *settings) error {
		if w == nil {
			return invalid("WithOutput: nil: leave the option out")
		}
		s.output = w
		return nil
	})
}

// WithEnvironment sets the environment of the service, such as production. Metlo displays it with each trace.
func WithEnvironment(name string) Option {
	return option(func(s *settings) error {
		s.environment = name
		return nil
	})
}

// WithBodyLimit copies at most n bytes of a text body, from 0 to 1 MiB; the default is 64 KiB. With [WithValues] it also limits
// the bodies that are sent: longer JSON is cut to n bytes, and other longer bodies are omitted. With 0 no body is copied.
func WithBodyLimit(n int) Option {
	return option(func(s *settings) error {
		if n < 0 || n > largestLimit {
			return invalid("WithBodyLimit: %d bytes: use 0 to %d", n, largestLimit)
		}
		s.bodyLimit = n
		return nil
	})
}

// WithCopyLimit copies at most n bytes of a JSON or compressed body, from 0 to 1 MiB; the default is 256 KiB. Metlo receives the
// fields of the copied part. A limit below that of [WithBodyLimit] has no effect.
func WithCopyLimit(n int) Option {
	return option(func(s *settings) error {
		if n < 0 || n > largestLimit {
			return invalid("WithCopyLimit: %d bytes: use 0 to %d", n, largestLimit)
		}
		s.copyLimit = n
		return nil
	})
}

// WithQueueBytes limits the memory of traces that wait or are being sent to n bytes. The default is 8 MiB, the minimum 64 KiB.
// Traces that do not fit are dropped and counted.
func WithQueueBytes(n int) Option {
	return option(func(s *settings) error {
		if n < smallestQueue {
			return invalid("WithQueueBytes: %d: use %d or more", n, smallestQueue)
		}
		s.queueBytes = n
		return nil
	})
}

// WithQueueItems limits the number of waiting traces to n. The default is 10,000.
func WithQueueItems(n int) Option {
	return option(func(s *settings) error {
		if n < 1 {
			return invalid("WithQueueItems: %d: use 1 or more", n)
		}
		s.queueItems = n
		return nil
	})
}

// WithSendRate limits the average number of traces sent a second; the default is 200. The collector silently drops traces while
// more than 1,000 wait for analysis, so do not exceed the rate that the instance can analyze.
func WithSendRate(perSecond float64) Option {
	return option(func(s *settings) error {
		if !(perSecond > 0) || perSecond > 1e6 {
			return invalid("WithSendRate: %v traces a second: use a positive number up to a million", perSecond)
		}
		s.sendRate = perSecond
		return nil
	})
}

// WithSampling replaces [DefaultSampling].
func WithSampling(sampling Sampling) Option {
	return option(func(s *settings) error {
		if sampling.First < 0 || sampling.Interval < 0 || !(sampling.PerSecond >= 0) {
			return invalid("WithSampling: %+v: use no negative values", sampling)
		}
		s.sampling = sampling
		return nil
	})
}

// WithoutSampling keeps every trace for which the queue has room.
func WithoutSampling() Option {
	return option(func(s *settings) error {
		s.sampling = Sampling{all: true}
		return nil
	})
}

// WithSkips replaces [DefaultSkips]. Modify the result of DefaultSkips, or pass Skips{} to skip nothing.
func WithSkips(skips Skips) Option {
	return option(func(s *settings) error {
		s.skips = skips.clone()
		return nil
	})
}

// WithTrustedProxies names the networks, such as 10.0.0.0/8, and addresses of proxies in front of the service. It sets the original
// source of requests from these proxies, and of requests over a unix socket. The source is the last address in X-Forwarded-For that
// is not a trusted proxy. By default the header is ignored, because any client can send it. The option requires [WithClientAddress].
func WithTrustedProxies(networks ...string) Option {
	return option(func(s *settings) error {
		trusted, _ := s.proxies.(proxies)
		for _, network := range networks {
			prefix, err := netip.ParsePrefix(network)
			if err != nil {
				addr, addrErr := netip.ParseAddr(network)
				if addrErr != nil {
					return invalid("WithTrustedProxies: %q: use a network such as 10.0.0.0/8, or an address", network)
				}
				prefix = netip.PrefixFrom(addr, addr.BitLen())
			}
			trusted.networks = append(trusted.networks, prefix.Masked())
		}
		if len(networks) > 0 {
			s.proxies = trusted
		}
		return nil
	})
}

const defaultAgentConfig = 5 * time.Minute

// WithAgentConfig sets the interval at which the recorder fetches the configuration of the instance. The minimum is a second, the
// default 5 minutes. The configuration holds the data classes, the endpoints, the host map, the blocked hosts and paths, and the
// authentication of hosts. If fetching fails, the last configuration stays in use. Before the first one the recorder uses the
// built-in data classes.
func WithAgentConfig(interval time.Duration) Option {
	return option(func(s *settings) error {
		if interval < time.Second {
			return invalid("WithAgentConfig: %v: use a second or more, such as 5 minutes", interval)
		}
		s.agentConfig = interval
		return nil
	})
}

// WithoutAgentConfig disables fetching the configuration of the instance.
func WithoutAgentConfig() Option {
	return option(func(s *settings) error {
		s.agentConfig = 0
		return nil
	})
}

// WithLogger logs failures at level Warn, each kind at most once a minute, and the end of an outage at level Info. Log records
// contain no data of traces. By default nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) error {
		if logger == nil {
			return invalid("WithLogger: nil: leave the option out to log nothing")
		}
		s.logger = logger
		return nil
	})
}

// WithHooks sets the functions that receive metrics. The sender's goroutine calls them.
func WithHooks(hooks Hooks) Option {
	return option(func(s *settings) error {
		s.hooks = hooks
		return nil
	})
}

// Hooks holds functions that receive metrics. The recorder calls one at a time and skips nil functions. A hook that blocks
// delays sending, not requests. Panics of hooks are recovered and counted.
type Hooks struct {
	// Stats receives the counts about once a second while they change, and once at the end.
	Stats func(Stats)
	// Request receives the result of each request to the collector.
	Request func(SendInfo)
}

// SendInfo describes the result of one request to the collector.
type SendInfo struct {
	// Traces is the number of traces in the batch.
	Traces int
	// Sent is the number of traces that the collector accepted.
	Sent int
	// Duration is the time that the request took with its retries.
	Duration time.Duration
	// Err is nil on success. It is a *[metlo.AnalyzedBatchError], or with [WithValues] a *[metlo.BatchError].
	Err error
}

// MaskOption is an option of [WithValues] and [Mask] that selects values to mask.
type MaskOption struct{ set func(*maskSettings) error }

func (o MaskOption) setOn(s *maskSettings) error {
	if o.set == nil {
		return invalid("a MaskOption is zero: leave it out")
	}
	return o.set(s)
}

type maskSettings struct {
	names map[string]bool // additional names, as normalName returns them
	match func(string) bool
}

// WithMaskedNames masks additional headers, parameters and body members by name. It ignores case and punctuation in names.
func WithMaskedNames(names ...string) MaskOption {
	return MaskOption{func(s *maskSettings) error {
		if s.names == nil {
			s.names = map[string]bool{}
		}
		for _, name := range names {
			normal := normalName(name)
			if normal == "" {
				return invalid("WithMaskedNames: %q contains no letter or digit: name a header, a parameter or a member of a body", name)
			}
			s.names[normal] = true
		}
		return nil
	}}
}

// WithMaskFunc masks additional headers, parameters and body members for whose name match returns true. A panic of match counts
// as true.
func WithMaskFunc(match func(name string) bool) MaskOption {
	return MaskOption{func(s *maskSettings) error {
		if match == nil {
			return invalid("WithMaskFunc: nil: leave the option out")
		}
		s.match = match
		return nil
	}}
}

// Skips selects requests that are not recorded. The recorder counts them.
type Skips struct {
	// Methods are request methods, such as OPTIONS.
	Methods []string
	// Statuses are response statuses, such as 404.
	Statuses []int
	// Paths are paths of incoming requests. A final * matches every path with that prefix.
	Paths []string
	// UserAgents are prefixes of User-Agent headers of incoming requests, such as kube-probe/. Case is ignored.
	UserAgents []string
	// Extensions are the extensions of the last path element, such as .css, in GET and HEAD requests.
	Extensions []string

	// Func returns true for requests to skip. It runs in the goroutine of the request and must return fast. It must not
	// modify or keep the request. If it panics, the request is not recorded.
	Func func(*http.Request) bool
}

// DefaultSkips returns the default skips: OPTIONS requests, the statuses 404 and 405, health checks, the user agents of probes, and
// static files. Metlo creates no endpoint from the statuses 404 and 405.
func DefaultSkips() Skips {
	return Skips{
		Methods:  []string{http.MethodOptions},
		Statuses: []int{http.StatusNotFound, http.StatusMethodNotAllowed},
		Paths: []string{
			"/health", "/healthz", "/health/*", "/healthcheck", "/_health", "/live", "/livez", "/liveness", "/ready", "/readyz",
			"/readiness", "/startup", "/startupz", "/ping", "/status", "/metrics", "/favicon.ico", "/robots.txt",
			"/actuator/health*", "/-/healthy", "/-/ready", "/debug/pprof/*", "/.well-known/acme-challenge/*",
		},
		UserAgents: []string{
			"kube-probe/", "GoogleHC/", "ELB-HealthChecker/", "Amazon-Route53-Health-Check-Service", "Prometheus/", "Consul Health Check",
			"Envoy/HC", "Blackbox Exporter", "HealthChecker/", "UptimeRobot/", "Mozilla/5.0+(compatible; UptimeRobot/", "Pingdom.com_bot",
			"Better Uptime Bot", "StatusCake", "Datadog/Synthetics", "Site24x7", "NewRelicPinger/", "Azure Traffic Manager Endpoint Monitor",
			"Load Balancer Agent", "check_http/",
		},
		Extensions: []string{
			".css", ".js", ".mjs", ".map", ".ico", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".bmp", ".woff", ".woff2",
			".ttf", ".otf", ".eot", ".mp3", ".mp4", ".webm", ".ogg", ".wasm", ".txt", ".html", ".htm",
		},
	}
}

// Sampling selects the traces that are kept, separately for each method, route and class of status. The route is the pattern of
// http.ServeMux or the template of the framework. Without one it is the path without the elements that look like ids.
type Sampling struct {
	// First is the number of traces that are kept at the beginning.
	First int
	// Interval is the time after which another trace is kept; 0 means never.
	Interval time.Duration
	// PerSecond is the number of additional traces a second, over all routes.
	PerSecond float64

	all bool
}

// DefaultSampling returns the default sampling: the first 100 traces, then one every 4 s, and 100 a second over all routes. Metlo
// analyzes the fields of an endpoint every 4 s. On a route that also succeeds, at most about a fifth of the kept traces are errors
// (400 and above). Metlo looks for sensitive data in the last 100 traces of an endpoint, so errors must not displace successes.
func DefaultSampling() Sampling {
	return Sampling{First: 100, Interval: 4 * time.Second, PerSecond: 100}
}
