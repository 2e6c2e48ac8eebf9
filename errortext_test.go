package metlo_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// TestOutagesAreExplained answers like a real backend and collector whose stores were stopped.
func TestOutagesAreExplained(t *testing.T) {
	data, err := os.ReadFile("testdata/outages.json")
	require.NoError(t, err)
	var outages map[string][]struct {
		Service, Method, Path string
		Status                int
		ContentType           string `json:"content_type"`
		Body                  string
	}
	require.NoError(t, json.Unmarshal(data, &outages))
	hints := map[string]string{"PostgreSQL stopped": "cannot reach its database", "Redis stopped": "cannot reach its cache"}
	explained := 0
	for state, answers := range outages {
		for _, a := range answers {
			if a.Status < 500 && a.Status != http.StatusUnauthorized {
				continue
			}
			client := inProcess(t, failing(a.Status, a.Body, http.Header{"Content-Type": {a.ContentType}}), metlo.WithCollectorURL("https://collector.example.com"))
			_, path, _ := strings.Cut(strings.Split(a.Path, "?")[0], "/api/v1")
			err := client.Call(t.Context(), a.Method, path, nil, nil, nil)
			if a.Service == "collector" {
				err = client.Collector.Verify(t.Context())
			}
			require.Error(t, err)
			switch {
			case a.Status == http.StatusUnauthorized:
				explained++
				require.ErrorIs(t, err, metlo.ErrUnauthorized)
				assert.ErrorContains(t, err, "check the database before you replace the key")
			case strings.Contains(a.Body, "ECONNREFUSED"):
				explained++
				require.ErrorIs(t, err, metlo.ErrServer)
				assert.ErrorContains(t, err, hints[state], "%s %s", state, a.Path)
			}
		}
	}
	assert.Greater(t, explained, 3)
}

func TestEscapedSecretsAreRedactedFromMessages(t *testing.T) {
	const key = `metlo.a/b+c=d  e"f`
	spellings := map[string]string{
		"as it is":                      key,
		"two blanks in a row":           "<pre>" + key + "</pre>",
		"percent-encoded in lower case": "metlo.a%2fb%2bc%3dd%20%20e%22f",
		"percent-encoded, all of it":    percent(key, "%%%02x"),
		"escaped in JSON":               `metlo.a\/b\u002bc\u003Dd  e\"f`,
		"escaped in Go":                 percent(key, `\x%02x`),
		"in HTML, hexadecimal":          percent(key, "&#x%X;"),
		"in HTML, decimal":              percent(key, "&#%d;"),
		"in HTML, by name":              "metlo.a/b+c=d  e&quot;f",
		"escaped twice":                 strings.ReplaceAll("metlo.a%2fb%2bc%3dd%20%20e%22f", "%", "%25"),
		"some of it":                    "metlo.a%2fb+c%3Dd  e&quot;f",
	}
	for name, spelling := range spellings {
		t.Run(name, func(t *testing.T) {
			for _, body := range []string{"bad key " + spelling + " sent", `{"message":"bad key ` + strings.ReplaceAll(spelling, `"`, `\"`) + `"}`} {
				client, err := metlo.NewClient("https://metlo.example.com", key, metlo.WithHTTPClient(&http.Client{Transport: failing(400, body, nil)}), metlo.WithoutRateLimit())
				require.NoError(t, err)
				_, err = client.Summary.Get(context.Background())
				require.ErrorIs(t, err, metlo.ErrBadRequest)
				var e *metlo.Error
				require.ErrorAs(t, err, &e)
				for _, text := range []string{e.Message, string(e.Body), err.Error()} {
					assert.NotContains(t, text, "metlo.a", body)
					assert.NotContains(t, text, "6d", body)
					assert.NotContains(t, text, "109", body)
				}
				assert.Contains(t, e.Message, "bad key")
			}
		})
	}
}

func percent(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}
