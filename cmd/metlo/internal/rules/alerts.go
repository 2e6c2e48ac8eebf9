package rules

import "github.com/metlo-go/metlo"

// alertRules returns a rule for each type of alert. The title is the name of the type, as the instance shows it.
func alertRules() []Rule {
	return []Rule{
		{
			ID: "new-endpoint-detected", AlertType: metlo.AlertNewEndpoint, Severity: "low", OWASP: "API9:2023",
			Meaning: "The instance saw traffic to an endpoint that it did not know. The endpoint may be part of a release, or it may be " +
				"a debug route, a forgotten version or a route that nobody meant to expose.",
			Verify: "Look at the endpoint and its traces with metlo endpoint get. Find the service and the release that added it, and ask " +
				"whether it is meant to be reachable from where the traffic came.",
			Fix: "If it is meant to exist, add it to the OpenAPI document and resolve the alert. If not, remove the route, or block it at " +
				"the gateway.",
		},
		{
			ID: "pii-data-detected", AlertType: metlo.AlertPIIData, Severity: "high", CWE: 359, OWASP: "API3:2023",
			Meaning: "Values of a field match a class of personal data, such as an email address or a social security number. A client " +
				"that receives more personal data than it needs can leak it.",
			Verify: "Look at the field in the traces of the endpoint. Check that the values are real personal data and not samples or " +
				"numbers of the same form, and check who may call the endpoint.",
			Fix: "Remove the field from the response, or mask it, unless the client needs it. Check that only its owner and authorized " +
				"roles receive it. If the match is wrong, mark it as a false positive on the instance.",
		},
		{
			ID: "open-api-spec-diff", AlertType: metlo.AlertOpenAPISpecDiff, Severity: "medium", OWASP: "API9:2023",
			Meaning: "A request or response contradicts the OpenAPI document of the endpoint: a property is missing or undocumented, " +
				"a type is another one, or a status has no description.",
			Verify: "Compare the trace of the alert with the place in the document that the alert names. Find out which of the two is " +
				"right.",
			Fix: "Correct the document if the service does what it should. Otherwise correct the service. Tests that validate responses " +
				"against the document keep the two together.",
		},
		{
			ID: "sensitive-data-in-query-params", AlertType: metlo.AlertQuerySensitiveData, Severity: "high", CWE: 598,
			Meaning: "A query parameter holds sensitive data. Query strings end up in access logs, browser histories, caches and Referer " +
				"headers, where many people and programs can read them.",
			Verify: "Look at the parameter in the traces of the endpoint. Check whether the values are real sensitive data.",
			Fix: "Send the value in the body of a POST request, or replace it with an opaque identifier. Then remove it from the logs " +
				"that already hold it.",
		},
		{
			ID: "sensitive-data-in-path-params", AlertType: metlo.AlertPathSensitiveData, Severity: "high",
			Meaning: "A part of the path holds sensitive data. Paths end up in access logs, browser histories, caches and metrics, where " +
				"many people and programs can read them.",
			Verify: "Look at the path parameter in the traces of the endpoint. Check whether the values are real sensitive data.",
			Fix: "Identify the resource by an opaque identifier. Send the sensitive value in the body if the service needs it. Then " +
				"remove it from the logs that already hold it.",
		},
		{
			ID: "basic-authentication-detected", AlertType: metlo.AlertBasicAuthentication, Severity: "medium", CWE: 522, OWASP: "API2:2023",
			Meaning: "A client authenticates with HTTP Basic: every request carries the user's name and password. A leak of one request " +
				"reveals a password that does not expire.",
			Verify: "Look at the Authorization header in the traces of the endpoint. Find out which clients send it and whether the " +
				"service accepts it.",
			Fix: "Issue tokens with a short lifetime and a narrow scope, and stop accepting Basic. Change the passwords that were sent.",
		},
		{
			ID: "endpoint-not-secured-by-ssl", AlertType: metlo.AlertUnsecuredEndpoint, Severity: "high", CWE: 319, OWASP: "API8:2023",
			Meaning: "The endpoint is served over plain HTTP. Everybody between the client and the service can read and change requests " +
				"and responses, credentials included.",
			Verify: "Call the endpoint over http:// from where its clients are. A redirect to https:// does not protect what the first " +
				"request carried. Plain HTTP between a proxy that terminates TLS and the service may be intended.",
			Fix: "Serve the endpoint over HTTPS alone, and send Strict-Transport-Security to browsers. Change credentials that have " +
				"travelled in plain text.",
		},
		{
			ID: "unauthenticated-endpoint-returning-sensitive-data", AlertType: metlo.AlertUnauthenticatedSensitive, Severity: "high",
			CWE: 306, OWASP: "API2:2023",
			Meaning: "The endpoint returned sensitive data in response to requests without credentials. Anybody who can reach it can " +
				"read the data.",
			Verify: "Call the endpoint without credentials and look at the response. Check that the instance knows how the host " +
				"authenticates: credentials in a header that it does not know count as none.",
			Fix: "Require authentication, and check that the caller may read the object. If the data is public, correct its data class " +
				"on the instance. Treat the data as disclosed.",
		},
	}
}
