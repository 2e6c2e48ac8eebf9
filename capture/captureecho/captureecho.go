// Package captureecho records what a service built with Echo serves, as package capture does for net/http.
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

// Middleware records each request with the template of its route. A panic and an error go on unchanged. Of an error that
// a handler returns, which Echo's error handler answers later, the status is recorded and no body.
func Middleware(rec *capture.Recorder) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) (err error) {
			response, unwrapErr := echo.UnwrapResponse(c.Response())
			if unwrapErr != nil {
				return next(c) // a writer that is not Echo's cannot be looked behind
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
				// What another middleware put there in between stays, as it would without the recorder.
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

// statusOf is the status with which Echo answers an error.
func statusOf(err error) int {
	var coder echo.HTTPStatusCoder
	if errors.As(err, &coder) && coder.StatusCode() >= http.StatusBadRequest {
		return coder.StatusCode()
	}
	return http.StatusInternalServerError
}
