package apitest

import (
	"regexp"
	"slices"

	metlo "github.com/metlo-go/metlo"
)

// buildBrokenAuthentication returns a test that the endpoint refuses a request without authentication.
func buildBrokenAuthentication(in *TemplateInput) (*TestBuilder, error) {
	if err := in.RequireAuth(); err != nil {
		return nil, err
	}
	meta := Meta{Name: in.Endpoint.Path + " Broken Authentication", Severity: SeverityHigh, Tags: []string{"BROKEN_AUTHENTICATION"}}
	return in.NewTest(meta).
		AddStep(in.SampleRequest("").Assert(JS(defaultSuccess))).
		AddStep(in.SampleRequestWithoutAuth("").Assert(OneOf(statusKey, 401, 403))), nil
}

// buildBOLA returns a test that neither of two users can reach the other's objects.
func buildBOLA(in *TemplateInput) (*TestBuilder, error) {
	meta := Meta{Name: in.Endpoint.Path + " BOLA", Severity: SeverityHigh, Tags: []string{"BOLA"}}
	return in.crossAccess(meta, "USER_A", "USER_B", 401, 403)
}

// buildBOLAMultiTenant returns a test that neither of two tenants can see that the other's objects exist.
func buildBOLAMultiTenant(in *TemplateInput) (*TestBuilder, error) {
	meta := Meta{Name: in.Endpoint.Path + " BOLA_MULTI_TENANT", Severity: SeverityHigh, Tags: []string{"BOLA", "MULTI-TENANT"}}
	return in.crossAccess(meta, "TENANT_A", "TENANT_B", 404)
}

// crossAccess returns a test with a's request as a, a's request as b, b's request as a, and b's request as b. The last
// one is the control of b.
func (in *TemplateInput) crossAccess(meta Meta, a, b string, refused ...any) (*TestBuilder, error) {
	if err := in.RequireAuth(); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(in.parameters(), func(p parameter) bool { return p.identifies }) {
		return nil, in.notApplicable("has no id in path, query or body, so no object there belongs to one user")
	}
	if i := slices.IndexFunc(in.parameters(), func(p parameter) bool { return p.identifies && p.known }); i >= 0 {
		return nil, in.notApplicable("takes %s from the testing config, which has one value for both identities: use VALIDATE_AUTH_RULES, which knows the owner",
			in.parameters()[i].name)
	}
	in.fillIDs = true
	return in.NewTest(meta).
		AddStep(in.SampleRequest(a).Assert(JS(defaultSuccess))).
		AddStep(in.SampleRequestWithoutAuth(a).AddAuth(b).Assert(OneOf(statusKey, refused...))).
		AddStep(in.SampleRequestWithoutAuth(b).AddAuth(a).Assert(OneOf(statusKey, refused...))).
		AddStep(in.SampleRequest(b).Assert(succeeds(endpointControl))), nil
}

// parameter is a value in a request to the endpoint.
type parameter struct {
	name string
	// identifies reports whether the parameter identifies an object, and known whether the testing config has its
	// value.
	identifies, known bool
}

func (in *TemplateInput) parameters() []parameter {
	known := in.requestEntities()
	var out []parameter
	for _, m := range pathParameter.FindAllStringSubmatch(in.Endpoint.Path, -1) {
		p := parameter{name: m[1], identifies: true}
		for _, f := range in.Endpoint.DataFields {
			p.known = p.known || f.DataSection == metlo.SectionRequestPath && f.DataPath == m[1] && known.of(f) != nil
		}
		out = append(out, p)
	}
	for _, f := range in.Endpoint.DataFields {
		if f.DataSection == metlo.SectionRequestQuery || f.DataSection == metlo.SectionRequestBody {
			out = append(out, parameter{f.DataPath, identifiesObject(f), known.of(f) != nil})
		}
	}
	return out
}

var idName = regexp.MustCompile(`(?i)(^|[._-])(id|uuid|guid|key|ref|slug|number|no|sub|owner|account|tenant)$|[a-z](Id|ID|Uuid|UUID|Key|Ref|No|Number)$`)

// identifiesObject reports whether a field identifies an object, according to its entity or its name.
func identifiesObject(f metlo.TestDataField) bool {
	return f.Entity != "" || idName.MatchString(f.DataPath)
}

// buildBOLAAdmin returns a test that the endpoint serves an administrator and refuses others.
func buildBOLAAdmin(in *TemplateInput) (*TestBuilder, error) {
	if err := in.RequireAuth(); err != nil {
		return nil, err
	}
	return in.NewTest(Meta{Name: in.Endpoint.Path + " BOLA_ADMIN", Severity: SeverityHigh, Tags: []string{"BOLA", "ADMIN"}}).
		AddStep(in.SampleRequest("ADMIN_USER").Assert(JS(defaultSuccess))).
		AddStep(in.SampleRequestWithoutAuth("ADMIN_USER").AddAuth("NON_ADMIN_USER").Assert(OneOf(statusKey, 401, 403, 404))).
		AddStep(in.credentialsControl("NON_ADMIN_USER").AddAuth("NON_ADMIN_USER")), nil
}

// credentialsControl returns a builder for a step that shows that the credentials of an identity are accepted. It is
// for an identity that may not use the endpoint. The path that it may use is unknown, so it is a variable to fill in.
func (in *TemplateInput) credentialsControl(prefix string) *StepBuilder {
	s := in.NewStep(Request{Method: metlo.MethodGet})
	s.step.Request.URL = "{{BASE_URL}}" + s.toFillIn(underscored(prefix), allowedPath)
	return s.Assert(succeeds(credentialsControl))
}

// allowedPath ends the name of a variable that holds a path that an identity may use.
const allowedPath = "ALLOWED_PATH"
