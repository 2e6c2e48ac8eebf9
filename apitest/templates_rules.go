package apitest

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/metlo-go/metlo/apitest/internal/handlebars"
	"github.com/metlo-go/metlo/testingconfig"
)

// buildValidateAuthRules returns a test of the permissions in the testing config. It has one step for each instance of
// an actor that may use the endpoint, and one for each instance of a resource that the actor may not use. An actor that
// may use nothing has a control.
func buildValidateAuthRules(in *TemplateInput) (*TestBuilder, error) {
	host := in.host()
	if host == nil || host.AuthType == "" {
		return nil, in.noAuth()
	}
	rule, err := responseAssertion(host, in.Endpoint.Path)
	if err != nil {
		return nil, err
	}
	attempts, err := in.attempts()
	if err != nil {
		return nil, err
	}
	if len(attempts) == 0 {
		return nil, errors.New("no actor of the testing config has an item with auth: add auth to an item")
	}
	test := in.NewTest(Meta{
		Name: in.Endpoint.Path + " VALIDATE_AUTH_RULES", Severity: SeverityHigh, Tags: []string{"BOLA", "BFLA", "IDOR"},
	})
	authenticate := func(s *StepBuilder, actor *authActor) error {
		header, variable, err := authHeader(*hostAuth(host), underscored(actor.identity()))
		s.step.Request.Headers = append(s.step.Request.Headers, header)
		s.AddEnv(KeyValue{Name: variable, Value: handlebars.Literal(actor.auth)})
		return err
	}
	served := map[string]bool{}
	for i, a := range attempts {
		step := in.sample(fmt.Sprintf("STEP_%d", i+1), a.entities)
		if err := authenticate(step, &a.actor); err != nil {
			return nil, err
		}
		test.AddStep(step.Assert(a.assertion(rule)))
		served[a.actor.identity()] = served[a.actor.identity()] || a.allowed
	}
	for _, a := range attempts {
		if identity := a.actor.identity(); !served[identity] {
			served[identity] = true
			step := in.credentialsControl(identity)
			if err := authenticate(step, &a.actor); err != nil {
				return nil, err
			}
			test.AddStep(step)
		}
	}
	return test, nil
}

// attempt is one request of an actor, and whether it should succeed.
type attempt struct {
	actor    authActor
	entities entityValues
	allowed  bool
	reason   string
}

func (a *attempt) assertion(rule testingconfig.ResponseAssertion) Assertion {
	out := OneOf(statusKey, 401, 403, 404)
	switch {
	case a.allowed && rule.Success != "":
		out = JS(rule.Success)
	case a.allowed:
		out = JS(defaultSuccess)
	case rule.Unauthenticated != "":
		out = JS(rule.Unauthenticated)
	}
	out.Description = a.reason
	return out
}

// attempts returns the requests that each actor sends.
func (in *TemplateInput) attempts() ([]attempt, error) {
	needs, err := in.permissionsNeeded()
	if err != nil {
		return nil, err
	}
	var out []attempt
	for _, actor := range in.authActors() {
		rights := make([]access, len(needs))
		for i, n := range needs {
			rights[i] = in.accessTo(&actor, n)
		}
		out = append(out, in.attemptsOf(actor, rights)...)
	}
	return out, nil
}

// attemptsOf returns one allowed attempt, if the actor may use an instance of every resource, and a refused attempt for
// each instance that it may not use.
func (in *TemplateInput) attemptsOf(actor authActor, rights []access) []attempt {
	entities := in.requestEntities()
	var reasons, whole, denied []string
	possible := true
	for _, r := range rights {
		switch {
		case len(r.allowed) > 0:
			entities.add(r.resource, r.allowed[0].item)
			reasons = append(reasons, r.allowed[0].reason)
		case r.hasItems():
			possible = false
		case r.wholeResource:
			whole = append(whole, r.resource)
		default:
			denied = append(denied, r.resource)
		}
	}
	if len(denied) > 0 {
		reason := fmt.Sprintf("%s doesn't have access to %s.", &actor, resourceList(denied))
		return []attempt{{actor: actor, entities: entities, reason: reason}}
	}
	var out []attempt
	if possible {
		a := attempt{actor: actor, entities: entities, allowed: true, reason: strings.Join(reasons, " ")}
		if len(whole) > 0 {
			a.reason = fmt.Sprintf("%s has access to %s.", &actor, resourceList(whole))
		}
		out = append(out, a)
	}
	for _, r := range rights {
		for _, d := range r.denied {
			refused := maps.Clone(entities)
			refused.add(r.resource, d.item)
			out = append(out, attempt{actor: actor, entities: refused, reason: d.reason})
		}
	}
	return out
}

func resourceList(names []string) string {
	if len(names) > 1 {
		return "resources: " + strings.Join(names, ", ")
	}
	return "resource " + names[0]
}
