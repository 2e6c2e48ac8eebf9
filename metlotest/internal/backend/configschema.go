package backend

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/metlotest/internal/js"
)

// rule checks one place of the metlo-config and describes the first fault in the words of ajv.
type rule func(path string, v any) *configFault

// configFault is a fault at a place, given as names joined by dots.
type configFault struct{ place, message string }

func configProblem(config *js.Object, lines map[string]int) string {
	fault := configRules()("", config)
	if fault == nil {
		return ""
	}
	if line, known := lines[strings.TrimPrefix(fault.place, ".")]; known {
		return fmt.Sprintf("%s on line %d", fault.message, line)
	}
	return fault.message
}

func must(path, message string) *configFault {
	return &configFault{path, strings.ReplaceAll(path, ".", "/") + " must " + message}
}

func ofType(want string) rule {
	return func(path string, v any) *configFault {
		if js.TypeName(v) != want {
			return must(path, "be "+want)
		}
		return nil
	}
}

func nonEmpty(path string, v any) *configFault {
	if fault := ofType("string")(path, v); fault != nil {
		return fault
	}
	if v == "" {
		return must(path, "NOT have fewer than 1 characters")
	}
	return nil
}

func regexText(path string, v any) *configFault {
	if fault := ofType("string")(path, v); fault != nil {
		return fault
	}
	if _, err := regexp.Compile(v.(string)); err != nil {
		return must(path, `match format "regex"`)
	}
	return nil
}

func matching(pattern string) rule {
	return func(path string, v any) *configFault {
		if fault := ofType("string")(path, v); fault != nil {
			return fault
		}
		if !regexp.MustCompile(pattern).MatchString(v.(string)) {
			return must(path, `match pattern "`+pattern+`"`)
		}
		return nil
	}
}

func oneOf(allowed ...string) rule {
	return func(path string, v any) *configFault {
		if s, isText := v.(string); isText && slices.Contains(allowed, s) {
			return nil
		}
		return &configFault{path, "must be equal to one of the allowed values: " + strings.Join(allowed, ", ")}
	}
}

func listOf(least int, element rule) rule {
	return func(path string, v any) *configFault {
		list, isList := v.([]any)
		if !isList {
			return must(path, "be array")
		}
		if len(list) < least {
			return must(path, fmt.Sprintf("NOT have fewer than %d items", least))
		}
		for i, e := range list {
			if fault := element(fmt.Sprintf("%s.%d", path, i), e); fault != nil {
				return fault
			}
		}
		return nil
	}
}

func mapOf(least int, name *regexp.Regexp, member func(key string) rule) rule {
	return func(path string, v any) *configFault {
		o, isObject := v.(*js.Object)
		if !isObject {
			return must(path, "be object")
		}
		if len(o.Keys) < least {
			return must(path, fmt.Sprintf("NOT have fewer than %d properties", least))
		}
		for _, key := range o.Keys {
			if name != nil && !name.MatchString(key) {
				return unexpected(path, key)
			}
			if fault := member(key)(path+"."+key, o.Values[key]); fault != nil {
				return fault
			}
		}
		return nil
	}
}

func unexpected(path, key string) *configFault {
	return &configFault{path + "." + key, "property '" + key + "' is not expected to be here"}
}

func structOf(required []string, members map[string]rule) rule {
	return func(path string, v any) *configFault {
		o, isObject := v.(*js.Object)
		if !isObject {
			return must(path, "be object")
		}
		for _, key := range required {
			if !o.Has(key) {
				return must(path, "have required property '"+key+"'")
			}
		}
		for _, key := range o.Keys {
			if members[key] == nil {
				return unexpected(path, key)
			}
		}
		for _, key := range o.Keys {
			if fault := members[key](path+"."+key, o.Values[key]); fault != nil {
				return fault
			}
		}
		return nil
	}
}

func authRule(path string, v any) *configFault {
	fault := structOf([]string{"host", "authType"}, map[string]rule{
		"host": nonEmpty, "authType": oneOf("basic", "header", "jwt", "session_cookie"),
		"headerKey": nonEmpty, "jwtUserPath": nonEmpty, "cookieName": nonEmpty,
	})(path, v)
	if fault != nil {
		return fault
	}
	needs := map[string]string{"header": "headerKey", "jwt": "headerKey", "session_cookie": "cookieName"}
	o := v.(*js.Object)
	if key := needs[o.Text("authType")]; key != "" && !o.Has(key) {
		return must(path, "have required property '"+key+"'")
	}
	return nil
}

func configRules() rule {
	const word = `^[a-zA-Z0-9-_\.]+$`
	var classKeys []string
	for _, d := range builtinClasses() {
		classKeys = append(classKeys, d.configKey)
	}
	disablePaths := structOf([]string{"disable_paths"}, map[string]rule{
		"disable_paths": listOf(1, matching(`^(req\.query|req\.body|req\.headers|res\.headers|res\.body)\..+$`)),
	})
	perMethod := map[string]rule{"ALL": disablePaths}
	for _, m := range methods() {
		perMethod[m] = disablePaths
	}
	blockFields := mapOf(1, nil, func(string) rule {
		return mapOf(1, nil, func(key string) rule {
			if key == "ALL" {
				return disablePaths
			}
			return structOf(nil, perMethod)
		})
	})
	return structOf(nil, map[string]rule{
		"authentication":    listOf(0, authRule),
		"ignoredDetections": ofType("object"),
		"blockFields":       blockFields,
		"sensitiveData": mapOf(1, regexp.MustCompile(`^[- \w]+$`), func(string) rule {
			return structOf([]string{"severity", "patterns"}, map[string]rule{
				"severity": oneOf("NONE", "LOW", "MEDIUM", "HIGH"), "patterns": listOf(1, regexText),
			})
		}),
		"disabledDataClass":      listOf(0, oneOf(classKeys...)),
		"globalFullTraceCapture": ofType("boolean"),
		"minAnalyzeTraces":       ofType("number"),
		"hostMap": listOf(0, structOf([]string{"host", "pattern"}, map[string]rule{
			"host": matching(word), "pattern": regexText,
		})),
		"globalTestEnv": listOf(0, structOf([]string{"name", "value"}, map[string]rule{
			"name": matching(word), "value": ofType("string"),
		})),
		"customWords":   listOf(0, ofType("string")),
		"hostBlockList": listOf(0, regexText),
		"pathBlockList": listOf(0, structOf([]string{"host", "paths"}, map[string]rule{
			"host": ofType("string"), "paths": listOf(0, regexText),
		})),
	})
}
