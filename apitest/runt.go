package apitest

import "testing"

// RunT runs cfg as a Go test: each request is a subtest, which fails with what did not hold.
// A Config or options that cannot run, and a host that is not allowed, fail t at once.
func RunT(t *testing.T, cfg *Config, opts ...Option) {
	t.Helper()
	res, err := Run(t.Context(), cfg, opts...)
	if res != nil {
		for _, runs := range res.Results {
			for i := range runs {
				t.Run(runs[i].name(), func(t *testing.T) {
					t.Helper()
					for _, why := range runs[i].reasons() {
						t.Error(why)
					}
				})
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
