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

	used      = 0.9 // of the rate: requests that reach the server 150 ms late must not make a second too full
	lookahead = 250 * time.Millisecond
)

// Config says what a [Limiter] limits. All fields but Logger are required.
type Config struct {
	// Redis says how to connect: to one server, to a Sentinel (MasterName) or to a cluster. It is copied. The limiter
	// uses a connection of its own, whose pool size, retries and timeouts it sets itself.
	Redis *redis.UniversalOptions

	// BaseURL is the Metlo instance, as NewClient of package metlo takes it. Limiters of the same instance share one
	// rate.
	BaseURL string

	// PerSecond is the rate of the whole fleet in requests per second, 1 to 1000, of which 90 % are used. It must be the
	// same everywhere.
	PerSecond int

	// WhenAway is [Fail] or [LocalShare].
	WhenAway Fallback

	// Logger is told when Redis goes away and when it is back. Nil is slog.Default.
	Logger *slog.Logger
}

// Fallback says what happens while Redis is away: [Fail] or [LocalShare]. The zero value is neither.
type Fallback struct {
	fail      bool
	processes int
}

// Fail returns calls fail with [ErrUnavailable] while Redis is away.
func Fail() Fallback { return Fallback{fail: true} }

// LocalShare lets each process go on at 1/processes of the rate while Redis is away. Give the highest number of
// processes that may run at once, 1 to 10000: with more than that the fleet exceeds the rate.
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

// interval returns the time between two slots of the fleet, in whole microseconds, as Redis counts.
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

// keyOf names the key of an instance: the same for every way to write its base URL.
func keyOf(baseURL string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(baseURL))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || strings.TrimSuffix(u.Hostname(), ".") == "" {
		return "", errors.New("redislimit: Config.BaseURL is not http(s)://host[:port][/prefix]: pass the base URL of the client")
	}
	if u.User != nil {
		return "", errors.New("redislimit: Config.BaseURL holds user info, which would show in logs and in the names of Redis's keys: leave it out")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	prefix = strings.TrimRight(strings.TrimSuffix(prefix, "/api/v1"), "/")
	return "rate:metlo:" + server(u) + prefix, nil
}

// server returns host[:port] as all spellings of it have in common. An international name and its ASCII form stay two
// servers, as in the rest of the SDK.
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

// asciiLower lowers the letters of ASCII, as servers compare names.
func asciiLower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}
