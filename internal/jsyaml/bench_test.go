package jsyaml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/metlo-go/metlo/internal/jsyaml"
)

// specText is an OpenAPI document of about 80 KB.
func specText() string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.3\ninfo:\n  title: Shop\n  version: '1'\nservers:\n  - url: https://shop.example.com\npaths:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  /orders%d/{id}:\n    get:\n      summary: \"Order %d\"\n      parameters:\n        - name: id\n          in: path\n"+
			"          required: true\n          schema: {type: integer}\n      responses:\n        '200':\n          description: ok\n", i, i)
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	text := specText()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsyaml.Load(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDump(b *testing.B) {
	root, err := jsyaml.Load(specText())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jsyaml.Dump(root, jsyaml.DumpOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
