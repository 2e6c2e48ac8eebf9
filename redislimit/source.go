package redislimit

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots implements GCRA with a queue: the key holds the time of the next free slot, in microseconds by the clock of
// Redis. It takes that slot if at most ARGV[2] slots of ARGV[1] microseconds precede it. It returns whether it did, the
// time until the slot, and the time until a retry is useful.
//
// The limiter sends it with EVAL: EVALSHA names a script by its SHA-1, which programs under GODEBUG=fips140=only cannot
// compute.
const slots = `
local time = redis.call("TIME")
local now = time[1] * 1000000 + time[2]
local step = tonumber(ARGV[1])
local slot = math.max(now, tonumber(redis.call("GET", KEYS[1]) or now))
local wait = slot - now
local early = wait - ARGV[2] * step
if early > 0 then
	return {0, wait, early}
end
redis.call("SET", KEYS[1], string.format("%.0f", slot + step), "PX", math.ceil((wait + step) / 1000))
return {1, wait, 0}
`

// answer is the reply of Redis to the request for a slot.
type answer struct {
	granted bool
	wait    time.Duration // time until the assigned slot, or until the first free one
	retry   time.Duration // time until a retry is useful, if no slot was assigned
	renewed bool          // the connection is not that of the previous answer
}

// redisSource sends requests to Redis through one connection.
type redisSource struct {
	client  redis.UniversalClient
	key     string
	step    time.Duration
	connect atomic.Int64 // connections made so far
	seen    atomic.Int64 // value of connect at the last answer
}

func newRedisSource(config *Config) (*redisSource, error) {
	key, err := keyOf(config.BaseURL)
	if err != nil {
		return nil, err
	}
	s := &redisSource{key: key, step: config.interval()}
	options := *config.Redis
	onConnect := options.OnConnect
	options.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		s.connect.Add(1)
		if onConnect == nil {
			return nil
		}
		return onConnect(ctx, conn)
	}
	// One connection that is never replaced without need: a new one indicates that Redis may have restarted.
	options.PoolSize, options.MaxActiveConns, options.MinIdleConns, options.MaxIdleConns = 1, 0, 0, 1
	options.ConnMaxIdleTime, options.ConnMaxLifetime = -1, -1
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = askTimeout, askTimeout, askTimeout
	options.PoolTimeout, options.ContextTimeoutEnabled = askTimeout, true
	s.client = redis.NewUniversalClient(&options)
	return s, nil
}

// ask takes the next free slot, if at most ahead slots precede it.
func (s *redisSource) ask(ctx context.Context, ahead int) (answer, error) {
	result, err := s.client.Eval(ctx, slots, []string{s.key}, s.step.Microseconds(), ahead).Int64Slice()
	if err != nil {
		return answer{}, fmt.Errorf("ask redis for a slot: %w", err)
	}
	if len(result) != 3 {
		return answer{}, fmt.Errorf("ask redis for a slot: the script returned %d numbers, not 3: check what answers at the address", len(result))
	}
	connections := s.connect.Load()
	before := s.seen.Swap(connections)
	return answer{
		granted: result[0] == 1,
		wait:    time.Duration(result[1]) * time.Microsecond,
		retry:   time.Duration(result[2]) * time.Microsecond,
		renewed: before != 0 && before != connections,
	}, nil
}
