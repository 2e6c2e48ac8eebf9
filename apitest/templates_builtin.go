package apitest

// builtinTemplates returns the templates of the original library and those with payloads.
func builtinTemplates() map[string]func(in *TemplateInput) (*TestBuilder, error) {
	out := map[string]func(in *TemplateInput) (*TestBuilder, error){
		"GENERIC":               buildGeneric,
		"BROKEN_AUTHENTICATION": buildBrokenAuthentication,
		"BOLA":                  buildBOLA,
		"BOLA_ADMIN":            buildBOLAAdmin,
		"BOLA_MULTI_TENANT":     buildBOLAMultiTenant,
		"HSTS":                  buildHSTS,
		"CSP":                   buildCSP,
		"VALIDATE_AUTH_RULES":   buildValidateAuthRules,
	}
	for name, a := range attacks() {
		out[name] = a.build(name)
	}
	return out
}

const (
	defaultSuccess = "resp.status < 300"
	statusKey      = "resp.status"
)
