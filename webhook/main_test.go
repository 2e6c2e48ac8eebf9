package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/webhook"
)

// TestMain fails the run if a test leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recordedDelivery returns a body posted by a real server.
func recordedDelivery(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", "samples", "webhook-delivery.json"))
	require.NoError(t, err)
	var sample struct {
		Body string `json:"body"`
	}
	require.NoError(t, json.Unmarshal(data, &sample))
	return sample.Body
}

func post(target, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// alertNumber returns a delivery of the n-th alert.
func alertNumber(n int) string { return fmt.Sprintf(`{"alert":{"uuid":"%d"},"meta":{}}`, n) }

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// eventLog records the outcome of each event, by number.
type eventLog struct {
	block chan struct{} // handle waits for it unless it is nil

	mu       sync.Mutex
	handled  []string
	reported []string
	errs     []error
}

func (l *eventLog) handle(_ context.Context, e *metlo.WebhookEvent) error {
	if l.block != nil {
		<-l.block
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handled = append(l.handled, e.Alert.UUID)
	return nil
}

func (l *eventLog) report(e *metlo.WebhookEvent, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported = append(l.reported, e.Alert.UUID)
	l.errs = append(l.errs, err)
}

// pendingIn returns the bodies of a store's pending deliveries.
func pendingIn(t *testing.T, store webhook.Store) (bodies []string) {
	t.Helper()
	for d, err := range store.Pending(context.Background()) {
		require.NoError(t, err)
		bodies = append(bodies, string(d.Body))
	}
	return bodies
}

func openFolder(t *testing.T, dir string) *webhook.Folder {
	t.Helper()
	folder, err := webhook.OpenFolder(dir)
	require.NoError(t, err)
	return folder
}
