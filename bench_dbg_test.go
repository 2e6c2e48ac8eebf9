package metlo_test

import (
	"github.com/metlo-go/metlo/internal/suites/kit"
	"net/http"
	"testing"
)

func BenchmarkDbg(b *testing.B) {
	body := kit.RecordingNamed(b, "alerts", "list_by_uuid").Response.Body
	c := inProcess(b, kit.JSON(http.StatusOK, body))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Alerts.Get(b.Context(), kit.AlertID(1)); err != nil {
			b.Fatal(err)
		}
	}
}
