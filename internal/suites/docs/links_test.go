package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/internal/suites/kit"
)

// prose returns a document without its blocks of code.
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
	t.Chdir(kit.Root())
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

// TestTheMapNamesEveryDocument compares the links of llms.txt with the documents of the repository.
func TestTheMapNamesEveryDocument(t *testing.T) {
	t.Chdir(kit.Root())
	text, err := os.ReadFile("llms.txt")
	require.NoError(t, err)
	var named []string
	for line := range strings.Lines(string(text)) {
		if entry, ok := strings.CutPrefix(line, "- "); ok {
			link := regexp.MustCompile(`^\[[^]]+\]\(([^)\s]+)\): \S.*\n$`).FindStringSubmatch(entry)
			require.NotNil(t, link, "write [name](file): what it is for, instead of %q", line)
			named = append(named, link[1])
			_, err := os.Stat(filepath.FromSlash(link[1]))
			assert.NoError(t, err, "llms.txt links to %s", link[1])
		}
	}
	want, err := filepath.Glob("*.md")
	require.NoError(t, err)
	pages, err := filepath.Glob("docs/*.md")
	require.NoError(t, err)
	require.NotEmpty(t, pages)
	want = append(want, pages...)
	for _, folder := range moduleFolders(t) {
		readme := filepath.Join(folder, "README.md")
		if _, err := os.Stat(readme); err == nil && folder != "." {
			want = append(want, readme)
		}
	}
	require.Greater(t, len(want), len(pages)+3, "there are READMEs of modules")
	for _, document := range want {
		assert.Contains(t, named, filepath.ToSlash(document), "llms.txt does not name it")
	}
	assert.Equal(t, len(named), len(slices.Compact(slices.Sorted(slices.Values(named)))), "llms.txt names a file twice")
}

// TestLinksAreFound checks that the test above has links to follow.
func TestLinksAreFound(t *testing.T) {
	text := "# One: `two`\n```go\na\n```\n[x](y.md)\n## A B\n## A B\n```sh\n[no](no)\n```\n"
	assert.Equal(t, []string{"one-two", "a-b", "a-b-1"}, anchors(text))
	assert.NotContains(t, prose(text), "no")
}

// TestTasksHaveExamples looks for each example function that a document names in the file to which the name leads.
func TestTasksHaveExamples(t *testing.T) {
	t.Chdir(kit.Root())
	link := regexp.MustCompile(`\[(Example\w*)\]\(([^)\s]+_test\.go)\)`)
	n := 0
	for _, document := range documents(t) {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			n++
			source, err := os.ReadFile(filepath.Join(filepath.Dir(document), found[2]))
			require.NoError(t, err)
			body := regexp.MustCompile(`(?s)\nfunc ` + found[1] + `\(\) \{\n.*?\n\}\n`).FindString(string(source))
			assert.Regexp(t, `// (Unordered output|Output):`, body, "%s names %s, which is to be run", document, found[1])
			assert.LessOrEqual(t, strings.Count(body, "\n"), 42, "%s is longer than a user would hope", found[1])
		}
	}
	assert.GreaterOrEqual(t, n, 16)
}
