package metlo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	"github.com/metlo-go/metlo/metlotest"
)

const shownAtMost = 9 // bytes of a secret that may be seen in a row: a body can break off anywhere

// leak is the first place of text that shows a secret or a part of it.
func leak(text string, secrets ...string) string {
	const piece = (shownAtMost + 1) / 2 // any part that is too long holds one of the secret's pieces whole
	for _, secret := range secrets {
		shown := false
		for i := 0; i+piece <= len(secret) && !shown; i += piece {
			shown = strings.Contains(text, secret[i:i+piece])
		}
		if !shown {
			continue
		}
		for i := range len(secret) - shownAtMost {
			if part := secret[i : i+shownAtMost+1]; strings.Contains(text, part) {
				at := strings.Index(text, part)
				return text[max(at-40, 0):min(at+60, len(text))]
			}
		}
	}
	return ""
}

// everythingOf is all text that anybody can make of an error: with every verb, as JSON, in a log record, of each error
// that it wraps.
func everythingOf(err error) string {
	var b strings.Builder
	var show func(err error)
	show = func(err error) {
		if err == nil {
			return
		}
		fmt.Fprintf(&b, "%v\n%+v\n%#v\n%s\n%q\n%x\n%d\n", err, err, err, err, err, err, err)
		data, jsonErr := json.Marshal(err)
		fmt.Fprintf(&b, "%s %v\n", data, jsonErr)
		slog.New(slog.NewJSONHandler(&b, nil)).Error("failed", "err", err, slog.Any("wrapped", fmt.Errorf("call: %w", err)))
		slog.New(slog.NewTextHandler(&b, nil)).Error("failed", "err", err)
		var e *metlo.Error
		if errors.As(err, &e) {
			fmt.Fprintf(&b, "%s\n%s\n%s\n", e.Body, e.Message, e.Path)
			for _, a := range e.Attempts {
				fmt.Fprintf(&b, "%v %+v %#v\n", a, a, a)
			}
		}
		var v *metlo.ValidationError
		if errors.As(err, &v) {
			fmt.Fprintf(&b, "%+v\n", v.Issues)
		}
		switch err := err.(type) { //nolint:errorlint // walks the chain itself
		case interface{ Unwrap() error }:
			show(err.Unwrap())
		case interface{ Unwrap() []error }:
			for _, inner := range err.Unwrap() {
				show(inner)
			}
		}
	}
	show(err)
	if err != nil {
		b.WriteString(panicked(err))
	}
	return b.String()
}

// panicked is what a panic with v, and the stack at that place, show.
func panicked(v any) (text string) {
	defer func() { text = fmt.Sprintf("panic: %v\n%s", recover(), debug.Stack()) }()
	panic(v)
}

// everythingOfClient is all text that anybody can make of a client, of its services and of its options.
func everythingOfClient(c *metlo.Client, opts ...metlo.Option) string {
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
		b.WriteString(panicked(v))
	}
	return b.String()
}

// syncBuffer takes what many goroutines log.
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

// TestPlantedKey has every failure meet every call, and looks for the key, for the value of a header that a proxy wants,
// and for keys that the server made, in all that comes out.
func TestPlantedKey(t *testing.T) {
	const proxySecret = `pr0xy "s3cret"/<with>&all=signs+ inside`
	standard := &syncBuffer{}
	defer log.SetOutput(log.Writer())
	log.SetOutput(standard)
	places := 0
	failures, calls := everyCell(t, func(t *testing.T, c *cell) {
		records := &syncBuffer{}
		logger := slog.New(slog.NewJSONHandler(records, &slog.HandlerOptions{Level: slog.Level(-100), AddSource: true}))
		opts := []metlo.Option{metlo.WithLogger(logger), metlo.WithHeader("X-Proxy-Secret", proxySecret)}
		c.run(t, func(t *testing.T) {
			secrets := append([]string{c.apiKey, proxySecret, html.EscapeString(proxySecret), strconv.Quote(proxySecret)}, c.created()...)
			for _, r := range c.requests {
				require.Equal(t, "backend", r.Service, "%s: a request went elsewhere", c.name())
				require.Equal(t, c.apiKey, r.Header.Get("Authorization"), c.name())
				for _, where := range []string{r.Path, r.Query.Encode(), r.Host, string(r.Body)} {
					require.Empty(t, leak(where, secrets...), c.name())
				}
			}
			for what, text := range map[string]string{
				"error": everythingOf(c.err), "log": records.String(), "standard log": standard.String(),
			} {
				places++
				if found := leak(text, secrets...); found != "" && !knownToLog(c, what) {
					t.Errorf("%s: the %s shows …%s…", c.name(), what, found)
				}
			}
		}, opts...)
		if c.call.name == "get" && c.patience.cause == nil {
			assert.Empty(t, leak(everythingOfClient(c.client, opts...), c.apiKey, proxySecret), c.name())
		}
		standard.mu.Lock()
		standard.b.Reset()
		standard.mu.Unlock()
	}, func(metlotest.Failure) {})
	t.Logf("%d faults × %d calls: no secret in %d texts", failures, calls, places)
}

// knownToLog is what the SDK cannot prevent: net/http writes to the standard logger what follows a complete answer on
// its connection.
func knownToLog(c *cell, what string) bool {
	return what == "standard log" && c.failure.Name == "Content-Length too short"
}

// created are the keys that the server made or would have made for this call.
func (c *cell) created() []string {
	var keys []string
	for _, r := range c.requests {
		var body struct{ APIKey string }
		if c.call.name == "create" && json.Unmarshal(r.Sound, &body) == nil && body.APIKey != "" {
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
		b.WriteString(panicked(v))
	}
	assert.Empty(t, leak(b.String(), secret))
	assert.Contains(t, b.String(), "[redacted]")
}

// TestATransportThatPanicsShowsNoKey has the panic of a caller's transport pass through.
func TestATransportThatPanicsShowsNoKey(t *testing.T) {
	client, err := metlo.NewClient("https://metlo.example.com", someKey, metlo.WithHTTPClient(&http.Client{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) { panic("transport of " + r.URL.Path) }),
	}))
	require.NoError(t, err)
	defer func() {
		text := fmt.Sprint(recover()) + string(debug.Stack())
		assert.Contains(t, text, "transport of /api/v1/endpoints")
		assert.Empty(t, leak(text, someKey))
	}()
	_, _ = client.Endpoints.List(context.Background(), nil)
	t.Error("no panic")
}

// TestPartsOfASecretAreRedacted has bodies hold the key in every spelling and break off anywhere.
func TestPartsOfASecretAreRedacted(t *testing.T) {
	escaped := func(format string) string {
		var b strings.Builder
		for i := range len(someKey) {
			fmt.Fprintf(&b, format, someKey[i])
		}
		return b.String()
	}
	bodies := map[string]string{
		"JSON escapes":   `{"message":"` + escaped(`\u%04x`) + `"}`,
		"HTML entities":  `<html><body><pre>` + escaped(`&#%d;`) + `</pre></body></html>`,
		"ZOD":            `{"type":"ZOD","err":{"issues":[{"path":["` + someKey + `"],"message":"` + escaped(`\u%04x`) + `","options":["` + someKey + `"]}]}}`,
		"many":           strings.Repeat(someKey+" ", 1000),
		"across the cut": strings.Repeat("-", 16<<10-20) + someKey,
	}
	for i := 1; i <= len(someKey); i++ {
		bodies[fmt.Sprintf("the first %d bytes", i)] = "Authorization: " + someKey[:i]
	}
	for name, body := range bodies {
		for _, status := range []int{200, 400, 500} {
			client := inProcess(t, &answering{status, []byte(body), http.Header{}})
			err := client.Alerts.UpdateMany(t.Context(), &metlo.AlertBulkUpdate{UpdateType: metlo.UpdateResolve, AllAlerts: true})
			require.Error(t, err)
			assert.Empty(t, leak(everythingOf(err), someKey), "%s, %d", name, status)
		}
	}
}
