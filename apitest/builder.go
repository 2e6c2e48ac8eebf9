package apitest

import (
	"errors"
	"slices"
)

// TestBuilder builds a test step by step.
type TestBuilder struct {
	config Config
	errs   []error
}

// NewTest returns a builder for a test with the given description.
func (in *TemplateInput) NewTest(meta Meta) *TestBuilder {
	id := in.id
	if id == "" {
		id = in.uuid()
	}
	return &TestBuilder{config: Config{ID: id, Meta: &meta}}
}

// StopOnFailure stops the test at the first step that does not pass.
func (b *TestBuilder) StopOnFailure() *TestBuilder {
	b.config.StopOnFailure = true
	return b
}

// SetCookies sets the cookie mode of the test.
func (b *TestBuilder) SetCookies(mode CookieMode) *TestBuilder {
	b.config.Cookies = mode
	return b
}

// AddEnv adds variables. A variable that the test already has is not replaced.
func (b *TestBuilder) AddEnv(items ...KeyValue) *TestBuilder {
	for _, kv := range items {
		if !slices.ContainsFunc(b.config.Env, func(have KeyValue) bool { return have.Name == kv.Name }) {
			b.config.Env = append(b.config.Env, kv)
		}
	}
	return b
}

// AddStep adds a step and the variables that it needs.
func (b *TestBuilder) AddStep(s *StepBuilder) *TestBuilder {
	b.AddEnv(s.env...)
	b.config.Test = append(b.config.Test, s.step)
	b.errs = append(b.errs, s.errs...)
	return b
}

// Config returns the finished test, or an error that joins every fault of it.
func (b *TestBuilder) Config() (*Config, error) {
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	if err := b.config.Validate(); err != nil {
		return nil, err
	}
	cfg := b.config
	return &cfg, nil
}

// StepBuilder builds a step of a test.
type StepBuilder struct {
	in   *TemplateInput
	step Step
	env  []KeyValue
	errs []error
}

// NewStep returns a builder for a step that sends r.
func (in *TemplateInput) NewStep(r Request) *StepBuilder {
	return &StepBuilder{in: in, step: Step{Request: r}}
}

// SampleRequest returns a builder for a step that sends a sample request to the endpoint, with authentication.
// Variables that the user must fill in are named <prefix>_<parameter>, or <parameter> if prefix is empty.
func (in *TemplateInput) SampleRequest(prefix string) *StepBuilder {
	return in.SampleRequestWithoutAuth(prefix).AddAuth(prefix)
}

// SampleRequestWithoutAuth does what SampleRequest does, without authentication.
func (in *TemplateInput) SampleRequestWithoutAuth(prefix string) *StepBuilder {
	return in.sample(prefix, in.requestEntities())
}

// AddAuth adds the endpoint's authentication. The credentials come from the variable <prefix>_CREDENTIALS, _JWT,
// _COOKIE or _BASIC_AUTH_CRED, which defaults to the global variable of that name. AddAuth does nothing if the endpoint
// has no auth config.
func (s *StepBuilder) AddAuth(prefix string) *StepBuilder {
	if s.in.Endpoint.AuthConfig == nil {
		return s
	}
	pre := underscored(prefix)
	header, variable, err := authHeader(*s.in.Endpoint.AuthConfig, pre)
	if err != nil {
		s.errs = append(s.errs, err)
		return s
	}
	s.step.Request.Headers = append(s.step.Request.Headers, header)
	return s.AddEnv(KeyValue{Name: variable, Value: "{{global." + variable + "}}"})
}

// ModifyRequest calls f with the request of the step, which f may change.
func (s *StepBuilder) ModifyRequest(f func(*Request)) *StepBuilder {
	f(&s.step.Request)
	return s
}

// Assert adds assertions.
func (s *StepBuilder) Assert(list ...Assertion) *StepBuilder {
	s.step.Assert = append(s.step.Assert, list...)
	return s
}

// Extract adds extractors.
func (s *StepBuilder) Extract(list ...Extractor) *StepBuilder {
	s.step.Extract = append(s.step.Extract, list...)
	return s
}

// AddPayload repeats the step for each value of the named payload list. The variable key holds the value.
func (s *StepBuilder) AddPayload(key, list string) *StepBuilder {
	s.step.Payload = append(s.step.Payload, Payload{Key: key, Value: list})
	return s
}

// AddEnv adds variables that the step needs.
func (s *StepBuilder) AddEnv(items ...KeyValue) *StepBuilder {
	s.env = append(s.env, items...)
	return s
}
