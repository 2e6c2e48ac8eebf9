package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

const planted = "opensesame7f3a"

func maskedBody(t testing.TB, contentType, body string, opts ...MaskOption) string {
	t.Helper()
	trace := &metlo.Trace{Request: metlo.TraceRequest{
		Headers: []metlo.NameValue{{Name: "content-type", Value: contentType}}, Body: body,
	}}
	require.NoError(t, Mask(trace, opts...))
	return trace.Request.Body
}

func TestMaskNames(t *testing.T) {
	m := newMasker(maskSettings{})
	for _, name := range []string{
		// what the server itself scrubs
		"authorization", "api_key", "apikey", "password", "secret", "passwd", "access_token", "x-api-key", "x_api_key", "api-key",
		"Password", "PASSWORD", "userPassword", "new_password", "password2", "user[password]", "user.password", "pwd", "db_pwd", "passphrase",
		"token", "refreshToken", "id_token", "csrf-token", "X-CSRF-Token", "XSRF-TOKEN", "client_secret", "clientSecret", "apiKey", "X-API-KEY",
		"secretAccessKey", "aws_secret_access_key", "private_key", "privateKey", "X-Auth-Token", "Proxy-Authorization", "PRIVATE-TOKEN",
		"X-Amz-Security-Token", "X-Amz-Signature", "X-Amz-Credential", "sessionId", "JSESSIONID", "PHPSESSID", "jwt", "otp", "pin", "cvv",
		"credentials", "Ocp-Apim-Subscription-Key", "X-Vault-Token", "bearer", "auth",
	} {
		assert.True(t, m.secret(name), name)
	}
	for _, name := range []string{
		"email", "ssn", "name", "author", "passenger", "compass", "keyboard", "key", "status", "tokenType", "description", "shipping", "opinion",
		"content-type", "user-agent", "www-authenticate", "", "_", "id", "phone", "card", "creditCard", "passport",
	} {
		assert.False(t, m.secret(name), name)
	}
}

func TestMaskKeepsTypesOfJSON(t *testing.T) {
	for body, want := range map[string]string{
		`{"password":"x"}`: `{"password":"[redacted]"}`,
		`{"password": 7, "token":true,"secret":null,"apiKey":""}`:      `{"password":0,"token":false,"secret":null,"apiKey":""}`,
		`{"a":[{"b":{"password":"x"}}]}`:                               `{"a":[{"b":{"password":"[redacted]"}}]}`,
		`{"credentials":{"user":"u","n":1,"list":["a",{"b":false}]}}`:  `{"credentials":{"user":"[redacted]","n":0,"list":["[redacted]",{"b":false}]}}`,
		`{"pass\u0077ord":"x"}`:                                        `{"pass\u0077ord":"[redacted]"}`,
		`{"session":{"email":"a@b.c","token":"x"}}`:                    `{"session":{"email":"a@b.c","token":"[redacted]"}}`,
		`{"session":"abc","sessions":["x"]}`:                           `{"session":"[redacted]","sessions":["x"]}`,
		`{"payload":"{\"password\":\"x\"}"}`:                           `{"payload":"{\"password\":\"[redacted]\"}"}`,
		`{"query":"mutation{login(password:\"x\"){id}}"}`:              `{"query":"mutation{login(password:\"[redacted]\"){id}}"}`,
		`{"url":"https://u:p@h/x?token=abc&b=c"}`:                      `{"url":"https://[redacted]@h/x?token=[redacted]&b=c"}`,
		`{"log":"Authorization: Bearer abcdefghijkl"}`:                 `{"log":"Authorization: [redacted]"}`,
		`{"a":1, "b" : "kept as it was" }`:                             `{"a":1, "b" : "kept as it was" }`,
		`{"password":"x","password":"y"}`:                              `{"password":"[redacted]","password":"[redacted]"}`,
		"{\"password\":\"x\"}\n{\"token\":\"y\"}\n":                    "{\"password\":\"[redacted]\"}\n{\"token\":\"[redacted]\"}",
		`[{"token":"x"}]`:                                              `[{"token":"[redacted]"}]`,
		`"token=abc"`:                                                  `"token=[redacted]"`,
		`{"password":"` + strings.Repeat("x", 5000) + `","email":"e"}`: `{"password":"[redacted]","email":"e"}`,
	} {
		assert.Equal(t, want, maskedBody(t, "application/json; charset=utf-8", body))
	}
}

func TestMaskOfOtherBodies(t *testing.T) {
	for name, row := range map[string]struct{ contentType, body, want string }{
		"a form":                                {"application/x-www-form-urlencoded", "user=a&password=x+y&b", "user=a&password=%5Bredacted%5D&b"},
		"a form with escaped names":             {"application/x-www-form-urlencoded", "pass%77ord=x&user%5Bpassword%5D=y", "pass%77ord=%5Bredacted%5D&user%5Bpassword%5D=%5Bredacted%5D"},
		"a form that hides nothing":             {"application/x-www-form-urlencoded", "a=%zz&b=c+d", "a=%zz&b=c+d"},
		"a form without a type":                 {"", "user=a&password=x", "user=a&password=%5Bredacted%5D"},
		"JSON without a type":                   {"", `{"password":"x"}`, `{"password":"[redacted]"}`},
		"JSON called text":                      {"text/plain", `{"password":"x"}`, `{"password":"[redacted]"}`},
		"JSON that is broken":                   {"application/json", `{"password":"x y",`, ""},
		"JSON that is broken within":            {"application/json", `{"a":1,"token":"x"`, ""},
		"JSON that is broken and hides nothing": {"application/json", `{"a":1,}`, `{"a":1,}`},
		"text in brackets":                      {"text/plain", "[info] token=x\n", "[info] token=[redacted]\n"},
		"text that was masked":                  {"text/plain", "api_key = [redacted]\n", "api_key = [redacted]\n"},
		"a session in XML":                      {"application/xml", `<session><id>7</id><token>x</token></session>`, `<session><id>7</id><token>[redacted]</token></session>`},
		"a session in YAML":                     {"application/yaml", "session:\n  id: 7\n  token: x\n", "session:\n  id: 7\n  token: [redacted]\n"},
		"XML":                                   {"application/xml", `<u><name>n</name><password>x</password></u>`, `<u><name>n</name><password>[redacted]</password></u>`},
		"XML with attributes":                   {"text/xml", `<u password="x"><s:token type="t">y</s:token></u>`, `<u password="[redacted]"><s:token type="t">[redacted]</s:token></u>`},
		"YAML":                                  {"application/yaml", "user: a\npassword: x, y z\nhost: h\n", "user: a\npassword: [redacted]\nhost: h\n"},
		"an INI file":                           {"text/plain", "user=a\napi_key = x\n", "user=a\napi_key = [redacted]\n"},
		"prose":                                 {"text/plain", "the passenger is here: row 7", "the passenger is here: row 7"},
		"a command":                             {"text/plain", "curl -H 'Authorization: Bearer abcdefghijk' https://u:p@h/", "curl -H 'Authorization: [redacted]"},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, row.want, maskedBody(t, row.contentType, row.body)) })
	}
}

func TestMaskHeaders(t *testing.T) {
	basic := base64.StdEncoding.EncodeToString([]byte("jane:" + planted))
	jwt := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"jane"}`))
	for name, row := range map[string]struct{ header, value, want, users string }{
		"Basic":               {"Authorization", "Basic " + basic, "[redacted]", "Basic " + base64.StdEncoding.EncodeToString([]byte("jane:"))},
		"Basic without colon": {"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(planted)), "[redacted]", "[redacted]"},
		"Bearer":              {"authorization", "Bearer " + planted, "[redacted]", "[redacted]"},
		"a JWT":               {"Authorization", "Bearer " + jwt + "." + planted, "[redacted]", "Bearer " + jwt + "."},
		"a JWT elsewhere":     {"X-Auth-Token", jwt + "." + planted, "[redacted]", jwt + "."},
		"no JWT":              {"Authorization", "Bearer a.b." + planted, "[redacted]", "[redacted]"},
		"a key":               {"X-Api-Key", planted, "[redacted]", "[redacted]"},
		"cookies":             {"Cookie", "session=" + planted + "; theme=dark", "session=[redacted]; theme=[redacted]", ""},
		"a cookie":            {"Set-Cookie", "session=" + planted + "; Path=/; HttpOnly", "session=[redacted]; Path=/; HttpOnly", ""},
		"a referer":           {"Referer", "https://a/x?token=" + planted + "&b=c", "https://a/x?token=[redacted]&b=c", ""},
		"a location":          {"Location", "https://u:" + planted + "@a/#access_token=" + planted, "https://[redacted]@a/#access_token=[redacted]", ""},
		"another":             {"X-Request-Id", "7", "7", "7"},
		"a challenge":         {"WWW-Authenticate", `Bearer realm="api"`, `Bearer realm="api"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []metlo.NameValue{{Name: row.header, Value: row.value}}
			trace := &metlo.Trace{Request: metlo.TraceRequest{Headers: headers}, Response: metlo.TraceResponse{Headers: headers}}
			require.NoError(t, Mask(trace))
			assert.Equal(t, row.want, trace.Request.Headers[0].Value)
			assert.Equal(t, row.want, trace.Response.Headers[0].Value)
			assert.Equal(t, row.value, headers[0].Value, "the caller's list stays as it was")
			if row.users != "" {
				trace.Request.Headers = headers
				require.NoError(t, Mask(trace, WithUsers()))
				assert.Equal(t, row.users, trace.Request.Headers[0].Value)
			}
		})
	}
}

func TestMaskOptions(t *testing.T) {
	assert.Equal(t, `{"Customer-No":"[redacted]"}`, maskedBody(t, "application/json", `{"Customer-No":"7"}`, WithMaskedNames("customer_no")))
	byPrefix := WithMaskFunc(func(name string) bool { return strings.HasPrefix(name, "x_") })
	assert.Equal(t, `{"x_a":0,"y":1}`, maskedBody(t, "application/json", `{"x_a":1,"y":1}`, byPrefix))
	panics := WithMaskFunc(func(string) bool { panic("callback") })
	assert.Equal(t, `{"a":"[redacted]"}`, maskedBody(t, "application/json", `{"a":"b"}`, panics))
	assert.ErrorIs(t, Mask(nil), metlo.ErrInvalidArgument)
	assert.ErrorIs(t, Mask(&metlo.Trace{}, WithMaskedNames("")), metlo.ErrInvalidArgument)
	assert.ErrorIs(t, Mask(&metlo.Trace{}, MaskOption{}), metlo.ErrInvalidArgument)
}

func TestPathsAreMasked(t *testing.T) {
	m := newMasker(maskSettings{})
	for _, row := range []struct{ path, route, want string }{
		{"/reset/abc", "GET /reset/{token}", "/reset/[redacted]"},
		{"/reset/abc", "shop.example.com/reset/{token}", "/reset/[redacted]"},
		{"/users/7/reset/abc/x", "/users/:id/reset/:token/x", "/users/7/reset/[redacted]/x"},
		{"/files/a/b/c", "/files/{secret...}", "/files/[redacted]"},
		{"/files/a/b", "/files/*token", "/files/[redacted]"},
		{"/reset/abc", "/reset/{token:[a-z]+}", "/reset/[redacted]"},
		{"/users/7", "/users/{id}", "/users/7"},
		{"/a;token=x;b=c/d", "", "/a;token=[redacted];b=c/d"},
		{"/a;token%3Dx/d", "", "/a;token%3D[redacted]/d"},
		{"/a", "/a/{token}", "/a"},
	} {
		assert.Equal(t, row.want, m.path(row.path, row.route), row.path)
	}
}

// multipartBody is a form with a text field, a secret, JSON and a file.
func multipartBody(t testing.TB, file string) (contentType, body string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	require.NoError(t, w.SetBoundary("frontier"))
	require.NoError(t, w.WriteField("email", "jane@example.com"))
	require.NoError(t, w.WriteField("user[password]", planted))
	require.NoError(t, w.WriteField("meta", `{"token":"`+planted+`","a":1}`))
	part, err := w.CreateFormFile("avatar", "me.png")
	require.NoError(t, err)
	_, err = io.WriteString(part, file)
	require.NoError(t, err)
	require.NoError(t, w.WriteField("last", "kept"))
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.String()
}

func TestMultipartKeepsTextAndEmptiesFiles(t *testing.T) {
	contentType, body := multipartBody(t, "\x89PNG\x00"+planted)
	form, err := multipart.NewReader(strings.NewReader(maskedBody(t, contentType, body)), "frontier").ReadForm(1 << 20)
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{
		"email": {"jane@example.com"}, "user[password]": {Redacted}, "meta": {`{"token":"[redacted]","a":1}`}, "last": {"kept"},
	}, form.Value)
	require.Len(t, form.File["avatar"], 1)
	assert.Equal(t, "me.png", form.File["avatar"][0].Filename)
	assert.Zero(t, form.File["avatar"][0].Size)

	assert.Empty(t, maskedBody(t, "multipart/form-data", body), "without a boundary nothing can be told apart")
	assert.Empty(t, maskedBody(t, contentType, planted))
}

// compressed is text as gzip sends it.
func compressed(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	_ = w.Close()
	return b.String()
}

// A secret that is planted in every place occurs in nothing that is sent.
func TestAPlantedSecretLeavesTheProcessNowhere(t *testing.T) {
	secretJSON := `{"a":[{"password":"` + planted + `","deep":{"api_key":"` + planted + `"},"note":"token=` + planted + `"}],"email":"jane@example.com"}`
	contentType, form := multipartBody(t, planted)
	long := `{"rows":[` + strings.Repeat(secretJSON+",", 2000)
	for name, row := range map[string]struct{ contentType, encoding, body string }{
		"JSON":                   {"application/json", "", secretJSON},
		"a vendor's JSON":        {"application/vnd.shop.v1+json", "", secretJSON},
		"JSON without a type":    {"", "", secretJSON},
		"JSON in the wrong type": {"text/html", "", secretJSON},
		"compressed JSON":        {"application/json", "gzip", compressed(secretJSON)},
		"unknown compression":    {"application/json", "br", secretJSON},
		"two compressions":       {"application/json", "gzip, gzip", compressed(secretJSON)},
		"JSON that is cut":       {"application/json", "", secretJSON[:len(secretJSON)-30]},
		"long JSON":              {"application/json", "", long},
		"long compressed JSON":   {"application/json", "gzip", compressed(long)},
		"lines of JSON":          {"application/x-ndjson", "", secretJSON + "\n" + secretJSON},
		"a form":                 {"application/x-www-form-urlencoded", "", "a=b&password=" + planted + "&x%5Btoken%5D=" + planted},
		"multipart":              {contentType, "", form},
		"multipart that is cut":  {contentType, "", form[:strings.LastIndex(form, planted)+3]},
		"text":                   {"text/plain", "", "password: " + planted},
		"XML":                    {"application/xml", "", "<a><token>" + planted + "</token></a>"},
		"a script":               {"application/javascript", "", `var apiKey = "` + planted + `";`},
		"GraphQL":                {"application/graphql", "", `mutation { login(password: "` + planted + `") { id } }`},
		"bytes":                  {"application/octet-stream", "", "\x00" + planted},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			var log bytes.Buffer
			r := recorderFor(t, &c, WithoutSampling(), WithLogger(loggerTo(&log)))
			mux := http.NewServeMux()
			mux.HandleFunc("POST /reset/{token}", func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				w.Header()["Content-Type"] = []string{row.contentType}
				if row.contentType == "" {
					delete(w.Header(), "Content-Type")
				}
				if row.encoding != "" {
					w.Header().Set("Content-Encoding", row.encoding)
				}
				w.Header().Set("Set-Cookie", "sid="+planted)
				w.Header().Set("X-Auth-Token", planted)
				w.Header().Set("Location", "https://h/?access_token="+planted)
				_, _ = w.Write(body)
			})
			handler := r.Handler(mux)
			req, err := http.NewRequest(http.MethodPost, "https://u:"+planted+"@shop.example.com/reset/"+planted+"?token="+planted+
				"&api_key="+planted+"&next=https%3A%2F%2Fa%2F%3Faccess_token%3D"+planted+"&key="+planted+planted, strings.NewReader(row.body))
			require.NoError(t, err)
			req.Header = http.Header{
				"Content-Type": {row.contentType}, "Authorization": {"Bearer " + planted}, "Cookie": {"sid=" + planted}, "X-Api-Key": {planted},
				"Referer": {"https://a/?password=" + planted}, "Proxy-Authorization": {"Basic " + planted}, "X-Amz-Security-Token": {planted},
			}
			if row.encoding != "" {
				req.Header.Set("Content-Encoding", row.encoding)
			}
			handler.ServeHTTP(discardWriter{http.Header{}}, req)
			require.Len(t, finish(t, r, &c), 1)
			assert.NotContains(t, c.sent(), planted)
			assert.NotContains(t, c.sent(), base64.StdEncoding.EncodeToString([]byte(planted))[:16])
			assert.NotContains(t, log.String(), planted)
		})
	}
}

type discardWriter struct{ header http.Header }

func (w discardWriter) Header() http.Header         { return w.header }
func (w discardWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w discardWriter) WriteHeader(int)             {}

func TestLongJSONIsShortened(t *testing.T) {
	var rows []string
	for i := range 3000 {
		extra := ""
		if i == 900 {
			extra = `,"rare":{"ssn":"078-05-1120"}`
		}
		rows = append(rows, fmt.Sprintf(`{"id":%d,"email":"jane%d@example.com","text":%q%s}`, i, i, strings.Repeat("lorem ipsum ", 5), extra))
	}
	long := `{"total":3000,"rows":[` + strings.Join(rows, ",") + `],"after":1}`
	for name, row := range map[string]struct {
		body string
		cut  int // bytes that were copied
	}{
		"whole":               {long, len(long)},
		"cut between rows":    {long, 200_000},
		"cut within a text":   {long, 200_007},
		"cut within a number": {long, strings.Index(long, `"id":1000`) + 7},
		"only an array":       {`[` + strings.Join(rows, ",") + `]`, 200_000},
	} {
		t.Run(name, func(t *testing.T) {
			text, ok := newMasker(maskSettings{}).json([]byte(row.body[:row.cut]), defaultBodyLimit)
			require.True(t, ok)
			require.True(t, json.Valid([]byte(text)), "%.200s", text)
			assert.LessOrEqual(t, len(text), defaultBodyLimit)
			assert.Contains(t, text, `"rare":{"ssn":"078-05-1120"}`, "a field that one element shows is kept")
			assert.Contains(t, text, "jane0@example.com")
		})
	}
}

// Every field of what was copied is in what is sent, however long the texts are.
func TestShorteningKeepsThePathsOfFields(t *testing.T) {
	object := map[string]any{}
	for i := range 300 {
		object[fmt.Sprintf("field%d", i)] = map[string]any{"text": strings.Repeat("x", 700), "list": []int{1, 2, 3, 4, 5, 6, 7, 8}}
	}
	body, err := json.Marshal(object)
	require.NoError(t, err)
	require.Greater(t, len(body), 200_000)
	text, ok := newMasker(maskSettings{}).json(body, defaultBodyLimit)
	require.True(t, ok)
	var got map[string]struct {
		Text string `json:"text"`
		List []int  `json:"list"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &got))
	assert.Len(t, got, 300)
	for name, value := range got {
		assert.NotEmpty(t, value.Text, name)
		assert.NotEmpty(t, value.List, name)
	}
}

// Where a pair is cut, the name of its value may be in what is left out.
func TestACutPairShowsNoValue(t *testing.T) {
	m := newMasker(maskSettings{})
	for body, want := range map[string]string{
		`{"value":"hunter2","na`:                        `{"value":"[redacted]"}`,
		`{"value":["hunter2","hun`:                      `{"value":["[redacted]"]}`,
		`{"name":"home","value":"/x","more`:             `{"name":"home","value":"/x"}`,
		`[{"value":"hunter2","name":"password"},{"a":`:  `[{"value":"[redacted]","name":"password"},{}]`,
		`{"value":"x","name":"password","more":"abcdef`: `{"value":"[redacted]","name":"password"}`,
	} {
		text, ok := m.json([]byte(body), 1000)
		require.True(t, ok)
		assert.Equal(t, want, text)
	}
	for limit := 2; limit < 60; limit++ {
		text, ok := m.json([]byte(`{"value":"hunter2","name":"password"}`), limit)
		require.True(t, ok)
		assert.NotContains(t, text, "hunter2")
		assert.LessOrEqual(t, len(text), limit)
		assert.True(t, json.Valid([]byte(text)), text)
	}
}

func TestShorteningEndsWhereThereIsNoPlace(t *testing.T) {
	object := map[string]int{}
	for i := range 20_000 {
		object[fmt.Sprintf("a-name-of-its-own-%d", i)] = i
	}
	body, err := json.Marshal(object)
	require.NoError(t, err)
	for _, limit := range []int{2, 10, 100, 1000, defaultBodyLimit} {
		text, ok := newMasker(maskSettings{}).json(body, limit)
		require.True(t, ok)
		assert.True(t, json.Valid([]byte(text)), text)
		assert.LessOrEqual(t, len(text), limit)
	}
	deep := strings.Repeat(`{"a":[`, 5000)
	text, ok := newMasker(maskSettings{}).json([]byte(deep), defaultBodyLimit)
	require.True(t, ok)
	assert.True(t, json.Valid([]byte(text)))
}

func FuzzMask(f *testing.F) {
	contentType, form := multipartBody(f, "file")
	for _, body := range []string{`{"a":[1,{"password":"x"}]}`, `[`, `{"a":"\u00`, "a=b&c=%zz", form, "<a><token>x</token>", "\xff\x00", `"`, `{"a":1}{"b`, "://u:p@h", "token", "token:", `token:"`} {
		f.Add("application/json", body, 64)
		f.Add("text/plain", body, 1)
		f.Add(contentType, body, 0)
	}
	f.Fuzz(func(t *testing.T, contentType, body string, limit int) {
		m := newMasker(maskSettings{users: true})
		limit %= 1 << 16
		text, ok := m.json([]byte(body), limit)
		if ok && !json.Valid([]byte(text)) {
			for line := range strings.SplitSeq(text, "\n") {
				if limit > 0 && !json.Valid([]byte(line)) {
					t.Fatalf("%q shortened to %d is %q", body, limit, text)
				}
			}
		}
		if json.Valid([]byte(body)) && limit <= 0 {
			if !ok || !json.Valid([]byte(text)) {
				t.Fatalf("%q became %q", body, text)
			}
		}
		trace := &metlo.Trace{Request: metlo.TraceRequest{
			URL:     metlo.TraceURL{Path: body, Parameters: []metlo.NameValue{{Name: body, Value: body}}},
			Headers: []metlo.NameValue{{Name: "Content-Type", Value: contentType}, {Name: "Cookie", Value: body}, {Name: contentType, Value: body}},
			Body:    body,
		}}
		if err := Mask(trace); err != nil {
			t.Fatal(err)
		}
		again := trace.Request.Body
		if err := Mask(trace); err != nil {
			t.Fatal(err)
		}
		_ = again
	})
}

// FuzzMaskFindsSecrets plants a secret in JSON of any shape.
func FuzzMaskFindsSecrets(f *testing.F) {
	f.Add("password", "a", "b", 3, 64)
	f.Add("Pass\"word\\", "ü", "\x00", 0, 1000)
	f.Add("x[token]", "", "", 9, 20)
	f.Fuzz(func(t *testing.T, name, other, value string, depth, limit int) {
		m := newMasker(maskSettings{})
		if !m.secret(strings.ToValidUTF8(name, "\uFFFD")) || strings.Contains(name+other+value, planted) {
			return
		}
		var node any = map[string]any{name: planted, other: value, "list": []any{value, map[string]any{name: []any{planted}}}}
		for i := range max(min(depth, 50), 0) {
			if i%2 == 0 {
				node = []any{value, node}
			} else {
				node = map[string]any{other: node, "z": value}
			}
		}
		body, err := json.Marshal(node)
		if err != nil {
			return
		}
		for _, cut := range []int{len(body), len(body) / 2, max(min(limit, len(body)), 0)} {
			for _, limit := range []int{0, max(limit, 1)} {
				if text, ok := m.json(body[:cut], limit); ok && strings.Contains(text, planted) {
					t.Fatalf("%s became %s", body[:cut], text)
				}
			}
		}
	})
}
