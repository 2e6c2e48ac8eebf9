// Package capture records the traffic of a service for Metlo. From it Metlo derives the service's endpoints, their data fields,
// and whether they require authentication.
//
//	client, err := metlo.NewClient("https://metlo.example.com", key, metlo.WithCollectorURL("https://metlo.example.com:8081"))
//	if err != nil {
//		return err
//	}
//	rec, err := capture.New(client, capture.WithHost("shop.example.com"))
//	if err != nil {
//		return err
//	}
//	server := &http.Server{Addr: ":8080", Handler: rec.Handler(mux)} // incoming requests
//	outgoing := &http.Client{Transport: rec.Transport(nil)}          // outgoing requests
//
// At the end, shut the recorder down after the server, so that it sends the traces of the last requests:
//
//	err = rec.Shutdown(ctx)
//
// With chi and gorilla/mux, pass [Recorder.Handler] to r.Use. For Gin and Echo use the modules capture/capturegin and
// capture/captureecho. If middleware between the recorder and the mux copies the request, wrap the mux with [Routes]. To
// analyze traces from elsewhere, use [Analyze] and [metlo.CollectorService.LogAnalyzedBatch].
//
// # Costs
//
// The goroutine of a request copies the headers and the beginning of the bodies into a queue, which takes some microseconds. It
// never waits. One other goroutine analyzes, encodes and sends. The queue is bounded in bytes ([WithQueueBytes]). When it is
// full, the recorder drops the newest traces and counts them. [Recorder.Stats] accounts for every request, [WithLogger] logs
// failures, and [WithHooks] reports metrics. A panic of the recorder never reaches a handler.
//
// # Data that leaves the process
//
// By default no value of a request or a response leaves the process. The recorder analyzes traffic locally. It sends templates
// of paths, names, types and data classes of fields, and whether a request had credentials. Names that look like values
// become [string], Metlo's notation for the keys of maps. The client's address is sent only with [WithClientAddress], and
// values only with [WithValues]. To see what is sent, use [WithOutput].
//
// # Recorded requests
//
// The recorder skips requests that Metlo cannot use ([DefaultSkips]) and samples the others by method, route and class of status
// ([DefaultSampling]). Change this with [WithSkips], [WithSampling] and [WithoutSampling]. Hijacked connections, protocol
// upgrades and tunnels count as skipped. So do hosts and paths that the instance blocks.
package capture
