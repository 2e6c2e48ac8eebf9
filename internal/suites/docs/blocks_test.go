package docs_test

// Each ```go block of the documents is compiled, and run if possible.
//
// A block that begins with "package" is a file. One that begins with "func" or "type" gets a package clause; its tests
// run. Any other is the inside of a function that returns an error; ctx, client, err, id, host, key, req and resp are
// declared before it. It runs against the demo server, unless it needs what a test does not have (see needs). The latter
// two kinds may use the packages of documentImports.
//
// All blocks go into one temporary module, in a workspace with the modules of this repository. One go vet compiles
// them, and one test binary runs them.

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// documentImports returns the packages that blocks without imports of their own may use, by the name before the dot.
func documentImports() map[string]string {
	imports := map[string]string{
		"http":        "net/http",
		"url":         "net/url",
		"json":        "encoding/json",
		"slog":        "log/slog",
		"sql":         "database/sql",
		"tls":         "crypto/tls",
		"x509":        "crypto/x509",
		"signal":      "os/signal",
		"synctest":    "testing/synctest",
		"rate":        "golang.org/x/time/rate",
		"redis":       "github.com/redis/go-redis/v9",
		"metlo":       "github.com/metlo-go/metlo",
		"metlotest":   "github.com/metlo-go/metlo/metlotest",
		"webhook":     "github.com/metlo-go/metlo/webhook",
		"credentials": "github.com/metlo-go/metlo/credentials",
		"capture":     "github.com/metlo-go/metlo/capture",
		"openapi":     "github.com/metlo-go/metlo/capture/openapi",
		"capturegin":  "github.com/metlo-go/metlo/capture/capturegin",
		"captureecho": "github.com/metlo-go/metlo/capture/captureecho",
		"redislimit":  "github.com/metlo-go/metlo/redislimit",
		"metlootel":   "github.com/metlo-go/metlo/metlootel",
		"apitest":     "github.com/metlo-go/metlo/apitest",
		"apitestt":    "github.com/metlo-go/metlo/apitest/apitestt",
		"gin":         "github.com/gin-gonic/gin",
		"echo":        "github.com/labstack/echo/v5",
		"otelhttp":    "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
		"sdktrace":    "go.opentelemetry.io/otel/sdk/trace",
		"tracetest":   "go.opentelemetry.io/otel/sdk/trace/tracetest",
	}
	for _, name := range []string{
		"context", "errors", "fmt", "io", "iter", "log", "maps", "net", "os", "regexp", "slices", "strconv", "strings",
		"syscall", "testing", "time",
	} {
		imports[name] = name
	}
	return imports
}

// documents returns the pages whose blocks and links are tested.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("docs", "*.md"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 11)
	return append(names, "README.md", filepath.Join("redislimit", "README.md"), filepath.Join("metlootel", "README.md"))
}

// block is a piece of Go in a document.
type block struct {
	document string
	line     int // number of its first line
	text     string
}

// goBlocks returns the Go blocks of a document by the line at which each begins.
func goBlocks(text string) map[int]string {
	blocks := map[int]string{}
	begin, block := 0, ""
	for i, line := range strings.Split(text, "\n") {
		switch {
		case begin == 0 && line == "```go":
			begin, block = i+2, ""
		case begin > 0 && line == "```":
			blocks[begin], begin = block, 0
		case begin > 0:
			block += line + "\n"
		}
	}
	return blocks
}

func (b block) isFile() bool { return strings.HasPrefix(b.text, "package ") }

func (b block) isDeclaration() bool {
	return strings.HasPrefix(b.text, "func ") || strings.HasPrefix(b.text, "type ")
}

// tests returns the names of the tests that the block declares.
func (b block) tests() (names []string) {
	for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(b.text, -1) {
		names = append(names, found[1])
	}
	return names
}

// needs returns the reason why the inside of a function cannot run in a test, or "".
func (b block) needs() string {
	for what, signs := range map[string][]string{
		"another server":       {"metlo.NewClient(", "NewClientFromEnv", "redis.", "NewRequest("},
		"a port of its own":    {"ListenAndServe", "http.Handle(", "gin.", "echo.", ".Serve("},
		"a request or answer":  {"req.", "resp.", "TraceFromHTTP(", "webhook.Parse("},
		"the end of a process": {"signal.", "os.Exit", "log.Fatal"},
		"a file":               {"os.Open(", "os.ReadFile(", "os.WriteFile(", "os.Create("},
		"a test":               {"(t,", "(t)", "t."},
	} {
		for _, sign := range signs {
			at := strings.Index(b.text, sign)
			if at >= 0 && (at == 0 || !regexp.MustCompile(`\w`).MatchString(b.text[at-1:at])) {
				return what
			}
		}
	}
	return ""
}

// source returns a file of a package of the block, whose compiler errors name the document and its line. The inside of a
// function becomes one of this name.
func (b block) source(root, pkg, name string) string {
	position := fmt.Sprintf("//line %s:%d\n", filepath.Join(root, b.document), b.line)
	if b.isFile() {
		_, rest, _ := strings.Cut(b.text, "\n")
		return position + "package " + pkg + "\n" + rest
	}
	var head strings.Builder
	fmt.Fprintf(&head, "package %s\n\n", pkg)
	imported := map[string]string{"context": "context", "http": "net/http", "metlo": "github.com/metlo-go/metlo"}
	for name, path := range documentImports() {
		if regexp.MustCompile(`(^|[^\w.])` + name + `\.[A-Z]`).MatchString(b.text) {
			imported[name] = path
		}
	}
	for _, name := range slices.Sorted(maps.Keys(imported)) {
		fmt.Fprintf(&head, "import %s %q\n", name, imported[name])
	}
	head.WriteString("\nvar (\n\t_ context.Context\n\t_ *http.Request\n\t_ *metlo.Client\n)\n\n")
	if b.isDeclaration() {
		return head.String() + position + b.text
	}
	fmt.Fprintf(&head, "func %s(ctx context.Context, client *metlo.Client, err error, id, host, key string, req *http.Request, resp *http.Response) error {\n{\n", name)
	return head.String() + position + b.text + "_, _ = client, err\n}\nreturn nil\n}\n"
}

// runner is a test that runs blocks against the demo server.
const runner = `package documents_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"

%s)

func run(t *testing.T, f func(context.Context, *metlo.Client, string, string) error, kind string) {
	server := metlotest.NewServer(metlotest.Demo())
	defer server.Close()
	client := server.Client(metlo.WithoutRateLimit())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	endpoints, err := client.Endpoints.List(ctx, nil, 0, 0)
	if err != nil || len(endpoints.Items) == 0 {
		t.Fatal(endpoints, err)
	}
	alerts, err := client.Alerts.List(ctx, nil, 0, 0)
	if err != nil || len(alerts.Items) == 0 {
		t.Fatal(alerts, err)
	}
	id := alerts.Items[0].UUID
	if kind == "endpoint" {
		id = endpoints.Items[0].UUID
	}
	err = f(ctx, client, id, endpoints.Items[0].Host)
	switch {
	case err == nil, errors.Is(err, metlo.ErrNotFound), errors.Is(err, metlo.ErrConflict), errors.Is(err, metlo.ErrNoMatch):
	default:
		t.Fatal(err)
	}
}

func TestBlocks(t *testing.T) {
%s}
`

func allBlocks(t *testing.T) []block {
	t.Helper()
	var blocks []block
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		found := goBlocks(string(text))
		for _, line := range slices.Sorted(maps.Keys(found)) {
			blocks = append(blocks, block{document, line, found[line]})
		}
	}
	return blocks
}

// workspace contains every module of the repository whose packages or dependencies documents may use.
func workspace(root string) string {
	work := "go 1.26.0\n\nuse .\n"
	for _, module := range []string{".", "redislimit", "metlootel", "apitest", "capture/capturegin", "capture/captureecho", "benchmarks"} {
		if _, err := os.Stat(filepath.Join(root, module, "go.mod")); err == nil {
			work += fmt.Sprintf("use %q\n", filepath.Join(root, module))
		}
	}
	return work
}

func TestDocumentsCompileAndRun(t *testing.T) {
	t.Chdir(kit.Root())
	root, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	blocks := allBlocks(t)
	require.Greater(t, len(blocks), 20)
	var imports, calls strings.Builder
	runs, tests := 0, 0
	for i, b := range blocks {
		pkg, name := fmt.Sprintf("block%d", i), fmt.Sprintf("Block%d", i)
		place := fmt.Sprintf("%s:%d", b.document, b.line)
		what := b.needs()
		switch {
		case b.isFile() || b.isDeclaration():
			write(pkg+"/block.go", b.source(root, pkg, ""))
			for _, test := range b.tests() {
				tests++
				fmt.Fprintf(&calls, "\tt.Run(%q, %s.%s)\n", place, pkg, test)
			}
			if b.tests() != nil {
				fmt.Fprintf(&imports, "\t\"documents/%s\"\n", pkg)
			}
		case what != "":
			write("compiled/"+pkg+".go", b.source(root, "compiled", name))
			t.Logf("%s is only compiled: it needs %s", place, what)
		default:
			runs++
			write("blocks/"+pkg+".go", b.source(root, "blocks", name))
			kind := "alert"
			if strings.Contains(b.text, "client.Endpoints.") {
				kind = "endpoint"
			}
			fmt.Fprintf(&calls, "\tt.Run(%q, func(t *testing.T) {\n\t\trun(t, func(ctx context.Context, c *metlo.Client, id, host string) error {\n"+
				"\t\t\treturn blocks.%s(ctx, c, nil, id, host, \"\", nil, nil)\n\t\t}, %q)\n\t})\n", place, name, kind)
		}
	}
	imports.WriteString("\t\"documents/blocks\"\n")
	write("run_test.go", fmt.Sprintf(runner, imports.String(), calls.String()))
	write("go.mod", "module documents\n\ngo 1.26.0\n")
	write("go.work", workspace(root))
	// Code after a block's return is unreachable.
	goCommand(t, dir, "vet", "-unreachable=false", "./...")
	passed := goCommand(t, dir, "test", "-vet=off", "-count=1", "-v", ".")
	assert.Equal(t, runs+tests, strings.Count(passed, "    --- PASS: TestBlocks/"), passed)
	t.Logf("%d blocks compiled, %d of them run, %d tests", len(blocks), runs, tests)
}

func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(dir, "go.work"), "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// TestBlocksAreFound checks that the test above has blocks to compile.
func TestBlocksAreFound(t *testing.T) {
	text := "# One: `two`\n```go\na\n```\n[x](y.md)\n## A B\n```sh\n[no](no)\n```\n"
	assert.Equal(t, map[int]string{3: "a\n"}, goBlocks(text))
	assert.Contains(t, block{"d.md", 7, "slog.Info(\"\")\n"}.source("", "p", "f"), "import slog \"log/slog\"")
	assert.NotContains(t, block{"d.md", 7, "x.slog.Info()\n"}.source("", "p", "f"), "import slog")
	assert.Equal(t, []string{"TestX"}, block{text: "func TestX(t *testing.T) {}\n"}.tests())
	assert.Contains(t, block{"d.md", 7, "package main\n\nfunc main() {}\n"}.source("", "p", ""), "//line d.md:7\npackage p\n\nfunc main")
	assert.Empty(t, block{text: "client.Ping(ctx)\n"}.needs())
	assert.Equal(t, "another server", block{text: "c, err := metlo.NewClient(\"\")\n"}.needs())
}
