package gate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/metlo-go/metlo"
)

// SpecFiles locates alerts in the OpenAPI documents of a folder. A document's file name is the name under which it was
// uploaded.
type SpecFiles struct {
	files map[string]string // file names by the spec's name
	lines map[string]int    // lines by file and path, filled on demand
}

// FindSpecs lists the OpenAPI documents in a folder and the folders in it.
func FindSpecs(folder string) (*SpecFiles, error) {
	specs := &SpecFiles{files: map[string]string{}, lines: map[string]int{}}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != folder && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "node_modules") {
			return filepath.SkipDir
		}
		extension := filepath.Ext(name)
		if entry.Type().IsRegular() && (extension == ".yaml" || extension == ".yml" || extension == ".json") {
			specs.files[strings.TrimSuffix(filepath.Base(name), extension)] = filepath.ToSlash(filepath.Clean(name))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("--spec-dir: %w", err)
	}
	return specs, nil
}

// Documents returns the names of the files that hold a document. A JSON file without a version of OpenAPI is another
// kind of file, such as an earlier report.
func (s *SpecFiles) Documents() []string {
	var names []string
	for _, name := range s.files {
		if filepath.Ext(name) == ".json" {
			var head struct{ OpenAPI, Swagger string }
			data, err := os.ReadFile(name)
			if err != nil || json.Unmarshal(data, &head) != nil || head.OpenAPI+head.Swagger == "" {
				continue
			}
		}
		names = append(names, name)
	}
	return names
}

// place returns the file and the line of an alert's endpoint, or an empty name if no document describes it.
func (s *SpecFiles) place(a *metlo.Alert) (file string, line int) {
	name := a.APIEndpoint.OpenAPISpecName
	if name == "" {
		return "", 0
	}
	if spec := a.APIEndpoint.OpenAPISpec; spec != nil {
		file = name + "." + string(spec.Extension)
		for _, part := range spec.MinimizedSpecContext {
			if line == 0 || part.LineNumber < line {
				line = part.LineNumber
			}
		}
	}
	if s == nil {
		return file, line
	}
	if known, ok := s.files[name]; ok {
		file = known
		if line == 0 {
			line = s.find(file, a.APIEndpoint.Path)
		}
	}
	return file, line
}

// find returns the line on which a document describes a path, or 1.
func (s *SpecFiles) find(file, path string) int {
	key := file + "\x00" + path
	if line, known := s.lines[key]; known {
		return line
	}
	s.lines[key] = 1
	data, err := os.ReadFile(file)
	if err != nil {
		return 1 // a wrong line must not drop the alert
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for number := 1; lines.Scan(); number++ {
		text := strings.TrimSpace(lines.Text())
		for _, form := range []string{path + ":", `"` + path + `":`, "'" + path + "':"} {
			if strings.HasPrefix(text, form) {
				s.lines[key] = number
				return number
			}
		}
	}
	return 1
}
