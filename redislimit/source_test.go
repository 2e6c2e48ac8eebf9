package redislimit

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/credentials"
)

func newSource(t *testing.T, options *redis.UniversalOptions, baseURL string) *redisSource {
	t.Helper()
	s, err := newRedisSource(&Config{Redis: options, BaseURL: baseURL, PerSecond: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.client.Close()) })
	return s
}

func TestRedisGivesOutSlotsOneAfterTheOther(t *testing.T) {
	server := newRedisServer(t)
	const baseURL = "https://metlo.example.com"
	one, two := newSource(t, server.options(), baseURL), newSource(t, server.options(), baseURL)

	first, err := one.ask(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, first.granted)
	require.Less(t, first.wait, time.Millisecond, "the first slot is free")

	second, err := two.ask(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, second.granted)
	require.Greater(t, second.wait, time.Duration(0))
	require.LessOrEqual(t, second.wait, 1112*time.Millisecond)

	refused, err := one.ask(t.Context(), 0)
	require.NoError(t, err)
	require.False(t, refused.granted)
	require.Greater(t, refused.wait, second.wait, "the free slot comes after the one that was given out")
	require.Greater(t, refused.retry, time.Duration(0))

	third, err := one.ask(t.Context(), 2)
	require.NoError(t, err)
	require.True(t, third.granted, "a refusal takes no slot")

	other, err := newSource(t, server.options(), "https://other.example.com").ask(t.Context(), 0)
	require.NoError(t, err)
	require.True(t, other.granted, "another instance has a rate of its own")

	keys, err := server.client().Keys(t.Context(), "*").Result()
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"rate:metlo:metlo.example.com", "rate:metlo:other.example.com"}, keys)
	left, err := server.client().PTTL(t.Context(), keys[0]).Result()
	require.NoError(t, err)
	require.Greater(t, left, time.Duration(0), "a key is gone when all its slots are")
	require.LessOrEqual(t, left, 3335*time.Millisecond)
}

func TestARestartShowsAsARenewedConnection(t *testing.T) {
	server := newRedisServer(t)
	s := newSource(t, server.options(), "https://metlo.example.com")
	for range 3 {
		a, err := s.ask(t.Context(), 5)
		require.NoError(t, err)
		require.False(t, a.renewed)
	}
	server.kill()
	server.start()
	var a answer
	require.Eventually(t, func() (ok bool) {
		var err error
		a, err = s.ask(t.Context(), 5)
		return err == nil
	}, 20*time.Second, time.Millisecond)
	require.True(t, a.renewed)
	a, err := s.ask(t.Context(), 5)
	require.NoError(t, err)
	require.False(t, a.renewed)
}

func TestAskEndsWithItsContext(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, silent.Close()) })
	s := newSource(t, &redis.UniversalOptions{Addrs: []string{silent.Addr().String()}}, "https://metlo.example.com")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = s.ask(ctx, 5)
	require.Error(t, err)
}

func TestTheCallersOptionsStayAsTheyAre(t *testing.T) {
	server := newRedisServer(t)
	connections := 0
	options := server.options()
	options.OnConnect = func(context.Context, *redis.Conn) error { connections++; return nil }
	s := newSource(t, options, "https://metlo.example.com")
	_, err := s.ask(t.Context(), 0)
	require.NoError(t, err)
	require.Equal(t, 1, connections, "the caller's OnConnect runs")
	require.Zero(t, options.PoolSize)
	require.Zero(t, options.MaxRetries)
}

func TestNewReportsAllFaults(t *testing.T) {
	redisOptions := &redis.UniversalOptions{Addrs: []string{"127.0.0.1:6379"}}
	good := Config{Redis: redisOptions, BaseURL: "https://metlo.example.com", PerSecond: 10, WhenAway: Fail(), Logger: slog.Default()}
	for _, test := range []struct {
		name   string
		change func(*Config)
		want   []string
	}{
		{"nothing", func(*Config) {}, nil},
		{"everything", func(c *Config) { *c = Config{} }, []string{"Config.Redis", "Config.BaseURL", "Config.PerSecond", "Config.WhenAway"}},
		{"no address", func(c *Config) { c.Redis = &redis.UniversalOptions{} }, []string{"Config.Redis"}},
		{"no host", func(c *Config) { c.BaseURL = "https://." }, []string{"Config.BaseURL"}},
		{"no scheme", func(c *Config) { c.BaseURL = "metlo.example.com" }, []string{"Config.BaseURL"}},
		{"negative rate", func(c *Config) { c.PerSecond = -1 }, []string{"Config.PerSecond is -1"}},
		{"rate too high", func(c *Config) { c.PerSecond = 1001 }, []string{"Config.PerSecond is 1001"}},
		{"share of nobody", func(c *Config) { c.WhenAway = LocalShare(-4) }, []string{"LocalShare(-4)"}},
		{"zero share", func(c *Config) { c.WhenAway = LocalShare(0) }, []string{"Config.WhenAway"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := good
			test.change(&config)
			l, err := New(config)
			if test.want == nil {
				require.NoError(t, err)
				require.NoError(t, l.Close())
				return
			}
			require.Nil(t, l)
			for _, part := range test.want {
				require.ErrorContains(t, err, part)
			}
		})
	}
}

func TestInstancesShareAKeyHoweverTheirURLIsWritten(t *testing.T) {
	for _, test := range []struct {
		want     string
		baseURLs []string
	}{
		{"rate:metlo:metlo.example.com", []string{
			"https://metlo.example.com", "https://METLO.example.com:443/", " https://metlo.example.com/api/v1/ ",
			"https://metlo.example.com.", "https://Metlo.Example.Com.:443/api/v1", "https://metlo.example.com:", "HTTPS://metlo.example.com",
			"http://metlo.example.com:80", "http://metlo.example.com.", "https://metlo.example.com?key=secret#secret",
		}},
		{"rate:metlo:metlo.example.com:80", []string{"https://metlo.example.com:80", "https://metlo.example.com.:80"}},
		{"rate:metlo:metlo.example.com:443", []string{"http://metlo.example.com:443"}},
		{"rate:metlo:localhost:8080/prefix", []string{"http://localhost:8080/prefix/api/v1", "http://LOCALHOST.:8080/prefix//"}},
		{"rate:metlo:[2001:db8::1]", []string{
			"https://[2001:db8::1]", "https://[2001:DB8:0:0:0:0:0:1]:443", "https://[2001:0db8:0000::0001]/api/v1",
		}},
		{"rate:metlo:[::1]:8080", []string{"http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/"}},
		{"rate:metlo:[fe80::1%eth0]", []string{"https://[fe80::1%25eth0]", "https://[FE80:0::1%25eth0]:443"}},
		{"rate:metlo:192.0.2.1", []string{"https://192.0.2.1", "https://192.0.2.1:443"}},
		{"rate:metlo:bücher.example", []string{"https://bücher.example", "https://b%C3%BCcher.EXAMPLE."}},
		{"rate:metlo:bÜcher.example", []string{"https://BÜCHER.example"}},
		{"rate:metlo:xn--bcher-kva.example", []string{"https://XN--bcher-kva.example"}},
		{"rate:metlo:\u212aunde.example", []string{"https://\u212aunde.example"}}, // the sign of kelvin, which Unicode lowers to k
	} {
		for _, baseURL := range test.baseURLs {
			key, err := keyOf(baseURL)
			require.NoError(t, err, baseURL)
			require.Equal(t, test.want, key, baseURL)
		}
	}
}

// TestOneServerIsOneKey compares every pair of spellings with the comparison of the rest of the SDK.
func TestOneServerIsOneKey(t *testing.T) {
	var all []*url.URL
	for _, host := range []string{
		"metlo.example.com", "METLO.example.com", "metlo.example.com.", "other.example.com", "bücher.example", "BÜCHER.example", "xn--bcher-kva.example",
		"unde.example", "kunde.example", "\u212aunde.example", "[::1]", "[0:0::1]", "[::0001]", "[::2]", "[::ffff:192.0.2.1]", "[::ffff:c000:201]",
		"192.0.2.1", "[fe80::1%25a]", "[fe80::1%25A]", "[FE80::1%25a]",
	} {
		for _, port := range []string{"", ":", ":80", ":443", ":8443"} {
			for _, prefix := range []string{"", "/prefix", "/Prefix"} {
				u, err := url.Parse("https://" + host + port + prefix)
				require.NoError(t, err)
				all = append(all, u)
			}
		}
	}
	for _, a := range all {
		for _, b := range all {
			one, err := keyOf(a.String())
			require.NoError(t, err)
			two, err := keyOf(b.String())
			require.NoError(t, err)
			if credentials.SameServer(a, b) != (one == two) {
				t.Errorf("SameServer(%s, %s) is %t, and the keys are %s and %s", a, b, one != two, one, two)
			}
		}
	}
}

func TestUserInfoIsRefusedAndNotRepeated(t *testing.T) {
	for _, baseURL := range []string{"https://user:planted-secret@metlo.example.com", "https://planted-secret@metlo.example.com/api/v1"} {
		l, err := New(Config{
			Redis: &redis.UniversalOptions{Addrs: []string{"127.0.0.1:1"}}, BaseURL: baseURL, PerSecond: 1, WhenAway: LocalShare(1),
		})
		require.Nil(t, l)
		require.ErrorContains(t, err, "Config.BaseURL")
		require.NotContains(t, err.Error(), "planted-secret")
	}
}
