package metlo

import (
	"context"
	"time"

	"github.com/metlo-go/metlo/internal/transport"
)

// Hooks observe what a client sends, for metrics and traces. A nil hook costs nothing. Hooks are called by many goroutines,
// and the call waits for them.
type Hooks struct {
	Attempt func(context.Context, AttemptInfo) // after each attempt
	Wait    func(context.Context, WaitInfo)    // after each wait of a millisecond or more before an attempt
}

// AttemptInfo describes an attempt that has ended. It has few values in all fields but Err.
type AttemptInfo struct {
	Method     string
	Host       string        // with its port if the base URL has one
	Route      string        // template of the path below /api/v1, or Call for [Client.Call]
	Number     int           // of the attempt within its call, from 1
	StatusCode int           // 0 without a response
	Err        error         // why there was no response or no whole body, without secrets; nil otherwise
	Duration   time.Duration // from its start, with the body if that was read
}

// WaitInfo describes a wait that has ended.
type WaitInfo struct {
	Method   string
	Host     string
	Route    string
	Number   int           // of the attempt that waited, within its call, from 1
	Reason   WaitReason    // why
	Duration time.Duration // how long
}

// WaitReason is why an attempt was put off.
type WaitReason string

// The reasons for a wait.
const (
	WaitRetry     WaitReason = "retry"      // a backoff, or the Retry-After of a response
	WaitCoolDown  WaitReason = "cool-down"  // the server asked another call of the client to wait
	WaitRateLimit WaitReason = "rate limit" // the client's rate limit
)

// WithHooks calls hooks after attempts and waits.
func WithHooks(hooks Hooks) Option {
	return func(s *settings) error {
		if hooks.Attempt == nil && hooks.Wait == nil {
			return invalid("WithHooks: no hook is set: set one, or leave the option out")
		}
		s.hooks = hooks
		return nil
	}
}

// onAttempt returns the hook in the form that the pipeline calls.
func (h Hooks) onAttempt(r redactor) func(context.Context, transport.Event) {
	if h.Attempt == nil {
		return nil
	}
	return func(ctx context.Context, e transport.Event) {
		info := AttemptInfo{
			Method: e.Request.Method, Host: e.Request.URL.Host, Route: e.Request.Route, Number: e.Number,
			StatusCode: e.StatusCode, Duration: e.Duration,
		}
		if e.Err != nil {
			info.Err = r.cause(e.Err)
		}
		h.Attempt(ctx, info)
	}
}

// onWait returns the hook in the form that the pipeline calls.
func (h Hooks) onWait() func(context.Context, transport.Event) {
	if h.Wait == nil {
		return nil
	}
	return func(ctx context.Context, e transport.Event) {
		h.Wait(ctx, WaitInfo{
			Method: e.Request.Method, Host: e.Request.URL.Host, Route: e.Request.Route, Number: e.Number,
			Reason: WaitReason(e.Reason), Duration: e.Duration,
		})
	}
}
