// Package redislimit shares one rate limit of the Metlo API between processes, through Redis.
//
// Pass a [Limiter] to metlo.WithLimiter:
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
// # Rate
//
// Redis holds one key per Metlo instance, named after [Config.BaseURL] in a canonical spelling. A script implements
// GCRA (generic cell rate algorithm) and assigns evenly spaced slots, never several at once. They use 90 % of the rate,
// so the server counts no more than the rate in any second, although requests take different times to reach it. A
// process requests one slot at a time, so a busy process cannot shut out the others.
//
// The limiter works under GODEBUG=fips140=only.
//
// # Unavailable Redis
//
// Redis counts as unavailable if it returns an error or no answer within half a second. [Config.WhenAway] then decides.
// With [Fail], calls fail with [ErrUnavailable]. With [LocalShare], each process continues at its share of the rate.
// The limiter logs the outage once as a warning, and the return once as information. While there are calls it asks
// Redis again, at most every half second.
//
// A restarted Redis has often lost the key, and other processes may not yet know that it is back. So a process with a
// local share keeps to it for some seconds, and takes slots from Redis at the same time. It does the same after every
// reconnection, because a restart may be the reason.
//
// The rate is not guaranteed in two cases. While only some processes cannot reach Redis, their shares add to the rate
// of the others. A process that starts in the seconds after an outage does not know of it.
package redislimit
