package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
)

// verdictRow is a test, a service, and the verdict of the test about the service.
type verdictRow struct {
	kind, name string
	service    http.HandlerFunc
	steps      string
	want       Verdict
}

// always returns a service that always answers with status.
func always(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { reply(w, status, map[string]any{}) }
}

// inTurn returns a service that answers with one status after the other. It repeats the last one.
func inTurn(statuses ...int) http.HandlerFunc {
	var n atomic.Int32
	return func(w http.ResponseWriter, _ *http.Request) {
		reply(w, statuses[min(int(n.Add(1)), len(statuses))-1], map[string]any{})
	}
}

// byToken returns a service that answers with the status of the credentials, or with other if it does not know them.
func byToken(other int, statuses map[string]int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, ok := statuses[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if !ok {
			status = other
		}
		reply(w, status, map[string]any{})
	}
}

// moved returns a service that redirects one path to an address and serves page everywhere else.
func moved(path, to string, status int, page string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RequestURI() == path && r.Host == "handler.test" {
			w.Header().Set("Location", to)
			w.WriteHeader(status)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, page)
	}
}

func verdictRows() []verdictRow {
	request := func(method, path, more string, asserts ...string) string {
		text := fmt.Sprintf("  - request:\n      method: %s\n      url: '{{BASE_URL}}%s'\n%s", method, path, more)
		if len(asserts) > 0 {
			text += "    assert:\n"
		}
		for _, a := range asserts {
			text += "      - " + a + "\n"
		}
		return text
	}
	as := func(token string) string {
		return "      headers: [{name: Authorization, value: 'Bearer " + token + "'}]\n"
	}
	const payload = "    payload: [{key: P, value: SQLI}]\n"
	attack := func(asserts ...string) string { return request("GET", "/search?q={{P}}", payload, asserts...) }
	benign := request("GET", "/search?q=shoes", "", "resp.status < 500")
	get := func(asserts ...string) string { return request("GET", "/page", "", asserts...) }
	refusesPayloads := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			reply(w, map[bool]int{true: 200, false: status}[r.FormValue("q") == "shoes"], map[string]any{})
		}
	}
	const below500, not200 = "resp.status < 500", "resp.status != 200"
	login := request("POST", "/login", "", "resp.status == 200")
	var out []verdictRow
	add := func(kind, name string, service http.HandlerFunc, steps string, want Verdict) {
		out = append(out, verdictRow{kind, name, service, steps, want})
	}
	for _, status := range []int{400, 401, 403, 404, 405, 415, 422, 429} {
		add("E1", fmt.Sprintf("%d to every payload", status), always(status), attack(below500), VerdictInconclusive)
		add("E1", fmt.Sprintf("%d to everything, a control included", status), always(status), benign+attack(below500), VerdictInconclusive)
	}
	add("E1", "401 or 403 to every payload, taken for a refusal", always(403), attack("'[400, 403].includes(resp.status)'"), VerdictInconclusive)
	for _, status := range []int{400, 403, 415, 422} {
		add("E1, sound", fmt.Sprintf("%d to payloads and 200 to a benign value", status), refusesPayloads(status), benign+attack(below500), VerdictProven)
	}
	add("E1, sound", "one payload is processed, the others are refused", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[bool]int{true: 200, false: 403}[r.FormValue("q") == "'"], nil)
	}, attack(below500), VerdictUncontrolled)
	add("E1, sound", "payloads are processed", always(200), attack(below500), VerdictProven)

	afterLogin := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			reply(w, map[bool]int{true: 200, false: status}[r.URL.Path == "/login"], map[string]any{})
		}
	}
	for name, step := range map[string]string{
		"in the URL":           request("GET", "/search?q=x'' OR ''1''=''1", "", below500),
		"in the path":          request("GET", "/files/..%2f..%2fetc%2fpasswd", "", below500),
		"in a query value":     request("GET", "/search", "      query: [{name: q, value: '<script>alert(1)</script>'}]\n", below500),
		"in JSON":              request("POST", "/search", "      data: '{\"q\": {\"$ne\": 1}}'\n", below500),
		"in a text of JSON":    request("POST", "/search", "      data: '{\"q\": \"admin'' --\"}'\n", below500),
		"in a form":            request("POST", "/search", "      form: [{name: q, value: '${7*7}'}]\n", below500),
		"in a header":          request("GET", "/search", "      headers: [{name: User-Agent, value: '${jndi:ldap://x}'}]\n", below500),
		"under a body":         request("GET", "/search?q=<script>", "", `"!JSON.stringify(resp.data).includes('<script>')"`),
		"that is a quote":      request("GET", "/search?q=''", "", below500),
		"that waits":           request("GET", "/search?q=1; WAITFOR DELAY ''0:0:5''", "", "resp.duration < 4000"),
		"with XML":             request("POST", "/search", "      data: '<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>'\n", below500),
		"in an encoded query":  request("GET", "/search?q=%27%20UNION%20SELECT%20NULL", "", below500),
		"twice, both refused":  request("GET", "/search?q='' OR 1=1", "", below500) + request("GET", "/search?q='' OR 2=2", "", below500),
		"with a command in it": request("GET", "/search?q=x; cat /etc/hosts", "", below500),
	} {
		for _, status := range []int{400, 403, 422} {
			add("E1", fmt.Sprintf("%d to an attack %s", status, name), afterLogin(status), login+step, VerdictInconclusive)
		}
		add("E1, sound", "200 to an attack "+name, always(200), step, VerdictProven)
	}
	written := request("GET", "/search?q='' OR 1=1 --", "", below500)
	add("E1", "a benign value 200, then 429 to an attack as written", inTurn(200, 429), benign+written, VerdictInconclusive)
	add("E1", "another attack is not a control", inTurn(200, 404), request("GET", "/other?q='' OR 1=1", "", below500)+written, VerdictInconclusive)
	add("E1, sound", "an attack as written is refused, a benign value is not", refusesPayloads(400), benign+written, VerdictProven)
	add("E1, sound", "the refusal of an attack is what is asked for", always(400), request("GET", "/search?q='' OR 1=1 --", "", "resp.status == 400"), VerdictUncontrolled)
	add("E1, sound", "of two attacks one is processed", func(w http.ResponseWriter, r *http.Request) {
		reply(w, map[bool]int{true: 400, false: 200}[strings.HasSuffix(r.FormValue("q"), "--")], nil)
	}, written+request("GET", "/search?q='' OR 2=2", "", below500), VerdictUncontrolled)
	for _, benign := range []string{"O''Brien", "shoes or boots", "a; b", "say \"hi\" and go", "C#", "50%25", "x=1&y=2", "1*2", "file.ini", "select one"} {
		add("E1, sound", "no attack: "+benign, afterLogin(400), login+request("GET", "/search?q="+benign, "", below500), VerdictUncontrolled)
	}
	for _, status := range []int{406, 413, 414, 431} {
		add("E1", fmt.Sprintf("%d to every payload", status), always(status), attack(below500), VerdictInconclusive)
	}
	add("E1", "every payload is sent to the login", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login?next=/", http.StatusFound) },
		request("GET", "/search?q={{P}}", "      followRedirects: false\n"+payload, below500), VerdictInconclusive)

	add("E2", "the first payload 200, the others 429", inTurn(200, 429), attack(below500), VerdictInconclusive)
	add("E2", "the first payload 200, the others 503", inTurn(200, 503), attack(not200), VerdictFailed)
	add("E2", "login 200, every payload 401", inTurn(200, 401), login+request("GET", "/search?q={{P}}", as("x")+payload, below500), VerdictInconclusive)
	add("E2", "login 200, every payload 404", inTurn(200, 404), login+attack(below500), VerdictInconclusive)
	for _, status := range []int{429, 500, 502, 503, 504, 520} {
		add("E2", fmt.Sprintf("login 200, then %d where anything but 200 is fine", status), inTurn(200, status), login+get(not200), VerdictInconclusive)
	}
	add("E2", "a benign value 200, then 429", inTurn(200, 429), benign+attack(below500), VerdictInconclusive)
	add("E2", "a benign value 200, then credentials expire", inTurn(200, 401),
		request("GET", "/search?q=shoes", as("x"), below500)+request("GET", "/search?q={{P}}", as("x")+payload, below500), VerdictInconclusive)
	add("E2, sound", "429 is what is asked for", inTurn(200, 429), get("resp.status == 200")+get("resp.status == 429"), VerdictProven)

	for _, status := range []int{301, 302, 303} {
		add("E3", fmt.Sprintf("POST, %d to the slash, GET", status), moved("/page", "/page/", status, "ok"), request("POST", "/page", "      data: x\n", "resp.status == 200"), VerdictInconclusive)
	}
	add("E3", "PUT, 303 elsewhere, GET, expected", moved("/page", "/done", 303, "ok"), request("PUT", "/page", "      data: x\n      followRedirects: true\n", "resp.status == 200"), VerdictInconclusive)
	add("E3", "DELETE, 302 to the same path, GET", moved("/page", "/page/", 302, "ok"), request("DELETE", "/page", "", "resp.status == 200"), VerdictInconclusive)
	add("E3", "PATCH, 301, GET", moved("/page", "/page/", 301, "ok"), request("PATCH", "/page", "      data: x\n", below500), VerdictInconclusive)
	add("E3, sound", "POST, 308 to the slash, POST", moved("/page", "/page/", 308, "ok"), request("POST", "/page", "      data: x\n", "resp.status == 200"), VerdictProven)
	add("E3, sound", "the redirect itself", moved("/page", "/page/", 301, "ok"), request("POST", "/page", "      followRedirects: false\n", "resp.status == 301"), VerdictProven)

	for name, script := range map[string]string{
		"a promise that fails": "(async () => { throw 1 })()", "a promise of false": "Promise.resolve(false)", "a function": "() => resp.status == 500",
		"a method that is not called": "resp.data.toString", "a list": "[false]", "an object": "({})", "the headers": "resp.headers",
		"a symbol": "Symbol('x')", "a thenable": "({then: f => f(false)})", "a wrapped false": "new Boolean(false)", "a generator": "(function* () {})()",
	} {
		add("E4", name, always(200), get(fmt.Sprintf("%q", script)), VerdictInconclusive)
	}
	for _, script := range []string{"true", "1", "'ok'", "1 < 2", "!false", "(1, 2)", "null === null"} {
		add("E4", "a constant: "+script, always(200), get(fmt.Sprintf("%q", script)), VerdictInconclusive)
	}
	add("E4, sound", "a constant beside a comparison", always(200), get("'true'", "resp.status == 200"), VerdictProven)
	add("E4, sound", "true", always(200), get("resp.status == 200"), VerdictProven)
	add("E4, sound", "a text that is there", always(200), get(`"resp.headers['content-type']"`), VerdictProven)
	add("E4, sound", "null", always(200), get(`"null"`), VerdictFailed)

	own := request("GET", "/orders/1", as("ann"), "resp.status == 200")
	bobs := request("GET", "/orders/2", as("bob"), "resp.status == 200")
	crossed := func(asserts ...string) string { return request("GET", "/orders/1", as("bob"), asserts...) }
	expired := byToken(401, map[string]int{"ann": 200})
	for name, accepted := range map[string]string{
		"a list": "{key: resp.status, value: [401, 403]}", "a script": "'[401, 403, 404].includes(resp.status)'", "at least 400": "resp.status >= 400",
		"not 200": not200, "a pattern": "{type: REGEXP, key: resp.status, value: '^40'}",
	} {
		add("E5", "the second token has expired: "+name, expired, own+crossed(accepted), VerdictInconclusive)
	}
	toLogin := func(known string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer "+known {
				reply(w, 200, nil)
				return
			}
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	}
	manual := "      followRedirects: false\n"
	add("E5", "the second token has expired: a redirect to the login", toLogin("ann"), own+
		request("GET", "/orders/1", as("bob")+manual, "{key: resp.status, value: [302, 403]}"), VerdictInconclusive)
	add("E5, sound", "nobody is redirected to the login", toLogin("ann"), own+
		request("GET", "/orders/1", manual, "{key: resp.status, value: [302, 401]}"), VerdictProven)
	add("E5", "a key in the query has expired", byToken(401, map[string]int{"ann": 200}),
		own+request("GET", "/orders/1?api_key=bob", "", "{key: resp.status, value: [401, 403]}"), VerdictInconclusive)
	add("E5", "a cookie has expired", byToken(401, map[string]int{"ann": 200}),
		own+request("GET", "/orders/1", "      headers: [{name: Cookie, value: sid=bob}]\n", "{key: resp.status, value: [401, 403]}"), VerdictInconclusive)
	add("E5, sound", "the second identity has a control", func(w http.ResponseWriter, r *http.Request) {
		owner := map[string]string{"/orders/1": "Bearer ann", "/orders/2": "Bearer bob"}[r.URL.Path]
		reply(w, map[bool]int{true: 200, false: 401}[owner == r.Header.Get("Authorization")], nil)
	}, own+bobs+crossed("{key: resp.status, value: [401, 403]}"), VerdictProven)
	add("E5, sound", "403 without a control", byToken(401, map[string]int{"ann": 200, "bob": 403}), own+crossed("{key: resp.status, value: [401, 403]}"), VerdictUncontrolled)
	add("E5, sound", "a key in the query that works elsewhere", func(w http.ResponseWriter, r *http.Request) {
		status := map[bool]int{true: 200, false: 403}[r.FormValue("api_key") == "ann" || r.URL.Path == "/mine"]
		reply(w, status, nil)
	}, request("GET", "/orders/1?api_key=ann", "", "resp.status == 200")+request("GET", "/mine?api_key=bob", "", "resp.status == 200")+
		request("GET", "/orders/1?api_key=bob", "", "{key: resp.status, value: [401, 403]}"), VerdictProven)
	add("E5, sound", "401 is what is asked for", expired, own+crossed("resp.status == 401"), VerdictUncontrolled)
	add("E5, sound", "nobody", byToken(401, map[string]int{"ann": 200}), own+request("GET", "/orders/1", "", "{key: resp.status, value: [401, 403]}"), VerdictProven)
	add("E5, sound", "a control that is named", byToken(403, map[string]int{"ann": 200}), own+crossed("resp.status == 403")+"    control: 1\n", VerdictProven)
	add("E5", "a named control that failed", inTurn(204, 403), request("GET", "/a", "", below500)+request("GET", "/b", "", below500)+crossed("resp.status == 403")+"    control: 2\n", VerdictInconclusive)

	loginAs := func(name string) string { return request("POST", "/login?as="+name, "", "resp.status == 200") }
	sessions := func(w http.ResponseWriter, r *http.Request) {
		if name := r.FormValue("as"); name != "" {
			http.SetCookie(w, &http.Cookie{Name: "sid", Value: name, Path: "/"})
			reply(w, 200, nil)
			return
		}
		sid := ""
		if c, err := r.Cookie("sid"); err == nil {
			sid = c.Value
		}
		reply(w, map[bool]int{true: 200, false: 403}[sid == "admin"], nil)
	}
	add("E5", "two logins with kept cookies are two identities", sessions, loginAs("admin")+request("GET", "/reports", "", "resp.status == 200")+
		loginAs("user")+request("GET", "/reports", "", "{key: resp.status, value: [403, 404]}"), VerdictUncontrolled)
	add("E5", "one token under two names", refusesPayloads(403), request("GET", "/reports?q=shoes", as("x"), "resp.status == 200")+"    as: admin\n"+
		request("GET", "/reports", as("x"), "resp.status == 403")+"    as: user\n", VerdictUncontrolled)
	add("E5, sound", "one token under one name", refusesPayloads(403), request("GET", "/reports?q=shoes", as("x"), "resp.status == 200")+"    as: user\n"+
		request("GET", "/reports", as("x"), "resp.status == 403")+"    as: user\n", VerdictProven)
	add("E5", "a step as somebody without credentials", byToken(403, map[string]int{"ann": 200}), own+request("GET", "/orders/1", "", "resp.status == 403")+
		"    as: user\n", VerdictInconclusive)
	add("E5, sound", "a step as nobody", byToken(403, map[string]int{"ann": 200}), own+request("GET", "/orders/1", "", "resp.status == 403")+
		"    as: anonymous\n", VerdictProven)
	add("E5", "an expired token and a public endpoint", func(w http.ResponseWriter, r *http.Request) {
		status := map[bool]int{true: 200, false: 401}[r.URL.Path == "/public" || r.Header.Get("Authorization") == "Bearer ann"]
		reply(w, status, nil)
	}, own+request("GET", "/public", as("bob"), "resp.status == 200")+crossed("{key: resp.status, value: [401, 403]}"), VerdictInconclusive)

	const form = `<form><input type="password" name="p"></form>`
	root := request("GET", "/", "", "resp.status == 200")
	for name, to := range map[string]string{
		"/login": "/login", "the same path with a query": "/?next=login", "another port": "http://handler.test:8443/", "another host": "https://id.test/",
		"/users/sign_in": "/users/sign_in", "/sso": "/sso/start",
	} {
		add("E6", "/ redirects to "+name, moved("/", to, 302, form), root, VerdictInconclusive)
	}
	add("E6", "an expected redirect to a login form", moved("/", "/home", 302, form), request("GET", "/", "      followRedirects: true\n", "resp.status == 200"), VerdictInconclusive)
	add("E6", "an expected redirect to /login", moved("/", "/login", 302, ""), request("GET", "/", "      followRedirects: true\n", "resp.status == 200"), VerdictInconclusive)
	for _, refresh := range []string{`<META http-equiv="refresh" content="0; url=/login">`, `<meta content="1;URL='/users/sign_in?a=b'" http-equiv=refresh>`} {
		add("E6", "a page that leads to the login by "+refresh, moved("", "", 0, refresh), root, VerdictInconclusive)
	}
	add("E6, sound", "a page that leads elsewhere", moved("", "", 0, `<meta http-equiv="refresh" content="5; url=/news">`), root, VerdictProven)
	add("E6, sound", "an expected redirect", moved("/", "/home", 302, "hello"), request("GET", "/", "      followRedirects: true\n", "resp.status == 200"), VerdictProven)

	arrived := func(w http.ResponseWriter, r *http.Request) {
		// This service fails if the payload arrives.
		status := 200
		if strings.Contains(r.FormValue("q"), "; DROP") || strings.Contains(r.PathValue("q"), "; DROP") || strings.Contains(r.URL.Path, "; DROP") {
			status = 500
		}
		reply(w, status, map[string]any{})
	}
	drop := "    payload: [{key: P, value: DROP}]\n"
	for name, step := range map[string]string{
		"in a query as written":      request("GET", "/search?q={{P}}", drop, below500),
		"as a literal":               request("GET", "/search?q=x; DROP TABLE y", "", below500),
		"beside another parameter":   request("GET", "/search?a=1&q={{P}}&b=2", drop, below500),
		"in a path":                  request("GET", "/files/{{P}}", drop, below500),
		"as a query value":           request("GET", "/search", "      query: [{name: q, value: '{{P}}'}]\n"+drop, below500),
		"in a form":                  request("POST", "/search", "      headers: [{name: Content-Type, value: application/x-www-form-urlencoded}]\n      form: [{name: q, value: '{{P}}'}]\n"+drop, below500),
		"with a default beside it":   request("GET", "/search?q={{default P \"x\"}}", drop, below500),
		"in the middle of a segment": request("GET", "/files/a{{P}}z", drop, below500),
	} {
		add("E7", "a semicolon "+name, arrived, step, VerdictFailed)
	}
	add("E7", "a header that the client would trim", always(200), request("GET", "/", "      headers: [{name: X-Q, value: '{{P}}'}]\n    payload: [{key: P, value: SPACES}]\n", below500), VerdictInconclusive)
	add("E7", "a header that the client refuses", always(200), request("GET", "/", "      headers: [{name: X-Q, value: '{{P}}'}]\n    payload: [{key: P, value: LINES}]\n", below500), VerdictInconclusive)
	add("E7", "a cookie that would be two", always(200), request("GET", "/", "      headers: [{name: Cookie, value: 'q={{P}}'}]\n"+drop, below500), VerdictInconclusive)
	return out
}

// testVerdictRows runs each row. It runs uncontrolled ones under RequireControls too, where they must not pass.
func testVerdictRows(t *testing.T) {
	members := map[string]int{}
	for _, row := range verdictRows() {
		members[row.kind]++
		t.Run(row.kind+"/"+row.name, func(t *testing.T) {
			cfg, err := Parse([]byte("id: t\ntest:\n" + row.steps))
			require.NoError(t, err)
			opts := []Option{
				WithHandler(row.service), WithPayloads("DROP", "1; DROP TABLE x"), WithPayloads("SPACES", " x "), WithPayloads("LINES", "x\r\ny"),
			}
			res, err := Run(t.Context(), cfg, opts...)
			require.NoError(t, err)
			assert.Equal(t, row.want, res.Verdict, res)
			assert.Equal(t, row.want == VerdictProven || row.want == VerdictUncontrolled, res.Outcome == Passed, res)
			if row.want == VerdictUncontrolled {
				res, err = Run(t.Context(), cfg, append(opts, RequireControls())...)
				require.NoError(t, err)
				assert.Equal(t, VerdictInconclusive, res.Verdict, res)
				assert.Contains(t, strings.Join(allReasons(res), "\n"), "nothing shows that this target works")
				_, err = Run(t.Context(), cfg, append(opts, RequireControls(), Lenient())...)
				require.ErrorContains(t, err, "exclude each other")
			}
		})
	}
	members["E8"] = testGenerationRows(t)
	for _, kind := range []string{"E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8"} {
		assert.GreaterOrEqual(t, members[kind], 5, kind)
	}
}

// testGenerationRows generates tests that no service could pass. They are left out with a reason that names the
// endpoint.
func testGenerationRows(t *testing.T) (members int) {
	field := func(section metlo.DataSection, path, entity string) metlo.TestDataField {
		return metlo.TestDataField{DataSection: section, DataPath: path, DataType: metlo.TypeString, ContentType: "application/json", Entity: entity}
	}
	post := func(e *metlo.TestEndpoint) *metlo.TestEndpoint { e.Method = metlo.MethodPost; return e }
	rules, err := ParseTestingConfig(demoRules)
	require.NoError(t, err)
	for _, row := range []struct {
		name, template string
		endpoint       *metlo.TestEndpoint
		reason         string // empty for a test that can be passed
	}{
		{"BOLA without a parameter", "BOLA", demoEndpoint("/profile", byKey), "GET shop.example.com/profile has no id"},
		{"BOLA for a search", "BOLA", demoEndpoint("/search", byKey, searched), "has no id"},
		{"BOLA for a body without an id", "BOLA", post(demoEndpoint("/orders", byKey, field("reqBody", "email", ""))), "has no id"},
		{"BOLA of tenants without a parameter", "BOLA_MULTI_TENANT", demoEndpoint("/profile", byKey), "has no id"},
		{"BOLA for one object", "BOLA", demoEndpoint("/orders/{orderId}", byKey, orderRef), "takes orderId from the testing config"},
		{"BOLA of tenants for one object", "BOLA_MULTI_TENANT", demoEndpoint("/orders/{orderId}", byKey, orderRef), "takes orderId from the testing config"},
		{"rules for objects that the request does not name", "VALIDATE_AUTH_RULES", demoEndpoint("/orders/all", byKey), "the same request"},
		{"SQL injection without a place", "SQLI", demoEndpoint("/profile", byKey), "GET shop.example.com/profile has no query parameter"},
		{"XSS without a place", "XSS", post(demoEndpoint("/x", byKey, field("reqBody", "[].a", ""))), "has no query parameter"},
		{"an id in the path", "BOLA", demoEndpoint("/orders/{orderId}", byKey, orderID), ""},
		{"an id in the query", "BOLA", demoEndpoint("/order", byKey, field("reqQuery", "order_id", "")), ""},
		{"an id in the body", "BOLA", post(demoEndpoint("/order", byKey, field("reqBody", "orderId", ""), field("reqBody", "note", ""))), ""},
	} {
		members++
		t.Run("E8/"+row.name, func(t *testing.T) {
			cfg, err := Generate(row.template, row.endpoint, rules, WithRandom(half))
			if row.reason != "" {
				require.ErrorIs(t, err, ErrNotApplicable)
				assert.ErrorContains(t, err, row.reason)
				return
			}
			require.NoError(t, err)
			cfg = viaFile(t, cfg)
			_, _, found := contradiction(cfg)
			assert.False(t, found)
			assert.NotEqual(t, cfg.Test[0].Request, cfg.Test[2].Request)
			assert.Len(t, cfg.Test, 4, "the second identity has its control")
			needs := strings.Join(cfg.Placeholders(), " ")
			assert.Contains(t, needs, "USER_A_order")
			assert.Contains(t, needs, "USER_B_order")
			for _, name := range strings.Fields(needs) {
				if strings.HasPrefix(name, "global.") {
					continue
				}
				require.NoError(t, cfg.Set(name, "1"))
			}
			_, err = Run(t.Context(), cfg, WithHandler(always(200)), WithGlobalEnv(map[string]string{"USER_A_CREDENTIALS": "a", "USER_B_CREDENTIALS": "b"}))
			assert.ErrorContains(t, err, "steps 1 and 3 are one request")
		})
	}
	return members
}
