package metlo

import (
	"context"
	"time"

	"github.com/metlo-go/metlo/internal/transport"
)

// Hooks observe a client's requests, for metrics and traces. A nil hook costs nothing. Many goroutines call the hooks,
// and the call waits for them to return.
type Hooks struct {
	Attempt func(context.Context, AttemptInfo) // after each attempt
	Wait    func(context.Context, WaitInfo)    // after each wait of a millisecond or more before an attempt
}

// AttemptInfo describes a finished attempt. All fields but Err have few distinct values, as labels of metrics need.
type AttemptInfo struct {
	Method     string
	Host       string        // server's name, including the port if the base URL has one
	Route      string        // template of the path below /api/v1, or Call for [Client.Call]
	Number     int           // number of the attempt within its call, from 1
	StatusCode int           // status of the response; 0 if there is none
	Err        error         // reason why no response arrived, or only a part, without secrets; nil otherwise
	Duration   time.Duration // time since the attempt's start, including a read of the body
}

// WaitInfo describes a finished wait.
type WaitInfo struct {
	Method   string
	Host     string
	Route    string
	Number   int           // number of the attempt that waited, within its call, from 1
	Reason   WaitReason    // reason for the wait
	Duration time.Duration // length of the wait
}

// WaitReason is the reason for delaying an attempt.
type WaitReason string

// Reasons for a wait.
const (
	WaitRetry     WaitReason = "retry"      // a backoff, or the Retry-After of a response
	WaitCoolDown  WaitReason = "cool-down"  // the server asked another call of the client to wait
	WaitRateLimit WaitReason = "rate limit" // the client's rate limit
)

// WithHooks calls hooks after attempts and waits.
func WithHooks(hooks Hooks) Option {
	return func(s *settings) error {
		if hooks.Attempt == nil && hooks.Wait == nil {
			return invalid("WithHooks: no hook is set: set one, or omit the option")
		}
		s.hooks = hooks
		return nil
	}
}

// onAttempt returns the hook in the form that the transport calls.
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

// onWait returns the hook in the form that the transport calls.
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
