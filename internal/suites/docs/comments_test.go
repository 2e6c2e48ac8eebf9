package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publicFuncs are the exported functions and methods of the root package.
func publicFuncs(t *testing.T) []*ast.FuncDecl {
	t.Helper()
	fset := token.NewFileSet()
	noTests := func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }
	packages, err := parser.ParseDir(fset, ".", noTests, parser.ParseComments) //nolint:staticcheck // syntax alone is enough
	require.NoError(t, err)
	var funcs []*ast.FuncDecl
	for _, file := range packages["metlo"].Files {
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Name.IsExported() {
				funcs = append(funcs, f)
			}
		}
	}
	require.Greater(t, len(funcs), 100)
	return funcs
}

// yieldsError reports whether a function returns an iter.Seq2 whose second type is error.
func yieldsError(f *ast.FuncDecl) bool {
	if f.Type.Results == nil || len(f.Type.Results.List) != 1 {
		return false
	}
	seq, ok := f.Type.Results.List[0].Type.(*ast.IndexListExpr)
	if !ok || len(seq.Indices) != 2 {
		return false
	}
	second, ok := seq.Indices[1].(*ast.Ident)
	return ok && second.Name == "error"
}

// TestSequencesWarnOfTheDroppedError holds each method whose loop can drop an error to saying so.
func TestSequencesWarnOfTheDroppedError(t *testing.T) {
	without := map[string]string{
		"ItemsOf": "has no error",
	}
	n := 0
	for _, f := range publicFuncs(t) {
		if !yieldsError(f) || without[f.Name.Name] != "" {
			continue
		}
		n++
		doc := f.Doc.Text()
		assert.True(t, strings.Contains(doc, "tools/rangeerr") || strings.Contains(doc, "[ChangeEach]"), "%s: %s", f.Name.Name, doc)
	}
	assert.GreaterOrEqual(t, n, 11)
}
