package backend

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

const (
	demoShop     = "shop.example.com"
	demoPayments = "pay.example.com"
	demoInternal = "billing.example.local"
)

// Demo analyses traffic of a shop, and then repeats the actions of its security engineer.
func (st *Store) Demo() error {
	st.demoIDs = 1
	defer func() { st.demoIDs = 0 }()
	if err := st.demoConfigs(); err != nil {
		return err
	}
	st.demoTraffic()
	if err := st.demoWork(); err != nil {
		return err
	}
	for range 3 { // until the jobs have nothing left to do
		st.runJobs()
	}
	return nil
}

const demoConfig = `sensitiveData:
  Loyalty Number:
    severity: LOW
    patterns:
      - LY-[0-9]{8}
authentication:
  - host: shop.example.com
    authType: header
    headerKey: Authorization
globalTestEnv:
  - name: BASE_URL
    value: https://staging.shop.example.com
  - name: USER_A_CREDENTIALS
    value: token-of-user-a
`

const demoTestingConfig = `host "shop.example.com" {
  testingHost = "staging.shop.example.com",
  authType = "header",
  headerKey = "Authorization"
}
actor Customer {
  items = [{"id": "1001", "auth": "token-of-user-a"}, {"id": "1002", "auth": "token-of-user-b"}]
}
resource Order {
  permissions = ["read", "create"],
  items = [{"id": "7001", "owner": "1001"}, {"id": "7002", "owner": "1002"}],
  endpoints = [
    {"permissions": ["read"], "host": "shop.example.com", "method": "GET", "path": "^/v1/orders/"},
    {"permissions": ["create"], "host": "shop.example.com", "method": "POST", "path": "^/v1/orders$"}
  ]
}
has_permission(Customer(id="1001"), ["read", "create"], Order(owner="1001"))
`

const demoSpec = `openapi: 3.0.3
info:
  title: Payments
  version: "1"
servers:
  - url: https://pay.example.com
paths:
  /v1/payments:
    post:
      responses:
        "201":
          description: the payment was made
  /v1/payments/{paymentId}:
    get:
      responses:
        "200":
          description: the payment
  /v1/refunds:
    post:
      responses:
        "201":
          description: the refund was made
`

// call sends a request to a handler, as if over the wire.
func (st *Store) call(handle handler, body *js.Object, params map[string]string) error {
	res := handle(&call{Store: st, body: body, params: params, query: js.New()})
	if res.Status >= 400 {
		return fmt.Errorf("Demo: %s", res.Body)
	}
	return nil
}

func (st *Store) demoConfigs() error {
	c := &call{Store: st, query: js.New(), file: &upload{"payments.yaml", "text/yaml", []byte(demoSpec)}}
	if res := uploadSpec(c); res.Status >= 400 {
		return fmt.Errorf("Demo: %s", res.Body)
	}
	if err := st.call(putMetloConfig, js.New("configString", demoConfig), nil); err != nil {
		return err
	}
	return st.call(putTestingConfig, js.New("configString", demoTestingConfig), nil)
}

// demoCall is a kind of request to the shop; %d in path and bodies is a varying number.
type demoCall struct {
	host, method, path, query, request, response string
	status, times                                int
	authorization                                string
}

func demoCalls() []demoCall {
	const token, basic = "Bearer c2Vzc2lvbg", "Basic b3BzOm9wcw=="
	return []demoCall{
		{demoShop, "GET", "/v1/products", "q=shoes", "", `{"items":[{"sku":"A%d","price":49.9,"inStock":true}]}`, 200, 30, ""},
		{demoShop, "GET", "/v1/products/%d", "", "", `{"sku":"A%d","name":"Trail shoe","price":89.5,"tags":["outdoor"]}`, 200, 25, ""},
		{demoShop, "POST", "/v1/login", "", `{"email":"jane.doe@example.com","password":"…"}`, `{"token":"c2Vzc2lvbg"}`, 200, 51, ""},
		{demoShop, "GET", "/v1/users/%d", "", "", `{"id":%d,"email":"jane.doe@example.com","phone":"415-555-0132","dateOfBirth":"1988-04-17","loyalty":"LY-00418822"}`, 200, 54, token},
		{demoShop, "PUT", "/v1/users/%d/address", "", `{"street":"12 Harbor Street","city":"Oakland"}`, `{"ok":true}`, 200, 6, token},
		{demoShop, "GET", "/v1/orders/%d", "", "", `{"id":%d,"total":138.4,"shipTo":{"street":"12 Harbor Street"},"email":"jane.doe@example.com"}`, 200, 52, token},
		{demoShop, "POST", "/v1/orders", "", `{"sku":"A17","quantity":2}`, `{"id":%d,"status":"placed"}`, 201, 14, token},
		{demoShop, "GET", "/v1/export/customers", "format=json", "", `[{"email":"jane.doe@example.com","ssn":"219-09-9999"},{"email":"sam@example.org","ssn":"078-05-1120"}]`, 200, 51, ""},
		{demoShop, "GET", "/v1/newsletter/confirm", "email=jane.doe@example.com", "", `{"ok":true}`, 200, 51, ""},
		{demoShop, "POST", "/graphql", "", `{"query":"{ me { email } }"}`, `{"data":{"me":{"email":"jane.doe@example.com"}}}`, 200, 51, token},
		{demoPayments, "POST", "/v1/payments", "", `{"card":"4111-1111-1111-1111","amount":138.4}`, `{"id":%d,"status":"captured"}`, 201, 51, token},
		{demoPayments, "GET", "/v1/payments/%d", "", "", `{"id":%d,"status":"captured","ip":"203.0.113.17"}`, 200, 51, token},
		{demoInternal, "GET", "/reports/%d", "", "", `{"rows":%d}`, 200, 7, basic},
		{demoInternal, "DELETE", "/reports/%d", "", "", ``, 204, 1, basic},
	}
}

// demoTraffic spreads the calls over the past days, and runs the jobs that analyse them.
func (st *Store) demoTraffic() {
	start := time.Now().UTC().Truncate(time.Millisecond)
	for i, kind := range demoCalls() {
		for n := range kind.times {
			age := time.Duration(kind.times-1-n)*5*time.Hour + time.Duration(i)*7*time.Minute + time.Minute
			o := kind.observation(1000 + n*7 + i)
			o.at = start.Add(-age)
			st.ingestAt(o)
			st.updateUsage(o.at)
		}
	}
	st.runJobs()
	for _, e := range st.endpoints {
		if !e.firstDetected.IsZero() {
			e.createdAt, e.updatedAt = e.firstDetected, e.lastActive
		}
	}
}

func (d demoCall) observation(number int) *observation {
	fill := func(s string) string { return strings.ReplaceAll(s, "%d", fmt.Sprint(number)) }
	headers := []any{js.New("name", "content-type", "value", "application/json")}
	sent := slices.Clone(headers)
	if d.authorization != "" {
		sent = append(sent, js.New("name", "authorization", "value", d.authorization))
	}
	var parameters []any
	if name, value, found := strings.Cut(d.query, "="); found {
		parameters = append(parameters, js.New("name", name, "value", value))
	}
	o := newObservation(js.New(
		"request", js.New("url", js.New("host", d.host, "path", fill(d.path), "parameters", parameters),
			"headers", sent, "body", fill(d.request), "method", d.method),
		"response", js.New("status", float64(d.status), "headers", headers, "body", fill(d.response)),
		"meta", js.New("incoming", true, "source", "203.0.113.5", "sourcePort", "50000",
			"destination", "198.51.100.9", "destinationPort", "443"),
	), fill(d.path), false)
	o.session = js.New("authenticationProvided", d.authorization != "", "authenticationSuccessful", d.authorization != "")
	return o
}

// demoWork resolves and ignores alerts, watches one kind of alert, sets an entity and a GraphQL schema.
func (st *Store) demoWork() error {
	var steps []error
	update := func(a *alert, updateType, message string) {
		body := js.New("updateType", updateType)
		if message != "" {
			body.Set("resolutionMessage", message)
		}
		steps = append(steps, st.call(updateAlert, body, map[string]string{"id": a.uuid}))
	}
	for _, a := range slices.Clone(st.alerts) {
		path := a.endpoint.path
		switch {
		case a.kind == alertNewEndpoint && strings.HasPrefix(path, "/v1/products"):
			update(a, "resolve", "part of the public catalogue")
		case a.kind == alertPII && path == "/v1/login":
			update(a, "resolve", "a login needs the address")
		case a.kind == alertNewEndpoint && (a.endpoint.method == "DELETE" || path == "/graphql"):
			update(a, "ignore", "")
		}
	}
	for _, e := range st.endpoints {
		switch required, open := true, false; { // set by a user
		case e.host == demoShop && openToAll(e.path):
			e.authUserSet = &open
		case strings.HasPrefix(e.path, "/v1/orders"):
			e.authUserSet = &required
		}
		if e.path == "/v1/export/customers" {
			description := "Unauthenticated endpoint " + e.method + " " + e.path + " in " + e.host + " is returning sensitive data."
			st.raise(e, e.lastActive, alertUnauthenticated, description, emptyObject())
		}
		if e.isGraphQL {
			st.graphQL[e.host+e.path] = "type Query { me: User }\ntype User { email: String }\n"
		}
		for _, f := range e.fields {
			if e.path == "/v1/orders/{param1}" && f.dataSection == "reqPath" {
				steps = append(steps, st.call(updateEntity, js.New("entity", "Order.id"), map[string]string{"id": f.uuid}))
			}
		}
	}
	hook := js.New("url", "https://hooks.example.com/metlo", "alertTypes", []any{alertUnauthenticated, alertPII}, "hosts", []any{demoShop})
	steps = append(steps, st.call(createWebhook, hook, nil), st.call(createKey, js.New("name", "ingestor"), nil))
	return errors.Join(steps...)
}

// openToAll reports whether a path of the shop needs no token.
func openToAll(path string) bool {
	for _, prefix := range []string{"/v1/products", "/v1/login", "/v1/export", "/v1/newsletter"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
