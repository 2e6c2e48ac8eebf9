// Package apitest generates and runs tests for one's own HTTP APIs, in Metlo's test language.
//
// A test is a YAML file, read by [Load] into a [Config]: requests, values extracted from the responses, and assertions.
// [Run] sends the requests, only to the hosts that [AllowHosts] names or to the handler of [WithHandler], and returns a
// [Result]: proven, uncontrolled, failed, or inconclusive when nothing was tested. Package apitestt runs tests as Go tests.
// [NewMatrix] says for every endpoint and identity what results prove.
//
// [Generate] makes a Config out of what Metlo knows about an endpoint and a template such as BOLA, which looks for
// objects that one user can read in another's name. [WithTemplate] adds templates of your own. [ParseTestingConfig] reads
// the language that says who may do what, which the template VALIDATE_AUTH_RULES turns into requests.
//
// Scripts run in an embedded JavaScript interpreter, bounded in time and memory.
package apitest
