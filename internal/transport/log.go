package transport

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// log passes the last attempt to the hook, and logs it: at level Warn for a failure that may be temporary, and at Debug
// otherwise. A record contains no header, no body and no query.
func (c *call) log(o outcome) {
	n := len(c.result.Attempts)
	a := c.result.Attempts[n-1]
	if hook := c.pipeline.onAttempt; hook != nil {
		hook(c.ctx, Event{Request: c.request, Attempt: a, Number: n, Duration: time.Since(c.started)})
	}
	logger := c.pipeline.logger
	if logger == nil {
		return
	}
	level := slog.LevelDebug
	if (a.Err != nil && !errors.Is(a.Err, context.Canceled)) || o.repeatable != noRepeat {
		level = slog.LevelWarn
	}
	if !logger.Enabled(c.ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs,
		slog.String("method", c.request.Method),
		slog.String("host", c.request.URL.Host),
		slog.String("route", c.request.Route),
		slog.Int("status", a.StatusCode),
		slog.Int("attempt", n),
		slog.Duration("wait", a.Wait),
		slog.Duration("duration", time.Since(c.started)))
	if a.Err != nil {
		attrs = append(attrs, slog.String("cause", c.pipeline.redact(a.Err)))
	}
	logger.LogAttrs(c.ctx, level, "metlo request", attrs...)
}
