package capturetest_test

import (
	"net/http"
	"testing"

	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/capture/capturetest"
)

// The handler of net/http itself is the simplest adapter.
func TestRun(t *testing.T) {
	capturetest.Run(t, func(rec *capture.Recorder, routes ...capturetest.Route) http.Handler {
		mux := http.NewServeMux()
		for _, r := range routes {
			mux.HandleFunc(r.Method+" "+r.Path, r.Handler)
		}
		return rec.Handler(mux)
	})
}
