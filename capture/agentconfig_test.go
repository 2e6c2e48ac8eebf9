package capture

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

const agentConfigText = `{"sensitiveDataList":[],"endpoints":[],"specs":[],"globalFullTraceCapture":false,"encryptionPublicKey":null,
	"authenticationConfig":[{"host":"shop.example.com","authType":"session_cookie","cookieName":"sid"},{"host":"api.example.com","authType":"header","headerKey":"X-Customer"}],
	"hostMap":[{"host":"shop.example.com","pattern":"^shop-[0-9]+$"},{"host":"x","pattern":"(?<=a)b"}],
	"hostBlockList":["^internal\\."],"pathBlockList":[{"host":"shop.example.com","paths":["^/private/"]}]}`

func TestTheInstancesConfigurationIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fetched atomic.Int64
		failing := atomic.Bool{}
		c := collector{answer: func(r *http.Request) (int, string, error) {
			if !strings.HasSuffix(r.URL.Path, "/agent-config") {
				return http.StatusOK, "OK", nil
			}
			fetched.Add(1)
			if failing.Load() {
				return http.StatusInternalServerError, "no", nil
			}
			return http.StatusOK, agentConfigText, nil
		}}
		r, err := New(clientFor(t, &c), WithAnyHost(), WithValues(), WithoutSampling(), WithAgentConfig(time.Minute))
		require.NoError(t, err)
		synctest.Wait()
		assert.EqualValues(t, 1, fetched.Load())
		failing.Store(true)
		<-time.After(3 * time.Minute)
		synctest.Wait()
		assert.EqualValues(t, 4, fetched.Load())

		handler := r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		for _, url := range []string{
			"http://shop-1/a", "http://shop-1/private/x", "http://internal.example.com/a", "http://api.example.com/a", "http://other.example.com/private/x",
		} {
			req := httptest.NewRequest(http.MethodGet, url, http.NoBody)
			req.Header.Set("Cookie", "sid=secret-session")
			req.Header.Set("X-Customer", "4711")
			handler.ServeHTTP(httptest.NewRecorder(), req)
		}
		s := end(t, r)
		assert.EqualValues(t, 2, s.Skipped)
		var seen []string
		for _, trace := range c.traces(t) {
			headers := headersOf(trace.Request.Headers)
			seen = append(seen, trace.Request.URL.Host+trace.Request.URL.Path+" sid="+headers["sid"]+" customer="+headers["X-Customer"])
		}
		assert.Equal(t, []string{
			"shop.example.com/a sid=[redacted] customer=4711",
			"api.example.com/a sid= customer=[redacted]",
			"other.example.com/private/x sid= customer=4711",
		}, seen)
		assert.NotContains(t, c.sent(), "secret-session")
	})
}

// Patterns of paths match the escaped path, with and without values. They do so in Analyze too.
func TestBlocksOfPathsHaveOneSpelling(t *testing.T) {
	config := &metlo.AgentConfig{PathBlockList: []metlo.PathBlock{{Host: ".*", Paths: []string{"^/a%20b/", "^/priv%61te$", "^/x%3Dy$"}}}}
	for target, isBlocked := range map[string]bool{
		"/a%20b/c": true, "/a%2520b/c": false, "/priv%61te": true, "/private": false, "/x=y": true, "/x%3Dy": true, "/users": false,
	} {
		for name, opts := range map[string][]Option{"types": nil, "values": {WithValues()}} {
			var c collector
			r, err := New(clientFor(t, &c), append([]Option{WithHost(testHost), WithoutAgentConfig(), WithoutSampling()}, opts...)...)
			require.NoError(t, err)
			r.config.Store(newInstanceConfig(config))
			r.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), request(http.MethodGet, target))
			require.NoError(t, r.Shutdown(t.Context()))
			assert.Equal(t, isBlocked, r.Stats().Reasons.Blocked == 1, "%s, %s", target, name)
		}
		analyzer, err := NewAnalyzer(WithConfig(config))
		require.NoError(t, err)
		trace, err := metlo.TraceFromHTTP(request(http.MethodGet, target), &http.Response{StatusCode: http.StatusOK})
		require.NoError(t, err)
		_, err = analyzer.Analyze(trace, "")
		var skipped *SkippedError
		assert.Equal(t, isBlocked, errors.As(err, &skipped), "%s: %v", target, err)
	}
}

// A pattern that package regexp cannot compile blocks nothing, which nobody should have to find out from what was sent.
func TestPatternsThatCannotBeUsedAreCounted(t *testing.T) {
	const lookahead = "^(?!a)"
	for name, config := range map[string]*metlo.AgentConfig{
		"a data class":            {SensitiveDataList: []metlo.DataClass{{ClassName: "A", Regex: lookahead}}},
		"the host map":            {HostMap: []metlo.HostMapping{{Pattern: lookahead, Host: "a"}}},
		"a blocked host":          {HostBlockList: []string{lookahead, "fine"}},
		"a host of blocked paths": {PathBlockList: []metlo.PathBlock{{Host: lookahead, Paths: []string{"/"}}}},
		"a blocked path":          {PathBlockList: []metlo.PathBlock{{Host: ".*", Paths: []string{"/", lookahead}}}},
	} {
		var log bytes.Buffer
		r, err := New(clientFor(t, &collector{}), WithHost(testHost), WithoutAgentConfig(), WithLogger(loggerTo(&log)))
		require.NoError(t, err)
		r.config.Store(newInstanceConfig(config))
		assert.EqualValues(t, 1, r.Stats().BadPatterns, name)
		require.NoError(t, r.Shutdown(t.Context()))
		assert.Contains(t, log.String(), "metlo: a pattern of the instance cannot be used", name)
	}
}
