package field

import (
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// envProxy is the proxy of HTTP_PROXY, which net/http reads once for a process.
var envProxy *recordingProxy

func TestMain(m *testing.M) {
	envProxy = newRecordingProxy()
	for _, name := range []string{"HTTP_PROXY", "http_proxy"} {
		_ = os.Setenv(name, envProxy.URL)
	}
	for _, name := range []string{"NO_PROXY", "no_proxy", "HTTPS_PROXY", "https_proxy"} {
		_ = os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*Server).Serve"), goleak.Cleanup(func(code int) {
		envProxy.Close()
		os.Exit(code)
	}))
}

// kind is one kind of trouble. It returns how many cases it tried, and optionally its observations.
type kind struct {
	name string
	run  func(t *testing.T) (cases int, saw string)
}

func TestField(t *testing.T) {
	kinds := []kind{
		{"a connection that is silently dead", deadConnections},
		{"a key in the clear", keysInTheClear},
		{"a wrong address", wrongAddresses},
		{"a port that speaks something else", wrongProtocols},
		{"a proxy that refuses", refusingProxies},
		{"a status that passes", passingStatuses},
		{"Retry-After as it occurs", retryAfters},
		{"names of uploads", uploadNames},
		{"content that blocks", blockingContent},
		{"integers and encodings of answers", answers},
	}
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			cases, saw := k.run(t)
			if cases == 0 {
				t.Fatal("nothing was tried")
			}
			if saw != "" {
				saw = "; " + saw
			}
			t.Logf("%s: %d cases passed%s", k.name, cases, saw)
		})
	}
}

// recordingProxy forwards plain requests, and keeps the keys that it saw.
type recordingProxy struct {
	*httptest.Server

	mu   sync.Mutex
	seen []string
}

func newRecordingProxy() *recordingProxy {
	p := &recordingProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.seen = append(p.seen, r.Header.Get("Authorization"))
		p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`["through.the.proxy"]`))
	}))
	return p
}

// keys returns the values of Authorization that the proxy saw since the last call.
func (p *recordingProxy) keys() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.seen
	p.seen = nil
	return seen
}
