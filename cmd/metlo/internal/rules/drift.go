package rules

// driftRules returns the rules about differences between OpenAPI documents and the inventory.
func driftRules() []Rule {
	return []Rule{
		{
			ID: "shadow-endpoint", Title: "Shadow endpoint", Severity: "medium", CWE: 1059, OWASP: "API9:2023",
			Meaning: "The instance saw traffic to an endpoint that no OpenAPI document describes. Nobody reviews, tests or protects an " +
				"undocumented endpoint.",
			Verify: "Look at the endpoint and its traces with metlo endpoint get. Check that the documents given are complete, and that " +
				"their servers and base paths match the host.",
			Fix: "Describe the endpoint in the document of its service, with its authentication. If it should not exist, remove the route " +
				"or block it at the gateway.",
		},
		{
			ID: "zombie-endpoint", Title: "Zombie endpoint", Severity: "low", OWASP: "API9:2023",
			Meaning: "An OpenAPI document describes an endpoint that no traffic reached in the period. It may be unused, and an unused " +
				"endpoint keeps its weaknesses, because nobody notices them.",
			Verify: "Check that the instance captures the traffic of the host, and that the period is long enough for endpoints that are " +
				"rarely called.",
			Fix: "Remove the endpoint from the service and the document. If it is needed, keep it and ignore the finding with the reason.",
		},
		{
			ID: "undocumented-field", Title: "Undocumented field", Severity: "low", OWASP: "API3:2023",
			Meaning: "Requests or responses of the endpoint hold a field that the OpenAPI document does not describe. A response may reveal " +
				"more than was agreed, and a request may set values that clients should not set.",
			Verify: "Look at the field in the traces of the endpoint. Check whether the schema allows additional properties on purpose.",
			Fix:    "Describe the field in the document, or stop sending or accepting it. Bind requests to an explicit list of fields.",
		},
		{
			ID: "undocumented-sensitive-field", Title: "Undocumented sensitive field", Severity: "high", CWE: 213, OWASP: "API3:2023",
			Meaning: "Requests or responses of the endpoint hold a field with sensitive data that the OpenAPI document does not describe. " +
				"Nobody has agreed that the data leaves the service there.",
			Verify: "Look at the field in the traces of the endpoint. Check that the values are real sensitive data.",
			Fix: "Remove the field from the response, or mask it. If clients need it, describe it in the document and check who may read " +
				"it.",
		},
		{
			ID: "undocumented-status", Title: "Undocumented status", Severity: "low",
			Meaning: "The endpoint returned a status that the OpenAPI document does not describe, so that clients cannot be prepared for " +
				"it. An undocumented 5xx is often an error that the service does not handle.",
			Verify: "Look at traces with the status, and find the request that causes it.",
			Fix:    "Describe the response in the document, by its status or by default. Handle the error if the status is a fault.",
		},
		{
			ID: "undocumented-content-type", Title: "Undocumented content type", Severity: "low",
			Meaning: "Requests or responses of the endpoint have a content type that the OpenAPI document does not describe. Checks that " +
				"follow the document, such as those of a gateway, do not cover it.",
			Verify: "Look at the Content-Type header in the traces of the endpoint.",
			Fix: "Describe the content type in the document, or reject it: a service should accept the types that it documents and no " +
				"others.",
		},
		{
			ID: "undocumented-authentication", Title: "Undocumented authentication", Severity: "low",
			Meaning: "Clients of the endpoint send credentials, and the OpenAPI document requires none. Tests and gateways that follow the " +
				"document treat the endpoint as public.",
			Verify: "Call the endpoint without credentials. If it refuses, the document is wrong; if it answers, the credentials have no " +
				"effect.",
			Fix: "Add the security requirement to the operation in the document. If the endpoint is public, write an empty requirement.",
		},
		{
			ID: "missing-authentication", Title: "Missing authentication", Severity: "high", CWE: 306, OWASP: "API2:2023",
			Meaning: "The OpenAPI document requires authentication, and the endpoint served requests without credentials.",
			Verify: "Call the endpoint without credentials and look at the response. Check that the instance knows how the host " +
				"authenticates: credentials in a header that it does not know count as none.",
			Fix: "Require authentication in the service. If the endpoint is meant to be public, remove the security requirement from the " +
				"document.",
		},
	}
}
