package apitestt_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/apitest/apitestt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func service(t *testing.T, hits *atomic.Int32) (string, apitest.Option) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		_, _ = w.Write([]byte(`{"a": 1}`))
	}))
	t.Cleanup(srv.Close)
	return srv.URL, apitest.AllowHosts(srv.URL)
}

func get(url string, list ...apitest.Assertion) apitest.Step {
	return apitest.Step{Request: apitest.Request{Method: "GET", URL: url}, Assert: list}
}

func TestRunTPasses(t *testing.T) {
	var hits atomic.Int32
	base, allowed := service(t, &hits)
	apitestt.RunT(t, &apitest.Config{ID: "t", Test: []apitest.Step{get(base+"/json", apitest.Equal("resp.status", 200))}}, allowed)
	assert.EqualValues(t, 1, hits.Load())
}

// TestFailing fails on purpose: TestRunTFails runs it in another process.
func TestFailing(t *testing.T) {
	if os.Getenv("APITEST_RUNT") == "" {
		t.Skip("only run by TestRunTFails")
	}
	var hits atomic.Int32
	base, allowed := service(t, &hits)
	t.Cleanup(func() { t.Logf("%d requests", hits.Load()) })
	t.Run("assertion", func(t *testing.T) {
		apitestt.RunT(t, &apitest.Config{ID: "t", Test: []apitest.Step{
			get(base+"/a", apitest.Equal("resp.status", 201)), get(base+"/b", apitest.Equal("resp.data.a", 1)),
		}}, allowed)
	})
	t.Run("host", func(t *testing.T) {
		apitestt.RunT(t, &apitest.Config{ID: "t", Test: []apitest.Step{get("http://evil.test/", apitest.Expr("true"))}}, allowed)
	})
	t.Run("nothing", func(t *testing.T) {
		apitestt.RunT(t, &apitest.Config{ID: "t", Test: []apitest.Step{get(base + "/c")}}, allowed)
	})
	t.Run("variable", func(t *testing.T) {
		apitestt.RunT(t, &apitest.Config{ID: "t", Test: []apitest.Step{get(base+"/{{TYPO}}", apitest.Expr("true"))}}, allowed)
	})
}

func failing(t *testing.T, pattern string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run="+pattern, "-test.v")
	cmd.Env = append(os.Environ(), "APITEST_RUNT=1")
	out, _ := cmd.CombinedOutput()
	return string(out)
}

func TestRunTFails(t *testing.T) {
	out := failing(t, "^TestFailing$")
	for _, want := range []string{
		"--- FAIL: TestFailing/assertion/step_1_GET_/a", "expected resp.status is 201; resp.status is 200",
		"--- PASS: TestFailing/assertion/step_2_GET_/b", "host not allowed: evil.test",
		"--- FAIL: TestFailing/nothing", "the test has no assertion",
		"--- FAIL: TestFailing/variable/step_1_GET_/{{TYPO}}", "inconclusive: url: the variable TYPO is not set", "3 requests",
	} {
		assert.Contains(t, out, want)
	}
}

func TestRunLimitsWhatIsSent(t *testing.T) {
	out := failing(t, "^TestFailing$/^assertion$/^step_2")
	require.Contains(t, out, "--- PASS: TestFailing/assertion/step_2_GET_/b")
	assert.NotContains(t, out, "FAIL")
	assert.Contains(t, out, "1 requests")
}
