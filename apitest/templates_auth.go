package apitest

// buildBrokenAuthentication checks that the request fails without authentication.
func buildBrokenAuthentication(in *TemplateInput) (*TestBuilder, error) {
	if err := in.RequireAuth(); err != nil {
		return nil, err
	}
	meta := Meta{Name: in.Endpoint.Path + " Broken Authentication", Severity: SeverityHigh, Tags: []string{"BROKEN_AUTHENTICATION"}}
	return in.NewTest(meta).
		AddStep(in.SampleRequest("").Assert(JS(defaultSuccess))).
		AddStep(in.SampleRequestWithoutAuth("").Assert(OneOf(statusKey, 401, 403))), nil
}

// buildBOLA checks that neither of two users gets at the other's objects.
func buildBOLA(in *TemplateInput) (*TestBuilder, error) {
	meta := Meta{Name: in.Endpoint.Path + " BOLA", Severity: SeverityHigh, Tags: []string{"BOLA"}}
	return in.crossAccess(meta, "USER_A", "USER_B", 401, 403)
}

// buildBOLAMultiTenant checks that neither of two tenants sees that the other's objects exist.
func buildBOLAMultiTenant(in *TemplateInput) (*TestBuilder, error) {
	meta := Meta{Name: in.Endpoint.Path + " BOLA_MULTI_TENANT", Severity: SeverityHigh, Tags: []string{"BOLA", "MULTI-TENANT"}}
	return in.crossAccess(meta, "TENANT_A", "TENANT_B", 404)
}

// crossAccess sends a's request as a, a's request as b and b's request as a.
func (in *TemplateInput) crossAccess(meta Meta, a, b string, refused ...any) (*TestBuilder, error) {
	if err := in.RequireAuth(); err != nil {
		return nil, err
	}
	return in.NewTest(meta).
		AddStep(in.SampleRequest(a).Assert(JS(defaultSuccess))).
		AddStep(in.SampleRequestWithoutAuth(a).AddAuth(b).Assert(OneOf(statusKey, refused...))).
		AddStep(in.SampleRequestWithoutAuth(b).AddAuth(a).Assert(OneOf(statusKey, refused...))), nil
}

// buildBOLAAdmin checks that an administrator's request is refused to others.
func buildBOLAAdmin(in *TemplateInput) (*TestBuilder, error) {
	if err := in.RequireAuth(); err != nil {
		return nil, err
	}
	return in.NewTest(Meta{Name: in.Endpoint.Path + " BOLA_ADMIN", Severity: SeverityHigh, Tags: []string{"BOLA", "ADMIN"}}).
		AddStep(in.SampleRequest("ADMIN_USER").Assert(JS(defaultSuccess))).
		AddStep(in.SampleRequestWithoutAuth("ADMIN_USER").AddAuth("NON_ADMIN_USER").Assert(OneOf(statusKey, 401, 403, 404))), nil
}
