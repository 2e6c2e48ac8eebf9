package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// webhookLog notes what became of each event, by number.
type webhookLog struct {
	mu       sync.Mutex
	handled  []string
	reported []string
	errs     []error
}

func (l *webhookLog) handle(_ context.Context, e *metlo.WebhookEvent) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.handled = append(l.handled, e.Alert.UUID)
	return nil
}

func (l *webhookLog) report(e *metlo.WebhookEvent, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported = append(l.reported, e.Alert.UUID)
	l.errs = append(l.errs, err)
}

// pendingIn returns the bodies of what a store holds.
func pendingIn(t *testing.T, store metlo.WebhookStore) (bodies []string) {
	t.Helper()
	for d, err := range store.Pending(context.Background()) {
		require.NoError(t, err)
		bodies = append(bodies, string(d.Body))
	}
	return bodies
}

func openFolder(t *testing.T, dir string) *metlo.WebhookFolder {
	t.Helper()
	folder, err := metlo.OpenWebhookFolder(dir)
	require.NoError(t, err)
	return folder
}

func TestWebhookHandlerTriesAgain(t *testing.T) {
	broken := errors.New("the ticket system is down")
	tests := map[string]struct {
		failures int
		opts     []metlo.WebhookOption
		calls    int
		lasts    time.Duration
		reports  error
	}{
		"no failure":            {0, nil, 1, 0, nil},
		"two failures":          {2, nil, 3, 3 * time.Second, nil},
		"failures without end":  {math.MaxInt, nil, 5, 15 * time.Second, broken},
		"no retries":            {math.MaxInt, []metlo.WebhookOption{metlo.WithWebhookRetry(1, time.Second)}, 1, 0, broken},
		"waits up to a minute":  {math.MaxInt, []metlo.WebhookOption{metlo.WithWebhookRetry(4, 40*time.Second)}, 4, 160 * time.Second, broken},
		"a longer first wait":   {math.MaxInt, []metlo.WebhookOption{metlo.WithWebhookRetry(3, time.Hour)}, 3, 2 * time.Hour, broken},
		"success at the last":   {4, nil, 5, 15 * time.Second, nil},
		"failure after success": {0, []metlo.WebhookOption{metlo.WithWebhookRetry(9, time.Second)}, 1, 0, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log webhookLog
				calls := 0
				h := metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
					assert.Equal(t, "1", e.Alert.UUID, "each try gets the event as it came")
					e.Alert.UUID = "changed"
					if calls++; calls <= tt.failures {
						return broken
					}
					return nil
				}, append(tt.opts, metlo.WithWebhookReport(log.report))...)
				start := time.Now()
				serve(h, post("/", alertNumber(1)))
				require.NoError(t, h.Shutdown(t.Context()), "waits for the retries too")
				assert.Equal(t, tt.calls, calls)
				assert.Equal(t, tt.lasts, time.Since(start))
				if tt.reports == nil {
					assert.Empty(t, log.errs)
				} else {
					assert.Equal(t, []string{"1"}, log.reported)
					assert.ErrorIs(t, log.errs[0], tt.reports)
				}
			})
		})
	}
}

// TestWebhookHandlerShutdownEndsRetries reports an event that waits for its next try, once, with its error.
func TestWebhookHandlerShutdownEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log webhookLog
		h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error { return errors.New("down") },
			metlo.WithWebhookRetry(100, time.Hour), metlo.WithWebhookReport(log.report))
		serve(h, post("/", alertNumber(1)))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, h.Shutdown(ctx), context.DeadlineExceeded)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"1"}, log.reported)
		assert.ErrorIs(t, log.errs[0], metlo.ErrWebhookShutdown)
	})
}

func TestWebhookHandlerBoundsBytes(t *testing.T) {
	long := func(n, size int) string {
		return fmt.Sprintf(`{"alert":{"uuid":"%d","description":%q}}`, n, strings.Repeat("x", size))
	}
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var log webhookLog
		h := metlo.NewWebhookHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
			<-release
			return log.handle(ctx, e)
		}, metlo.WithWebhookWorkers(1), metlo.WithWebhookQueueBytes(10_000), metlo.WithWebhookReport(log.report))
		serve(h, post("/", long(0, 10)))
		synctest.Wait()
		for n := 1; n <= 2; n++ {
			assert.Equal(t, http.StatusAccepted, serve(h, post("/", long(n, 4_000))).Code)
		}
		assert.Equal(t, http.StatusServiceUnavailable, serve(h, post("/", long(3, 4_000))).Code)
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", long(4, 1_000))).Code, "a small one still fits")
		assert.Equal(t, []string{"3"}, log.reported)
		close(release)
		synctest.Wait()
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", long(5, 20_000))).Code, "a single one may be larger")
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Equal(t, []string{"0", "1", "2", "4", "5"}, log.handled)
	})
}

// TestWebhooksOfEmptyValuesAreRefused measures that bodies of the allowed size cannot fill the memory as values.
func TestWebhooksOfEmptyValuesAreRefused(t *testing.T) {
	decodesMillions(t)
	sizes, deliveries := []int{900 << 10, 4<<20 - 100}, 30
	for _, size := range sizes {
		for _, value := range []string{"{}", "null", `{"a":0}`} {
			body := `{"alert":{"uuid":"1","apiEndpoint":{"dataFields":[` + strings.Repeat(value+",", size/(len(value)+1)) + "{}]}}}"
			_, err := metlo.ParseWebhook(post("/", body))
			require.ErrorIs(t, err, metlo.ErrTooLarge, "%d bytes of %s", size, value)
		}
	}
	h := metlo.NewWebhookHandler(func(ctx context.Context, _ *metlo.WebhookEvent) error {
		<-ctx.Done()
		return nil
	}, metlo.WithWebhookReport(func(*metlo.WebhookEvent, error) {}))
	body := `{"alert":{"uuid":"%d","apiEndpoint":{"dataFields":[` + strings.Repeat("{},", 25_000) + "{}]}}}"
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for n := range deliveries {
		assert.Equal(t, http.StatusAccepted, serve(h, post("/", fmt.Sprintf(body, n))).Code)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	grown := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20
	t.Logf("%d deliveries of 25,001 empty data fields: the heap grew by %d MiB", deliveries, grown)
	assert.Less(t, grown, int64(128), "a decoded one takes 12 MiB, and eight are handled at once")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.Shutdown(ctx), context.Canceled)
	require.NoError(t, h.Shutdown(t.Context()))
}

func TestWebhookHandlerTakesEverySize(t *testing.T) {
	var log webhookLog
	h := metlo.NewWebhookHandler(log.handle, metlo.WithWebhookMaxBytes(math.MaxInt64))
	assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(1))).Code)
	assert.Equal(t, http.StatusBadRequest, serve(h, &http.Request{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/json"}},
	}).Code, "a request without body and URL")
	require.NoError(t, h.Shutdown(t.Context()))
	exact := alertNumber(2)
	h = metlo.NewWebhookHandler(log.handle, metlo.WithWebhookMaxBytes(int64(len(exact))))
	assert.Equal(t, http.StatusAccepted, serve(h, post("/", exact)).Code)
	assert.Equal(t, http.StatusRequestEntityTooLarge, serve(h, post("/", exact+" ")).Code)
	require.NoError(t, h.Shutdown(t.Context()))
}

func TestWebhookTokens(t *testing.T) {
	tests := map[string]struct {
		tokens []string
		target string
		status int // 0 for accepted
	}{
		"the new one":         {[]string{"new", "old"}, "/?token=new", 0},
		"the old one":         {[]string{"new", "old"}, "/?token=old", 0},
		"another":             {[]string{"new", "old"}, "/?token=older", 401},
		"none":                {[]string{"new"}, "/", 401},
		"both at once":        {[]string{"new", "old"}, "/?token=newold", 401},
		"no check":            {nil, "/", 0},
		"an empty one to ask": {[]string{""}, "/?token=", 500},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := metlo.ParseWebhook(post(tt.target, alertNumber(1)), tt.tokens...)
			if tt.status == 0 {
				require.NoError(t, err)
			} else {
				var fault *metlo.WebhookError
				require.ErrorAs(t, err, &fault)
				assert.Equal(t, tt.status, fault.StatusCode)
			}
			if tt.status == 500 {
				assert.ErrorIs(t, err, metlo.ErrInvalidArgument)
				assert.Panics(t, func() { metlo.WithWebhookToken(tt.tokens...) })
			} else if tt.tokens != nil {
				h := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error { return nil }, metlo.WithWebhookToken(tt.tokens...))
				code := serve(h, post(tt.target, alertNumber(1))).Code
				assert.Equal(t, tt.status == 401, code == 401)
				require.NoError(t, h.Shutdown(t.Context()))
			}
		})
	}
}

// TestWebhookFolderSurvivesACrash handles after a start what was answered 202 before the process died.
func TestWebhookFolderSurvivesACrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "on", "demand")
	never := make(chan struct{})
	crashed := metlo.NewWebhookHandler(func(context.Context, *metlo.WebhookEvent) error {
		<-never
		return nil
	}, metlo.WithWebhookStore(openFolder(t, dir)), metlo.WithWebhookWorkers(1), metlo.WithWebhookReport(func(*metlo.WebhookEvent, error) {}))
	for n := range 20 {
		require.Equal(t, http.StatusAccepted, serve(crashed, post("/", alertNumber(n))).Code)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".saving-half"), []byte(`{"alert":{"uu`), 0o600))

	var log webhookLog
	folder := openFolder(t, dir)
	h := metlo.NewWebhookHandler(log.handle, metlo.WithWebhookStore(folder), metlo.WithWebhookWorkers(1), metlo.WithWebhookReport(log.report))
	assert.Contains(t, []int{200, 202}, serve(h, post("/", alertNumber(3))).Code, "the sender's retry")
	require.Eventually(t, func() bool { return len(pendingIn(t, folder)) == 0 }, time.Minute, time.Millisecond)
	require.NoError(t, h.Shutdown(t.Context()))
	var want []string
	for n := range 20 {
		want = append(want, strconv.Itoa(n))
	}
	assert.ElementsMatch(t, want, log.handled, "each once")
	assert.Empty(t, log.reported)
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "failed")}, left)
	close(never)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_ = crashed.Shutdown(ctx)
}

// TestWebhookStoreTakesWhatTheQueueCannot answers 202 while the queue is full, and handles all in order.
func TestWebhookStoreTakesWhatTheQueueCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log webhookLog
		folder := openFolder(t, t.TempDir())
		h := metlo.NewWebhookHandler(func(ctx context.Context, e *metlo.WebhookEvent) error {
			<-time.After(time.Second)
			return log.handle(ctx, e)
		}, metlo.WithWebhookStore(folder), metlo.WithWebhookWorkers(1), metlo.WithWebhookQueue(2), metlo.WithWebhookReport(log.report))
		for n := range 50 {
			assert.Equal(t, http.StatusAccepted, serve(h, post("/", alertNumber(n))).Code)
		}
		<-time.After(time.Minute)
		require.NoError(t, h.Shutdown(t.Context()))
		assert.Len(t, log.handled, 50)
		assert.Empty(t, log.reported)
		assert.Empty(t, pendingIn(t, folder))
	})
}

// TestWebhookStoreKeepsWhatShutdownDrops reports once what had no time, and handles it at the next start.
func TestWebhookStoreKeepsWhatShutdownDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log webhookLog
		dir := t.TempDir()
		h := metlo.NewWebhookHandler(func(ctx context.Context, _ *metlo.WebhookEvent) error {
			<-ctx.Done()
			return ctx.Err()
		}, metlo.WithWebhookStore(openFolder(t, dir)), metlo.WithWebhookWorkers(1), metlo.WithWebhookReport(log.report))
		for n := range 3 {
			serve(h, post("/", alertNumber(n)))
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, h.Shutdown(ctx))
		require.NoError(t, h.Shutdown(t.Context()))
		assert.ElementsMatch(t, []string{"0", "1", "2"}, log.reported)

		next := metlo.NewWebhookHandler(log.handle, metlo.WithWebhookStore(openFolder(t, dir)), metlo.WithWebhookWorkers(1))
		synctest.Wait()
		require.NoError(t, next.Shutdown(t.Context()))
		assert.Equal(t, []string{"0", "1", "2"}, log.handled)
	})
}

// TestWebhookStoreGivenUp moves what the callback never took, and reports it at one start only.
func TestWebhookStoreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log webhookLog
		dir := t.TempDir()
		open := func() *metlo.WebhookHandler {
			return metlo.NewWebhookHandler(func(_ context.Context, e *metlo.WebhookEvent) error {
				switch e.Alert.UUID {
				case "0":
					return errors.New("no such team")
				case "1":
					panic("boom")
				}
				runtime.Goexit()
				return nil
			}, metlo.WithWebhookStore(openFolder(t, dir)), metlo.WithWebhookReport(log.report))
		}
		h := open()
		for n := range 3 {
			serve(h, post("/", alertNumber(n)))
		}
		require.NoError(t, h.Shutdown(t.Context()))
		again := open()
		synctest.Wait()
		require.NoError(t, again.Shutdown(t.Context()))
		assert.ElementsMatch(t, []string{"0", "1", "2"}, log.reported)
		failed, err := filepath.Glob(filepath.Join(dir, "failed", "*.json"))
		require.NoError(t, err)
		assert.Len(t, failed, 3)
	})
}

// fakeStore is a store of the user's.
type fakeStore struct {
	mu      sync.Mutex
	save    func(context.Context) error
	pending func() error
	items   map[string][]byte
}

func (s *fakeStore) Save(ctx context.Context, d metlo.WebhookDelivery) error {
	if s.save != nil {
		if err := s.save(ctx); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items[d.Key] = d.Body
	return nil
}

func (s *fakeStore) Pending(context.Context) iter.Seq2[metlo.WebhookDelivery, error] {
	return func(yield func(metlo.WebhookDelivery, error) bool) {
		if s.pending != nil {
			if err := s.pending(); err != nil {
				yield(metlo.WebhookDelivery{}, err)
				return
			}
		}
		s.mu.Lock()
		var all []metlo.WebhookDelivery
		for key, body := range s.items {
			all = append(all, metlo.WebhookDelivery{Key: key, Body: body})
		}
		s.mu.Unlock()
		for _, d := range all {
			if !yield(d, nil) {
				return
			}
		}
	}
}

func (s *fakeStore) Done(_ context.Context, key string, _ error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.items, key)
	return nil
}

func TestWebhookStoreFaults(t *testing.T) {
	broken := errors.New("disk full: /var/lib/metlo")
	tests := map[string]struct {
		save    func(context.Context) error
		answer  int
		reports int // of the delivery
		handled int // in the end, without a retry of the sender
	}{
		"works":  {nil, 202, 0, 1},
		"fails":  {func(context.Context) error { return broken }, 503, 1, 0},
		"panics": {func(context.Context) error { panic("boom") }, 503, 1, 0},
		"takes 199 ms": {func(context.Context) error {
			<-time.After(199 * time.Millisecond)
			return nil
		}, 202, 0, 1},
		"takes too long and heeds its context": {func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, 503, 1, 0},
		"takes too long and succeeds late": {func(context.Context) error {
			<-time.After(time.Second)
			return nil
		}, 503, 1, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log webhookLog
				store := &fakeStore{save: tt.save, items: map[string][]byte{}}
				h := metlo.NewWebhookHandler(log.handle, metlo.WithWebhookStore(store), metlo.WithWebhookReport(log.report))
				start := time.Now()
				answer := serve(h, post("/", alertNumber(1)))
				assert.Equal(t, tt.answer, answer.Code)
				assert.NotContains(t, answer.Body.String(), "/var/lib")
				assert.LessOrEqual(t, time.Since(start), 200*time.Millisecond)
				<-time.After(time.Minute)
				require.NoError(t, h.Shutdown(t.Context()))
				assert.Len(t, log.reported, tt.reports)
				for _, err := range log.errs {
					assert.ErrorIs(t, err, metlo.ErrWebhookStore)
				}
				assert.Len(t, log.handled, tt.handled)
				assert.Empty(t, store.items)
			})
		})
	}
	t.Run("cannot be read at the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var log webhookLog
			tries := 0
			store := &fakeStore{items: map[string][]byte{"1": []byte(alertNumber(1)), "2": []byte("no delivery")}, pending: func() error {
				if tries++; tries <= 2 {
					return broken
				}
				return nil
			}}
			h := metlo.NewWebhookHandler(log.handle, metlo.WithWebhookStore(store), metlo.WithWebhookReport(log.report))
			<-time.After(time.Minute)
			require.NoError(t, h.Shutdown(t.Context()))
			assert.Equal(t, []string{"1"}, log.handled)
			assert.Equal(t, []string{"", "", "2"}, log.reported, "two faults of the store, and what is no delivery")
			assert.ErrorIs(t, log.errs[0], broken)
			assert.ErrorIs(t, log.errs[2], metlo.ErrBadRequest)
			assert.Empty(t, store.items)
		})
	})
}

func TestOpenWebhookFolderRefuses(t *testing.T) {
	_, err := metlo.OpenWebhookFolder("")
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = metlo.OpenWebhookFolder(file)
	require.ErrorContains(t, err, file)
	folder := openFolder(t, t.TempDir())
	for _, key := range []string{"", "../1", "a/b", "A", strings.Repeat("a", 101)} {
		require.Error(t, folder.Save(t.Context(), metlo.WebhookDelivery{Key: key, Body: []byte("{}")}), "%q", key)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, folder.Save(ctx, metlo.WebhookDelivery{Key: "1", Body: []byte("{}")}), context.Canceled)
	assert.Empty(t, pendingIn(t, folder))
	require.NoError(t, folder.Done(t.Context(), "unknown", nil))
}

// TestWebhookFolderKeepsOrderAndReplaces also across a start.
func TestWebhookFolderKeepsOrderAndReplaces(t *testing.T) {
	dir := t.TempDir()
	folder := openFolder(t, dir)
	for n := range 5 {
		require.NoError(t, folder.Save(t.Context(), metlo.WebhookDelivery{Key: strconv.Itoa(9 - n), Body: []byte{byte('a' + n)}}))
	}
	folder = openFolder(t, dir)
	require.NoError(t, folder.Save(t.Context(), metlo.WebhookDelivery{Key: "8", Body: []byte("B")}))
	require.NoError(t, folder.Save(t.Context(), metlo.WebhookDelivery{Key: "0", Body: []byte("z")}))
	assert.Equal(t, []string{"a", "B", "c", "d", "e", "z"}, pendingIn(t, folder))
}

// Receive alerts so that none is lost when the process dies.
func ExampleWithWebhookStore() {
	dir, err := os.MkdirTemp("", "alerts")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	store, err := metlo.OpenWebhookFolder(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := metlo.NewWebhookHandler(func(_ context.Context, event *metlo.WebhookEvent) error {
		fmt.Println("handled", event.Alert.UUID)
		return nil // an error is tried again
	}, metlo.WithWebhookStore(store), metlo.WithWebhookToken("the new one", "the old one"))

	request := httptest.NewRequest("POST", "/?token=the+old+one", strings.NewReader(`{"alert":{"uuid":"7"}}`))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if err := handler.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(answer.Code)
	// Output:
	// handled 7
	// 202
}
