package redislimit

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

const (
	envServer = "REDISLIMIT_TEST_SERVER"
	envRedis  = "REDISLIMIT_TEST_REDIS"
	envCalls  = "REDISLIMIT_TEST_CALLS"
	envTotal  = "REDISLIMIT_TEST_PROCESSES"
)

// TestMain is also the main function of the processes that TestFourProcesses starts.
func TestMain(m *testing.M) {
	if os.Getenv(envServer) == "" {
		os.Exit(m.Run())
	}
	if err := process(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// process makes its calls from three goroutines, without retries, so that a lost call is an error.
func process(ctx context.Context) error {
	calls, err := strconv.Atoi(os.Getenv(envCalls))
	if err != nil {
		return err
	}
	processes, err := strconv.Atoi(os.Getenv(envTotal))
	if err != nil {
		return err
	}
	limiter, err := New(Config{
		Redis:     &redis.UniversalOptions{Addrs: []string{os.Getenv(envRedis)}},
		BaseURL:   os.Getenv(envServer),
		PerSecond: 20,
		WhenAway:  LocalShare(processes),
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	client, err := metlo.NewClient(os.Getenv(envServer), "", metlo.WithLimiter(reporting{limiter}), metlo.WithoutRetry())
	if err != nil {
		return err
	}
	todo := make(chan struct{}, calls)
	for range calls {
		todo <- struct{}{}
	}
	close(todo)
	failed := make(chan error, calls)
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for range todo {
				if err := client.Ping(ctx); err != nil {
					failed <- err
				}
			}
		})
	}
	group.Wait()
	close(failed)
	for err := range failed {
		return err
	}
	return limiter.Close()
}

// reporting writes to standard output when the limiter let a request start.
type reporting struct{ limiter *Limiter }

func (r reporting) Wait(ctx context.Context) error {
	err := r.limiter.Wait(ctx)
	if err == nil {
		_, err = fmt.Println(time.Now().UnixNano())
	}
	return err
}

// reported reads what reporting wrote.
func reported(t *testing.T, outputs []bytes.Buffer) *starts {
	t.Helper()
	s := &starts{}
	for i := range outputs {
		for line := range strings.Lines(outputs[i].String()) {
			nanos, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
			require.NoError(t, err)
			s.times = append(s.times, time.Unix(0, nanos))
		}
	}
	return s
}

func TestFourProcessesShareOneRateWhileRedisRestarts(t *testing.T) {
	if os.Getenv("METLO_FLEET_TEST") == "" {
		t.Skip("measures this machine too, and failed in 1 of 7 runs for a reason not found yet: set METLO_FLEET_TEST=1 to run it")
	}
	const processes, calls = 4, 75
	store := newRedisServer(t)
	arrived := &starts{}
	// Redis goes away at the first mark, is back at the second, and is killed and started at once at the third.
	marks := map[int]chan struct{}{50: make(chan struct{}), 90: make(chan struct{}), 200: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if mark, ok := marks[arrived.add()]; ok {
			close(mark)
		}
		_, _ = io.WriteString(w, "OK")
	}))
	defer server.Close()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	self, err := os.Executable()
	require.NoError(t, err)
	results := make(chan error, processes)
	logs, outputs := make([]bytes.Buffer, processes), make([]bytes.Buffer, processes)
	for i := range processes {
		cmd := exec.CommandContext(ctx, self)
		cmd.Env = append(os.Environ(), envServer+"="+server.URL, envRedis+"="+store.address,
			envCalls+"="+strconv.Itoa(calls), envTotal+"="+strconv.Itoa(processes))
		cmd.Stdout, cmd.Stderr = &outputs[i], &logs[i]
		require.NoError(t, cmd.Start())
		go func() { results <- cmd.Wait() }()
	}
	reach := func(mark int) {
		t.Helper()
		select {
		case <-marks[mark]:
		case err := <-results:
			cancel()
			t.Fatalf("a process ended before request %d: %v\n%s", mark, err, &logs[0])
		case <-ctx.Done():
			t.Fatalf("request %d did not come", mark)
		}
	}
	reach(50)
	store.kill()
	reach(90)
	store.start()
	reach(200)
	store.kill()
	store.start()

	var faults []error
	for range processes {
		if err := <-results; err != nil {
			faults = append(faults, err)
		}
	}
	var text strings.Builder
	for i := range logs {
		fmt.Fprintf(&text, "process %d:\n%s", i, &logs[i])
	}
	require.Empty(t, faults, text.String())
	times := arrived.sorted()
	require.Len(t, times, processes*calls, "no call is lost")
	most := mostIn(times, time.Second)
	released := mostIn(reported(t, outputs).sorted(), time.Second)
	t.Logf("%d requests in %v; in any second the limiters let at most %d start, and the server counted at most %d",
		len(times), times[len(times)-1].Sub(times[0]).Round(time.Millisecond), released, most)
	require.LessOrEqual(t, released, 21, "the limiters let too many start:\n%s", &text)
	require.LessOrEqual(t, most, 21, "the limiters let at most %d start, but this machine delayed requests on their way", released)
	for i := range logs {
		require.Contains(t, logs[i].String(), "redis is away", "process %d noticed", i)
		require.Contains(t, logs[i].String(), "redis is back", "process %d noticed", i)
	}
}
