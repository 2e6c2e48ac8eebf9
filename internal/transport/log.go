package transport

import (
	"log/slog"
	"time"
)

// log records the last attempt. Nothing that could hold a secret is ever logged: no header, body, query or error text.
func (c *call) log() {
	logger := c.pipeline.logger
	if logger == nil || !logger.Enabled(c, slog.LevelDebug) {
		return
	}
	a := c.attempts[len(c.attempts)-1]
	logger.LogAttrs(c, slog.LevelDebug, "metlo request",
		slog.String("method", c.request.Method),
		slog.String("route", c.request.Route),
		slog.Int("status", a.StatusCode),
		slog.Int("attempt", len(c.attempts)),
		slog.Duration("wait", a.Wait),
		slog.Duration("duration", time.Since(c.started)))
}
