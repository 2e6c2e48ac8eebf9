package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// publicFuncs returns the exported functions and methods of the root package.
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

// TestPackageCommentWarnsOfTheDroppedError requires the warning about loops with one variable, while any method returns
// such a sequence.
func TestPackageCommentWarnsOfTheDroppedError(t *testing.T) {
	t.Chdir(kit.Root())
	require.True(t, slices.ContainsFunc(publicFuncs(t), yieldsError))
	source, err := os.ReadFile("metlo.go")
	require.NoError(t, err)
	comment, _, _ := strings.Cut(string(source), "\npackage metlo\n")
	assert.Contains(t, strings.Join(strings.Fields(strings.ReplaceAll(comment, "//", "")), " "), "range with two variables")
	assert.Contains(t, comment, "tools/rangeerr")
}
