package secrets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"log"
	"log/slog"
	"net/http"
	"reflect"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/internal/suites/matrix"
	"github.com/metlo-go/metlo/metlotest"
)

// textsOfClient returns all text that anybody can make of a client, of its services and of its options.
func textsOfClient(c *metlo.Client, opts ...metlo.Option) string {
	var b strings.Builder
	type app struct {
		client  *metlo.Client
		options []metlo.Option
	}
	values := []any{c, *c, opts, app{c, opts}, &app{c, opts}, []*metlo.Client{c}, map[string]metlo.Client{"c": *c}}
	services := reflect.ValueOf(*c)
	for i := range services.NumField() {
		if services.Type().Field(i).IsExported() {
			values = append(values, services.Field(i).Interface(), services.Field(i).Elem().Interface())
		}
	}
	for _, v := range values {
		fmt.Fprintf(&b, "%v\n%+v\n%#v\n%s\n%q\n%x\n%d\n%t\n", v, v, v, v, v, v, v, v)
		data, err := json.Marshal(v)
		fmt.Fprintf(&b, "%s %v\n", data, err)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("started", "v", v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("started", "v", v)
		b.WriteString(kit.Panicked(v))
	}
	return b.String()
}

// syncBuffer is a log of many goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestNoTextShowsAKey makes every call against every failure. It searches all text that comes out for the key, the value
// of a header for a proxy, and the keys that the server made.
func TestNoTextShowsAKey(t *testing.T) {
	const proxySecret = `pr0xy "s3cret"/<with>&all=signs+ inside`
	standard := &syncBuffer{}
	defer log.SetOutput(log.Writer())
	log.SetOutput(standard)
	places := 0
	failures, calls := matrix.Every(t, func(t *testing.T, c *matrix.Cell) {
		records := &syncBuffer{}
		logger := slog.New(slog.NewJSONHandler(records, &slog.HandlerOptions{Level: slog.Level(-100), AddSource: true}))
		opts := []metlo.Option{metlo.WithLogger(logger), metlo.WithHeader("X-Proxy-Secret", proxySecret)}
		c.Run(t, func(t *testing.T) {
			secrets := append([]string{c.APIKey, proxySecret, html.EscapeString(proxySecret), strconv.Quote(proxySecret)}, created(c)...)
			for _, r := range c.Requests {
				require.Equal(t, "backend", r.Service, "%s: a request went elsewhere", c.Name())
				require.Equal(t, c.APIKey, r.Header.Get("Authorization"), c.Name())
				for _, where := range []string{r.Path, r.Query.Encode(), r.Host, string(r.Body)} {
					require.Empty(t, kit.Leak(where, secrets...), c.Name())
				}
			}
			for what, text := range map[string]string{
				"error": kit.TextsOf(c.Err), "log": records.String(), "standard log": standard.String(),
			} {
				places++
				if found := kit.Leak(text, secrets...); found != "" && !loggedByNetHTTP(c, what) {
					t.Errorf("%s: the %s shows …%s…", c.Name(), what, found)
				}
			}
		}, opts...)
		if c.Call.Name == "get" && c.Wait.Cause == nil {
			assert.Empty(t, kit.Leak(textsOfClient(c.Client, opts...), c.APIKey, proxySecret), c.Name())
		}
		standard.mu.Lock()
		standard.b.Reset()
		standard.mu.Unlock()
	}, func(metlotest.Failure) {})
	t.Logf("%d faults × %d calls: no secret in %d texts", failures, calls, places)
}

// loggedByNetHTTP reports what the SDK cannot prevent: net/http writes to the standard logger what follows a complete
// response on its connection.
func loggedByNetHTTP(c *matrix.Cell, what string) bool {
	return what == "standard log" && c.Failure.Name == "Content-Length too short"
}

// created returns the keys that the server made or would have made for this call.
func created(c *matrix.Cell) []string {
	var keys []string
	for _, r := range c.Requests {
		var body struct{ APIKey string }
		if c.Call.Name == "create" && json.Unmarshal(r.Sound, &body) == nil && body.APIKey != "" {
			keys = append(keys, body.APIKey)
		}
	}
	return keys
}

func TestACreatedKeyShowsOnlyWhenRevealed(t *testing.T) {
	srv := metlotest.NewServer()
	defer srv.Close()
	created, err := srv.Client().Keys.Create(t.Context(), "ci", "")
	require.NoError(t, err)
	value := created.APIKey.Reveal()
	require.NotEmpty(t, value)
	secret := strings.TrimPrefix(value, created.Identifier) // how it begins is public
	var b strings.Builder
	for _, v := range []any{created, *created, created.APIKey, &created.APIKey, []metlo.CreatedKey{*created}, map[metlo.Secret]int{created.APIKey: 1}} {
		fmt.Fprintf(&b, "%v\n%+v\n%#v\n%s\n%q\n%x\n%d\n", v, v, v, v, v, v, v)
		data, err := json.Marshal(v)
		fmt.Fprintf(&b, "%s %v\n", data, err)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("created", "key", v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("created", "key", v)
		b.WriteString(kit.Panicked(v))
	}
	assert.Empty(t, kit.Leak(b.String(), secret))
	assert.Contains(t, b.String(), "[redacted]")
}

// TestATransportThatPanicsShowsNoKey makes the transport of the caller panic.
func TestATransportThatPanicsShowsNoKey(t *testing.T) {
	client, err := metlo.NewClient("https://metlo.example.com", kit.Key, metlo.WithHTTPClient(&http.Client{
		Transport: kit.RoundTrip(func(r *http.Request) (*http.Response, error) { panic("transport of " + r.URL.Path) }),
	}))
	require.NoError(t, err)
	defer func() {
		text := fmt.Sprint(recover()) + string(debug.Stack())
		assert.Contains(t, text, "transport of /api/v1/endpoints")
		assert.Empty(t, kit.Leak(text, kit.Key))
	}()
	_, _ = client.Endpoints.List(context.Background(), nil, 0, 0)
	t.Error("no panic")
}

// TestPartsOfASecretAreRedacted reads bodies that hold the key in every spelling and end anywhere.
func TestPartsOfASecretAreRedacted(t *testing.T) {
	escaped := func(format string) string {
		var b strings.Builder
		for i := range len(kit.Key) {
			fmt.Fprintf(&b, format, kit.Key[i])
		}
		return b.String()
	}
	bodies := map[string]string{
		"JSON escapes":   `{"message":"` + escaped(`\u%04x`) + `"}`,
		"HTML entities":  `<html><body><pre>` + escaped(`&#%d;`) + `</pre></body></html>`,
		"ZOD":            `{"type":"ZOD","err":{"issues":[{"path":["` + kit.Key + `"],"message":"` + escaped(`\u%04x`) + `","options":["` + kit.Key + `"]}]}}`,
		"many":           strings.Repeat(kit.Key+" ", 1000),
		"across the cut": strings.Repeat("-", 16<<10-20) + kit.Key,
	}
	for i := 1; i <= len(kit.Key); i++ {
		bodies[fmt.Sprintf("the first %d bytes", i)] = "Authorization: " + kit.Key[:i]
	}
	for name, body := range bodies {
		for _, status := range []int{200, 400, 500} {
			client := kit.Client(t, &kit.Answer{Status: status, Body: []byte(body), Header: http.Header{}})
			err := client.Alerts.UpdateMany(t.Context(), &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, AllAlerts: true})
			require.Error(t, err)
			assert.Empty(t, kit.Leak(kit.TextsOf(err), kit.Key), "%s, %d", name, status)
		}
	}
}
