// Package captureecho records the traffic of services built with Echo. See package capture.
//
//	e := echo.New()
//	e.Use(captureecho.Middleware(rec))
package captureecho

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/metlo-go/metlo/capture"
)

// Middleware returns an Echo middleware that records each request with the template of its route. Panics and errors pass through
// unchanged. For an error that a handler returns, only the status is recorded, because Echo writes that response later.
func Middleware(rec *capture.Recorder) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			response, unwrapErr := echo.UnwrapResponse(c.Response())
			if unwrapErr != nil {
				return next(c) // the writer is not Echo's
			}
			request, below := c.Request(), response.ResponseWriter
			x := rec.Begin(below, request)
			if x == nil {
				capture.SetRoute(request, c.Path())
				return next(c)
			}
			w := x.ResponseWriter()
			response.ResponseWriter = w
			c.SetRequest(x.Request())
			x.SetRoute(c.Path())
			returned := false
			defer func() {
				if returned && err != nil {
					x.Header(statusOf(err), below.Header())
				}
				x.End(!returned)
				// Keep replacements by other middleware.
				if response.ResponseWriter == w {
					response.ResponseWriter = below
				}
				if c.Request() == x.Request() {
					c.SetRequest(request)
				}
			}()
			err = next(c)
			returned = true
			return err
		}
	}
}

// statusOf returns the status of Echo's response to an error.
func statusOf(err error) int {
	var coder echo.HTTPStatusCoder
	if errors.As(err, &coder) && coder.StatusCode() >= http.StatusBadRequest {
		return coder.StatusCode()
	}
	return http.StatusInternalServerError
}
