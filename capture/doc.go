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
// capture/capturegin and capture/captureecho. To mask and send traces from elsewhere, use [Mask] and
// [metlo.CollectorService.LogBatch].
//
// # What a handler pays
//
// A handler sees the same writer, request, body, panics and timing as without: its goroutine copies the headers and the
// beginning of the bodies that pass, some microseconds in all, and hands them over without waiting. Masking, shortening,
// encoding and sending happen in one goroutine behind a queue that is bounded in bytes ([WithQueueBytes]). When the
// collector is slow or gone, the newest traces are dropped and counted. [Recorder.Stats] accounts for every request,
// [WithLogger] says what goes wrong, [WithHooks] feeds metrics. Nothing of this panics into a handler.
//
// # What leaves the process
//
// By default no credential does: values of Authorization, of cookies, and of headers, parameters and members of bodies
// named like secrets are masked before they are sent; see [Mask], [WithMaskedNames], [WithMaskFunc] and [WithUsers].
// Bodies of up to 64 KiB are sent, longer JSON is shortened to valid JSON ([WithBodyLimit], [WithCopyLimit]). Left out are
// other long bodies, binary content, streams, and bodies in a content encoding but gzip and deflate, such as br and zstd.
//
// # What is recorded
//
// Not every request: [DefaultSkips] leaves out what teaches Metlo nothing, and of the rest [DefaultSampling] keeps, of each
// method, route and class of status, as much as Metlo needs. Change them with [WithSkips], [WithSampling] and
// [WithoutSampling]. Hijacked connections, protocol upgrades and tunnels are no exchange of request and response and are
// counted as skipped. With [WithAgentConfig] the recorder follows the instance's lists of hosts and paths.
package capture
