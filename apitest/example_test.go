package apitest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
)

func ExampleRun() {
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"name": "Ann"}`)
	}))
	defer service.Close()

	cfg, err := apitest.Parse([]byte(`
id: profile
test:
  - request:
      method: GET
      url: '{{BASE_URL}}/profile'
    assert:
      - key: resp.data.name
        value: Bob
      - resp.status < 300
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := apitest.Run(context.Background(), cfg,
		apitest.AllowHosts(service.URL),
		apitest.WithEnv(map[string]string{"BASE_URL": service.URL}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Success, result.Results[0][0].Assertions)
	fmt.Println(result.Failed()[0].Failures[0])
	// Output:
	// false [false true]
	// expected resp.data.name is "Bob"; resp.data.name is "Ann"; the response is 200 OK: {"name": "Ann"}
}

func ExampleGenerate() {
	endpoint := &metlo.TestEndpoint{
		Host: "shop.example.com", Path: "/profile", Method: metlo.MethodGet,
		AuthConfig: &metlo.TestAuthConfig{AuthType: metlo.AuthHeader, HeaderKey: "X-Api-Key"},
	}
	cfg, err := apitest.Generate("BROKEN_AUTHENTICATION", endpoint, nil, apitest.WithID("profile-auth"))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := cfg.Marshal()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(string(text))
	// Output:
	// id: profile-auth
	//
	// meta:
	//   name: /profile Broken Authentication
	//   severity: HIGH
	//   tags:
	//     - BROKEN_AUTHENTICATION
	//
	// env:
	//   - name: BASE_URL
	//     value: '{{default BASE_URL "https://shop.example.com"}}'
	//   - name: CREDENTIALS
	//     value: '{{global.CREDENTIALS}}'
	//
	// test:
	//   - request:
	//       method: GET
	//       url: '{{BASE_URL}}/profile'
	//       headers:
	//         - name: X-Api-Key
	//           value: '{{CREDENTIALS}}'
	//     assert:
	//       - type: JS
	//         value: resp.status < 300
	//   - request:
	//       method: GET
	//       url: '{{BASE_URL}}/profile'
	//     assert:
	//       - type: EQ
	//         key: resp.status
	//         value:
	//           - 401
	//           - 403
}

func ExampleFormat() {
	text, err := apitest.Format(`actor Admin{items=[{"id":"a1","auth":"t"}]} has_permission( Admin , ["read"],Order )`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(text)
	// Output:
	// actor Admin {
	//   items = [{"id": "a1", "auth": "t"}]
	// }
	//
	// has_permission(Admin, ["read"], Order)
}
