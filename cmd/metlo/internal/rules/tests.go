package rules

// testRules returns the rules about API tests that failed. The first applies to tests whose tags name no other.
func testRules() []Rule {
	return []Rule{
		{
			ID: "api-test-failed", Title: "API test failed", Severity: "medium",
			Meaning: "A response contradicted an assertion of an API test.",
			Verify:  "Run the test again with metlo test run, and read the assertion and the response that the finding names.",
			Fix:     "Correct the service. If the service changed on purpose, correct the test.",
		},
		{
			ID: "broken-authentication", Title: "Broken authentication", Severity: "high", CWE: 306, OWASP: "API2:2023",
			Tags:    []string{"BROKEN_AUTHENTICATION"},
			Meaning: "The endpoint served a request whose credentials were missing or invalid.",
			Verify: "Repeat the request of the failed step without credentials, and look at the response: a page that only reports an " +
				"error with status 200 is a defect of another kind.",
			Fix: "Check the credentials before the request is handled, in one place for all routes, and refuse with 401 by default.",
		},
		{
			ID: "broken-object-level-authorization", Title: "Broken object level authorization", Severity: "high", CWE: 639, OWASP: "API1:2023",
			Tags: []string{"BOLA", "IDOR"},
			Meaning: "A user received or changed an object of another user or tenant. The service checks who the caller is and not whether " +
				"the caller may use this object.",
			Verify: "Repeat the failed step with the credentials of the second user. Compare the object in the response with that of its " +
				"owner.",
			Fix: "Check the owner or the tenant of the object in every handler that takes an identifier, best in the query that loads it. " +
				"Identifiers that are hard to guess do not replace this check.",
		},
		{
			ID: "broken-function-level-authorization", Title: "Broken function level authorization", Severity: "high", CWE: 285, OWASP: "API5:2023",
			Tags:    []string{"BFLA"},
			Meaning: "A user called an operation that is reserved for another role, such as one of administrators.",
			Verify:  "Repeat the failed step with the credentials of the lower role, and check whether the operation had an effect.",
			Fix:     "Deny by default, and grant each operation to the roles that need it in one place.",
		},
		{
			ID: "sql-injection", Title: "SQL injection", Severity: "high", CWE: 89,
			Tags: []string{"SQLI", "SQLI_TIME_BASED"},
			Meaning: "A payload in a parameter caused a database error, a server error or a delay. The value probably becomes part of the " +
				"text of a statement.",
			Verify: "Repeat the request with the payload of the failed step and with a harmless value, and compare the responses. Look for the " +
				"statement in the log of the database.",
			Fix: "Pass values as parameters of prepared statements. Build the names of tables and columns from a fixed list.",
		},
		{
			ID: "cross-site-scripting", Title: "Cross-site scripting", Severity: "high", CWE: 79,
			Tags:    []string{"XSS"},
			Meaning: "The endpoint returned a script from a parameter in an HTML page, or failed because of it. A browser would run the script.",
			Verify:  "Repeat the request with the payload of the failed step, and look for it in the response without escapes.",
			Fix:     "Escape values for the place where they stand, with templates that do so by default. Serve data as application/json.",
		},
		{
			ID: "template-injection", Title: "Template injection", Severity: "high", CWE: 1336,
			Tags:    []string{"TEMPLATE_INJECTION"},
			Meaning: "The service evaluated an expression from a parameter as part of a template. That often lets a caller run code on the server.",
			Verify:  "Repeat the request with the payload of the failed step, and look for the result of the expression in the response.",
			Fix:     "Pass values to a template as data. Never build the text of a template from a request.",
		},
		{
			ID: "path-traversal", Title: "Path traversal", Severity: "high", CWE: 22,
			Tags:    []string{"PATH_TRAVERSAL"},
			Meaning: "The endpoint returned a file of the system for a name with steps to parent folders, or failed because of it.",
			Verify:  "Repeat the request with the payload of the failed step, and look for the content of the file in the response.",
			Fix: "Identify files by keys of a fixed list. Where a name is needed, open it below one root folder with a function that refuses " +
				"to leave it.",
		},
		{
			ID: "missing-security-headers", Title: "Missing security headers", Severity: "low", CWE: 693, OWASP: "API8:2023",
			Tags: []string{"HSTS", "CSP"},
			Meaning: "The response lacks a header that makes browsers protect the user: Strict-Transport-Security or " +
				"Content-Security-Policy.",
			Verify: "Call the endpoint the way browsers reach it, through the proxy that adds headers, and look at the response.",
			Fix:    "Send the header with every response, from the proxy or from one middleware.",
		},
	}
}
