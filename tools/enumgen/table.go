package main

// enums returns the table from which the enumerations are generated.
func enums() []enum {
	return []enum{
		{
			Name: "RiskScore", Table: "riskScores", Receiver: "r", Words: "risk score",
			Doc:       "RiskScore grades an endpoint or an alert.",
			ValuesDoc: "The risk scores, lowest first.",
			Values: []value{
				{Name: "RiskNone", Wire: "none"},
				{Name: "RiskLow", Wire: "low"},
				{Name: "RiskMedium", Wire: "medium"},
				{Name: "RiskHigh", Wire: "high"},
			},
		},
		{
			Name: "AlertStatus", Table: "alertStatuses", Receiver: "a", Words: "alert status",
			Doc:       "AlertStatus is the stage of an alert's triage.",
			ValuesDoc: "The statuses of an alert.",
			Values: []value{
				{Name: "StatusOpen", Wire: "Open", Documented: []string{"UNRESOLVED"}},
				{Name: "StatusIgnored", Wire: "Ignored"},
				{Name: "StatusResolved", Wire: "Resolved", Documented: []string{"CLOSED"}},
			},
		},
		{
			Name: "AlertUpdateType", Table: "alertUpdateTypes", Receiver: "u", Words: "alert update type",
			Doc:       "AlertUpdateType names a change of an alert's status.",
			ValuesDoc: "Changes of an alert's status.",
			Values: []value{
				{Name: "UpdateResolve", Wire: "resolve", Comment: "Open to Resolved"},
				{Name: "UpdateUnresolve", Wire: "unresolve", Comment: "Resolved to Open"},
				{Name: "UpdateIgnore", Wire: "ignore", Comment: "Open to Ignored"},
				{Name: "UpdateUnignore", Wire: "unignore", Comment: "Ignored to Open"},
			},
		},
		{
			Name: "AlertType", Table: "alertTypes", Receiver: "a", Words: "alert type",
			Doc:       "AlertType is the type of an alert.",
			ValuesDoc: "The types of alert.",
			Values: []value{
				{Name: "AlertNewEndpoint", Wire: "New Endpoint Detected", Documented: []string{"NEW_ENDPOINT", "NEW_ENDPOINT_DETECTED"}},
				{Name: "AlertPIIData", Wire: "PII Data Detected", Documented: []string{"PII_DATA_DETECTED"}},
				{Name: "AlertOpenAPISpecDiff", Wire: "Open API Spec Diff", Documented: []string{"OPEN_API_SPEC_DIFF"}},
				{Name: "AlertQuerySensitiveData", Wire: "Sensitive Data in Query Params", Documented: []string{"QUERY_SENSITIVE_DATA"}},
				{Name: "AlertPathSensitiveData", Wire: "Sensitive Data in Path Params", Documented: []string{"PATH_SENSITIVE_DATA"}},
				{Name: "AlertBasicAuthentication", Wire: "Basic Authentication Detected", Documented: []string{"BASIC_AUTHENTICATION_DETECTED"}},
				{Name: "AlertUnsecuredEndpoint", Wire: "Endpoint not secured by SSL", Documented: []string{"UNSECURED_ENDPOINT", "UNSECURED_ENDPOINT_DETECTED"}},
				{Name: "AlertUnauthenticatedSensitive", Wire: "Unauthenticated Endpoint returning Sensitive Data", Documented: []string{"UNAUTHENTICATED_ENDPOINT", "UNAUTHENTICATED_ENDPOINT_SENSITIVE_DATA"}},
			},
		},
		{
			Name: "HostType", Table: "hostTypes", Receiver: "h", Words: "host type",
			Doc:       "HostType describes whether a host is reachable from the internet.",
			ValuesDoc: "The types of host.",
			Values: []value{
				{Name: "HostPublic", Wire: "Public", Documented: []string{"EXTERNAL"}},
				{Name: "HostPrivate", Wire: "Private", Documented: []string{"INTERNAL"}},
				{Name: "HostAny", Wire: "Any", Comment: "no filter"},
			},
		},
		{
			Name: "RestMethod", Table: "restMethods", Receiver: "r", Words: "HTTP method",
			Doc:       "RestMethod is the HTTP method of an endpoint.",
			ValuesDoc: "The HTTP methods that Metlo tracks.",
			Values: []value{
				{Name: "MethodGet", Wire: "GET"},
				{Name: "MethodHead", Wire: "HEAD"},
				{Name: "MethodPost", Wire: "POST"},
				{Name: "MethodPut", Wire: "PUT"},
				{Name: "MethodPatch", Wire: "PATCH"},
				{Name: "MethodDelete", Wire: "DELETE"},
				{Name: "MethodConnect", Wire: "CONNECT"},
				{Name: "MethodOptions", Wire: "OPTIONS"},
				{Name: "MethodTrace", Wire: "TRACE"},
			},
		},
		{
			Name: "DataSection", Table: "dataSections", Receiver: "d", Words: "data section",
			Doc:       "DataSection is the part of a request or a response in which a data field was seen.",
			ValuesDoc: "The sections of a request and a response.",
			Values: []value{
				{Name: "SectionRequestPath", Wire: "reqPath", Documented: []string{"REQUEST_PATH"}},
				{Name: "SectionRequestQuery", Wire: "reqQuery", Documented: []string{"REQUEST_QUERY"}},
				{Name: "SectionRequestHeaders", Wire: "reqHeaders", Documented: []string{"REQUEST_HEADER"}},
				{Name: "SectionRequestBody", Wire: "reqBody", Documented: []string{"REQUEST_BODY"}},
				{Name: "SectionResponseHeaders", Wire: "resHeaders", Documented: []string{"RESPONSE_HEADER"}},
				{Name: "SectionResponseBody", Wire: "resBody", Documented: []string{"RESPONSE_BODY"}},
			},
		},
		{
			Name: "DataType", Table: "dataTypes", Receiver: "d", Words: "data type",
			Doc:       "DataType is the JSON type of a data field's values.",
			ValuesDoc: "The types of data.",
			Values: []value{
				{Name: "TypeInteger", Wire: "integer"},
				{Name: "TypeNumber", Wire: "number"},
				{Name: "TypeString", Wire: "string"},
				{Name: "TypeBoolean", Wire: "boolean"},
				{Name: "TypeObject", Wire: "object"},
				{Name: "TypeArray", Wire: "array"},
				{Name: "TypeUnknown", Wire: "unknown"},
			},
		},
		{
			Name: "DataTag", Table: "dataTags", Receiver: "d", Words: "data tag",
			Doc:       "DataTag marks a data field that holds personally identifiable information.",
			ValuesDoc: "TagPII marks personally identifiable information.",
			Values: []value{
				{Name: "TagPII", Wire: "PII"},
			},
		},
		{
			Name: "APIKeyType", Table: "apiKeyTypes", Receiver: "a", Words: "API key type",
			Doc:       "APIKeyType is the purpose of an API key.",
			ValuesDoc: "The types of API key.",
			Values: []value{
				{Name: "KeyGeneric", Wire: "GENERIC"},
				{Name: "KeyOnboarding", Wire: "ONBOARDING"},
				{Name: "KeyGCP", Wire: "GCP"},
				{Name: "KeyAWS", Wire: "AWS"},
			},
		},
		{
			Name: "SpecExtension", Table: "specExtensions", Receiver: "s", Words: "spec extension",
			Doc:       "SpecExtension is the format of an OpenAPI document.",
			ValuesDoc: "The formats of an OpenAPI document.",
			Values: []value{
				{Name: "SpecJSON", Wire: "json"},
				{Name: "SpecYAML", Wire: "yaml", Documented: []string{"YML"}},
			},
		},
		{
			Name: "AuthType", Table: "authTypes", Receiver: "a", Words: "authentication type",
			Doc:       "AuthType is the way in which requests to a host authenticate.",
			ValuesDoc: "The ways to authenticate.",
			Values: []value{
				{Name: "AuthBasic", Wire: "basic"},
				{Name: "AuthHeader", Wire: "header"},
				{Name: "AuthJWT", Wire: "jwt"},
				{Name: "AuthSessionCookie", Wire: "session_cookie"},
			},
		},
		{
			Name: "HostSort", Table: "hostSorts", Receiver: "h", Words: "sort field of hosts",
			Doc:       "HostSort is the field by which hosts are ordered.",
			ValuesDoc: "The fields by which hosts can be ordered.",
			Values: []value{
				{Name: "SortByHost", Wire: "host"},
				{Name: "SortByNumEndpoints", Wire: "numEndpoints"},
			},
		},
		{
			Name: "SortOrder", Table: "sortOrders", Receiver: "s", Words: "sort order",
			Doc:       "SortOrder is the direction of an ordering.",
			ValuesDoc: "The directions of an ordering.",
			Values: []value{
				{Name: "Ascending", Wire: "ASC"},
				{Name: "Descending", Wire: "DESC"},
			},
		},
		{
			Name: "AnalysisType", Table: "analysisTypes", Receiver: "a", Words: "analysis type",
			Doc:       "AnalysisType is the depth of a trace's analysis.",
			ValuesDoc: "The depths of analysis.",
			Values: []value{
				{Name: "AnalysisFull", Wire: "full"},
				{Name: "AnalysisPartial", Wire: "partial"},
			},
		},
	}
}
