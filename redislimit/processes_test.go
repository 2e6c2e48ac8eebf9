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

	perSecond = 20 // rate of all processes together
	tolerated = 5  // requests over the rate, regardless of the machine's delays
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

// process returns its calls from three goroutines, without retries, so that a lost call is an error.
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
		PerSecond: perSecond,
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
	late := lateness()
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
				if err := client.Call(ctx, http.MethodGet, "/", nil, nil, nil); err != nil {
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
	fmt.Println("late", late().Nanoseconds())
	return limiter.Close()
}

// lateness measures the maximum delay of this machine's scheduler until the returned function is called.
func lateness() func() time.Duration {
	const every = 5 * time.Millisecond
	stop, worst := make(chan struct{}), make(chan time.Duration)
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		most, last := time.Duration(0), time.Now()
		for {
			select {
			case <-tick.C:
				now := time.Now()
				most, last = max(most, now.Sub(last)-every), now
			case <-stop:
				worst <- max(most, time.Since(last)-every)
				return
			}
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-worst
	}
}

// reporting writes the times at which the limiter let requests start to standard output.
type reporting struct{ limiter *Limiter }

func (r reporting) Wait(ctx context.Context) error {
	err := r.limiter.Wait(ctx)
	if err == nil {
		_, err = fmt.Println(time.Now().UnixNano())
	}
	return err
}

// reported parses the output of reporting, and the process's largest delay.
func reported(t *testing.T, outputs []bytes.Buffer) (*starts, time.Duration) {
	t.Helper()
	s, late := &starts{}, time.Duration(0)
	for i := range outputs {
		for line := range strings.Lines(outputs[i].String()) {
			number, isLate := strings.CutPrefix(strings.TrimSpace(line), "late ")
			nanos, err := strconv.ParseInt(number, 10, 64)
			require.NoError(t, err)
			if isLate {
				late = max(late, time.Duration(nanos))
				continue
			}
			s.times = append(s.times, time.Unix(0, nanos))
		}
	}
	return s, late
}

func TestFourProcessesShareOneRateWhileRedisRestarts(t *testing.T) {
	const processes, calls = 4, 75
	late := lateness()
	store := newRedisServer(t)
	arrived := &starts{}
	// Redis stops at the first mark, is back at the second, and is killed and restarted at the third.
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
	started, lateStart := reported(t, outputs)
	require.Len(t, started.times, processes*calls)
	// A delayed request falls into a later second, which then has one more.
	worst := max(late(), lateStart)
	allowed := 21 + min(int(perSecond*worst.Seconds()), tolerated)
	most, released := maxIn(times, time.Second), maxIn(started.sorted(), time.Second)
	t.Logf("%d requests in %v; in any second the limiters let at most %d start, and the server counted at most %d; this machine was up to %v late, for which %d are allowed",
		len(times), times[len(times)-1].Sub(times[0]).Round(time.Millisecond), released, most, worst.Round(time.Millisecond), allowed)
	require.LessOrEqual(t, released, allowed, "the limiters let too many start:\n%s", &text)
	require.LessOrEqual(t, most, allowed, "the server saw too many:\n%s", &text)
	for i := range logs {
		require.Contains(t, logs[i].String(), "redis is away", "process %d noticed", i)
		require.Contains(t, logs[i].String(), "redis is back", "process %d noticed", i)
	}
}
