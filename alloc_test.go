package metlo_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/metlo-go/metlo"
)

// answering is a RoundTripper without a network: it answers every request with one body.
type answering struct {
	status int
	body   []byte
	header http.Header
}

type nopCloser struct{ bytes.Reader }

func (nopCloser) Close() error { return nil }

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	body := new(nopCloser)
	body.Reset(a.body)
	return &http.Response{
		StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.header,
		Body: body, ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

// inProcess is a client with a limiter that never waits, over rt.
func inProcess(t testing.TB, rt http.RoundTripper, opts ...metlo.Option) *metlo.Client {
	opts = append([]metlo.Option{
		metlo.WithHTTPClient(&http.Client{Transport: rt}),
		metlo.WithLimiter(rate.NewLimiter(rate.Inf, 1)),
	}, opts...)
	client, err := metlo.NewClient("https://metlo.example.com", "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq", opts...)
	require.NoError(t, err)
	return client
}

// byHand gets one alert as one would without an SDK.
func byHand(ctx context.Context, client *http.Client, url string) (*metlo.Alert, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq")
	req.Header.Set("User-Agent", "by-hand/1.0")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var tuple [2]json.RawMessage
	var alerts []metlo.Alert
	if err := json.NewDecoder(resp.Body).Decode(&tuple); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(tuple[0], &alerts); err != nil {
		return nil, err
	}
	return &alerts[0], nil
}

// byHandObject decodes into a plain object, the cheapest form that the server could have chosen.
func byHandObject(ctx context.Context, client *http.Client, url string) (*metlo.Alert, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "metlo.RnoVX30xavRcfio1Lo1R6KjThscJVXLbhTtwbavq")
	req.Header.Set("User-Agent", "by-hand/1.0")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	alert := new(metlo.Alert)
	if err := json.NewDecoder(resp.Body).Decode(alert); err != nil {
		return nil, err
	}
	return alert, nil
}

const someAlert = "00000000-0000-4000-b000-000000000001"

func TestAllocX(t *testing.T) {
	rec := recordingNamed(t, "alerts", "list_by_uuid")
	rt := &answering{status: 200, body: []byte(rec.Response.Body), header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	client := inProcess(t, rt)
	ctx := context.Background()
	n := testing.AllocsPerRun(200, func() {
		_, err := client.Alerts.Get(ctx, someAlert)
		if err != nil {
			t.Fatal(err)
		}
	})
	hc := &http.Client{Transport: rt}
	h := testing.AllocsPerRun(200, func() {
		_, err := byHand(ctx, hc, "https://metlo.example.com/api/v1/alerts?uuid="+someAlert)
		if err != nil {
			t.Fatal(err)
		}
	})
	var tuple [2]json.RawMessage
	json.Unmarshal(rt.body, &tuple)
	var list []json.RawMessage
	json.Unmarshal(tuple[0], &list)
	rt2 := &answering{status: 200, body: list[0], header: rt.header}
	hc2 := &http.Client{Transport: rt2}
	h2 := testing.AllocsPerRun(200, func() {
		_, err := byHandObject(ctx, hc2, "https://metlo.example.com/api/v1/alerts?uuid="+someAlert)
		if err != nil {
			t.Fatal(err)
		}
	})
	t.Log(n, h, h2)
	_ = io.EOF
}
func BenchmarkGet(b *testing.B) {
	rec := recordingNamed(b, "alerts", "list_by_uuid")
	rt := &answering{status: 200, body: []byte(rec.Response.Body), header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	client := inProcess(b, rt)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		client.Alerts.Get(ctx, someAlert)
	}
}
func BenchmarkHand(b *testing.B) {
	rec := recordingNamed(b, "alerts", "list_by_uuid")
	rt := &answering{status: 200, body: []byte(rec.Response.Body), header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	hc := &http.Client{Transport: rt}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		byHand(ctx, hc, "https://metlo.example.com/api/v1/alerts?uuid="+someAlert)
	}
}
func BenchmarkHandObj(b *testing.B) {
	rec := recordingNamed(b, "alerts", "list_by_uuid")
	rt := &answering{status: 200, body: []byte(rec.Response.Body), header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}}
	var tuple [2]json.RawMessage
	json.Unmarshal(rt.body, &tuple)
	var list []json.RawMessage
	json.Unmarshal(tuple[0], &list)
	rt.body = list[0]
	hc := &http.Client{Transport: rt}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		byHandObject(ctx, hc, "https://metlo.example.com/api/v1/alerts?uuid="+someAlert)
	}
}
