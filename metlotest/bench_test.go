package metlotest_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/metlo-go/metlo/metlotest"
)

func BenchmarkNewServer(b *testing.B) {
	for name, opts := range map[string][]metlotest.Option{
		"loopback": nil, "memory": {metlotest.InMemory()}, "demo": {metlotest.InMemory(), metlotest.Demo()},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				metlotest.NewServer(opts...).Close()
			}
		})
	}
}

func BenchmarkListAlerts(b *testing.B) {
	srv := metlotest.New(b, metlotest.InMemory(), dataset(200))
	for b.Loop() {
		res, err := srv.HTTPClient().Get(srv.URL + "/api/v1/alerts?limit=200")
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || n < 200*100 {
			b.Fatal(res.Status, n, err)
		}
	}
}
