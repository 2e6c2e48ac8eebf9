// Package metlotest is a Metlo server inside the test process: the management backend and the
// collector, with state, on loopback or in memory.
//
//	srv := metlotest.NewServer(metlotest.Demo())
//	defer srv.Close()
//	client := srv.Client()
//	alerts, err := client.Alerts.List(ctx, nil)
//
// It is as unkind as the real server. Answers have the shapes, content types and disguised errors of
// Metlo's open-source backend; rows with equal sort keys come in an order that changes with limit and
// offset, so that a walk by small pages misses some; numbers arrive as strings where they do so in
// truth. How like it is, is measured: a test replays requests that were recorded with a real server
// and compares what comes back.
//
// State is kept: an alert that is resolved is listed so, a key that is created opens the collector, a
// trace that is posted makes endpoints, data fields and alerts at once (the real server works behind a
// queue). As there, fields get their data classes once an endpoint has been called minAnalyzeTraces
// times, 100 unless the metlo-config says otherwise, so a test that posts few traces sets that to 1.
//
// Where the real server answers from caches of seconds to an hour, this one answers at once, except
// for GET /data-class, which is up to 30 s old. Calls are not compared with OpenAPI specs, so no "Open
// API Spec Diff" alert arises by itself. Webhooks are called when their address is on loopback.
package metlotest
