// Package apitest generates security tests for HTTP APIs and runs them. Tests are written in Metlo's test language.
//
// A test is a YAML file that [Load] reads into a [Config]. It holds requests, values to extract from the responses, and
// assertions. [Run] sends the requests and returns a [Result] with a [Verdict]: proven, uncontrolled, failed, or
// inconclusive when nothing was tested. Requests go only to the hosts that [AllowHosts] names, or to the handler of
// [WithHandler]. Package apitestt runs tests as Go tests. [NewMatrix] shows what results prove for every endpoint and
// identity.
//
// [Generate] returns a Config for an endpoint that Metlo knows and a template. The template BOLA, for example, looks
// for objects that one user can read with another user's credentials. [WithTemplate] adds a template.
// [ParseTestingConfig] reads a testing configuration, which states who may do what. The template VALIDATE_AUTH_RULES
// generates requests that check it.
//
// Scripts run in an embedded JavaScript interpreter with limits on time and memory.
package apitest
