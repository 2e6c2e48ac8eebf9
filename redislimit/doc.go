// Package redislimit keeps one rate limit of the Metlo API for a whole fleet of processes, through Redis.
//
// A [Limiter] goes into metlo.WithLimiter:
//
//	limiter, err := redislimit.New(redislimit.Config{
//		Redis:     &redis.UniversalOptions{Addrs: []string{"redis:6379"}},
//		BaseURL:   "https://metlo.example.com",
//		PerSecond: 10,
//		WhenAway:  redislimit.LocalShare(4),
//	})
//	if err != nil {
//		return err
//	}
//	defer limiter.Close()
//	client, err := metlo.NewClient("https://metlo.example.com", key, metlo.WithLimiter(limiter))
//
// # How the rate is kept
//
// Redis holds one key for each Metlo instance, named after [Config.BaseURL] however that is spelled. A GCRA script hands
// out slots that lie evenly apart, never several at once. They use 90 % of the rate, so that the server, too, counts no
// more than the rate in any second, although some requests reach it later than others.
// A process asks for one slot at a time, so a busy process cannot shut out the others.
//
// The limiter works under GODEBUG=fips140=only.
//
// # When Redis is away
//
// Redis is away when it gives no answer within half a second, or an error. [Config.WhenAway] then decides. With
// [Fail], calls fail with [ErrUnavailable]. With [LocalShare], each process goes on by itself at its share of the rate.
// Either way the change is logged once, as a warning, and the return is logged once, as information. Redis
// is asked again by itself, at most every half a second while there are calls.
//
// A Redis that comes back has often forgotten the key, and other processes may not know yet that it is back. So
// a process with a local share keeps to it for some seconds more, and takes its slots from Redis at the same time. The
// same happens after a connection that was lost and made anew, because a restart may be the reason.
//
// Two cases are outside of the promise. While only some of the processes cannot reach Redis, these send their shares
// on top of what the others send. And a process that starts in the seconds after an outage does not know of it.
package redislimit
