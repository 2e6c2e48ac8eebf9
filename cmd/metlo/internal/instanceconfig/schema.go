package instanceconfig

import (
	"regexp"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

var (
	hostWord  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9-_.]+$`) })
	className = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[- \w]+$`) })
	notEmpty  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?s).`) })
	disabled  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(req\.query|req\.body|req\.headers|res\.headers|res\.body)\..+$`)
	})
	methodList = []string{"ALL", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE"}
)

// config returns the rule for the configuration of an instance.
func config() rule {
	pattern := func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != "string" {
			c.fault(n.Line, n.Column, "%s must be a regular expression, and is a %s: quote it", name, yamlfile.Kind(n))
			return
		}
		// The instance runs JavaScript, and checks forms that Go does not know, such as a lookahead.
		if _, err := regexp.Compile(yamlfile.Text(n)); err != nil && !javaScriptOnly().MatchString(yamlfile.Text(n)) {
			c.fault(n.Line, n.Column, "%s is not a regular expression: %v", name, err)
		}
	}
	disablePaths := fields([]string{"disable_paths"}, map[string]rule{
		"disable_paths": list(1, text(disabled(), "begin with req.query., req.body., req.headers., res.headers. or res.body.")),
	})
	byMethod := map[string]rule{}
	for _, method := range methodList {
		byMethod[method] = disablePaths
	}
	blockedPaths := func(c *checker, n *yaml.Node, name string) {
		if yamlfile.Kind(n) != "mapping" {
			c.fault(n.Line, n.Column, "%s must be a mapping, and is a %s", name, yamlfile.Kind(n))
			return
		}
		for key, value := range yamlfile.Pairs(n) {
			if key.Value == "ALL" {
				disablePaths(c, value, "ALL")
			} else {
				fields(nil, byMethod)(c, value, key.Value)
			}
		}
	}
	return fields(nil, map[string]rule{
		"authentication":    list(0, authentication),
		"ignoredDetections": kind("mapping"),
		"blockFields":       table(nil, blockedPaths),
		"sensitiveData": table(className(), fields([]string{"severity", "patterns"}, map[string]rule{
			"severity": word("NONE", "LOW", "MEDIUM", "HIGH"), "patterns": list(1, pattern),
		})),
		"disabledDataClass": list(0, word("EMAIL", "CREDIT_CARD", "SSN", "PHONE_NUMBER", "IP_ADDRESS", "COORDINATE", "VIN", "ADDRESS",
			"DOB", "DL_NUMBER", "AADHAR_NUMBER", "BRAZIL_CPF")),
		"globalFullTraceCapture": kind("boolean"),
		"minAnalyzeTraces":       kind("number"),
		"hostMap": list(0, fields([]string{"host", "pattern"}, map[string]rule{
			"host": text(hostWord(), "be letters, digits, dots, dashes and underscores"), "pattern": pattern,
		})),
		"globalTestEnv": list(0, fields([]string{"name", "value"}, map[string]rule{
			"name": text(hostWord(), "be letters, digits, dots, dashes and underscores"), "value": text(nil, ""),
		})),
		"customWords":   list(0, text(nil, "")),
		"hostBlockList": list(0, pattern),
		"pathBlockList": list(0, fields([]string{"host", "paths"}, map[string]rule{"host": text(nil, ""), "paths": list(0, pattern)})),
	})
}

// javaScriptOnly matches forms that JavaScript has and Go does not.
var javaScriptOnly = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\(\?<?[=!]|\\[1-9]|\\u|\\c|\(\?<`) })

func authentication(c *checker, n *yaml.Node, name string) {
	filled := text(notEmpty(), "not be empty")
	fields([]string{"host", "authType"}, map[string]rule{
		"host": filled, "authType": word("basic", "header", "jwt", "session_cookie"),
		"headerKey": filled, "jwtUserPath": filled, "cookieName": filled,
	})(c, n, name)
	authType := yamlfile.Get(n, "authType")
	if authType == nil {
		return
	}
	needs := map[string]string{"header": "headerKey", "jwt": "headerKey", "session_cookie": "cookieName"}
	if want := needs[yamlfile.Text(authType)]; want != "" && yamlfile.Get(n, want) == nil {
		c.fault(n.Line, n.Column, "%s of type %s needs %s", name, yamlfile.Text(authType), want)
	}
}
