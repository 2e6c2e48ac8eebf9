package capture

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
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
