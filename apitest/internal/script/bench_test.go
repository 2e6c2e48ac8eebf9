package script

import (
	"strings"
	"testing"

	"modernc.org/quickjs"
)

// BenchmarkScripts measures a step's scripts beside the bare interpreter, on a body of 8 MB that the second pair reads.
func BenchmarkScripts(b *testing.B) {
	body := `{"items":[` + strings.Repeat(`{"id":12345,"name":"some name here","tags":["a","b"]},`, 150_000) + `1]}`
	bare := func(b *testing.B, source string, withBody bool) {
		for b.Loop() {
			vm, err := quickjs.NewVM()
			if err != nil {
				b.Fatal(err)
			}
			if withBody {
				name, _ := vm.NewAtom("body")
				global := vm.GlobalObject()
				_ = vm.SetProperty(global, name, body)
				global.Free()
			}
			if _, err := vm.Eval(source, quickjs.EvalGlobal); err != nil {
				b.Fatal(err)
			}
			_ = vm.Close()
		}
	}
	engine := func(b *testing.B, source string, times int) {
		for b.Loop() {
			e := New(patient, &Response{Fields: map[string]any{"status": 200}, Body: body, JSON: true})
			for range times {
				if _, err := e.Truthy(b.Context(), source, nil, true); err != nil {
					b.Fatal(err)
				}
			}
			e.Close()
		}
	}
	b.Run("bare interpreter/status", func(b *testing.B) { bare(b, "const resp = {status: 200}; resp.status == 200", false) })
	b.Run("engine/status", func(b *testing.B) { engine(b, "resp.status == 200", 1) })
	b.Run("engine/status, 10 scripts", func(b *testing.B) { engine(b, "resp.status == 200", 10) })
	b.Run("bare interpreter/8 MB", func(b *testing.B) { bare(b, "JSON.parse(body).items.length > 0", true) })
	b.Run("engine/8 MB", func(b *testing.B) { engine(b, "resp.data.items.length > 0", 1) })
	b.Run("engine/8 MB, 10 scripts", func(b *testing.B) { engine(b, "resp.data.items.length > 0", 10) })
}
