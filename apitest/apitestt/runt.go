// Package apitestt runs apitest's tests as Go tests. It is separate from apitest so that programs that use apitest do
// not link package testing.
package apitestt

import (
	"testing"

	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/apitest/internal/hook"
)

// RunT runs cfg as a Go test. It runs each request in a subtest, so the flag -run selects which requests are sent.
// Steps that -run excludes are not judged. A subtest fails if its step failed or was inconclusive, and reports the
// reasons. RunT fails t if cfg or the options are invalid, or if a host is not allowed.
func RunT(t *testing.T, cfg *apitest.Config, opts ...apitest.Option) {
	t.Helper()
	left := false
	ctx := hook.With(t.Context(), func(name string, run func() hook.Report) {
		t.Helper()
		ran := false
		t.Run(name, func(t *testing.T) {
			t.Helper()
			ran = true
			report := run()
			if report.Note != "" {
				t.Log(report.Note)
			}
			for _, why := range report.Reasons {
				t.Error(why)
			}
		})
		left = left || !ran
	})
	result, err := apitest.Run(ctx, cfg, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if left { // -run excluded some steps, so the test as a whole has no result
		return
	}
	for _, why := range result.Reasons {
		t.Error(why)
	}
}
