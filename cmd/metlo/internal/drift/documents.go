package drift

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

// Document is an OpenAPI document of version 3.
type Document struct {
	File  string   // File is the file's name with slashes, relative to the working folder if the file is in it.
	Files []string // Files are the files of the document: itself, and those that it refers to.

	doc        *openapi3.T
	operations []operation
	subtypes   map[*openapi3.Schema][]*openapi3.SchemaRef // schemas with allOf, by the schema that they extend
}

// maxDocument is the maximum size of a file. The server accepts larger ones, but no one writes any.
const maxDocument = 64 << 20

// Find returns the named files, and the files with a document in the named folders, each once. A folder must hold at
// least one. Find skips its other files, such as schemas that documents refer to. With an error it returns what it found,
// and the names of files that could not be read.
func Find(names ...string) ([]string, error) {
	var files []string
	var failures []error
	add := func(name string) {
		if name = shortName(name); !slices.Contains(files, name) {
			files = append(files, name)
		}
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			failures = append(failures, err)
			add(name)
			continue
		}
		found, err := documentsIn(name)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("%s holds no OpenAPI document: name the folder or the files that do", name)
		}
		failures = append(failures, err)
		for _, file := range found {
			add(file)
		}
	}
	return files, errors.Join(failures...)
}

// Read reads documents, and the files that they refer to. With an error, the documents have their Files alone.
func Read(files []string) ([]*Document, error) {
	var documents []*Document
	var failures []error
	for _, name := range files {
		d := &Document{File: name, Files: []string{name}}
		text, err := readFile(name)
		if err == nil {
			err = d.parse(text, true)
		}
		documents, failures = append(documents, d), append(failures, err)
	}
	return documents, errors.Join(failures...)
}

// Parse parses a document that an instance holds, which refers to no file.
func Parse(name, text string) (*Document, error) {
	d := &Document{File: name, Files: []string{name}}
	err := d.parse([]byte(text), false)
	return d, err
}

// shortName returns the name of a file with slashes, relative to the working folder if the file is in it.
func shortName(name string) string {
	if filepath.IsAbs(name) {
		if folder, err := os.Getwd(); err == nil {
			if relative, err := filepath.Rel(folder, name); err == nil && filepath.IsLocal(relative) {
				name = relative
			}
		}
	}
	return filepath.ToSlash(filepath.Clean(name))
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxDocument+1))
	if err == nil && len(text) > maxDocument {
		err = fmt.Errorf("%s is over %d MiB", name, maxDocument>>20)
	}
	return text, err
}

// documentsIn returns the files with a document in a folder and its subfolders.
func documentsIn(folder string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != folder && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)):
			return nil
		}
		text, err := readFile(name)
		if err != nil {
			return err
		}
		if isDocument(text) {
			found = append(found, name)
		}
		return nil
	})
	return found, err
}

var (
	versionKey  = regexp.MustCompile(`(?m)^[\s{]*["']?(openapi|swagger)["']?\s*:`)
	versionLine = regexp.MustCompile(`(?m)^["']?(openapi|swagger)["']?\s*:`)
)

// isDocument reports whether a text holds a document. It guesses if the text cannot be parsed.
func isDocument(text []byte) bool {
	if !versionKey.Match(text) {
		return false
	}
	root, err := yamlfile.Load(string(text))
	if err != nil {
		return versionLine.Match(text) || bytes.HasPrefix(bytes.TrimSpace(text), []byte("{"))
	}
	return yamlfile.Get(root, "openapi") != nil || yamlfile.Get(root, "swagger") != nil
}

// parse parses the text of a document, and reads the files that it refers to.
func (d *Document) parse(text []byte, references bool) error {
	name := d.File
	root, err := yamlfile.Load(string(text))
	if err != nil {
		var fault *yamlfile.Error
		if errors.As(err, &fault) {
			return fmt.Errorf("%s:%d:%d: it cannot be read: %s", name, fault.Line, fault.Column, fault.Reason)
		}
		return fmt.Errorf("%s: it cannot be read: %w", name, err)
	}
	if err := checkVersion(name, root); err != nil {
		return err
	}
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	loader.ReadFromURIFunc = func(_ *openapi3.Loader, location *url.URL) ([]byte, error) {
		switch {
		case !references:
			return nil, errors.New("a document of an instance cannot refer to files")
		case location.Scheme != "" || location.Host != "":
			return nil, fmt.Errorf("%s is on the network, and is not fetched: save it beside the document, and refer to the file", location)
		}
		if !slices.Contains(d.Files, location.Path) {
			d.Files = append(d.Files, location.Path)
		}
		return readFile(location.Path)
	}
	doc, err := loader.LoadFromDataWithPath(text, &url.URL{Path: name})
	if err != nil {
		return unreadable(name, root, err)
	}
	if doc.Paths == nil {
		return fmt.Errorf("%s:1: the document has no paths: add what the service serves", name)
	}
	d.doc, d.subtypes = doc, map[*openapi3.Schema][]*openapi3.SchemaRef{}
	if doc.Components != nil {
		for _, name := range slices.Sorted(maps.Keys(doc.Components.Schemas)) {
			schema := doc.Components.Schemas[name]
			if schema == nil || schema.Value == nil {
				continue
			}
			for _, base := range schema.Value.AllOf {
				if base != nil && base.Value != nil && base.Value.Discriminator != nil {
					d.subtypes[base.Value] = append(d.subtypes[base.Value], schema)
				}
			}
		}
	}
	d.operations, err = d.readOperations()
	return err
}

func checkVersion(name string, root *yaml.Node) error {
	version := yamlfile.Get(root, "openapi")
	switch {
	case yamlfile.Get(root, "swagger") != nil:
		return fmt.Errorf("%s:%d: the document is of Swagger 2: convert it to OpenAPI 3", name, yamlfile.Get(root, "swagger").Line)
	case version == nil:
		return fmt.Errorf("%s:1: this is not an OpenAPI document: it has no key openapi with a version such as 3.1.0", name)
	case !regexp.MustCompile(`^3\.[0-2](\.|$)`).MatchString(yamlfile.Text(version)):
		return fmt.Errorf("%s:%d: version %q of OpenAPI is not known: use 3.0, 3.1 or 3.2", name, version.Line, yamlfile.Text(version))
	}
	return nil
}

var (
	loaderReference = regexp.MustCompile(`(?:error )?resolving reference "([^"]+)"`)
	loaderNowhere   = regexp.MustCompile(`failed to resolve "[^"]*" in fragment in URI: "([^"]*)"`)
	loaderLine      = regexp.MustCompile(`line (\d+): `)
	loaderKind      = regexp.MustCompile("cannot construct !!(\\w+)(?: `[^`]*`)? into \\S+(?: \\{\\})?(?: in (\\S+))?")
	loaderPrefixes  = strings.NewReplacer("yaml: construct errors: ", "", "failed to unmarshal data: ", "", "yaml error: ", "")
	kinds           = map[string]string{"map": "mapping", "seq": "list", "str": "text", "int": "number", "float": "number", "bool": "boolean"}
)

// unreadable adds the place of a fault to an error of the loader: the line that the error names, or the line of the
// reference that leads to it.
func unreadable(name string, root *yaml.Node, err error) error {
	text := err.Error()
	if strings.HasPrefix(text, "failed to unmarshal data: json error: ") {
		_, text, _ = strings.Cut(text, "yaml error: ") // the rest has the same message with a line
	}
	line := 0
	if m := loaderReference.FindStringSubmatch(text); m != nil {
		line = referenceLine(root, m[1])
	} else if m := loaderNowhere.FindStringSubmatch(text); m != nil {
		line = referenceLine(root, m[1])
	} else if m := loaderLine.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = strings.Replace(text, m[0], "", 1)
	}
	text = loaderReference.ReplaceAllString(text, `the reference "$1" cannot be followed`)
	text = loaderNowhere.ReplaceAllString(text, `the reference "$1" leads nowhere`)
	text = loaderKind.ReplaceAllStringFunc(text, func(match string) string {
		m := loaderKind.FindStringSubmatch(match)
		return strings.TrimSpace("a " + cmp.Or(kinds[m[1]], m[1]) + " stands in the place of another kind of value at " + m[2])
	})
	return fmt.Errorf("%s:%d: it cannot be read: %s", name, cmp.Or(line, 1), loaderPrefixes.Replace(text))
}

// referenceLine returns the line of the first reference whose text equals the given text or ends with it.
func referenceLine(n *yaml.Node, text string) int {
	if n == nil || n.Kind == yaml.AliasNode {
		return 0
	}
	for key, value := range yamlfile.Pairs(n) {
		if key.Value == "$ref" && (value.Value == text || strings.HasSuffix(value.Value, text)) {
			return value.Line
		}
	}
	for _, kid := range n.Content {
		if line := referenceLine(kid, text); line > 0 {
			return line
		}
	}
	return 0
}
