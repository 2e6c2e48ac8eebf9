// Command prose prepares the English of Go files for Vale, and checks what needs syntax.
//
// With -o it writes two Markdown files for each Go file: comments/FILE.md holds the comments and errors/FILE.md the texts
// of errors. A text stands on the line on which it stands in the Go file. Vale then reads these files:
//
//	go -C tools build -o "$SCRATCH/prose" ./prose
//	git ls-files '*.go' | "$SCRATCH/prose" -o "$SCRATCH/text"
//	vale --config=tools/vale/.vale.ini "$SCRATCH/text"
//
// It reports function comments that do not start with the function's name and a verb, and comments that start with a
// fragment such as "of the call". With -count it prints how many comments of each kind there are, and exits with 0.
package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

func main() {
	log.SetFlags(0)
	folder := flag.String("o", "", "folder for the Markdown files")
	count := flag.Bool("count", false, "print counts in place of findings")
	flag.Parse()
	findings, err := run(os.Stdin, *folder, *count, os.Stdout)
	if err != nil {
		log.Fatal(err)
	}
	if findings > 0 && !*count {
		os.Exit(1)
	}
}

// run reads the Go files that names lists, one on each line, and returns the number of findings.
func run(names io.Reader, folder string, count bool, out io.Writer) (findings int, err error) {
	counts := map[string]int{}
	scanner := bufio.NewScanner(names)
	for scanner.Scan() {
		f, err := parse(scanner.Text())
		if err != nil {
			return findings, err
		}
		for _, finding := range f.check(counts) {
			findings++
			if !count {
				_, _ = fmt.Fprintln(out, finding)
			}
		}
		if folder != "" {
			if err := f.write(folder); err != nil {
				return findings, err
			}
		}
		counts["files"]++
	}
	if counts["files"] == 0 {
		return 0, fmt.Errorf("no file to read: pass the names of Go files on standard input")
	}
	if count {
		for _, key := range slices.Sorted(maps.Keys(counts)) {
			_, _ = fmt.Fprintf(out, "%6d %s\n", counts[key], key)
		}
	}
	return findings, scanner.Err()
}

// file is a parsed Go file.
type file struct {
	name   string
	source []byte
	set    *token.FileSet
	tree   *ast.File
}

func parse(name string) (*file, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f := &file{name: name, source: source, set: token.NewFileSet()}
	f.tree, err = parser.ParseFile(f.set, name, source, parser.ParseComments)
	return f, err
}

// line is a piece of text and the line on which it begins.
type line struct {
	number int
	text   string
}

// block holds the lines of one comment or of one error.
type block []line

// directive matches comments for tools, which hold no English.
var directive = regexp.MustCompile(`^//(go:|line |export |\+build|nolint|lint:|extern )|^// (Output:|Unordered output:|Code generated )`)

// comments returns the blocks of the file's comments, without code.
func (f *file) comments() (blocks []block) {
	for _, group := range f.tree.Comments {
		var b block
		for _, comment := range group.List {
			if directive.MatchString(comment.Text) {
				break // an example's output ends its comment
			}
			first := f.set.Position(comment.Pos()).Line
			text := strings.TrimSuffix(strings.TrimPrefix(comment.Text, "/*"), "*/")
			for i, t := range strings.Split(text, "\n") {
				t = strings.TrimPrefix(strings.TrimPrefix(t, "//"), " ")
				if strings.HasPrefix(t, "\t") {
					t = "" // code
				}
				b = append(b, line{first + i, strings.TrimSpace(t)})
			}
		}
		if len(b) > 0 {
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// errors returns the literal texts that errors are made of: arguments of errors.New and fmt.Errorf, and of the file's own
// functions that take a format and its arguments.
func (f *file) errors() (blocks []block) {
	formatters := map[string]int{"errors.New": 0, "fmt.Errorf": 0}
	for _, decl := range f.tree.Decls {
		if fn, ok := decl.(*ast.FuncDecl); ok {
			if i := formatParameter(fn.Type.Params); i >= 0 {
				formatters[fn.Name.Name] = i
			}
		}
	}
	ast.Inspect(f.tree, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		i, ok := formatters[nameOf(call.Fun)]
		if ok && i < len(call.Args) {
			if text := literals(call.Args[i]); text != "" {
				blocks = append(blocks, block{{f.set.Position(call.Args[i].Pos()).Line, text}})
			}
		}
		return true
	})
	return blocks
}

// literals returns the string literals in e as one line.
func literals(e ast.Expr) (text string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if s, err := strconv.Unquote(literal.Value); err == nil {
				text += s
			}
		}
		return true
	})
	return strings.Join(strings.Fields(text), " ")
}

// formatParameter returns the index of a format string that ...any follows, or -1.
func formatParameter(params *ast.FieldList) int {
	var types []ast.Expr
	for _, field := range params.List {
		for range max(1, len(field.Names)) {
			types = append(types, field.Type)
		}
	}
	if len(types) < 2 {
		return -1
	}
	last, ok := types[len(types)-1].(*ast.Ellipsis)
	if !ok || nameOf(last.Elt) != "any" || nameOf(types[len(types)-2]) != "string" {
		return -1
	}
	return len(types) - 2
}

// nameOf returns the name of a function or a type: errors.New for a function of another package, fail for a method.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && (x.Name == "errors" || x.Name == "fmt") {
			return x.Name + "." + e.Sel.Name
		}
		return e.Sel.Name
	}
	return ""
}

// write writes the Markdown files for f below folder.
func (f *file) write(folder string) error {
	for kind, blocks := range map[string][]block{"comments": f.comments(), "errors": f.errors()} {
		if len(blocks) == 0 {
			continue
		}
		path := filepath.Join(folder, kind, f.name+".md")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, markdown(blocks), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// markdown places each line of the blocks on its number. A block right below another begins a list item, since Markdown
// would otherwise read the two as one paragraph.
func markdown(blocks []block) []byte {
	lines := map[int]string{}
	for _, b := range blocks {
		for i, l := range b {
			switch {
			case lines[l.number] != "":
				lines[l.number] += ". " + l.text
			case i == 0 && lines[l.number-1] != "":
				lines[l.number] = "- " + l.text
			default:
				lines[l.number] = l.text
			}
		}
	}
	var b bytes.Buffer
	for number, last := 1, slices.Max(slices.Collect(maps.Keys(lines))); number <= last; number++ {
		b.WriteString(lines[number] + "\n")
	}
	return b.Bytes()
}

// poor holds the verbs and forms with which no function's comment goes on after the name.
var poor = map[string]bool{"gives": true, "says": true, "tells": true, "makes": true, "wants": true, "is": true, "are": true, "was": true}

// counted holds the verbs whose function comments are counted.
var counted = map[string]bool{"returns": true, "gives": true, "says": true, "makes": true, "tells": true, "is": true}

// adverb holds the words that may stand before the verb.
var adverb = map[string]bool{"also": true, "never": true, "only": true}

// tests matches the functions that package testing runs.
var tests = regexp.MustCompile(`^(Test|Example|Benchmark|Fuzz)`)

// fragment matches a comment that only continues the identifier before it.
var fragment = regexp.MustCompile(`^(of|from|with|without|by|to|in|at|on|that|which|whose|as|or|and|but|below|above|among|per|0 without|nil without)\b`)

// check returns the findings of the file, and adds to counts.
func (f *file) check(counts map[string]int) (findings []string) {
	report := func(at token.Pos, format string, args ...any) {
		position := f.set.Position(at)
		findings = append(findings, fmt.Sprintf("%s:%d: %s", position.Filename, position.Line, fmt.Sprintf(format, args...)))
	}
	named := map[*ast.CommentGroup]bool{} // comments of functions that start with the name
	for _, decl := range f.tree.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Doc == nil || fn.Name.Name == "main" {
			continue
		}
		named[fn.Doc] = strings.HasPrefix(fn.Doc.Text(), fn.Name.Name+" ")
		words := strings.Fields(fn.Doc.Text())
		if len(words) < 2 {
			continue
		}
		counts["documented functions"]++
		named[fn.Doc] = words[0] == fn.Name.Name
		verb := strings.Trim(words[1], ",.:;")
		if adverb[verb] && len(words) > 2 {
			verb = strings.Trim(words[2], ",.:;")
		}
		if counted[verb] {
			counts[`functions whose comment's verb is "`+verb+`"`]++
		}
		switch {
		case tests.MatchString(fn.Name.Name) && strings.HasSuffix(f.name, "_test.go"): // no one reads it beside the name
		case words[0] != fn.Name.Name:
			report(fn.Doc.Pos(), "the comment does not start with %s: start with the name and a verb", fn.Name.Name)
		case verb == "is" && len(words) > 2 && words[2] == "like":
		case poor[verb]:
			report(fn.Doc.Pos(), "the comment of %s goes on with %q: use a verb such as returns, reports or parses", fn.Name.Name, verb)
		case !strings.HasSuffix(verb, "s"):
			report(fn.Doc.Pos(), "the comment of %s has no verb after the name but %q: use one such as returns, reports or parses", fn.Name.Name, verb)
		}
	}
	for _, group := range f.tree.Comments {
		text := strings.TrimSpace(group.Text())
		first, _ := utf8.DecodeRuneInString(text)
		if unicode.IsLower(first) && f.trails(group) {
			counts["comments that trail code and start with a lower-case letter"]++
		}
		if match := fragment.FindString(text); match != "" && !named[group] {
			counts["comments that start with a fragment"]++
			report(group.Pos(), "the comment starts with %q: write a phrase that stands alone", match)
		}
	}
	return findings
}

// trails reports whether code stands before a comment on its line.
func (f *file) trails(group *ast.CommentGroup) bool {
	start := f.set.File(group.Pos()).LineStart(f.set.Position(group.Pos()).Line)
	before := f.source[f.set.Position(start).Offset:f.set.Position(group.Pos()).Offset]
	return len(bytes.TrimSpace(before)) > 0
}
