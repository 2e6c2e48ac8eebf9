package docs_test

// The documents are tested as a reader uses them: each ```go block is compiled, and each relative link leads to a file
// and to a heading in it.
//
// A block that begins with "package" is a file. One that begins with "func" or "type" gets a package clause. Any other
// is the inside of a function that returns an error; ctx, client, err, id, host, key, req and resp are declared before
// it. The latter two kinds may use the packages of documentImports. All blocks go into one temporary module, in a
// workspace with the modules of this repository, and are compiled at once.

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// documentImports are the packages that blocks without imports of their own may use, by the name before the dot.
func documentImports() map[string]string {
	imports := map[string]string{
		"http":       "net/http",
		"url":        "net/url",
		"slog":       "log/slog",
		"synctest":   "testing/synctest",
		"rate":       "golang.org/x/time/rate",
		"redis":      "github.com/redis/go-redis/v9",
		"metlo":      "github.com/metlo-go/metlo",
		"metlotest":  "github.com/metlo-go/metlo/metlotest",
		"redislimit": "github.com/metlo-go/metlo/redislimit",
		"apitest":    "github.com/metlo-go/metlo/apitest",
	}
	for _, name := range []string{"context", "errors", "fmt", "io", "iter", "log", "maps", "os", "regexp", "slices", "strings", "testing", "time"} {
		imports[name] = name
	}
	return imports
}

func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("docs", "*.md"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 11)
	return append(names, "README.md", filepath.Join("redislimit", "README.md"))
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

// goFile makes a file of a block, whose compiler errors name the document and its line.
func goFile(block, document string, line int) string {
	position := fmt.Sprintf("//line %s:%d\n", document, line)
	if strings.HasPrefix(block, "package ") {
		return position + block
	}
	var head strings.Builder
	head.WriteString("package block\n\n")
	imported := map[string]string{"context": "context", "http": "net/http", "metlo": "github.com/metlo-go/metlo"}
	for name, path := range documentImports() {
		if regexp.MustCompile(`(^|[^\w.])` + name + `\.[A-Z]`).MatchString(block) {
			imported[name] = path
		}
	}
	for name, path := range imported {
		fmt.Fprintf(&head, "import %s %q\n", name, path)
	}
	head.WriteString("\nvar (\n\t_ context.Context\n\t_ *http.Request\n\t_ *metlo.Client\n)\n\n")
	if strings.HasPrefix(block, "func ") || strings.HasPrefix(block, "type ") {
		return head.String() + position + block
	}
	head.WriteString("func _(ctx context.Context, client *metlo.Client, err error, id, host, key string, req *http.Request, resp *http.Response) error {\n{\n")
	return head.String() + position + block + "_, _ = client, err\n}\nreturn nil\n}\n"
}

func TestDocumentsCompile(t *testing.T) {
	root, err := os.Getwd()
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		name = filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	}
	n := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for line, block := range goBlocks(string(text)) {
			n++
			name := strings.TrimSuffix(strings.ReplaceAll(filepath.ToSlash(document), "/", "_"), ".md")
			write(fmt.Sprintf("%s_%d/block.go", name, line), goFile(block, filepath.Join(root, document), line))
		}
	}
	require.Greater(t, n, 20)
	write("go.mod", "module documents\n\ngo 1.26.0\n")
	work := "go 1.26.0\n\nuse .\n"
	for _, module := range []string{".", "redislimit", "apitest"} {
		work += fmt.Sprintf("use %q\n", filepath.Join(root, module))
	}
	write("go.work", work)

	// go vet compiles without linking; what follows a block's own return is unreachable.
	cmd := exec.CommandContext(t.Context(), "go", "vet", "-unreachable=false", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK="+filepath.Join(dir, "go.work"), "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%d blocks compiled", n)
}

// prose is a document without its blocks of code.
func prose(text string) string {
	return regexp.MustCompile("(?s)\n```.*?\n```").ReplaceAllString(text, "")
}

// anchors returns the fragments that a document's headings have on GitHub.
func anchors(text string) []string {
	var names []string
	for _, heading := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(prose(text), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(heading[1]), "")
		name = strings.ReplaceAll(name, " ", "-")
		base := name
		for i := 1; slices.Contains(names, name); i++ {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		names = append(names, name)
	}
	return names
}

func TestDocumentLinksLead(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	n := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(prose(string(text)), -1) {
			target, fragment, _ := strings.Cut(found[1], "#")
			if strings.Contains(target, ":") {
				continue // elsewhere
			}
			n++
			file := document
			if target != "" {
				file = filepath.Join(filepath.Dir(document), filepath.FromSlash(target))
			}
			info, err := os.Stat(file)
			if !assert.NoError(t, err, "%s links to %s", document, found[1]) || fragment == "" || info.IsDir() {
				continue
			}
			linked, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Contains(t, anchors(string(linked)), fragment, "%s links to %s", document, found[1])
		}
	}
	require.Greater(t, n, 20)
}

// TestDocumentsAreFound keeps the tests above from passing because they look at nothing.
func TestDocumentsAreFound(t *testing.T) {
	text := "# One: `two`\n```go\na\n```\n[x](y.md)\n## A B\n## A B\n```sh\n[no](no)\n```\n"
	assert.Equal(t, map[int]string{3: "a\n"}, goBlocks(text))
	assert.Equal(t, []string{"one-two", "a-b", "a-b-1"}, anchors(text))
	assert.NotContains(t, prose(text), "no")
	assert.Contains(t, goFile("slog.Info(\"\")\n", "d.md", 7), "import slog \"log/slog\"")
	assert.NotContains(t, goFile("x.slog.Info()\n", "d.md", 7), "import slog")
}
