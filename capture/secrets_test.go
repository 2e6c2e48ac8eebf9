package capture

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo"
)

// plantedJWT is a token whose signature is the secret.
func plantedJWT() string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	return part(`{"alg":"HS256"}`) + "." + part(`{"sub":"jane"}`) + "." + planted
}

// One secret at a time, in places where its name or its form tells it.
func TestSecretsAreToldInEachPlace(t *testing.T) {
	pem := "-----BEGIN RSA PRIVATE KEY-----\n" + planted + "\n-----END RSA PRIVATE KEY-----\n"
	quoted, err := json.Marshal(pem)
	require.NoError(t, err)
	for name, row := range map[string]struct{ contentType, body, keeps string }{
		"a JWT in JSON":                 {"application/json", `{"data":"` + plantedJWT() + `","email":"e"}`, `"email":"e"`},
		"a JWT that is the body":        {"text/plain", plantedJWT(), ""},
		"a JWT as JSON":                 {"application/json", `"` + plantedJWT() + `"`, ""},
		"a JWT in a form":               {"application/x-www-form-urlencoded", "a=b&data=" + plantedJWT(), "a=b"},
		"a JWT in text":                 {"text/plain", "see " + plantedJWT() + " here", "see [redacted] here"},
		"a JWT in a URL":                {"application/json", `{"url":"https://h/t/` + plantedJWT() + `/x"}`, "https://h/t/[redacted]/x"},
		"a private key in JSON":         {"application/json", `{"pem":` + string(quoted) + `,"n":1}`, `"n":1`},
		"a private key":                 {"application/x-pem-file", pem, "-----END RSA PRIVATE KEY-----"},
		"a token as user of a URL":      {"application/json", `{"clone":"https://` + planted + `@git.example.com/a.git"}`, "@git.example.com/a.git"},
		"JSON in a form":                {"application/x-www-form-urlencoded", `a=b&data=%7B%22pin%22%3A1234%2C%22password%22%3A%22` + planted + `%22%7D`, "%22pin%22%3A0"},
		"JSON in JSON in a form":        {"application/x-www-form-urlencoded", `data=%7B%22x%22%3A%22%7B%5C%22token%5C%22%3A%5C%22` + planted + `%5C%22%7D%22%7D`, ""},
		"a header of a HAR file":        {"application/json", `{"headers":[{"name":"Authorization","value":"Bearer ` + planted + `"},{"name":"Accept","value":"*/*"}]}`, `"*/*"`},
		"a setting":                     {"application/json", `{"env":[{"Key":"DB_PASSWORD","Value":"` + planted + `"},{"Key":"HOME","Value":"/"}]}`, `"/"`},
		"camel case":                    {"application/json", `{"clientSecret":"` + planted + `"}`, ""},
		"hyphens":                       {"application/json", `{"access-token":"` + planted + `"}`, ""},
		"a token of OAuth in a form":    {"application/x-www-form-urlencoded", "grant_type=authorization_code&code=" + planted + "7890&code_verifier=" + planted, "grant_type=authorization_code"},
		"an XML attribute of a name":    {"application/xml", `<cfg dbPassword='` + planted + `'/>`, "<cfg"},
		"CDATA":                         {"application/xml", `<password><![CDATA[` + planted + `]]></password>`, ""},
		"a fragment of JavaScript":      {"text/javascript", `cb({"password":"` + planted + `","a":1})`, `"a":1`},
		"a guarded JSON":                {"application/json", ")]}',\n" + `{"token":"` + planted + `"}`, ""},
		"JSON with a byte order mark":   {"application/json", "\uFEFF" + `{"token":"` + planted + `"}`, ""},
		"JSON with single quotes":       {"application/json", `{'token': '` + planted + `'}`, ""},
		"names in other languages":      {"application/json", `{"contraseña":"` + planted + `","senha":"` + planted + `","パスワード":"` + planted + `"}`, ""},
		"a name in other normal forms":  {"application/json", `{"PASS_WORD":"` + planted + `"}`, ""},
		"an array of secrets":           {"application/json", `{"tokens":["` + planted + `",{"a":"` + planted + `"}]}`, ""},
		"a name with escapes":           {"application/json", `{"\u0070assword":"` + planted + `"}`, ""},
		"GraphQL's variables":           {"application/json", `{"query":"mutation($p:String!){login(p:$p)}","variables":{"password":"` + planted + `"}}`, "mutation"},
		"a connection string":           {"application/json", `{"dsn":"postgres://u:` + planted + `@db/x","ado":"Server=h;Password=` + planted + `;"}`, "Server=h"},
		"a header in a log line":        {"text/plain", "> X-Api-Key: " + planted + "\n> Accept: */*\n", "Accept: */*"},
		"a cookie in a log line":        {"text/plain", "Cookie: a=" + planted + "; b=" + planted + "\nAccept: */*\n", "Accept: */*"},
		"XML with escapes in JSON":      {"application/json", `{"xml":"\u003cpassword\u003e` + planted + `\u003c/password\u003e","a":1}`, `"a":1`},
		"a JWT behind a comma in JSON":  {"application/json", `{"a":"x,` + plantedJWT() + `"}`, "x,"},
		"a value before its name":       {"application/json", `{"env":[{"value":"` + planted + `","name":"password"},{"value":"/","name":"home"}]}`, `"/"`},
		"an object before its name":     {"application/json", `{"value":{"a":["` + planted + `",7]},"b":"c","Key":"token"}`, `"b":"c"`},
		"two values before their name":  {"application/json", `{"value":"` + planted + `","value":["` + planted + `"],"name":"token"}`, ""},
		"a list in broken JSON":         {"application/json", `{"passwords":["a","` + planted + `"],}`, ""},
		"an object in broken JSON":      {"application/json", `{"credentials":{"id":"` + planted + `"},}`, ""},
		"a line break in broken JSON":   {"text/plain", "{\"password\":\n\"" + planted + "\",}", ""},
		"a list of broken JSON":         {"", `[{"passwords":["a","` + planted + `"]},]`, ""},
		"an escape in broken JSON":      {"application/json", `{"\u0070asswords":["a","` + planted + `"],}`, ""},
		"broken JSON in JSON":           {"application/json", `{"text":"{\"passwords\":[\"a\",\"` + planted + `\"],}","a":1}`, `"a":1`},
		"broken JSON in a form":         {"application/x-www-form-urlencoded", `a=b&data=%7B%22tokens%22%3A%5B%22a%22%2C%22` + planted + `%22%5D%2C%7D`, "a=b"},
		"broken JSON called a form":     {"application/x-www-form-urlencoded", `{"tokens":["` + planted + `"],}`, ""},
		"JSON called a form":            {"application/x-www-form-urlencoded", `{"tokens":["` + planted + `"],"a":"b&c=d"}`, `"a":"b&c=d"`},
		"a JWT that is a form":          {"application/x-www-form-urlencoded", plantedJWT(), ""},
		"a JWT that is a form's name":   {"application/x-www-form-urlencoded", "a=b&" + plantedJWT() + "=", "a=b&"},
		"an element within a secret":    {"application/xml", `<r><secret><v>a</v><v>` + planted + `</v></secret><a>kept</a></r>`, "</secret><a>kept</a>"},
		"a secret within its like":      {"application/xml", `<s:secret><s:secret/><s:secret a="b">x</s:secret>` + planted + `</s:secret><a>kept</a>`, "<a>kept</a>"},
		"text behind CDATA":             {"application/xml", `<password><![CDATA[</password>]]>` + planted + `</password ><a>kept</a>`, "<a>kept</a>"},
		"an element that does not end":  {"application/xml", `<a>kept</a><password><b>` + planted, "<a>kept</a>"},
		"a block of YAML":               {"application/yaml", "user: a\npassword: |\n  x\n\n  " + planted + "\nhost: h\n", "host: h"},
		"a block in a list of YAML":     {"application/yaml", "- password: >-\n    " + planted + "\n  host: h\n", "host: h"},
		"a map of YAML":                 {"application/yaml", "a:\n  credentials:\n    id: x\n    more:\n      v: " + planted + "\n  host: h\n", "host: h"},
		"a list of YAML":                {"application/yaml", "passwords:\n- x\n- " + planted + "\nhost: h\n", "host: h"},
		"a long value of YAML":          {"application/yaml", "password: x\n  " + planted + "\nhost: h\n", "host: h"},
		"a quoted name of YAML":         {"application/yaml", "\"password\": |\n  " + planted + "\nhost: h\n", "host: h"},
		"a list of YAML in a line":      {"application/yaml", "passwords: [x, \"]\", " + planted + "]\nhost: h\n", "host: h"},
		"a hash with its kind":          {"application/yaml", "userPassword: {SSHA}" + planted + "\nhost: h\n", "host: h"},
		"text behind a bracket":         {"application/yaml", "password: [a] " + planted + "\nhost: h\n", "host: h"},
		"a list in JavaScript":          {"text/javascript", `cb({"passwords":["x",{"a":"` + planted + `"}],"a":1})`, `"a":1`},
		"a line break in JavaScript":    {"text/javascript", "cb({\"password\":\n\"" + planted + "\",\"a\":1})", `"a":1`},
		"lines of TOML":                 {"text/plain", "password = \"\"\"\nx\"" + planted + "\n\"\"\"\nhost = 1\n", "host = 1"},
		"JSON with a secret of numbers": {"application/json", `{"pin":1234,"otp":567890,"amount":12}`, `{"pin":0,"otp":0,"amount":12}`},
	} {
		t.Run(name, func(t *testing.T) {
			masked := maskedBody(t, row.contentType, row.body)
			assert.NotContains(t, masked, planted)
			assert.Contains(t, masked, row.keeps)
			if json.Valid([]byte(row.body)) {
				assert.True(t, json.Valid([]byte(masked)), masked)
			}
		})
	}
}

func TestSecretsInHeadersAndURLs(t *testing.T) {
	headers := []metlo.NameValue{
		{Name: "X-Functions-Key", Value: planted}, {Name: "X-Rapidapi-Key", Value: planted}, {Name: "X-Identity", Value: plantedJWT()},
		{Name: "Link", Value: "<https://h/?access_token=" + planted + ">; rel=next"}, {Name: "Refresh", Value: "5; url=https://h/?sig=" + planted},
		{Name: "Forwarded", Value: "for=1.2.3.4;secret=" + planted}, {Name: "X-User", Value: `{"id":7,"token":"` + planted + `"}`},
		{Name: "Sec-WebSocket-Protocol", Value: "bearer." + planted}, {Name: "X-Forwarded-Access-Token", Value: planted},
		{Name: "Cookie2", Value: "a=1; session=" + planted}, {Name: "Authentication-Info", Value: planted},
		{Name: "X-Original-URL", Value: "/a?api_key=" + planted}, {Name: "DD-APPLICATION-KEY", Value: planted},
	}
	trace := &metlo.Trace{
		Request: metlo.TraceRequest{Headers: headers, URL: metlo.TraceURL{Path: "/t/x", Parameters: []metlo.NameValue{
			{Name: "X-Amz-Signature", Value: planted}, {Name: "variables", Value: `{"password":"` + planted + `"}`}, {Name: "code", Value: planted + "1234"},
			{Name: "user[password]", Value: planted}, {Name: "next", Value: "https://u:" + planted + "@h/?token=" + planted}, {Name: "jwt", Value: plantedJWT()},
			{Name: "state", Value: plantedJWT()}, {Name: "token=" + planted}, {Name: "code", Value: "DE"},
		}}},
		Response: metlo.TraceResponse{Headers: headers},
	}
	trace.Request.URL.Path = "/verify/" + plantedJWT() + "/a%2Fb;c=" + strings.ReplaceAll(plantedJWT(), ".", "%2E") + "/x:y%20z/tokens:revoke/token:hunter2"
	require.NoError(t, Mask(trace))
	assert.Equal(t, "/verify/[redacted]/a%2Fb;c=[redacted]/x:y%20z/tokens:revoke/token:[redacted]", trace.Request.URL.Path)
	text, err := json.Marshal(trace)
	require.NoError(t, err)
	assert.NotContains(t, string(text), planted)
	assert.Contains(t, string(text), `{"name":"code","value":"DE"}`)

	kept := []metlo.NameValue{
		{Name: "Idempotency-Key", Value: "7"}, {Name: "Origin", Value: "https://h"}, {Name: "ETag", Value: `"abc"`}, {Name: "User-Agent", Value: "a/1 (b; c)"},
		{Name: "Accept", Value: "text/html;q=0.9, */*"}, {Name: "Date", Value: "Mon, 02 Jan 2006 15:04:05 GMT"}, {Name: "Referer", Value: "https://h/@jane/x?page=2"},
	}
	trace = &metlo.Trace{Request: metlo.TraceRequest{Headers: kept}}
	require.NoError(t, Mask(trace))
	assert.Equal(t, kept, trace.Request.Headers)
}

func TestUsersOfTokensAnywhere(t *testing.T) {
	unsigned := strings.TrimSuffix(plantedJWT(), planted)
	trace := &metlo.Trace{Request: metlo.TraceRequest{
		Headers: []metlo.NameValue{{Name: "X-Identity", Value: plantedJWT()}, {Name: "Content-Type", Value: "application/json"}},
		Body:    `{"data":"` + plantedJWT() + `"}`,
	}}
	require.NoError(t, Mask(trace, WithUsers()))
	assert.Equal(t, unsigned, trace.Request.Headers[0].Value)
	assert.JSONEq(t, `{"data":"`+unsigned+`"}`, trace.Request.Body)
}

func TestMaskingTwiceChangesNothingMore(t *testing.T) {
	contentType, form := multipartBody(t, "file")
	for _, body := range []string{`{"a":"` + plantedJWT() + `","password":"x","n":{"token":7}}`, form, "password=x&a=https://u@h/", "token: x\nkey: y"} {
		trace := &metlo.Trace{Request: metlo.TraceRequest{Headers: []metlo.NameValue{{Name: "Content-Type", Value: contentType}}, Body: body}}
		if body != form {
			trace.Request.Headers = []metlo.NameValue{{Name: "Cookie", Value: "a=b"}, {Name: "Authorization", Value: "Basic abc"}}
		}
		require.NoError(t, Mask(trace))
		once := *trace
		require.NoError(t, Mask(trace))
		assert.Equal(t, once, *trace)
	}
}

func TestTheMaskFunctionIsAskedForNamesOfEveryPlace(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	contentType := "multipart/form-data; boundary=b"
	part := "--b\r\nContent-Disposition: form-data; name=\"customer\"\r\n\r\n" + planted + "\r\n--b--\r\n"
	for name, row := range map[string]struct{ contentType, body, target, header string }{
		"a query":          {target: "/a?customer=" + planted},
		"a header":         {target: "/a", header: planted},
		"the route":        {target: "/of/" + planted},
		"a matrix":         {target: "/a;customer=" + planted},
		"JSON":             {"application/json", `{"a":[{"customer":"` + planted + `"}]}`, "/a", ""},
		"JSON in JSON":     {"application/json", `{"a":"{\"customer\":\"` + planted + `\"}"}`, "/a", ""},
		"a pair in JSON":   {"application/json", `{"value":"` + planted + `","name":"customer"}`, "/a", ""},
		"broken JSON":      {"application/json", `{"customer":["` + planted + `"],}`, "/a", ""},
		"a form":           {form, "a=b&customer=" + planted, "/a", ""},
		"JSON in a form":   {form, "a=%7B%22customer%22%3A%22" + planted + "%22%7D", "/a", ""},
		"multipart":        {contentType, part, "/a", ""},
		"an element":       {"application/xml", "<a><customer><id>" + planted + "</id></customer></a>", "/a", ""},
		"an attribute":     {"application/xml", `<a customer="` + planted + `"/>`, "/a", ""},
		"YAML":             {"application/yaml", "customer: " + planted + "\n", "/a", ""},
		"a block of YAML":  {"application/yaml", "customer: |\n  " + planted + "\n", "/a", ""},
		"a line of a text": {"text/plain", "customer=" + planted, "/a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			var c collector
			asked := false
			r := recorderFor(t, &c, WithoutSampling(), WithMaskFunc(func(name string) bool {
				is := strings.EqualFold(name, "customer")
				asked = asked || is
				return is
			}))
			req, err := http.NewRequest(http.MethodPost, row.target, strings.NewReader(row.body))
			require.NoError(t, err)
			req.Header.Set("Content-Type", row.contentType)
			if row.header != "" {
				req.Header.Set("Customer", row.header)
			}
			mux := http.NewServeMux()
			read := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
			mux.HandleFunc("/of/{customer}", read)
			mux.HandleFunc("/", read)
			r.Handler(mux).ServeHTTP(discardWriter{http.Header{}}, req)
			require.Len(t, finish(t, r, &c), 1)
			assert.True(t, asked)
			assert.NotContains(t, c.sent(), planted)
		})
	}
}
