package apitest

// builtinTemplates gives the templates of the original library.
func builtinTemplates() map[string]func(in *TemplateInput) (*TestBuilder, error) {
	return map[string]func(in *TemplateInput) (*TestBuilder, error){
		"GENERIC":               buildGeneric,
		"BROKEN_AUTHENTICATION": buildBrokenAuthentication,
		"BOLA":                  buildBOLA,
		"BOLA_ADMIN":            buildBOLAAdmin,
		"BOLA_MULTI_TENANT":     buildBOLAMultiTenant,
		"HSTS":                  buildHSTS,
		"CSP":                   buildCSP,
		"VALIDATE_AUTH_RULES":   buildValidateAuthRules,
		"SQLI_TIME_BASED":       buildSQLITimeBased,
	}
}

const (
	defaultSuccess = "resp.status < 300"
	statusKey      = "resp.status"
)
