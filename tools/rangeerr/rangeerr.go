// Package rangeerr finds loops that drop the error of a sequence. For example, for a := range client.Alerts.All(ctx, nil)
// compiles, and a sequence that fails at once looks like one empty item.
//
// Run it with go vet:
//
//	go build -o rangeerr github.com/metlo-go/metlo/tools/rangeerr/cmd/rangeerr
//	go vet -vettool=./rangeerr ./...
package rangeerr

import (
	"go/ast"
	"go/types"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/inspect"
	"golang.org/x/tools/go/ast/inspector"
)

// Analyzer reports each range over an iter.Seq2[T, error] without a variable for the error. It accepts an explicit _.
var Analyzer = &analysis.Analyzer{
	Name:     "rangeerr",
	Doc:      "report loops over iter.Seq2[T, error] that have no variable for the error",
	URL:      "https://pkg.go.dev/github.com/metlo-go/metlo/tools/rangeerr",
	Requires: []*analysis.Analyzer{inspect.Analyzer},
	Run:      run,
}

func run(pass *analysis.Pass) (any, error) {
	in := pass.ResultOf[inspect.Analyzer].(*inspector.Inspector)
	in.Preorder([]ast.Node{(*ast.RangeStmt)(nil)}, func(n ast.Node) {
		loop := n.(*ast.RangeStmt)
		if loop.Value == nil && yieldsError(pass.TypesInfo.TypeOf(loop.X)) {
			pass.Reportf(loop.For, "the loop drops the error of its sequence: write for v, err := range")
		}
	})
	return nil, nil
}

// yieldsError reports whether t is func(yield func(T, error) bool).
func yieldsError(t types.Type) bool {
	if t == nil {
		return false
	}
	sequence, ok := t.Underlying().(*types.Signature)
	if !ok || sequence.Params().Len() != 1 || sequence.Results().Len() != 0 {
		return false
	}
	yield, ok := sequence.Params().At(0).Type().Underlying().(*types.Signature)
	return ok && yield.Params().Len() == 2 && types.Identical(yield.Params().At(1).Type(), types.Universe.Lookup("error").Type())
}
