package apitest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest/examples/demoshop"
)

// demoEndpoint returns an endpoint of the demo shop as Metlo describes it.
func demoEndpoint(path string, auth *metlo.TestAuthConfig, fields ...metlo.TestDataField) *metlo.TestEndpoint {
	return &metlo.TestEndpoint{Host: demoshop.Host, Path: path, Method: metlo.MethodGet, AuthConfig: auth, DataFields: fields}
}

var (
	byKey    = &metlo.TestAuthConfig{AuthType: metlo.AuthHeader, HeaderKey: "X-Api-Key"}
	byCookie = &metlo.TestAuthConfig{AuthType: metlo.AuthSessionCookie, CookieName: "sid"}
	orderID  = metlo.TestDataField{DataSection: metlo.SectionRequestPath, DataPath: "orderId", DataType: metlo.TypeString}
	orderRef = metlo.TestDataField{DataSection: metlo.SectionRequestPath, DataPath: "orderId", DataType: metlo.TypeString, Entity: "Order.id"}
	searched = metlo.TestDataField{DataSection: metlo.SectionRequestQuery, DataPath: "q", DataType: metlo.TypeString}
)

var named = metlo.TestDataField{DataSection: metlo.SectionRequestQuery, DataPath: "name", DataType: metlo.TypeString}

const demoRules = `
host "shop.example.com" { authType = "header", headerKey = "X-Api-Key" }
actor Customer { items = [{"name": "ann", "auth": "demo-ann"}, {"name": "bob", "auth": "demo-bob"}] }
actor Admin { items = [{"name": "root", "auth": "demo-root"}] }
resource Order {
  items = [{"id": "o1", "owner": "ann"}, {"id": "o2", "owner": "bob"}],
  endpoints = [{"permissions": ["read"], "path": "^/orders/"}]
}
resource Customers { endpoints = [{"permissions": ["list"], "path": "^/admin/"}] }
has_permission(Customer(name="ann"), ["read"], Order(owner="ann"))
has_permission(Customer(name="bob"), ["read"], Order(owner="bob"))
has_permission(Admin, ["read"], Order)
has_permission(Admin, ["list"], Customers)
`

func TestEachTemplateFindsItsFlaw(t *testing.T) {
	rules, err := ParseTestingConfig(demoRules)
	require.NoError(t, err)
	for _, tc := range []struct {
		template string
		endpoint *metlo.TestEndpoint
		env      map[string]string
		global   map[string]string
		failing  []bool // whether each request fails on the vulnerable shop
	}{
		{"GENERIC", demoEndpoint("/status", nil), nil, map[string]string{"CREDENTIALS": demoshop.AnnToken}, []bool{true}},
		{"HSTS", demoEndpoint("/status", nil), nil, nil, []bool{true}},
		{"CSP", demoEndpoint("/status", nil), nil, nil, []bool{true}},
		{"BROKEN_AUTHENTICATION", demoEndpoint("/profile", byKey), nil, map[string]string{"CREDENTIALS": demoshop.AnnToken}, []bool{false, true}},
		{"broken_authentication", demoEndpoint("/session/profile", byCookie), nil, map[string]string{"COOKIE": "sid=" + demoshop.AnnToken}, []bool{false, true}},
		{"BOLA", demoEndpoint("/orders/{orderId}", byKey, orderID), map[string]string{"USER_A_orderId": "o1", "USER_B_orderId": "o2"},
			map[string]string{"USER_A_CREDENTIALS": demoshop.AnnToken, "USER_B_CREDENTIALS": demoshop.BobToken}, []bool{false, true, true, false}},
		{"BOLA_MULTI_TENANT", demoEndpoint("/orders/{orderId}", byKey, orderID), map[string]string{"TENANT_A_orderId": "o1", "TENANT_B_orderId": "o3"},
			map[string]string{"TENANT_A_CREDENTIALS": demoshop.AnnToken, "TENANT_B_CREDENTIALS": demoshop.CidToken}, []bool{false, true, true, false}},
		{"BOLA_ADMIN", demoEndpoint("/admin/users", byKey), map[string]string{"NON_ADMIN_USER_ALLOWED_PATH": "/orders/o1"},
			map[string]string{"ADMIN_USER_CREDENTIALS": demoshop.RootToken, "NON_ADMIN_USER_CREDENTIALS": demoshop.AnnToken}, []bool{false, true, false}},
		{"VALIDATE_AUTH_RULES", demoEndpoint("/orders/{orderId}", nil, orderRef), nil, nil, []bool{false, true, false, true, false}},
	} {
		t.Run(tc.template+tc.endpoint.Path, func(t *testing.T) {
			cfg, err := Generate(tc.template, tc.endpoint, rules, WithRandom(half))
			require.NoError(t, err)
			cfg.Fill(tc.env)
			for _, fixed := range []bool{false, true} {
				shop := httptest.NewServer(demoshop.Handler(fixed))
				res, err := Run(t.Context(), cfg, AllowHosts(shop.URL), patient,
					WithEnv(map[string]string{"BASE_URL": shop.URL}), WithGlobalEnv(tc.global))
				shop.Close()
				require.NoError(t, err)
				assert.Equal(t, fixed, res.Success, res)
				require.Len(t, res.Results, len(tc.failing))
				for i, fails := range tc.failing {
					assert.Equal(t, fixed || !fails, res.Results[i][0].Success, "step %d\n%s", i, res)
				}
			}
		})
	}
}

func TestSQLITimeBasedFindsItsFlaw(t *testing.T) {
	cfg, err := Generate("SQLI_TIME_BASED", demoEndpoint("/search", nil, searched), nil)
	require.NoError(t, err)
	for _, fixed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			res, err := Run(t.Context(), cfg, AllowHosts(demoshop.Host), WithPayloads("SQLI_TIME", "' & #", "1 OR SLEEP(2)", "never sent"),
				patient, WithHTTPClient(&http.Client{Transport: handlerTransport{demoshop.Handler(fixed)}}))
			require.NoError(t, err)
			assert.Equal(t, fixed, res.Success, res)
			if fixed {
				assert.Len(t, res.Results[1], 3)
				return
			}
			assert.Len(t, res.Results[1], 2)
			assert.Equal(t, 1, res.AbortedAt)
			assert.Equal(t, "1 OR SLEEP(2)", res.Results[1][1].Payload["SQLI_PAYLOAD"])
		})
	}
}

// handlerTransport calls a handler in process, so that synctest controls its time.
type handlerTransport struct{ handler http.Handler }

func (h handlerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w.Result(), nil
}

func TestSQLITimeBasedPlaces(t *testing.T) {
	body := func(section metlo.DataSection, contentType, path string) metlo.TestDataField {
		return metlo.TestDataField{DataSection: section, ContentType: contentType, DataPath: path, DataType: metlo.TypeString}
	}
	post := func(f ...metlo.TestDataField) *metlo.TestEndpoint {
		e := demoEndpoint("/x", nil, f...)
		e.Method = metlo.MethodPost
		return e
	}
	get := func(t *testing.T, e *metlo.TestEndpoint) Request {
		t.Helper()
		cfg, err := Generate("SQLI_TIME_BASED", e, nil, WithRandom(half))
		require.NoError(t, err)
		assert.True(t, cfg.StopOnFailure)
		return cfg.Test[1].Request
	}
	assert.Equal(t, "{{SQLI_PAYLOAD}}", get(t, post(searched, body("reqBody", "application/json", "a"))).Query[0].Value)
	assert.Equal(t, "{{SQLI_PAYLOAD}}", get(t, post(body("reqBody", "multipart/form-data", "a"))).Form[0].Value)
	assert.Equal(t, "{\n    \"a\": {{json SQLI_PAYLOAD}},\n    \"b\": \"i\"\n}", get(t, post(body("reqBody", "application/json", "a.c"), body("reqBody", "application/json", "b"))).Data)
	for _, e := range []*metlo.TestEndpoint{post(), post(body("reqBody", "application/json", "[].a")), post(body("reqBody", "text/plain", ""))} {
		_, err := Generate("SQLI_TIME_BASED", e, nil)
		assert.ErrorContains(t, err, "no query parameter, form field, JSON key or path parameter")
	}
}

func TestOwnTemplates(t *testing.T) {
	assert.Equal(t, []string{"BOLA", "BOLA_ADMIN", "BOLA_MULTI_TENANT", "BROKEN_AUTHENTICATION", "CSP", "GENERIC", "HSTS", "PATH_TRAVERSAL", "SQLI",
		"SQLI_TIME_BASED", "TEMPLATE_INJECTION", "VALIDATE_AUTH_RULES", "XSS"}, Templates())
	_, err := Generate("X", demoEndpoint("/a", nil), nil, WithTemplate(Template{Name: "X"}))
	require.ErrorIs(t, err, ErrUnknownTemplate)
	mine := WithTemplate(Template{Name: "Mine", Build: func(in *TemplateInput) (*TestBuilder, error) {
		return in.NewTest(Meta{Name: "mine"}).StopOnFailure().AddEnv(KeyValue{"A", "1"}, KeyValue{"A", "2"}).
			AddStep(in.SampleRequest("P").ModifyRequest(func(r *Request) { r.URL += "/more" }).
				Extract(Extractor{Name: "X", Value: "resp.data"}).AddPayload("K", "LIST").AddEnv(KeyValue{"B", "3"}).Assert(Expr("true"))).
			AddStep(in.NewStep(Request{Method: "GET", URL: "http://x/"})), nil
	}})
	cfg, err := Generate("MINE", demoEndpoint("/a", nil), nil, WithRandom(half), mine)
	require.NoError(t, err)
	assert.Equal(t, &Config{
		ID: "80808080-8080-4080-8080-808080808080", Meta: &Meta{Name: "mine"}, StopOnFailure: true,
		Env: []KeyValue{{"A", "1"}, {"BASE_URL", `{{default BASE_URL "https://shop.example.com"}}`}, {"B", "3"}},
		Test: []Step{
			{Request: Request{Method: "GET", URL: "{{BASE_URL}}/a/more"}, Extract: []Extractor{{Name: "X", Value: "resp.data"}},
				Assert: []Assertion{Expr("true")}, Payload: []Payload{{"K", "LIST"}}},
			{Request: Request{Method: "GET", URL: "http://x/"}},
		},
	}, cfg)
	_, err = Generate("Mine", demoEndpoint("/a", nil), nil)
	require.ErrorIs(t, err, ErrUnknownTemplate, "a template is only known where it is given")

	for want, build := range map[string]func(in *TemplateInput) (*TestBuilder, error){
		"returned nil": func(*TemplateInput) (*TestBuilder, error) { return nil, nil },
		"no step":      func(in *TemplateInput) (*TestBuilder, error) { return in.NewTest(Meta{}), nil },
	} {
		_, err = Generate("BAD", demoEndpoint("/a", nil), nil, WithTemplate(Template{Name: "BAD", Build: build}))
		assert.ErrorContains(t, err, want)
	}
}

func TestGenerateFaults(t *testing.T) {
	auth := func(a metlo.TestAuthConfig) *metlo.TestEndpoint { return demoEndpoint("/x", &a) }
	for _, tc := range []struct {
		name, template string
		endpoint       *metlo.TestEndpoint
		rules, want    string
	}{
		{"nil endpoint", "CSP", nil, "", "the endpoint is nil"},
		{"no host", "CSP", &metlo.TestEndpoint{Path: "/", Method: "GET"}, "", "no host"},
		{"no real host", "CSP", &metlo.TestEndpoint{Host: `a"b`, Path: "/", Method: "GET"}, "", "is not a host"},
		{"no path", "CSP", &metlo.TestEndpoint{Host: "h", Method: "GET"}, "", "does not start with /"},
		{"no method", "CSP", &metlo.TestEndpoint{Host: "h", Path: "/"}, "", "is not one of GET"},
		{"header without a name", "CSP", auth(metlo.TestAuthConfig{AuthType: "header"}), "", "set headerKey"},
		{"unknown auth type", "CSP", auth(metlo.TestAuthConfig{AuthType: "oauth"}), "", `"oauth" is not basic`},
		{"a broken pattern", "GENERIC", demoEndpoint("/x", nil), `host "shop.example.com" { responseAssertions = [{"path": "("}] }`, "pattern"},
		{"a broken rule", "VALIDATE_AUTH_RULES", demoEndpoint("/x", nil), `host "shop.example.com" { authType = "basic" } resource R { endpoints = [{"permissions": ["x"], "path": "("}] } actor A { items = [{"auth": 1}] }`, "pattern"},
		{"nobody with auth", "VALIDATE_AUTH_RULES", demoEndpoint("/x", nil), `host "shop.example.com" { authType = "basic" } actor A { items = [{"id": 1}] }`, "has an item with auth"},
		{"a host without its header", "VALIDATE_AUTH_RULES", demoEndpoint("/x", nil), `host "shop.example.com" { authType = "jwt" } actor A { items = [{"auth": "x"}] }`, "set headerKey"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var config *TestingConfig
			if tc.rules != "" {
				rules, err := ParseTestingConfig(tc.rules)
				require.NoError(t, err)
				config = rules
			}
			_, err := Generate(tc.template, tc.endpoint, config)
			require.Error(t, err)
			assert.Contains(t, err.Error(), "apitest: generate "+strings.ToUpper(tc.template)+": ")
			assert.Contains(t, err.Error(), tc.want)
		})
	}
}
