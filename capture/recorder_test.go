package capture

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestATraceHoldsTheExchange(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"order":%s}`, body)
	})
	trace := serve(t, mux.ServeHTTP, post(t, "/orders/17?express=true&note=a+b", "application/json", `{"sku": "A1"}`), WithEnvironment("test"), WithClientAddress())
	assert.Equal(t, trace.Meta.Destination+":"+trace.Meta.DestinationPort, trace.Request.URL.Host)
	assert.Equal(t, "/orders/17", trace.Request.URL.Path)
	assert.Equal(t, map[string]string{"express": "true", "note": "a b"}, headersOf(trace.Request.URL.Parameters))
	assert.Equal(t, "application/json", headersOf(trace.Request.Headers)["Content-Type"])
	assert.Equal(t, `{"sku":"A1"}`, trace.Request.Body)
	assert.Equal(t, http.StatusCreated, trace.Response.Status)
	assert.Equal(t, "application/json", headersOf(trace.Response.Headers)["Content-Type"])
	assert.Equal(t, `{"order":{"sku":"A1"}}`, trace.Response.Body)
	assert.True(t, trace.Meta.Incoming)
	assert.Equal(t, "127.0.0.1", trace.Meta.Source)
	assert.Equal(t, "127.0.0.1", trace.Meta.Destination)
	assert.NotEmpty(t, trace.Meta.DestinationPort)
	assert.Equal(t, "test", trace.Meta.Environment)
}
