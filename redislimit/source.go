package redislimit

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// answer is what Redis says to the wish for a slot.
type answer struct {
	granted bool
	wait    time.Duration // until the slot that was granted, or until the first one that is free
	retry   time.Duration // until it makes sense to ask again, when none was granted
	renewed bool          // the connection is another one than that of the answer before
}

// redisSource asks Redis, through one connection.
type redisSource struct {
	client  redis.UniversalClient
	gcra    *redis_rate.Limiter
	key     string
	limit   redis_rate.Limit
	step    time.Duration
	connect atomic.Int64 // connections made so far
	seen    atomic.Int64 // of them when the last answer came
}

func newRedisSource(config *Config) (*redisSource, error) {
	key, err := keyOf(config.BaseURL)
	if err != nil {
		return nil, err
	}
	s := &redisSource{
		key:   key,
		step:  config.interval(),
		limit: redis_rate.Limit{Rate: config.PerSecond, Period: config.interval() * time.Duration(config.PerSecond)},
	}
	options := *config.Redis
	onConnect := options.OnConnect
	options.OnConnect = func(ctx context.Context, conn *redis.Conn) error {
		s.connect.Add(1)
		if onConnect == nil {
			return nil
		}
		return onConnect(ctx, conn)
	}
	// One connection that is never replaced without need: a new one is the sign that Redis may have restarted.
	options.PoolSize, options.MaxActiveConns, options.MinIdleConns, options.MaxIdleConns = 1, 0, 0, 1
	options.ConnMaxIdleTime, options.ConnMaxLifetime = -1, -1
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout = askTimeout, askTimeout, askTimeout
	options.PoolTimeout, options.ContextTimeoutEnabled = askTimeout, true
	s.client = redis.NewUniversalClient(&options)
	s.gcra = redis_rate.NewLimiter(s.client)
	return s, nil
}

// ask takes the next free slot, if at most ahead slots lie before it from now on. It uses GCRA as a queue: the burst
// says how far ahead of its time a slot may be taken, and the answer says when that time comes.
func (s *redisSource) ask(ctx context.Context, ahead int) (answer, error) {
	limit := s.limit
	limit.Burst = ahead + 1
	result, err := s.gcra.Allow(ctx, s.key, limit)
	if err != nil {
		return answer{}, fmt.Errorf("ask redis for a slot: %w", err)
	}
	connections := s.connect.Load()
	before := s.seen.Swap(connections)
	a := answer{granted: result.Allowed > 0, wait: result.ResetAfter, retry: result.RetryAfter}
	a.renewed = before != 0 && before != connections
	if a.granted {
		a.wait = max(0, result.ResetAfter-s.step)
	}
	return a, nil
}
