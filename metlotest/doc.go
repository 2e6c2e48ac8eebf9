// Package metlotest provides a Metlo server inside the test process: the management backend and the collector, with
// state, on loopback or in memory.
//
//	srv := metlotest.New(t, metlotest.Demo())
//	client := srv.Client()
//	alerts, err := client.Alerts.List(ctx, nil, 0, 0)
//
// It is as unkind as the real server. Answers have the shapes, content types and misleading errors of Metlo's
// open-source backend. The order of rows with equal sort keys changes with limit and offset, so that a walk by small
// pages misses some. Numbers are strings where the real server sends strings. A test replays recorded requests of a
// real server and compares the answers.
//
// The server keeps state: a resolved alert is listed as resolved, and a new key opens the collector. A posted trace
// creates endpoints, data fields and a "New Endpoint Detected" alert before the collector answers; the real server has
// a queue in between. As in the real server, jobs find data classes and set the risk and alerts that depend on them. A
// field needs more than 50 traces with content, of the latest 100, and a class needs to occur in more than half of
// those. [Server.RunJobs] runs the jobs immediately. In a testing/synctest bubble they also run on the server's
// schedule. [InstantAnalysis] replaces them.
//
// The server keeps state: a resolved alert is listed as resolved, and a new key opens the collector. A posted trace
// creates endpoints, data fields and a "New Endpoint Detected" alert before the collector answers; the real server has
// a queue in between. As in the real server, jobs find data classes and set the risk and alerts that depend on them. A
// field needs more than 50 traces with content, of the latest 100, and a class must occur in more than half of those.
// [Server.RunJobs] runs the jobs immediately. In a testing/synctest bubble they also run on the server's schedule.
// [InstantAnalysis] replaces them.
//
// Known differences: the server does not compare calls with OpenAPI specs, so it raises no "Open API Spec Diff" alert
// and generates no spec. It stores a Swagger 2 document unchanged and without fields, where the real server converts it
// to OpenAPI 3. A host's name decides whether it is public. A spec must not refer to other documents. Requests that
// kill the real server, such as a key name with a NUL byte or an interrupted upload, get the answer 500. Webhooks are
// called only on loopback. An instance may have another list of English words, which decides what is a path parameter.
// OpenAPI errors name the server's folder /srv/metlo/backend, which may differ on an instance. A changed row always
// moves behind all others; PostgreSQL may place it earlier. Errors of the libraries behind the server (JSON, YAML,
// GraphQL, JavaScript's TypeErrors) have the real status, kind and frame, but another text. Entity tags are missing,
// and net/http answers malformed HTTP.
//
// Package regexp runs the patterns of searches and configurations: lookaround and back references cause an error, and
// \d, \w and \s match only ASCII. Package go.yaml.in/yaml reads YAML: it rejects some texts that js-yaml accepts, such
// as a tab as indentation. It reads 1:30 and 2001-12-14 21:59:43 -5 as texts. The layout of YAML may differ where the
// server would write an anchor or fold lines at 80 columns; the values are equal.
package metlotest
