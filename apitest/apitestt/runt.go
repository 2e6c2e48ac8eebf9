// Package apitestt runs test files of apitest as Go tests. It is a package of its own so that programs that use apitest
// do not link package testing.
package apitestt

import (
	"testing"

	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/apitest/internal/hook"
)

// RunT runs cfg as a Go test. Each request is a subtest while it happens, so -run limits what is sent; a step that -run
// leaves out is not judged. A step fails with what did not hold. A step or a test that is inconclusive fails too and
// says so. A Config or options that cannot run, and a host that is not allowed, fail t.
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
	if left { // the rest of the test was left out on purpose
		return
	}
	for _, why := range result.Reasons {
		t.Error(why)
	}
}
