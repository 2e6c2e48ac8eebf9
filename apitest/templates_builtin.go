package apitest

// builtinTemplates gives the templates of the original library.
func builtinTemplates() []Template {
	return []Template{
		{Name: "GENERIC", Version: 1, Build: buildGeneric},
		{Name: "BROKEN_AUTHENTICATION", Version: 1, Build: buildBrokenAuthentication},
		{Name: "BOLA", Version: 1, Build: buildBOLA},
		{Name: "BOLA_ADMIN", Version: 1, Build: buildBOLAAdmin},
		{Name: "BOLA_MULTI_TENANT", Version: 1, Build: buildBOLAMultiTenant},
		{Name: "HSTS", Version: 1, Build: buildHSTS},
		{Name: "CSP", Version: 1, Build: buildCSP},
		{Name: "VALIDATE_AUTH_RULES", Version: 1, Build: buildValidateAuthRules},
		{Name: "SQLI_TIME_BASED", Version: 1, Build: buildSQLITimeBased},
	}
}

const (
	defaultSuccess = "resp.status < 300"
	statusKey      = "resp.status"
)
