package transport

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var seen atomic.Int32
		n.serve("metlo:80", func(w http.ResponseWriter, _ *http.Request) {
			switch seen.Add(1) {
			case 1:
				<-time.After(time.Second)
				w.Header().Set("Connection", "close") // net/http itself would otherwise repeat the next request
				w.Header().Set("Retry-After", "2")
				w.WriteHeader(http.StatusServiceUnavailable)
			case 2:
				panic(http.ErrAbortHandler)
			case 3:
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, "half of a secret")
			default:
				_, _ = io.WriteString(w, "a secret")
			}
		})
		var out bytes.Buffer
		p := pipeline(n.client(), func(c *Config) {
			c.Header.Set("X-Secret", "secret value")
			c.Logger = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		r := get("http://metlo/secret/path?key=secret")
		r.Route = "/secret/{id}"
		r.Body = []byte("secret body")
		attempts, err := p.do(t.Context(), r, discard)
		require.NoError(t, err)
		require.Len(t, attempts, 4)

		want := []struct {
			level            string
			status, duration float64
			cause            string
		}{{"WARN", 503, float64(time.Second), ""}, {"WARN", 0, 0, "EOF"}, {"WARN", 200, 0, "unexpected EOF"}, {"DEBUG", 200, 0, ""}}
		lines := json.NewDecoder(&out)
		for i, w := range want {
			var line map[string]any
			require.NoError(t, lines.Decode(&line))
			delete(line, "time")
			wants := map[string]any{
				"level": w.level, "msg": "metlo request", "method": "GET", "host": "metlo", "route": "/secret/{id}",
				"status": w.status, "attempt": float64(i + 1), "wait": float64(attempts[i].Wait), "duration": w.duration,
			}
			if w.cause != "" {
				wants["cause"] = w.cause
			}
			assert.Equal(t, wants, line, "nothing but this is logged")
		}
		require.ErrorIs(t, lines.Decode(new(any)), io.EOF, "one line for each attempt")
	})
}

func TestLogOfFailures(t *testing.T) {
	tests := map[string]http.RoundTripper{
		"no connection": roundTripper(func(*http.Request) (*http.Response, error) { return nil, refused() }),
		"not repeated":  roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 429, "secret"), nil }),
		"refused":       roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 404, "secret"), nil }),
	}
	for name, rt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			p := pipeline(&http.Client{Transport: rt}, func(c *Config) {
				c.Header.Set("X-Secret", "secret value")
				c.Logger = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
			})
			_, _ = p.do(t.Context(), request("POST", "https://metlo/?secret", RepeatNever), discard)
			assert.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "%s", out.String())
			assert.NotContains(t, out.String(), "secret")
			assert.NotContains(t, out.String(), "metlo.key")
		})
	}
}

func TestWhatAServerAnswersIsLoggedAtDebug(t *testing.T) {
	var out bytes.Buffer
	rt := roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 500, ""), nil })
	for _, logger := range []*slog.Logger{nil, slog.New(slog.NewTextHandler(&out, nil))} {
		p := pipeline(&http.Client{Transport: rt}, func(c *Config) { c.Logger = logger })
		_, err := p.do(t.Context(), get("https://metlo/"), discard)
		require.NoError(t, err)
	}
	assert.Empty(t, out.String())
}
