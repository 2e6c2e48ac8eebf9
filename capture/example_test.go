package capture_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/capture"
	"github.com/metlo-go/metlo/metlotest"
)

// This example records a service. A server of package metlotest stands in for Metlo.
func ExampleNew() {
	server := metlotest.NewServer()
	defer server.Close()

	rec, err := capture.New(server.Client(), capture.WithHost("shop.example.com", "127.0.0.1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "order", r.PathValue("id"))
	})
	service := httptest.NewServer(rec.Handler(mux)) // a real service calls http.ListenAndServe(":8080", rec.Handler(mux))

	resp, err := http.Get(service.URL + "/orders/17")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	fmt.Print(string(body))

	service.Close() // first the server, then the recorder
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := rec.Shutdown(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rec.Stats().Sent, "trace sent")
	// Output:
	// order 17
	// 1 trace sent
}

// Outgoing requests are recorded under the hosts that they go to.
func ExampleRecorder_Transport() {
	server := metlotest.NewServer()
	defer server.Close()
	stock := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "12") }))
	defer stock.Close()

	rec, err := capture.New(server.Client(), capture.WithHost("127.0.0.1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	outgoing := &http.Client{Transport: rec.Transport(nil)} // nil is http.DefaultTransport
	resp, err := outgoing.Get(stock.URL + "/items/A1")
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close() // the end of the body is the end of the exchange

	if err := rec.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rec.Stats().Sent, "trace sent")
	// Output: 1 trace sent
}

// This example masks a trace from elsewhere, such as a HAR file.
func ExampleMask() {
	trace := &metlo.Trace{
		Request: metlo.TraceRequest{
			Method:  metlo.MethodPost,
			URL:     metlo.TraceURL{Host: "shop.example.com", Path: "/login", Parameters: []metlo.NameValue{{Name: "api_key", Value: "k-17"}}},
			Headers: []metlo.NameValue{{Name: "Content-Type", Value: "application/json"}, {Name: "Cookie", Value: "sid=abc; theme=dark"}},
			Body:    `{"email":"jane.doe@example.com","password":"hunter2","customerNo":17}`,
		},
		Response: metlo.TraceResponse{Status: 200},
	}
	if err := capture.Mask(trace, capture.WithMaskedNames("customer_no")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(trace.Request.URL.Parameters[0].Value)
	fmt.Println(trace.Request.Headers[1].Value)
	fmt.Println(trace.Request.Body)
	// Output:
	// [redacted]
	// sid=[redacted]; theme=[redacted]
	// {"email":"jane.doe@example.com","password":"[redacted]","customerNo":0}
}

// This recorder adds a pseudonym of the user, and the client's address from behind a load balancer.
func ExampleWithUsers() {
	server := metlotest.NewServer()
	defer server.Close()
	rec, err := capture.New(server.Client(),
		capture.WithHost("example.com"),
		capture.WithUsers(func(r *http.Request) string { return r.Header.Get("X-User-Number") }),
		capture.WithClientAddress(),
		capture.WithTrustedProxies("10.0.0.0/8"))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := rec.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "order 17") }))
	req := httptest.NewRequest(http.MethodGet, "/orders/17", http.NoBody)
	req.Header.Set("X-User-Number", "u-17")
	handler.ServeHTTP(httptest.NewRecorder(), req)
	if err := rec.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rec.Stats().Sent, "trace sent")
	// Output: 1 trace sent
}

// This recorder writes the traces to the standard output instead of sending them. They contain no values.
func ExampleWithOutput() {
	rec, err := capture.New(nil, capture.WithHost("example.com"), capture.WithOutput(os.Stdout))
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"id":17,"email":"jane.doe@example.com"}`)
	})
	handler := rec.Handler(http.StripPrefix("/api", capture.Routes(mux)))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/api/users/17", http.NoBody))
	if err := rec.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"request":{"url":{"host":"example.com","path":"/api/users/1","endpointPath":"/api/users/{id}","parameters":[]},"headers":[],"body":"","method":"GET"},"response":{"status":200,"headers":[],"body":""},"meta":{"incoming":true,"source":"","sourcePort":"","destination":"","destinationPort":""},"redacted":true,"sessionMeta":{"authenticationProvided":false,"authenticationSuccessful":true},"analysisType":"full","processedTraceData":{"block":false,"sensitiveDataDetected":{"resBody.email":["Email"]},"dataTypes":{"resBody.email":["string"],"resBody.id":["integer"],"resHeaders.Content-Type":["string"]},"requestContentType":"*/*","responseContentType":"application/json"}}
}

// This recorder skips all paths below /internal/ in addition to the default skips.
func ExampleWithSkips() {
	server := metlotest.NewServer()
	defer server.Close()
	skips := capture.DefaultSkips()
	skips.Paths = append(skips.Paths, "/internal/*")
	skips.Func = func(r *http.Request) bool { return strings.HasPrefix(r.Host, "admin.") }
	rec, err := capture.New(server.Client(), capture.WithHost("example.com"), capture.WithSkips(skips))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := rec.Handler(http.NotFoundHandler())
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/internal/jobs", http.NoBody))
	fmt.Println(rec.Stats().Skipped, "skipped")
	_ = rec.Shutdown(context.Background())
	// Output: 1 skipped
}
