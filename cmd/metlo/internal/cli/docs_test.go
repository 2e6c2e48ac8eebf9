package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	fenced     = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$") //nolint:gocritic // (?m) lets ^ match within
	inlineCode = regexp.MustCompile("`([^`\n]+)`")
	// quoted matches an argument in quotation marks, which may contain text that looks like a flag or a pipe.
	quoted = regexp.MustCompile(`'[^']*'|"[^"]*"`)
	// shellEnd matches the end of a command in a shell line.
	shellEnd = regexp.MustCompile(`\s*(\||&&|;|>|#).*`)
	flagName = regexp.MustCompile(`^--([a-z][a-z0-9-]*)(=.*)?$`)
)

// commandLines returns the command lines of metlo in a document: lines of blocks, and code within sentences.
func commandLines(text string) (lines []string) {
	take := func(line string) {
		if at := strings.Index(line, "metlo "); at == 0 || at > 0 && strings.ContainsAny(line[at-1:at], " ('$\t") {
			lines = append(lines, line[at+len("metlo "):])
		}
	}
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		if block[1] == "go" {
			continue
		}
		for line := range strings.Lines(strings.ReplaceAll(block[2], "\\\n", " ")) {
			take(strings.TrimSpace(line))
		}
	}
	for _, code := range inlineCode.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		if strings.HasPrefix(code[1], "metlo ") {
			take(code[1])
		}
	}
	return lines
}

// pages returns the text of the documents, by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..")
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, names)
	texts := map[string]string{}
	for _, name := range append(names, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		texts[filepath.Base(name)] = string(text)
	}
	return texts
}

// TestDocumentedCommandsExist looks up each command and flag that a document names.
func TestDocumentedCommandsExist(t *testing.T) {
	seen := 0
	for name, text := range pages(t) {
		for _, line := range commandLines(text) {
			words := strings.Fields(shellEnd.ReplaceAllString(quoted.ReplaceAllString(line, "TEXT"), ""))
			if len(words) == 0 || strings.ContainsAny(words[0], ".:,") || words[0] == "…" {
				continue
			}
			root := Root()
			root.InitDefaultHelpCmd()
			root.InitDefaultCompletionCmd("bash")
			root.InitDefaultVersionFlag()
			var plain []string
			for _, word := range words {
				if !strings.HasPrefix(word, "-") {
					plain = append(plain, word)
				}
			}
			cmd, rest, err := root.Find(plain)
			if !assert.NoError(t, err, "%s: metlo %s", name, line) {
				continue
			}
			if cmd.HasSubCommands() && len(rest) > 0 {
				assert.Regexp(t, `^[A-Z…]`, rest[0], "%s: metlo %s: %s has no such command", name, line, cmd.CommandPath())
			}
			seen++
			for _, word := range words {
				if match := flagName.FindStringSubmatch(word); len(match) > 1 && match[1] != "help" && match[1] != "version" { // cobra adds these two
					assert.NotNil(t, anyFlag(cmd, match[1]), "%s: metlo %s: %s has no flag --%s", name, line, cmd.CommandPath(), match[1])
				}
			}
		}
	}
	assert.Greater(t, seen, 80, "the lines are found")
}

// anyFlag returns a flag of a command, its own or a persistent one.
func anyFlag(cmd *cobra.Command, name string) *pflag.Flag {
	if f := cmd.Flags().Lookup(name); f != nil {
		return f
	}
	return cmd.InheritedFlags().Lookup(name)
}

// TestDocumentedFlagsExist looks up each flag that docs/cli.md names on its own.
func TestDocumentedFlagsExist(t *testing.T) {
	known := map[string]bool{"help": true, "version": true}
	var collect func(*cobra.Command)
	collect = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		for _, sub := range cmd.Commands() {
			collect(sub)
		}
	}
	collect(Root())
	seen := 0
	for _, code := range inlineCode.FindAllStringSubmatch(fenced.ReplaceAllString(pages(t)["cli.md"], ""), -1) {
		word, _, _ := strings.Cut(code[1], " ")
		if match := flagName.FindStringSubmatch(word); match != nil {
			seen++
			assert.True(t, known[match[1]], "docs/cli.md names --%s, which no command has", match[1])
		}
	}
	assert.Greater(t, seen, 20, "the flags are found")
}

// TestEveryCommandIsDocumented looks for each command in docs/cli.md.
func TestEveryCommandIsDocumented(t *testing.T) {
	page := pages(t)["cli.md"]
	for _, command := range append(commands(Root()), []string{"demo"}) {
		assert.Contains(t, page, "metlo "+strings.Join(command, " "), "docs/cli.md names every command")
	}
}

// TestHelpNamesEveryFlag compares the help of each command with its flags, and rejects a flag without a text.
func TestHelpNamesEveryFlag(t *testing.T) {
	for _, path := range commands(Root()) {
		cmd, _, err := Root().Find(path)
		require.NoError(t, err)
		usage := cmd.UsageString()
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			assert.Contains(t, usage, "--"+f.Name, cmd.CommandPath())
			assert.NotEmpty(t, f.Usage, "%s --%s", cmd.CommandPath(), f.Name)
		})
		assert.NotEmpty(t, cmd.Short, cmd.CommandPath())
	}
}
