package apitest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
	"github.com/metlo-go/metlo/apitest/internal/ordered"
)

// attack is a template that sends the payloads of a list, after a control with a benign value.
type attack struct {
	name, list string
	assert     []Assertion
	// extract lists what the control extracts for the assertions.
	extract []Extractor
	stop    bool
}

const attackVariable = "PAYLOAD"

func attacks() map[string]attack {
	return map[string]attack{
		"SQLI": {name: "SQL Injection", list: "SQLI", assert: []Assertion{
			Expr("resp.status < 500"),
			Expr(`!/SQL syntax|SQLSTATE|ORA-\d{5}|SQLite3?::|unterminated quoted string|Unclosed quotation mark|pg_query/i.test(JSON.stringify(resp.data) ?? '')`),
		}},
		"SQLI_TIME_BASED": {
			name: "SQLI TIME BASED", list: "SQLI_TIME", stop: true,
			extract: []Extractor{{Name: "CONTROL_DURATION", Type: ExtractValue, Value: "resp.duration"}},
			assert:  []Assertion{Expr("resp.duration < 1000 + 2 * CONTROL_DURATION")},
		},
		"XSS": {name: "XSS", list: "XSS", assert: []Assertion{
			Expr("resp.status < 500"),
			Expr("!(String(resp.headers['content-type']).includes('html') && String(resp.data).includes(" + attackVariable + "))"),
		}},
		"TEMPLATE_INJECTION": {name: "Template Injection", list: "TEMPLATE_INJECTION", assert: []Assertion{
			Expr("resp.status < 500"), Expr("!(JSON.stringify(resp.data) ?? '').includes('" + templateProduct + "')"),
		}},
		"PATH_TRAVERSAL": {name: "Path Traversal", list: "PATH_TRAVERSAL", assert: []Assertion{
			Expr("resp.status < 500"), Expr(`!/root:[^:]*:0:0:|for 16-bit app support/.test(JSON.stringify(resp.data) ?? '')`),
		}},
	}
}

// build returns the function that builds the test. The payload replaces the first query parameter, form field, key of
// the JSON body or parameter of the path, in this order. The control has a benign value there.
func (a attack) build(name string) func(in *TemplateInput) (*TestBuilder, error) {
	variable := attackVariable
	if a.stop {
		variable = "SQLI_PAYLOAD" // name in the original library
	}
	return func(in *TemplateInput) (*TestBuilder, error) {
		control, step := in.SampleRequest(""), in.SampleRequest("").AddPayload(variable, a.list)
		parameter, found := injectPayload(&step.step.Request, "{{"+variable+"}}", "{{json "+variable+"}}")
		if !found {
			return nil, in.notApplicable("has no query parameter, form field, JSON key or path parameter to put a payload into")
		}
		injectPayload(&control.step.Request, `{{default BENIGN_VALUE "1"}}`, `{{json (default BENIGN_VALUE "1")}}`)
		for _, s := range []*StepBuilder{control, step} { // the payload replaces this variable
			s.env = slices.DeleteFunc(s.env, func(kv KeyValue) bool { return "{{"+kv.Name+"}}" == parameter })
		}
		test := in.NewTest(Meta{Name: in.Endpoint.Path + " " + a.name, Severity: SeverityHigh, Tags: []string{name}})
		if a.stop {
			test.StopOnFailure()
		}
		return test.AddStep(control.Extract(a.extract...).Assert(succeeds(endpointControl))).AddStep(step.Assert(a.assert...)), nil
	}
}

// Descriptions of assertions in steps that are only controls.
const (
	endpointControl    = "control: the endpoint works for this identity"
	credentialsControl = "control: the credentials of this identity are accepted"
)

// succeeds returns the assertion of a control.
func succeeds(description string) Assertion {
	a := JS(defaultSuccess)
	a.Description = description
	return a
}

// injectPayload puts text into the first place of r that can hold a payload, or json if that place holds JSON. It
// returns the text that was there.
func injectPayload(r *Request, text, json string) (before string, found bool) {
	for _, list := range [][]KeyValue{r.Query, r.Form} {
		if len(list) > 0 {
			before, list[0].Value = list[0].Value, text
			return before, true
		}
	}
	if !strings.HasPrefix(r.Data, "{") {
		return injectIntoPath(r, text)
	}
	body, err := ordered.Parse(r.Data)
	item, isObject := body.(ordered.Item)
	if err != nil || !isObject || len(item) == 0 {
		return injectIntoPath(r, text)
	}
	const marker = "\x00payload\x00" // a sample does not hold its JSON escape
	item[0].Value = marker
	r.Data = strings.Replace(indentJSON(item), jsvalue.JSON(marker), json, 1)
	return "", true
}

// injectIntoPath replaces the last parameter of the path.
func injectIntoPath(r *Request, text string) (before string, found bool) {
	start := strings.LastIndex(r.URL, "{{")
	if start <= 0 { // BASE_URL is at 0
		return "", false
	}
	end := strings.Index(r.URL[start:], "}}")
	if end < 0 {
		return "", false
	}
	end += start + 2
	before = r.URL[start:end]
	r.URL = r.URL[:start] + text + r.URL[end:]
	return before, true
}

// notApplicable returns an error with the reason why a template cannot test the endpoint.
func (in *TemplateInput) notApplicable(format string, args ...any) error {
	return fmt.Errorf("%w: %s %s%s %s", ErrNotApplicable, in.Endpoint.Method, in.Endpoint.Host, in.Endpoint.Path, fmt.Sprintf(format, args...))
}
