// Package metlotest is a Metlo server inside the test process: the management backend and the
// collector, with state, on loopback or in memory.
//
//	srv := metlotest.New(t, metlotest.Demo())
//	client := srv.Client()
//	alerts, err := client.Alerts.List(ctx, nil, 0, 0)
//
// It is as unkind as the real server. Answers have the shapes, content types and disguised errors of
// Metlo's open-source backend; rows with equal sort keys come in an order that changes with limit and
// offset, so that a walk by small pages misses some; numbers arrive as strings where they do so in
// truth. How like it is, is measured: a test replays requests that were recorded with a real server
// and compares what comes back.
//
// State is kept: an alert that is resolved is listed so, a key that is created opens the collector, a
// trace that is posted makes endpoints, data fields and a "New Endpoint Detected" alert (the real server
// works behind a queue; this one is done when the collector answers). Data classes, and the risk and the
// alerts that go with them, come from a job, as there: a field needs more than 50 traces, of the 100 that
// are kept, that show something, and a class in more than half of those. [Server.RunJobs] runs the jobs
// now; by themselves they run on the server's schedule, in the time of a testing/synctest bubble.
// [InstantAnalysis] does without them.
//
// Rows with equal sort keys stand as PostgreSQL has them, the same each time, so that pages hide some.
// Answers come from caches for as long as the server's do: alerts and data classes in GET /summary 5 s, its
// busiest endpoints 15 s, its counts and its usage a minute; GET /new-detections-agg an hour; agent
// configuration and data classes 30 s; permissions and testing configuration a minute. A test that wants
// fresh answers waits in a testing/synctest bubble, or starts with [InstantAnalysis].
//
// Known differences: calls are not compared with OpenAPI specs, so no "Open API Spec Diff" alert arises by
// itself, and no spec is generated. A Swagger 2 document stays as it was uploaded, where the server stores
// the OpenAPI 3 that it converts it to, and its endpoints have no fields. Which hosts are public goes by
// their names. References of a spec to other documents are refused unread. Requests that kill the real server,
// such as a key name with a NUL byte or an upload that is cut off, are answered with 500. Webhooks are called
// when their address is on loopback. The list of English words that tells path parameters is another one than
// an instance may have. OpenAPI errors name the server's folder /srv/metlo/backend, which is another one on
// your instance. A row that changes always moves behind all others; PostgreSQL may find room for it further
// ahead. Errors of the libraries behind the server (JSON, YAML, GraphQL, JavaScript's TypeErrors) have the status,
// the kind and the frame of the server's, and other words. There are no entity tags, and what is not HTTP is answered
// by net/http.
//
// Patterns of searches and configurations run in package regexp: lookaround and back references are an error
// that says so, and \d, \w and \s are those of ASCII. YAML is read by go.yaml.in/yaml: it refuses some texts that
// js-yaml takes, such as a tab that indents or a \u escape of half a pair outside of JSON, and takes 1:30 and
// 2001-12-14 21:59:43 -5 for texts. What the server would write as an anchor or fold to 80 columns may stand in another
// layout with the same values.
package metlotest
