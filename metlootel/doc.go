// Package metlootel records a Metlo client's requests as OpenTelemetry spans and metrics, and the counts of a recorder
// of package capture.
//
//	client, err := metlo.NewClient(baseURL, key, metlo.WithHooks(metlootel.Hooks()))
//
// # Spans and metrics
//
// Names, units and attributes are those of the semantic conventions for HTTP clients, version 1.43.
//
// Each attempt of a call becomes a span of kind client, named by method and route, such as "GET /alert/{uuid}". Its
// parent is the span of the context that was passed to the call. Attempts after the first have http.request.resend_count.
//
// Each attempt is also recorded in the histogram http.client.request.duration, in seconds. Each wait before an attempt is
// recorded in the histogram metlo.client.wait.duration, in seconds, with its metlo.WaitReason as metlo.wait.reason:
// "retry", "cool-down" or "rate limit".
//
// The attributes have few values. The attribute url.template is the route below /api/v1, and is absent for Client.Call.
// The attribute server.port is absent if the base URL has no port. The attribute error.type is the status code as text
// for 400 and above, and otherwise one of
//
//   - canceled: the context of the call was canceled
//   - timeout: a deadline or a time limit passed
//   - name_resolution: the name of the server was not found
//   - certificate: the certificate of the server was refused
//   - connection_failed: no connection was made
//   - connection_broken: the connection ended early
//   - _OTHER: anything else
//
// # Omitted data
//
// Spans never contain the URL, the text of an error, a header or a body, because those hold ids and values. The
// conventions require url.full, which is therefore missing.
//
// A span is created after its attempt, so the request carries no traceparent header. To send one, disable the spans
// with [WithTracerProvider] and use a transport that creates them, such as that of otelhttp, with metlo.WithHTTPClient.
package metlootel
