package apitest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// goldenRuns represents testdata/runs.json: runs of the original library against a service.
type goldenRuns struct {
	Service map[string]json.RawMessage `json:"service"`
	Cases   []struct {
		Name      string          `json:"name"`
		Test      json.RawMessage `json:"test"`
		Env       map[string]any  `json:"env"`
		Success   bool            `json:"success"`
		AbortedAt int             `json:"abortedAt"`
		Steps     [][]goldenStep  `json:"steps"`
	} `json:"cases"`
}

type goldenStep struct {
	Index      int            `json:"idx"`
	Success    bool           `json:"success"`
	Assertions []bool         `json:"assertions"`
	Err        string         `json:"err"`
	Request    map[string]any `json:"request"`
	Status     int            `json:"status"`
	Data       any            `json:"data"`
	EnvVars    map[string]any `json:"envVars"`
}

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, into))
}

// goldenService answers as the service of testdata/runs.json did.
func goldenService(t *testing.T, described map[string]json.RawMessage) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, raw := range described {
		var answer struct {
			Status  int               `json:"status"`
			Headers map[string]string `json:"headers"`
			Body    json.RawMessage   `json:"body"`
		}
		if json.Unmarshal(raw, &answer) != nil {
			continue // POST /echo, described in words
		}
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range answer.Headers {
				w.Header().Set(name, value)
			}
			w.WriteHeader(answer.Status)
			var text string
			if json.Unmarshal(answer.Body, &text) == nil {
				_, _ = io.WriteString(w, text)
				return
			}
			_, _ = w.Write(answer.Body)
		})
	}
	mux.HandleFunc("POST /echo", echo)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func echo(w http.ResponseWriter, r *http.Request) {
	headers := map[string]string{}
	for _, name := range []string{"content-type", "x-test", "cookie", "authorization"} {
		if v := r.Header.Get(name); v != "" {
			headers[name] = v
		}
	}
	body, _ := io.ReadAll(r.Body)
	query := r.URL.RawQuery
	if query != "" {
		query = "?" + query
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"method": r.Method, "path": r.URL.Path, "query": query, "headers": headers, "body": string(body),
	})
}

// runDifferences maps the cases in which a run differs by design to the reasons.
var runDifferences = map[string]string{}

func goldenRunCount(t *testing.T) (matched, total int) {
	var golden goldenRuns
	readGolden(t, "runs.json", &golden)
	srv := goldenService(t, golden.Service)
	for _, c := range golden.Cases {
		ok := t.Run("run/"+c.Name, func(t *testing.T) {
			if why, ok := runDifferences[c.Name]; ok {
				t.Skip(why)
			}
			cfg, err := Parse(c.Test)
			require.NoError(t, err)
			env := map[string]string{"BASE_URL": srv.URL}
			global := map[string]string{}
			for k, v := range c.Env {
				switch v := v.(type) {
				case string:
					env[k] = v
				case map[string]any:
					for name, value := range v {
						global[name] = value.(string)
					}
				}
			}
			res, err := Run(t.Context(), cfg, AllowHosts(srv.URL, "127.0.0.1:1"), patient, Lenient(), WithSecretsShown(), WithEnv(env), WithGlobalEnv(global))
			require.NoError(t, err)
			assert.Equal(t, c.Success, res.Success)
			assert.Equal(t, c.AbortedAt, res.AbortedAt)
			require.Len(t, res.Results, len(c.Steps))
			for i, want := range c.Steps {
				require.Len(t, res.Results[i], len(want))
				for j, w := range want {
					compareStep(t, srv.URL, env, w, res.Results[i][j])
				}
			}
		})
		total++
		if ok {
			matched++
		}
	}
	return matched, total
}

func compareStep(t *testing.T, base string, env map[string]string, want goldenStep, got StepResult) {
	t.Helper()
	assert.Equal(t, want.Index, got.Index)
	assert.Equal(t, want.Success, got.Success)
	assert.Equal(t, want.Assertions, got.Assertions)
	assert.Equal(t, want.Err != "", got.Err != nil, "%v", got.Err)
	request := map[string]any{"method": got.Request.Method, "url": strings.Replace(got.Request.URL, base, "{{BASE_URL}}", 1)}
	assert.Equal(t, want.Request, request)
	extracted := map[string]any{}
	for k, v := range got.Variables {
		if _, given := env[k]; !given && k != "global" {
			extracted[k] = v
		}
	}
	assert.Equal(t, want.EnvVars, asJSON(t, extracted))
	if want.Status == 0 {
		assert.Nil(t, got.Response)
		return
	}
	require.NotNil(t, got.Response)
	assert.Equal(t, want.Status, got.Response.Status)
	assert.Equal(t, want.Data, asJSON(t, got.Response.Data))
}

// asJSON converts v to the Go types that encoding/json decodes into.
func asJSON(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	var out any
	require.NoError(t, json.Unmarshal(raw, &out))
	if reflect.ValueOf(v).Kind() == reflect.Map && out == nil {
		return map[string]any{}
	}
	return out
}
