// Package capture hands a service's traffic to Metlo, so that Metlo learns which endpoints there are, what data they
// hold and how they are protected, without the service noticing.
//
//	client, err := metlo.NewClient("https://metlo.example.com", key, metlo.WithCollectorURL("https://metlo.example.com:8081"))
//	if err != nil {
//		return err
//	}
//	rec, err := capture.New(client, capture.WithHost("shop.example.com"))
//	if err != nil {
//		return err
//	}
//	server := &http.Server{Addr: ":8080", Handler: rec.Handler(mux)} // what the service serves
//	outgoing := &http.Client{Transport: rec.Transport(nil)}          // what it asks of others
//
// and at the end, after the server's own Shutdown, so that the last requests are sent too:
//
//	err = rec.Shutdown(ctx)
//
// [Recorder.Handler] is also what r.Use of chi and gorilla/mux takes. Gin and Echo have modules of their own,
// capture/capturegin and capture/captureecho. Where something between recorder and mux copies the request, wrap the mux with
// [Routes]. To analyze traces from elsewhere, use [Analyze] and [metlo.CollectorService.LogAnalyzedBatch].
//
// # What a handler pays
//
// A handler sees the same writer, request, body, panics and timing as without: its goroutine copies the headers and the
// beginning of the bodies that pass, some microseconds in all, and hands them over without waiting. Analysis,
// encoding and sending happen in one goroutine behind a queue that is bounded in bytes ([WithQueueBytes]). When the
// collector is slow or gone, the newest traces are dropped and counted. [Recorder.Stats] accounts for every request,
// [WithLogger] says what goes wrong, [WithHooks] feeds metrics. Nothing of this panics into a handler.
//
// # What leaves the process
//
// No value of a request or a response. The recorder analyses traffic in the process, and sends templates of paths, names,
// types and classes of fields, and whether credentials were there. Names that are values become [string], Metlo's notation
// for maps. The client's address stays too, unless [WithClientAddress] asks for it. [WithValues] is the opt-in for values,
// and [WithOutput] shows what would leave.
//
// # What is recorded
//
// Not every request: [DefaultSkips] leaves out what teaches Metlo nothing, and of the rest [DefaultSampling] keeps, of each
// method, route and class of status, as much as Metlo needs. Change them with [WithSkips], [WithSampling] and
// [WithoutSampling]. Hijacked connections, protocol upgrades and tunnels are no exchange of request and response and are
// counted as skipped. The recorder follows the instance's lists of hosts and paths.
package capture
