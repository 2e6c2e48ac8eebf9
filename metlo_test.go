package metlo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/internal/suites/kit"
	"github.com/metlo-go/metlo/metlotest"
)

func TestAllFaultsOfAClientAreReportedTogether(t *testing.T) {
	_, err := metlo.NewClient("ftp://x", "a\nb", nil, metlo.WithHeaderTimeout(-1), metlo.WithRateLimit(0, 0))
	require.Error(t, err)
	for _, says := range []string{"neither http nor https", "line break", "option 1 is nil", "WithHeaderTimeout", "WithRateLimit"} {
		assert.Contains(t, err.Error(), says)
	}
}

func TestNewClientFromEnv(t *testing.T) {
	const file = "METLO_HOST=https://file.example.com\nMETLO_API_KEY=metlo.file\n"
	const idn = "METLO_HOST=https://b\u00fccher.example\nMETLO_API_KEY=metlo.file\n"
	type env map[string]string
	tests := []struct {
		name    string
		env     env
		file    string
		host    string
		key     string
		invalid string
	}{
		{name: "environment", env: env{"METLO_HOST": "https://env.example.com", "METLO_API_KEY": "metlo.env"}, host: "env.example.com", key: "metlo.env"},
		{name: "file", file: file, host: "file.example.com", key: "metlo.file"},
		{name: "file of Windows", file: "\ufeff" + strings.ReplaceAll(file, "\n", "\r\n"), host: "file.example.com", key: "metlo.file"},
		{name: "file with quotes and comments", file: "# metlo\nMETLO_HOST=\"https://file.example.com\"\nexport METLO_API_KEY='metlo.fi+l/e'\n", host: "file.example.com", key: "metlo.fi+l/e"},
		{name: "file with other lines", file: "[default]\nhello\n" + file, host: "file.example.com", key: "metlo.file"},
		{name: "a key is literal", file: "METLO_HOST=https://file.example.com\nMETLO_API_KEY=metlo.$HOME\n", host: "file.example.com", key: "metlo.$HOME"},
		{name: "environment over file", env: env{"METLO_HOST": "https://env.example.com", "METLO_API_KEY": "metlo.env"}, file: file, host: "env.example.com", key: "metlo.env"},
		{name: "a key of the environment for the file's host", env: env{"METLO_API_KEY": "metlo.env"}, file: file, invalid: "set METLO_HOST too"},
		{name: "another key for the file's host, by name", env: env{"METLO_API_KEY": "metlo.env", "METLO_HOST": "https://file.example.com"}, file: file, host: "file.example.com", key: "metlo.env"},
		{name: "no key for the file's host", env: env{"METLO_API_KEY": ""}, file: file, host: "file.example.com", key: ""},
		{name: "the file's key for the file's host", env: env{"METLO_HOST": "https://file.example.com/api/v1/"}, file: file, host: "file.example.com", key: "metlo.file"},
		{name: "the file's host with its port", env: env{"METLO_HOST": "https://file.example.com:443"}, file: file, host: "file.example.com:443", key: "metlo.file"},
		{name: "the file's host in upper case", env: env{"METLO_HOST": "https://FILE.example.com"}, file: file, host: "FILE.example.com", key: "metlo.file"},
		{name: "the file's host with a dot", env: env{"METLO_HOST": "https://file.example.com."}, file: file, host: "file.example.com.", key: "metlo.file"},
		{name: "the file's host in punycode", env: env{"METLO_HOST": "https://xn--bcher-kva.example"}, file: idn, invalid: "each spelling counts as another host"},
		{name: "the file's key for no other host", env: env{"METLO_HOST": "https://env.example.com"}, file: file, invalid: "is for https://file.example.com"},
		{name: "the file's key for no other port", env: env{"METLO_HOST": "https://file.example.com:8443"}, file: file, invalid: "set METLO_API_KEY"},
		{name: "the file's key for no other scheme", env: env{"METLO_HOST": "http://file.example.com"}, file: file, invalid: "set METLO_API_KEY"},
		{name: "no key for another host", env: env{"METLO_HOST": "https://env.example.com", "METLO_API_KEY": ""}, file: file, host: "env.example.com", key: ""},
		{name: "a key that is bound to no host", env: env{"METLO_HOST": "https://env.example.com"}, file: "METLO_API_KEY=metlo.file\n", invalid: "set METLO_API_KEY for that host"},
		{name: "a key beside a blank host", env: env{"METLO_HOST": "https://env.example.com"}, file: "METLO_HOST=\nMETLO_API_KEY=metlo.file\n", invalid: "set METLO_API_KEY for that host"},
		{name: "the file's key for another collector", env: env{"METLO_COLLECTOR_HOST": "https://elsewhere.example.com"}, file: file, invalid: "not for METLO_COLLECTOR_HOST https://elsewhere.example.com"},
		{name: "the file's key for another port of the collector", env: env{"METLO_COLLECTOR_HOST": "https://file.example.com:8081"}, file: file + "METLO_COLLECTOR_HOST=https://file.example.com:8082\n", invalid: "not for METLO_COLLECTOR_HOST"},
		{name: "the file's key for the file's collector", env: env{"METLO_COLLECTOR_HOST": "https://file.example.com:8081/"}, file: file + "METLO_COLLECTOR_HOST=https://file.example.com:8081\n", host: "file.example.com", key: "metlo.file"},
		{name: "no key for another collector", env: env{"METLO_COLLECTOR_HOST": "https://elsewhere.example.com", "METLO_API_KEY": ""}, file: file, host: "file.example.com", key: ""},
		{name: "plain http that is allowed", env: env{"METLO_HOST": "http://env.example.com", "METLO_API_KEY": "metlo.env", "METLO_INSECURE_HTTP": "true"}, host: "env.example.com", key: "metlo.env"},
		{name: "plain http", env: env{"METLO_HOST": "http://env.example.com", "METLO_API_KEY": "metlo.env"}, invalid: "WithInsecureHTTP"},
		{name: "plain http that is not allowed", env: env{"METLO_HOST": "http://env.example.com", "METLO_API_KEY": "metlo.env", "METLO_INSECURE_HTTP": "F"}, invalid: "WithInsecureHTTP"},
		{name: "no boolean", env: env{"METLO_HOST": "http://env.example.com", "METLO_API_KEY": "metlo.env", "METLO_INSECURE_HTTP": "yes"}, invalid: "METLO_INSECURE_HTTP is neither true nor false"},
		{name: "environment with a broken file", env: env{"METLO_HOST": "https://env.example.com", "METLO_API_KEY": "metlo.env"}, file: "broken\n", host: "env.example.com", key: "metlo.env"},
		{name: "the file's leave for plain http", file: "METLO_HOST=http://file.example.com\nMETLO_API_KEY=metlo.file\nMETLO_INSECURE_HTTP=1\n", host: "file.example.com", key: "metlo.file"},
		{name: "the file's leave for no other host", env: env{"METLO_HOST": "http://env.example.com", "METLO_API_KEY": "metlo.env"}, file: "METLO_HOST=http://file.example.com\nMETLO_INSECURE_HTTP=1\n", invalid: "WithInsecureHTTP"},
		{name: "nothing", invalid: "METLO_HOST"},
		{name: "no host in the file", file: "METLO_API_KEY=x\n", invalid: "~/.metlo/credentials"},
		{name: "file that is no list of variables", file: "metlo.secret-on-a-line-of-its-own\n", invalid: "NAME=value"},
		{name: "file with a fault", file: "METLO_HOST=https://file.example.com\nMETLO_API_KEY metlo.secret-on-a-line-of-its-own\n", invalid: "~/.metlo/credentials line 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			setHome(t, tt.env)
			if tt.file != "" {
				writeCredentials(t, tt.file)
			}
			var host, key string
			client, err := metlo.NewClientFromEnv(metlo.WithHTTPClient(&http.Client{
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					host, key = r.URL.Host, r.Header.Get("Authorization")
					return kit.OK(r)
				}),
			}))
			if tt.invalid != "" {
				require.ErrorIs(t, err, metlo.ErrInvalidArgument)
				assert.Contains(t, err.Error(), tt.invalid)
				assert.NotContains(t, err.Error(), "secret-on-a-line")
				return
			}
			require.NoError(t, err)
			_, err = client.Summary.HasEndpoints(t.Context())
			require.NoError(t, err)
			assert.Equal(t, tt.host, host)
			assert.Equal(t, tt.key, key)
		})
	}
}

// setHome sets Metlo's environment variables to env, and the home folder to an empty one.
func setHome(t *testing.T, env map[string]string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"METLO_HOST", "METLO_API_KEY", "METLO_COLLECTOR_HOST", "METLO_INSECURE_HTTP"} {
		t.Setenv(name, "") // has it restored
		require.NoError(t, os.Unsetenv(name))
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func writeCredentials(t *testing.T, text string) {
	t.Helper()
	folder := filepath.Join(os.Getenv("HOME"), ".metlo")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "credentials"), []byte(text), 0o600))
}

func TestAFolderInPlaceOfTheCredentials(t *testing.T) {
	setHome(t, nil)
	require.NoError(t, os.MkdirAll(filepath.Join(os.Getenv("HOME"), ".metlo", "credentials"), 0o700))
	_, err := metlo.NewClientFromEnv()
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	require.ErrorContains(t, err, "~/.metlo/credentials is a directory")
}

func FuzzCredentialsFile(f *testing.F) {
	f.Add("METLO_HOST=https://metlo.example.com\nMETLO_API_KEY=" + someKey + "\n")
	f.Add("METLO_HOST=http://metlo.example.com\nMETLO_API_KEY=" + someKey + "\n")
	f.Add("METLO_HOST=metlo\nMETLO_API_KEY='" + someKey + "\n")
	f.Fuzz(func(t *testing.T, content string) {
		setHome(t, nil)
		writeCredentials(t, content)
		client, err := metlo.NewClientFromEnv()
		if (client == nil) == (err == nil) {
			t.Fatalf("client %v, error %v", client, err)
		}
		if err != nil && (!errors.Is(err, metlo.ErrInvalidArgument) || kit.Leak(err.Error(), someKey) != "") {
			t.Fatal(err)
		}
	})
}

func TestCall(t *testing.T) {
	var got *http.Request
	answer := ""
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r
		return (&kit.Answer{Status: 200, Body: []byte(answer)}).RoundTrip(r)
	}))
	call := func(answer_ string, in, out any) error {
		answer = answer_
		return client.Call(t.Context(), "POST", "/new-route/a%2Fb", url.Values{"q": {"1"}}, in, out)
	}

	var object struct{ N int }
	require.NoError(t, call(`{"N":"8"}`, map[string]int{"a": 1}, &object))
	assert.Equal(t, 8, object.N)
	assert.Equal(t, "https://metlo.example.com/api/v1/new-route/a%2Fb?q=1", got.URL.String())
	assert.Equal(t, someKey, got.Header.Get("Authorization"))
	assert.Equal(t, "application/json", got.Header.Get("Content-Type"))

	var envelope struct {
		OK   bool
		Data struct{ N int }
	}
	require.NoError(t, call(`{"ok":true,"data":{"N":9}}`, nil, &envelope))
	assert.Equal(t, 9, envelope.Data.N, "as package encoding/json decodes it")
	pointer := &object
	require.NoError(t, call(`null`, nil, &pointer))
	assert.Nil(t, pointer)
	assert.Empty(t, got.Header.Get("Content-Type"))

	var text string
	require.NoError(t, call("Success", nil, &text))
	assert.Equal(t, "Success", text)
	require.NoError(t, call("anything", nil, nil))
	require.ErrorIs(t, call("<!DOCTYPE html><title>Sign in</title>", nil, nil), metlo.ErrInvalidResponse)
	require.ErrorIs(t, call("OK", nil, &object), metlo.ErrInvalidResponse)
}

func TestCallEncodesAsTheCallersStructSays(t *testing.T) {
	var sent string
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		sent = string(body)
		require.NoError(t, err)
		return (&kit.Answer{Status: 200, Body: []byte(`{"NAME":"x"}`)}).RoundTrip(r)
	}))
	var answer struct {
		Name string `json:"name"`
	}
	in := struct {
		Skip bool `json:"skip,omitempty"`
		N    int  `json:"n,omitempty"`
	}{}
	require.NoError(t, client.Call(t.Context(), "PUT", "/instance-settings", nil, in, &answer))
	assert.Equal(t, "{}", sent)
	assert.Equal(t, "x", answer.Name)
}

func TestCallCorrectsWhatTheStatusSays(t *testing.T) {
	client := inProcess(t, roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/api/v1/specs" {
			return kit.JSON(http.StatusOK, "[]").RoundTrip(r)
		}
		return kit.OK(r)
	}))
	var text string
	require.ErrorIs(t, client.Call(t.Context(), "GET", "/spec/missing", nil, nil, &text), metlo.ErrNotFound)
	require.ErrorIs(t, client.Call(t.Context(), "PUT", "/data-field/"+kit.Nowhere+"/update-entity", nil, nil, nil), metlo.ErrNotFound)
}

func TestPing(t *testing.T) {
	const health, tracked = "/prefix/api/v1", "/prefix/api/v1/summary/endpoint-tracked"
	page := func(path string) *kit.Answer {
		return kit.Text(http.StatusNotFound, "<!DOCTYPE html>\n<pre>Cannot GET "+path+"</pre>")
	}
	tests := map[string]struct {
		answers map[string]*kit.Answer
		want    error
		says    string
	}{
		"the backend":                      {map[string]*kit.Answer{health: kit.Text(200, "OK"), tracked: kit.JSON(200, `{"exists":false}`)}, nil, ""},
		"the collector":                    {map[string]*kit.Answer{health: kit.Text(200, "OK"), tracked: page(tracked)}, metlo.ErrInvalidResponse, "collector"},
		"a server that says OK":            {map[string]*kit.Answer{health: kit.Text(200, "OK"), tracked: kit.Text(200, "OK")}, metlo.ErrInvalidResponse, "another server"},
		"a server with a page":             {map[string]*kit.Answer{health: kit.Text(200, "<html>hello</html>")}, metlo.ErrInvalidResponse, "base URL"},
		"a server with JSON":               {map[string]*kit.Answer{health: kit.JSON(200, `{"status":"up"}`)}, metlo.ErrInvalidResponse, ""},
		"a server without a route":         {map[string]*kit.Answer{health: page(health)}, metlo.ErrInvalidResponse, "base URL"},
		"a backend whose database is down": {map[string]*kit.Answer{health: kit.Text(200, "OK"), tracked: kit.Text(500, "connect ECONNREFUSED")}, metlo.ErrServer, "ECONNREFUSED"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, err := metlo.NewClient("https://metlo.example.com/prefix", someKey, metlo.WithHTTPClient(&http.Client{
				Transport: roundTrip(func(r *http.Request) (*http.Response, error) { return tt.answers[r.URL.Path].RoundTrip(r) }),
			}))
			require.NoError(t, err)
			err = client.Ping(t.Context())
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				assert.Equal(t, 1, kit.CountSentinels(err))
				assert.Contains(t, err.Error(), tt.says)
			}
		})
	}
}

func TestBaseURLOfAClient(t *testing.T) {
	for base, want := range map[string]string{
		"https://metlo.example.com/api/v1/": "https://metlo.example.com",
		"https://example.com/tools/metlo":   "https://example.com/tools/metlo",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080",
	} {
		client, err := metlo.NewClient(base, someKey)
		require.NoError(t, err)
		assert.Equal(t, want, client.BaseURL())
	}
}

func TestNoHost(t *testing.T) {
	setHome(t, nil)
	_, err := metlo.NewClientFromEnv()
	require.ErrorIs(t, err, metlo.ErrNoHost)
	require.ErrorIs(t, err, metlo.ErrInvalidArgument)
	require.ErrorContains(t, err, "METLO_HOST")
	require.ErrorContains(t, err, "~/.metlo/credentials")
}

func ExampleNewClientFromEnv() {
	os.Setenv("METLO_HOST", "https://metlo.example.com")
	defer os.Unsetenv("METLO_HOST")
	client, err := metlo.NewClientFromEnv()
	fmt.Println(client, err)
	// Output: metlo.Client(https://metlo.example.com/api/v1) <nil>
}

func ExampleClient_Call() {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()

	var answer struct {
		Exists bool `json:"exists"`
	}
	err := server.Client().Call(context.Background(), http.MethodGet, "/summary/endpoint-tracked", url.Values{}, nil, &answer)
	fmt.Println(answer.Exists, err)
	// Output: true <nil>
}

func TestNewClientRefuses(t *testing.T) {
	at := func(baseURL, key string) func(context.Context, *metlo.Client) error {
		return func(context.Context, *metlo.Client) error {
			_, err := metlo.NewClient(baseURL, key)
			return err
		}
	}
	assertRefusals(t, map[string]refusal{
		"empty base URL":                 {at("", ""), "base URL is empty"},
		"relative base URL":              {at("metlo.example.com", ""), "no scheme"},
		"base URL of a path":             {at("/api/v1", ""), "no scheme"},
		"base URL with another scheme":   {at("ftp://metlo.example.com", ""), "neither http nor https"},
		"base URL without a host":        {at("https://", ""), "no host"},
		"base URL with a port only":      {at("https://:8080", ""), "no host"},
		"base URL with user info":        {at("https://user:pass@metlo.example.com", ""), "user info"},
		"base URL with a query":          {at("https://metlo.example.com?x=1", ""), "query or a fragment"},
		"base URL with an empty query":   {at("https://metlo.example.com?", ""), "query or a fragment"},
		"base URL with a fragment":       {at("https://metlo.example.com#x", ""), "query or a fragment"},
		"base URL that climbs":           {at("https://metlo.example.com/a/%2e%2e/b", ""), ".."},
		"base URL that cannot be parsed": {at("https://metlo.example.com:port", ""), "cannot be parsed"},
		"key with a newline":             {at("https://metlo.example.com", "metlo.abc\n"), "line break"},
		"key with spaces":                {at("https://metlo.example.com", " metlo.abc"), "ends with a space"},
		"key over http":                  {at("http://metlo.example.com", someKey), "WithInsecureHTTP"},
	})
}

func TestCallRefuses(t *testing.T) {
	call := func(method, path string, in any) func(context.Context, *metlo.Client) error {
		return func(ctx context.Context, c *metlo.Client) error { return c.Call(ctx, method, path, nil, in, nil) }
	}
	var noContext context.Context
	assertRefusals(t, map[string]refusal{
		"path without a slash":       {call("GET", "endpoints", nil), "one slash"},
		"path that climbs":           {call("GET", "/../keys", nil), ".."},
		"path that climbs, escaped":  {call("GET", "/a/%2e%2E/keys", nil), ".."},
		"path of another server":     {call("GET", "//evil.example.com/x", nil), "one slash"},
		"path with a scheme":         {call("GET", "https://evil.example.com/x", nil), "one slash"},
		"path with a query":          {call("GET", "/endpoints?limit=1", nil), "url.Values"},
		"path with a fragment":       {call("GET", "/endpoints#x", nil), "url.Values"},
		"path that is not escaped":   {call("GET", "/spec/a b", nil), "not escaped"},
		"no method":                  {call("", "/endpoints", nil), "HTTP method"},
		"method of two words":        {call("GET /", "/endpoints", nil), "HTTP method"},
		"body that is no JSON value": {call("PUT", "/settings", func() {}), "cannot be encoded"},
		"body that cannot receive an answer": {func(ctx context.Context, c *metlo.Client) error {
			return c.Call(ctx, "PUT", "/settings", nil, nil, struct{}{})
		}, "pass a pointer"},
		"path that climbs on Windows": {call("GET", `/a%5C..`, nil), ".."},
		"nil context":                 {func(_ context.Context, c *metlo.Client) error { return c.Ping(noContext) }, "context is nil"},
	})
}
