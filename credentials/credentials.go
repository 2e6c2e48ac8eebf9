// Package credentials reads ~/.metlo/credentials, in which the Metlo CLI stores the address and the key of an instance.
// It reads the file like the CLI does. [github.com/metlo-go/metlo.NewClientFromEnv] uses it.
package credentials

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode"
)

// MaxBytes is the maximum size of a credentials file.
const MaxBytes = 64 << 10

// File holds the values of a credentials file by variable name: METLO_HOST, METLO_API_KEY, METLO_COLLECTOR_HOST,
// METLO_INSECURE_HTTP, and others that the file sets. Blank values count as missing.
type File map[string]string

// Format writes the names of the variables, without their values, for every verb.
func (f File) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprintf(s, "credentials.File%v", slices.Sorted(maps.Keys(f)))
}

// names lists the variables that the SDK reads.
func names() []string {
	return []string{"METLO_HOST", "METLO_API_KEY", "METLO_COLLECTOR_HOST", "METLO_INSECURE_HTTP"}
}

// Path returns the path of the file, ~/.metlo/credentials. Without a home folder it returns an error.
func Path() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".metlo", "credentials"), nil
}

// Read reads the file at path. For a missing file it returns an empty File. Errors name the line of the problem, but do
// not quote its text, which may be a key.
func Read(path string) (File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return File{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot be read (%w): fix its permissions", reason(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a directory, not a file: remove it, and write METLO_HOST=… and METLO_API_KEY=… to a file of that name")
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", reason(err))
	}
	return Parse(data)
}

// reason returns an error without the path, which its caller names.
func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Parse parses the text of a file, in UTF-8 or UTF-16. It skips lines that set nothing, like the CLI. A line that names
// one of the SDK's variables without setting it is an error, because its value would be silently lost.
func Parse(data []byte) (File, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("is larger than %d KiB, so it cannot be a credentials file: write only METLO_HOST=… and METLO_API_KEY=… to it", MaxBytes>>10)
	}
	text, err := decode(data)
	if err != nil {
		return nil, err
	}
	file := File{}
	lines := map[string]int{}
	passed := 0
	for _, entry := range parse(text) {
		switch {
		case entry.name == "":
			passed++
			if name := meant(entry.text); name != "" {
				return nil, fmt.Errorf("line %d names %s but does not set it: write %s=value", entry.line, name, name)
			}
		default:
			file[entry.name], lines[entry.name] = entry.text, entry.line
		}
	}
	if len(file) == 0 && passed > 0 {
		return nil, errors.New("has no line of the form NAME=value: write METLO_HOST=… and METLO_API_KEY=…")
	}
	if err := check(file, lines); err != nil {
		return nil, err
	}
	return file, nil
}

// check rejects values that are invalid for their variable.
func check(file File, lines map[string]int) error {
	for name := range file {
		for _, known := range names() {
			if name != known && strings.EqualFold(name, known) {
				return fmt.Errorf("line %d sets %s in another case, which is ignored: write %s=value", lines[name], known, known)
			}
		}
	}
	for _, name := range names() {
		value := file[name]
		if strings.ContainsFunc(value, unicode.IsControl) {
			return fmt.Errorf("line %d: the value of %s contains a control character or a line break: write it on one line, without escapes", lines[name], name)
		}
		if value != "" && strings.ContainsRune("'\"`", rune(value[0])) {
			return fmt.Errorf("line %d: the value of %s begins with a quotation mark that does not end: close or remove it", lines[name], name)
		}
	}
	return nil
}

// meant returns the variable whose name begins a line without an assignment.
func meant(line string) string {
	line = strings.ToUpper(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export ")))
	for _, name := range names() {
		if strings.HasPrefix(line, name) {
			return name
		}
	}
	return ""
}

// SameServer reports whether two base URLs name one server and path, regardless of case, of a default port and of a
// final dot. An international name and its ASCII form count as two servers.
func SameServer(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && host(a) == host(b) && port(a) == port(b) && a.EscapedPath() == b.EscapedPath()
}

func host(u *url.URL) string {
	name := u.Hostname()
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.String()
	}
	return asciiLower(strings.TrimSuffix(name, "."))
}

// asciiLower lowers ASCII letters, like servers compare names.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	if u.Scheme == "https" {
		return "443"
	}
	return "80"
}
