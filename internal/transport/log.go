package transport

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// log records the last attempt: at level Warn if it failed in a way that another may not, and at Debug otherwise. A record
// holds no header, no body and no query.
func (c *call) log(o outcome) {
	logger := c.pipeline.logger
	if logger == nil {
		return
	}
	a := c.result.Attempts[len(c.result.Attempts)-1]
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
		slog.Int("attempt", len(c.result.Attempts)),
		slog.Duration("wait", a.Wait),
		slog.Duration("duration", time.Since(c.started)))
	if a.Err != nil {
		attrs = append(attrs, slog.String("cause", c.pipeline.redact(a.Err)))
	}
	logger.LogAttrs(c.ctx, level, "metlo request", attrs...)
}
