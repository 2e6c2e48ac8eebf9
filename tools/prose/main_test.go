package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// read returns the parsed form of a Go file that holds body after its package clause on line 1.
func read(t *testing.T, body string) *file {
	t.Helper()
	name := filepath.Join(t.TempDir(), "a_test.go")
	if err := os.WriteFile(name, []byte("package a\n"+body), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFindings(t *testing.T) {
	for body, want := range map[string]string{
		"// F returns a number.\nfunc F() {}":              "",
		"// F is like G.\nfunc F() {}":                     "",
		"// F is a number.\nfunc F() {}":                   `2: the comment of F goes on with "is"`,
		"// F gives a number.\nfunc F() {}":                `2: the comment of F goes on with "gives"`,
		"// F also returns.\nfunc F() {}":                  "",
		"// F number.\nfunc F() {}":                        `2: the comment of F has no verb after the name but "number"`,
		"// Returns a number.\nfunc F() {}":                `2: the comment does not start with F`,
		"// The page.\nfunc ExampleF() {}":                 "",
		"// at returns a place.\nfunc at() {}":             "",
		"// T is a type.\ntype T struct{}":                 "",
		"// or returns a number.\nfunc or() {}":            "",
		"type T struct {\n\tn int // of the call\n}":       `3: the comment starts with "of"`,
		"type T struct {\n\tn int // 0 without a limit\n}": `3: the comment starts with "0 without"`,
		"type T struct {\n\tn int // offset of a page\n}":  "",
	} {
		got := strings.Join(read(t, body).check(map[string]int{}), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s:\nwant %q\nhave %q", body, want, got)
		}
	}
}

func TestCounts(t *testing.T) {
	counts := map[string]int{}
	read(t, "// F returns 1.\nfunc F() {}\n\n// G gives 1.\nfunc G() {}\n\nvar n = 1 // nil if unset").check(counts)
	for key, want := range map[string]int{
		"documented functions":                                        2,
		`functions whose comment's verb is "gives"`:                   1,
		"comments that trail code and start with a lower-case letter": 1,
		"comments that start with a fragment":                         0,
	} {
		if counts[key] != want {
			t.Errorf("%s: want %d, have %d", key, want, counts[key])
		}
	}
}

// TestMarkdown holds the files that Vale reads: each text on its line of the Go file, and code left out.
func TestMarkdown(t *testing.T) {
	f := read(t, `
// F returns.
//
//	code
//
// More.
func F() error { //nolint:revive // reason
	n := 1 // one
	m := 2 // two
	if n > m {
		return fail("bad %d", n)
	}
	return errors.New("worse" + "still")
}

func fail(format string, args ...any) error { return fmt.Errorf("%w: "+format, args...) }
`)
	folder := t.TempDir()
	f.name = "a.go"
	if err := f.write(folder); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"comments/a.go.md": "\n\nF returns.\n\n\n\nMore.\n\none\n- two\n",
		"errors/a.go.md":   "\n\n\n\n\n\n\n\n\n\n\nbad %d\n\nworsestill\n\n\n%w:\n",
	} {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(got)) {
			lines = append(lines, strings.TrimRight(line, " \n"))
		}
		if strings.Join(lines, "\n")+"\n" != want {
			t.Errorf("%s: want %q, have %q", name, want, got)
		}
	}
}

func TestNoFiles(t *testing.T) {
	if _, err := run(strings.NewReader(""), "", false, os.Stdout); err == nil {
		t.Error("want an error where nothing is read")
	}
}
