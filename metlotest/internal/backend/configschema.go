package backend

import (
	"fmt"
	"strings"

	"github.com/metlo-go/metlo/internal/analysis"
	"github.com/metlo-go/metlo/metlotest/internal/ajv"
	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// configProblem checks a metlo-config and describes the first problem, with its line if known.
func configProblem(config any, doc *js.YAML) string {
	fault := configSchema()("", config)
	if fault == nil {
		return ""
	}
	message, place := fault.Pointer+" "+fault.Message, fault.Pointer
	switch {
	case fault.Unexpected != "":
		message = "property '" + fault.Unexpected + "' is not expected to be here"
		place = ajv.Below(place, fault.Unexpected)
	case fault.Allowed != nil:
		message = "must be equal to one of the allowed values: " + strings.Join(fault.Allowed, ", ")
	}
	if line, known := doc.Line(place); known {
		return fmt.Sprintf("%s on line %d", message, line)
	}
	return message
}

// configSchema returns the schema of a metlo-config.
func configSchema() ajv.Rule {
	var classKeys []string
	for _, d := range analysis.Builtin() {
		classKeys = append(classKeys, d.ConfigKey)
	}
	word := ajv.Type("string", ajv.Pattern(`^[a-zA-Z0-9-_\.]+$`))
	regex := ajv.Type("string", ajv.RegexFormat)
	someRegex := ajv.Type("string", ajv.Length(1, 0), ajv.RegexFormat)
	text := ajv.Type("string")
	return ajv.Type("object", ajv.Only(
		ajv.Named("authentication", ajv.Type("array", ajv.Items(0, 0, false, authenticationSchema()))),
		ajv.Named("ignoredDetections", ajv.Type("array", ajv.Items(1, 100, false, ignoredDetectionSchema()))),
		ajv.Named("blockFields", blockFieldsSchema()),
		ajv.Named("sensitiveData", ajv.Type("object", ajv.Properties(1, 0), ajv.Each(func(name string) (ajv.Rule, bool) {
			return dataClassSchema(), ajv.Pattern(`^[- \w]+$`)("", name) == nil
		}))),
		ajv.Named("disabledDataClass", ajv.Type("array", ajv.Items(0, 0, false, ajv.Enum(classKeys...)))),
		ajv.Named("globalFullTraceCapture", ajv.Type("boolean")),
		ajv.Named("minAnalyzeTraces", ajv.Type("number")),
		ajv.Named("hostMap", ajv.Type("array", ajv.Items(0, 0, false, ajv.Type("object", ajv.Required("host", "pattern"),
			ajv.Only(ajv.Named("pattern", regex), ajv.Named("host", word)))))),
		ajv.Named("globalTestEnv", ajv.Type("array", ajv.Items(0, 0, false, ajv.Type("object", ajv.Required("name", "value"),
			ajv.Only(ajv.Named("name", word), ajv.Named("value", text)))))),
		ajv.Named("customWords", ajv.Type("array", ajv.Items(0, 0, true, text))),
		ajv.Named("hostBlockList", ajv.Type("array", ajv.Items(0, 0, true, regex))),
		ajv.Named("pathBlockList", ajv.Type("array", ajv.Items(0, 0, false, ajv.Type("object", ajv.Members(
			ajv.Named("host", someRegex), ajv.Named("paths", ajv.Type("array", ajv.Items(0, 0, true, someRegex)))))))),
	))
}

func authenticationSchema() ajv.Rule {
	some := ajv.Type("string", ajv.Length(1, 0))
	return ajv.Type("object",
		ajv.If("authType", "header", ajv.Required("host", "authType", "headerKey")),
		ajv.If("authType", "jwt", ajv.Required("host", "authType", "headerKey")),
		ajv.If("authType", "session_cookie", ajv.Required("host", "authType", "cookieName")),
		ajv.Required("host", "authType"),
		ajv.Only(
			ajv.Named("host", some), ajv.Named("authType", ajv.Type("string", ajv.Enum("basic", "header", "jwt", "session_cookie"))),
			ajv.Named("headerKey", some), ajv.Named("jwtUserPath", some), ajv.Named("cookieName", some), ajv.Named("userCookieName", some),
		))
}

func ignoredDetectionSchema() ajv.Rule {
	upTo := func(most int) ajv.Rule { return ajv.Type("string", ajv.Length(1, most)) }
	classes := ajv.Type("array", ajv.Items(1, 50, false, upTo(50)))
	return ajv.Type("object", ajv.Required("ignoredPaths"), ajv.Only(
		ajv.Named("id", upTo(100)), ajv.Named("host", upTo(200)), ajv.Named("path", upTo(200)),
		ajv.Named("method", ajv.Type("string", ajv.Enum(methods()...))),
		ajv.Named("ignoredPaths", ajv.Type("object", ajv.Properties(1, 100),
			ajv.Each(func(string) (ajv.Rule, bool) { return classes, true }))),
	))
}

func blockFieldsSchema() ajv.Rule {
	disabled := ajv.Type("string", ajv.Pattern(`^(req\.query|req\.body|req\.headers|res\.headers|res\.body)\..+$`))
	disablePaths := ajv.Type("object", ajv.Required("disable_paths"),
		ajv.Only(ajv.Named("disable_paths", ajv.Type("array", ajv.Items(1, 0, true, disabled)))))
	perMethod := []ajv.Member{ajv.Named("ALL", disablePaths)}
	for _, m := range methods() {
		perMethod = append(perMethod, ajv.Named(m, disablePaths))
	}
	perPath := ajv.Type("object", ajv.Properties(1, 0), ajv.Each(func(name string) (ajv.Rule, bool) {
		switch {
		case name == "ALL":
			return disablePaths, true
		case strings.HasPrefix(name, "ALL"):
			return ajv.Anything, true
		}
		return ajv.Type("object", ajv.Only(perMethod...)), true
	}))
	return ajv.Type("object", ajv.Properties(1, 0), ajv.Each(func(string) (ajv.Rule, bool) { return perPath, true }))
}

func dataClassSchema() ajv.Rule {
	patterns := ajv.Type("array", ajv.Items(1, 0, true, ajv.Type("string", ajv.RegexFormat)))
	return ajv.Type("object",
		ajv.AnyOf(ajv.Required("severity", "patterns"), ajv.Required("severity", "keyPatterns")),
		ajv.Only(
			ajv.Named("severity", ajv.Enum("NONE", "LOW", "MEDIUM", "HIGH")),
			ajv.Named("patterns", patterns), ajv.Named("keyPatterns", patterns),
		))
}
