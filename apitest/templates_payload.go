package apitest

import (
	"errors"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/authrules"
	"github.com/metlo-go/metlo/apitest/internal/jsvalue"
)

// buildSQLITimeBased checks that no payload of the list SQLI_TIME, which the caller supplies to Run,
// makes the response take a second: in the first query parameter, else form field, else key of the JSON body.
func buildSQLITimeBased(in *TemplateInput) (*TestBuilder, error) {
	step := in.SampleRequest("").AddPayload("SQLI_PAYLOAD", "SQLI_TIME")
	if !injectPayload(&step.step.Request, "SQLI_PAYLOAD") {
		return nil, errors.New("the endpoint has no query parameter, form field or JSON key to put a payload into")
	}
	return in.NewTest(Meta{Name: in.Endpoint.Path + " SQLI TIME BASED", Severity: SeverityHigh, Tags: []string{"SQLI_TIME_BASED"}}).
		StopOnFailure().
		AddStep(step.Assert(Expr("resp.duration < 1000"))), nil
}

// injectPayload puts the variable into the first place of r that takes text.
func injectPayload(r *Request, variable string) bool {
	switch {
	case len(r.Query) > 0:
		r.Query[0].Value = "{{" + variable + "}}"
		return true
	case len(r.Form) > 0:
		r.Form[0].Value = "{{" + variable + "}}"
		return true
	case !strings.HasPrefix(r.Data, "{"):
		return false
	}
	body, err := authrules.OrderedJSON(r.Data)
	item, isObject := body.(authrules.Item)
	if err != nil || !isObject || len(item) == 0 {
		return false
	}
	const marker = "\x00payload\x00" // JSON writes it as an escape that no sample holds
	item[0].Value = marker
	r.Data = strings.Replace(indentJSON(item), jsvalue.JSON(marker), "{{json "+variable+"}}", 1)
	return true
}
