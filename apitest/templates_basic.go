package apitest

import (
	metlo "github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/testingconfig"
)

// buildGeneric returns a test that a sample request succeeds.
func buildGeneric(in *TemplateInput) (*TestBuilder, error) {
	host := in.host()
	if in.Endpoint.AuthConfig == nil && host != nil && host.AuthType != "" {
		in.Endpoint.AuthConfig = hostAuth(host)
	}
	success := defaultSuccess
	rule, err := responseAssertion(host, in.Endpoint.Path)
	if err != nil {
		return nil, err
	}
	if rule.Success != "" {
		success = rule.Success
	}
	return in.NewTest(Meta{Name: in.Endpoint.Path + " Test", Severity: SeverityLow, Tags: []string{"GENERIC"}}).
		AddStep(in.SampleRequest("").Assert(JS(success))), nil
}

func hostAuth(h *testingconfig.Host) *metlo.TestAuthConfig {
	return &metlo.TestAuthConfig{
		AuthType: metlo.AuthType(h.AuthType), HeaderKey: h.HeaderKey, JWTUserPath: h.JWTUserPath, CookieName: h.CookieName,
	}
}

// responseAssertion returns the first rule whose path matches, or an empty one.
func responseAssertion(h *testingconfig.Host, path string) (testingconfig.ResponseAssertion, error) {
	if h == nil {
		return testingconfig.ResponseAssertion{}, nil
	}
	for _, r := range h.ResponseAssertions {
		ok, err := patternMatches(r.Path, path)
		if err != nil {
			return testingconfig.ResponseAssertion{}, err
		}
		if ok {
			return r, nil
		}
	}
	return testingconfig.ResponseAssertion{}, nil
}

// buildHSTS returns a test for the header that forces browsers to use https.
func buildHSTS(in *TemplateInput) (*TestBuilder, error) {
	return in.NewTest(Meta{Name: in.Endpoint.Path + " Has HSTS Headers", Severity: SeverityMedium, Tags: []string{"HSTS"}}).
		AddStep(in.SampleRequest("").Assert(JS("resp.headers['strict-transport-security']"))), nil
}

// buildCSP returns a test for a content security policy.
func buildCSP(in *TemplateInput) (*TestBuilder, error) {
	return in.NewTest(Meta{Name: in.Endpoint.Path + " Has CSP Headers", Severity: SeverityLow, Tags: []string{"CSP"}}).
		AddStep(in.SampleRequest("").Assert(JS("resp.headers['content-security-policy']"))), nil
}
