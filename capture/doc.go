// Package capture hands a service's traffic to Metlo, so that Metlo learns which endpoints there are, what data they
// hold and how they are protected, without the service noticing.
//
//	rec, err := capture.New(client, capture.WithHost("shop.example.com"))
//	if err != nil {
//		return err
//	}
//	server := &http.Server{Addr: ":8080", Handler: rec.Handler(mux)}
//	outgoing := &http.Client{Transport: rec.Transport(nil)}
//
// and at the end, after the server's own Shutdown:
//
//	err = rec.Shutdown(ctx)
//
// Handler is also what r.Use of chi and gorilla/mux takes. Gin and Echo have modules of their own, capture/capturegin
// and capture/captureecho.
//
// # What a handler pays
//
// Recording copies the headers and the beginning of the bodies, and hands them over without waiting. Masking, shortening,
// encoding and sending happen in one goroutine behind a queue that is bounded in bytes. When the collector is slow or
// gone, traces are dropped and counted; requests are served as before. [Recorder.Stats] accounts for every one.
//
// # What leaves the process
//
// By default no credential does: values of Authorization, of cookies, and of headers, parameters and members of bodies
// named like secrets are masked before they are sent; see [Mask]. Bodies of up to 64 KiB are sent, longer JSON is
// shortened, other long bodies, binary content and streams are left out. Not every request is sent: see
// [DefaultSkips] and [DefaultSampling].
package capture
