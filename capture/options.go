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
	defaultSendRate   = 200 // traces a second, which an instance of usual size keeps up with
	smallestQueue     = 64 << 10
	largestLimit      = 1 << 20 // of a body; a trace that is too long for the collector is sent without
)

// Option changes how a [Recorder] works. An option with a fault makes [New] fail with [metlo.ErrInvalidArgument].
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
	values        func(*Recorder) (traceBuilder, sink) // nil without WithValues
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

// WithHost records the traffic of these hosts, such as shop.example.com: what the service serves under them, and what it asks
// of them through [Recorder.Transport]. A host without a port stands for every port; case, a final dot, and the ports 80
// and 443 do not matter. The traffic of other hosts is skipped and counted, since any client can invent one, unless the
// host map of the instance names it. A request without a Host is that of the first host.
func WithHost(names ...string) Option {
	return option(func(s *settings) error {
		if len(names) == 0 {
			return invalid("WithHost: it has no host: name one, such as shop.example.com")
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

// WithAnyHost records the traffic of every host, whatever the Host header says. Each name that a client invents leaves the
// process and becomes a host in Metlo: use it where something in front of the service checks the names.
func WithAnyHost() Option {
	return option(func(s *settings) error {
		s.hosts.any = true
		return nil
	})
}

// WithClientAddress sends the address and the port of the client with each trace. They are left out otherwise.
func WithClientAddress() Option {
	return option(func(s *settings) error {
		s.clientAddress = true
		return nil
	})
}

// WithCredentials names further headers, cookies and query parameters that hold credentials, beside Authorization, what the
// instance's configuration says of the host, and the usual names of session cookies and key headers. A trace says whether
// there were any, and never which.
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

// WithUsers sends with each trace what pseudonym returns for its request, such as an internal user number. It is sent as it
// is, up to 256 bytes; an empty one is left out. pseudonym runs in the goroutine of the request when its handler has
// returned, with the request that the recorder handed on; if it panics there is no pseudonym.
func WithUsers(pseudonym func(*http.Request) string) Option {
	return option(func(s *settings) error {
		if pseudonym == nil {
			return invalid("WithUsers: nil: leave the option out")
		}
		s.users = pseudonym
		return nil
	})
}

// WithValues sends values: headers, parameters, and bodies of JSON, forms and multipart forms. Values whose names are those
// of secrets, and texts that have the form of a token, are replaced by [redacted]; every other body stays home. No list of
// names is complete, so values that are secrets may leave. Metlo needs values only to show them, and to raise the alert
// "Open API Spec Diff".
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

// WithOutput writes each trace as one line of JSON to w instead of sending it to a collector, for tests and laptops. The
// client of [New] may then be nil. Writes come from one goroutine, one for each trace. What cannot be written is counted as
// failed.
func WithOutput(w io.Writer) Option {
	return option(func(s *settings) error {
		if w == nil {
			return invalid("WithOutput: nil: leave the option out")
		}
		s.output = w
		return nil
	})
}

// WithEnvironment says where the service runs, such as production. Metlo shows it with each trace.
func WithEnvironment(name string) Option {
	return option(func(s *settings) error {
		s.environment = name
		return nil
	})
}

// WithBodyLimit sends bodies of up to n bytes, from 0 to 1 MiB; the default is 64 KiB. A longer JSON text is shortened to
// n bytes, any other longer body is left out. With 0 no body is copied or sent.
func WithBodyLimit(n int) Option {
	return option(func(s *settings) error {
		if n < 0 || n > largestLimit {
			return invalid("WithBodyLimit: %d bytes: use 0 to %d", n, largestLimit)
		}
		s.bodyLimit = n
		return nil
	})
}

// WithCopyLimit copies up to n bytes of a body that can be shortened, from 0 to 1 MiB; the default is 256 KiB. The fields
// of what was copied are what Metlo learns. A limit below that of WithBodyLimit lowers it.
func WithCopyLimit(n int) Option {
	return option(func(s *settings) error {
		if n < 0 || n > largestLimit {
			return invalid("WithCopyLimit: %d bytes: use 0 to %d", n, largestLimit)
		}
		s.copyLimit = n
		return nil
	})
}

// WithQueueBytes keeps at most n bytes of memory for everything that waits or is being sent; the default is 8 MiB, the
// least 64 KiB. What does not fit is dropped and counted.
func WithQueueBytes(n int) Option {
	return option(func(s *settings) error {
		if n < smallestQueue {
			return invalid("WithQueueBytes: %d: use %d or more", n, smallestQueue)
		}
		s.queueBytes = n
		return nil
	})
}

// WithQueueItems keeps at most n traces waiting; the default is 10,000.
func WithQueueItems(n int) Option {
	return option(func(s *settings) error {
		if n < 1 {
			return invalid("WithQueueItems: %d: use 1 or more", n)
		}
		s.queueItems = n
		return nil
	})
}

// WithSendRate sends at most perSecond traces a second on average; the default is 200. The collector drops traces
// without a word while over 1,000 wait behind it, so a rate above what the instance analyses loses traces unseen.
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

// WithoutSampling keeps everything for which the queue has room.
func WithoutSampling() Option {
	return option(func(s *settings) error {
		s.sampling = Sampling{all: true}
		return nil
	})
}

// WithSkips replaces [DefaultSkips]: change what that returns, or pass Skips{} to record everything.
func WithSkips(skips Skips) Option {
	return option(func(s *settings) error {
		s.skips = skips.clone()
		return nil
	})
}

// WithTrustedProxies takes the client's address from X-Forwarded-For where the request comes from one of the networks,
// such as 10.0.0.0/8, or the addresses: the last address there that is none of them. Metlo shows it as the original
// source. Without it the header is not believed, since any client can send it. It needs [WithClientAddress].
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

// WithAgentConfig asks the instance for its configuration now and then every interval, of at least a second; the default is
// 5 minutes. It says what sensitive data looks like, which endpoints there are, which hosts go by another name, which hosts
// and paths are not wanted, and how requests to a host authenticate. It is fetched off the request path. When that fails
// the last one stays in use, and before there is one the built-in data classes.
func WithAgentConfig(interval time.Duration) Option {
	return option(func(s *settings) error {
		if interval < time.Second {
			return invalid("WithAgentConfig: %v: use a second or more, such as 5 minutes", interval)
		}
		s.agentConfig = interval
		return nil
	})
}

// WithoutAgentConfig never asks the instance for its configuration.
func WithoutAgentConfig() Option {
	return option(func(s *settings) error {
		s.agentConfig = 0
		return nil
	})
}

// WithLogger says each kind of trouble once a minute at most, at level Warn, from the sender's goroutine. No log line
// holds anything of a trace. Without it nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return option(func(s *settings) error {
		if logger == nil {
			return invalid("WithLogger: nil: leave the option out to log nothing")
		}
		s.logger = logger
		return nil
	})
}

// WithHooks calls the functions for metrics, all from the sender's goroutine. A nil function is not called.
func WithHooks(hooks Hooks) Option {
	return option(func(s *settings) error {
		s.hooks = hooks
		return nil
	})
}

// Hooks are functions for metrics. They are called one at a time, and may panic without harm; a hook that blocks
// delays sending, never a request.
type Hooks struct {
	// Stats is called with the counts, about once a second while they change, and at the end.
	Stats func(Stats)
	// Request is called after each request to the collector.
	Request func(SendInfo)
}

// SendInfo is what came of one request to the collector.
type SendInfo struct {
	Traces   int           // in the batch
	Sent     int           // that the collector took
	Duration time.Duration // of the request with its retries
	Err      error         // nil on success; see [metlo.BatchError]
}

// MaskOption changes what is masked. It is an argument of [WithValues] and of [Mask].
type MaskOption struct{ set func(*maskSettings) error }

func (o MaskOption) setOn(s *maskSettings) error {
	if o.set == nil {
		return invalid("a MaskOption is zero: leave it out")
	}
	return o.set(s)
}

type maskSettings struct {
	names map[string]bool // further ones, in the form of normalName
	match func(string) bool
}

// WithMaskedNames masks further headers, parameters and members of bodies. Case, hyphens, underscores and other signs in
// a name do not matter.
func WithMaskedNames(names ...string) MaskOption {
	return MaskOption{func(s *maskSettings) error {
		if s.names == nil {
			s.names = map[string]bool{}
		}
		for _, name := range names {
			normal := normalName(name)
			if normal == "" {
				return invalid("WithMaskedNames: %q holds no letter or digit", name)
			}
			s.names[normal] = true
		}
		return nil
	}}
}

// WithMaskFunc masks further headers, parameters and members of bodies: those for whose name match is true. A match that
// panics masks.
func WithMaskFunc(match func(name string) bool) MaskOption {
	return MaskOption{func(s *maskSettings) error {
		if match == nil {
			return invalid("WithMaskFunc: nil: leave the option out")
		}
		s.match = match
		return nil
	}}
}

// Skips says what is not recorded. What is skipped is counted.
type Skips struct {
	Methods    []string // such as OPTIONS
	Statuses   []int    // of the response
	Paths      []string // whole paths, or with * at the end their beginnings; not regarded on outgoing requests
	UserAgents []string // beginnings, such as kube-probe/, in any case
	Extensions []string // of the path's last element, such as .css; in GET and HEAD requests

	// Func skips what it returns true for. It runs in the goroutine of the request, so it must be quick; if it panics the
	// request is not recorded. It must not change or keep the request.
	Func func(*http.Request) bool
}

// DefaultSkips leaves out what teaches Metlo nothing: OPTIONS, the statuses 404 and 405 from which it makes no endpoint,
// health checks, the agents of probes, and static files.
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

// Sampling says which traces of a method, route and class of status are kept. The route is the pattern of net/http's
// ServeMux or the framework's template; without one it is the path with what looks like an id left out.
type Sampling struct {
	First     int           // the first so many are kept
	Interval  time.Duration // then at least one in each interval
	PerSecond float64       // and so many a second over all routes

	all bool
}

// DefaultSampling keeps the first 100, then one in 4 s, since Metlo looks at an endpoint's fields that often, and 100 a
// second over all routes. On a route that also succeeds, errors (400 and above) get no more than about a fifth: Metlo
// looks for sensitive data in the last 100 traces of an endpoint, and finds little in errors.
func DefaultSampling() Sampling {
	return Sampling{First: 100, Interval: 4 * time.Second, PerSecond: 100}
}
