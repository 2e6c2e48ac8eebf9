package apitest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNoSecretIsPrinted puts a secret in every place that can hold one, lets the service echo it, and searches every
// form of the result for it.
func TestNoSecretIsPrinted(t *testing.T) {
	const (
		envSecret    = "pl4nted env/secret+&"
		globalSecret = "pl4nted-global"
		bearer       = "pl4nted-bearer"
		basic        = "dXNlcjpwbDRudGVkLXBhc3N3b3Jk" // user:pl4nted-password
		ownCookie    = "pl4nted-own-cookie"
		setCookie    = "pl4nted-set-cookie"
		apiKey       = "pl4nted-api-key"
	)
	base, opts := service(t, func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "sid", Value: setCookie, Path: "/", HttpOnly: true})
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("X-Api-Key"))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"q": r.URL.RawQuery, "a": r.Header.Get("Authorization"), "c": r.Header.Get("Cookie"), envSecret: 1})
	})
	cfg := &Config{
		ID: "t", Meta: &Meta{Name: "planted"}, Env: []KeyValue{{"FROM_FILE", "x{{ENV}}"}},
		Test: []Step{
			{
				Request: Request{
					Method: "POST", URL: base + "/a?in={{ENV}}", Query: []KeyValue{{"q", "{{ENV}}"}},
					Headers: []KeyValue{{"Authorization", "Bearer " + bearer}, {"X-Api-Key", apiKey}, {"Cookie", "own=" + ownCookie}},
					Data:    `{"g": {{json global.G}}, "e": {{json ENV}}, "login": {"password": "pl4nted-in-json"}}`,
				},
				Extract: []Extractor{{Name: "ECHO", Value: "resp.data.a"}, {Name: "COPY", Value: "ENV"}, {Name: "ALL", Value: "ctx"}},
				Assert:  []Assertion{Equal("resp.data.q", "{{ENV}}"), Expr("resp.data.a === ENV"), Expr("(() => { throw new Error(ENV) })()")},
			},
			{
				Request: Request{Method: "GET", URL: base + "/b", Headers: []KeyValue{{"Authorization", "Basic " + basic}}},
				Assert:  []Assertion{Equal("resp.data.c", "nothing"), Expr("ENV === FROM_FILE")},
			},
			get("http://127.0.0.1:1/?k={{ENV}}", Expr("true")),
			get(base+"/c?api_key=pl4nted-in-url&access_token=pl4nted-token", Equal("resp.data.q", "")),
			get("{{NOBODY}}/c?api_key=pl4nted-unsent", Equal("resp.data.q", "")),
			{Request: Request{Method: "POST", URL: base + "/d", Query: []KeyValue{{"apiKey", "pl4nted-in-query"}}, Form: []KeyValue{{"user_password", "pl4nted-in-form"}}}},
		},
	}
	opts = append(opts, AllowHosts("127.0.0.1:1"), WithEnv(map[string]string{"ENV": envSecret}), WithGlobalEnv(map[string]string{"G": globalSecret}))
	forms := func(t *testing.T, shown bool) map[string]string {
		t.Helper()
		res, err := Run(t.Context(), cfg, append(opts, func(s *settings) error { s.showSecrets = shown; return nil })...)
		require.NoError(t, err)
		raw, err := json.Marshal(res)
		require.NoError(t, err)
		report, err := JUnit(res)
		require.NoError(t, err)
		test, err := res.Test.Marshal()
		require.NoError(t, err)
		out := map[string]string{"JSON": string(raw), "JUnit": string(report), "Test": string(test)}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			out["result "+verb] = fmt.Sprintf(verb, *res)
			out["pointer "+verb] = fmt.Sprintf(verb, res)
		}
		for i, runs := range res.Results {
			for _, s := range runs {
				for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
					out[fmt.Sprintf("step %d %s", i, verb)] = fmt.Sprintf(verb, s)
					out[fmt.Sprintf("step %d pointer %s", i, verb)] = fmt.Sprintf(verb, &s)
					out[fmt.Sprintf("step %d request %s", i, verb)] = fmt.Sprintf(verb, s.Request)
					out[fmt.Sprintf("step %d response %s", i, verb)] = fmt.Sprintf(verb, s.Response)
					out[fmt.Sprintf("step %d rest %s", i, verb)] = fmt.Sprintf(verb, []any{s.Variables, s.Cookies, s.Reasons, s.Failures, s.Err, s.Name})
				}
				out[fmt.Sprintf("step %d curl", i)] = s.Curl()
			}
		}
		return out
	}
	for form, text := range forms(t, false) {
		assert.NotContains(t, text, "pl4nted", form)
		assert.NotContains(t, text, basic, form)
	}
	shown := forms(t, true)
	for _, secret := range []string{globalSecret, bearer, ownCookie, setCookie, apiKey, basic} {
		assert.Contains(t, shown["JSON"], secret)
	}
}

func TestMaskingLeavesReportsReadable(t *testing.T) {
	base, opts := service(t, echoService)
	opts = append(opts, func(s *settings) error { s.showSecrets = false; return nil }, WithEnv(map[string]string{"ORDER": "o1", "N": "200", "YES": "true"}))
	res := run(t, step("GET", base+"/json?id={{ORDER}}&n={{N}}&y={{YES}}", "    assert: [{key: resp.status, value: 201}]"), opts...)
	got := res.Results[0][0]
	assert.Equal(t, base+"/json?id=o1&n=200&y=true", got.Request.URL)
	assert.Equal(t, []string{"expected resp.status is 201; resp.status is 200"}, got.Reasons)
	assert.Equal(t, base, got.Variables["BASE_URL"])
	assert.Equal(t, "***", got.Variables["ORDER"])
	assert.Equal(t, "curl -i -X GET '"+base+"/json?id=o1&n=200&y=true'", got.Curl())
}

func TestNamesOfCredentials(t *testing.T) {
	for name, want := range map[string]bool{
		"api_key": true, "apiKey": true, "apikey": true, "access_token": true, "accessToken": true, "token": true, "session": true, "sid": true,
		"user[password]": true, "X-Auth": true, "clientSecret": true, "key": true,
		"keyword": false, "author": false, "monkey": false, "tokenize": false, "sort": false, "authority": false, "considered": false, "q": false,
	} {
		assert.Equal(t, want, isSecretParameter(name), name)
	}
	for name, want := range map[string]bool{
		"Authorization": true, "X-Api-Key": true, "Cookie": true, "X-Session": true,
		"Idempotency-Key": false, "X-CSRF-Token": false, "Sec-WebSocket-Key": false, "Accept": false,
	} {
		assert.Equal(t, want, identifies(name), name)
	}
}

// TestEveryFormOfASecretIsMasked masks secrets in the forms that encoders, clients and reports write, whole and in
// pieces.
func TestEveryFormOfASecretIsMasked(t *testing.T) {
	const secret = "p<&4nt+d/S3cr=t\\k y\"é"
	basic := base64.StdEncoding.EncodeToString([]byte("user:" + secret))
	escaped, err := json.Marshal(secret)
	require.NoError(t, err)
	for name, written := range map[string]string{
		"plain":                      secret,
		"cut at the start":           secret[1:],
		"cut at the end":             secret[:len(secret)-2],
		"a piece":                    secret[5:13],
		"JSON":                       string(escaped),
		"JSON in JSON":               fmt.Sprintf("%q", escaped),
		"query":                      url.QueryEscape(secret),
		"path":                       url.PathEscape(secret),
		"lower-case percent":         strings.ToLower(url.PathEscape(secret[:9])),
		"percent of every byte":      "%" + strings.ReplaceAll(fmt.Sprintf("% x", secret), " ", "%"),
		"HTML":                       html.EscapeString(secret),
		"base64 of a pair":           basic,
		"base64 of a pair, in a URL": url.QueryEscape(basic),
		"base64, cut":                basic[9:],
		"base64url":                  base64.RawURLEncoding.EncodeToString([]byte("ab" + secret)),
		"hex":                        hex.EncodeToString([]byte(secret)),
	} {
		t.Run(name, func(t *testing.T) {
			got := newMasker([]string{secret}).mask("before " + written + " after")
			assert.Regexp(t, `^before .{0,12}\*\*\*.{0,7}(\*\*\*.{0,7})* after$`, got)
			for i := 0; i+pieceLength <= len(secret); i++ {
				assert.NotContains(t, got, secret[i:i+pieceLength])
			}
		})
	}
	assert.Equal(t, "12 orders of user-1 & more%", newMasker([]string{secret, "s3cr"}).mask("12 orders of user-1 & more%"))
	assert.Equal(t, "k=***&k=***", newMasker([]string{"a/b c"}).mask("k=a%2fb%20c&k=a%2Fb+c"))
}

// TestATestThatCannotRunShowsNoSecret runs tests that fail before their first request.
func TestATestThatCannotRunShowsNoSecret(t *testing.T) {
	for name, spoil := range map[string]func(c *Config){
		"no such payload list": func(c *Config) { c.Test[0].Payload = []Payload{{Key: "P", Value: "NONE"}} },
		"an unknown method":    func(c *Config) { c.Test[0].Request.Method = "FETCH" },
		"no id":                func(c *Config) { c.ID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := get("http://x.test/a?api_key=hidden-in-url", Equal("resp.status", 200))
			s.Request.Headers = []KeyValue{{"Authorization", "Bearer hidden-token"}}
			s.Request.Data = `{"password": "hidden password"}`
			c := &Config{ID: "t", Env: []KeyValue{{"A", "hidden-token"}}, Test: []Step{s}}
			spoil(c)
			results, err := RunAll(t.Context(), []*Config{c}, WithHandler(always(200)))
			require.Error(t, err)
			text, err := json.Marshal(results)
			require.NoError(t, err)
			assert.Contains(t, string(text), "could not run")
			assert.NotContains(t, string(text), "hidden")
			assert.Equal(t, "Bearer hidden-token", c.Test[0].Request.Headers[0].Value, "the caller's test stays as it is")
		})
	}
}
