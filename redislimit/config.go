package redislimit

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	maxPerSecond = 1000
	maxProcesses = 10_000

	used      = 0.9 // used share of the rate: requests that reach the server 150 ms late must not overfill a second
	lookahead = 250 * time.Millisecond
)

// Config describes the rate of a [Limiter]. All fields but Logger are required.
type Config struct {
	// Redis configures the connection: to one server, to a Sentinel (MasterName) or to a cluster. New copies it. The
	// limiter opens a separate connection, and overrides pool size, retries and timeouts.
	Redis *redis.UniversalOptions

	// BaseURL is the base URL of the Metlo instance, as for NewClient of package metlo. Limiters of the same instance
	// share one rate.
	BaseURL string

	// PerSecond is the rate of all processes together in requests per second, from 1 to 1000. The limiter uses 90 % of
	// it. All processes must set the same value.
	PerSecond int

	// WhenAway is [Fail] or [LocalShare].
	WhenAway Fallback

	// Logger logs when Redis becomes unavailable and when it is back. Nil means slog.Default.
	Logger *slog.Logger
}

// Fallback is the behaviour while Redis is unavailable: [Fail] or [LocalShare]. The zero value is invalid.
type Fallback struct {
	fail      bool
	processes int
}

// Fail returns the fallback with which calls fail with [ErrUnavailable].
func Fail() Fallback { return Fallback{fail: true} }

// LocalShare returns the fallback with which each process continues at 1/processes of the rate. Pass the maximum number
// of concurrent processes, from 1 to 10000: with more of them the total exceeds the rate.
func LocalShare(processes int) Fallback { return Fallback{processes: processes} }

func (c *Config) check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("redislimit: "+format, args...))
	}
	if c.Redis == nil || len(c.Redis.Addrs) == 0 {
		fault("Config.Redis has no address: set &redis.UniversalOptions{Addrs: []string{\"host:6379\"}}")
	}
	if _, err := keyOf(c.BaseURL); err != nil {
		faults = append(faults, err)
	}
	if c.PerSecond < 1 || c.PerSecond > maxPerSecond {
		fault("Config.PerSecond is %d: use 1 to %d requests per second", c.PerSecond, maxPerSecond)
	}
	switch away := c.WhenAway; {
	case away == Fallback{}:
		fault("Config.WhenAway is not set: use Fail() or LocalShare(processes)")
	case !away.fail && (away.processes < 1 || away.processes > maxProcesses):
		fault("LocalShare(%d): use the number of processes that share the rate, 1 to %d", away.processes, maxProcesses)
	}
	return errors.Join(faults...)
}

// interval returns the time between two slots of all processes, in whole microseconds, the unit of Redis.
func (c *Config) interval() time.Duration {
	return time.Duration(math.Ceil(1e6/(used*float64(c.PerSecond)))) * time.Microsecond
}

// gap returns the time between two slots of this process without Redis, 0 if it has none.
func (c *Config) gap() time.Duration {
	if c.WhenAway.fail {
		return 0
	}
	return time.Duration(c.WhenAway.processes) * c.interval()
}

// keyOf returns the key of an instance, which does not depend on the spelling of its base URL.
func keyOf(baseURL string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || strings.TrimSuffix(u.Hostname(), ".") == "" {
		return "", errors.New("redislimit: Config.BaseURL is not http(s)://host[:port][/prefix]: pass the base URL of the client")
	}
	if u.User != nil {
		return "", errors.New("redislimit: Config.BaseURL contains user info, which would appear in logs and in Redis keys: remove it")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api/v1"), "/")
	return "rate:metlo:" + server(u) + prefix, nil
}

// server returns host[:port] in a canonical spelling. An international name and its ASCII form remain two servers, as
// in the rest of the SDK.
func server(u *url.URL) string {
	host, port := u.Hostname(), u.Port()
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	} else {
		host = strings.Map(asciiLower, strings.TrimSuffix(host, "."))
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || port == map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		return host
	}
	return host + ":" + port
}

// asciiLower returns an ASCII letter in lower case, because servers ignore only the case of ASCII letters in names.
func asciiLower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
