package gate

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

// Ignores are alerts that are known and accepted, each for a reason and until a day.
type Ignores struct {
	name    string
	entries []ignore
}

// ignore is an entry of the file. All that it says must hold of an alert.
type ignore struct {
	Alert  string
	Type   string
	Method string
	Host   string // * stands for any text without a slash
	Path   string // * stands for one element, ** at the end for any rest
	Reason string
	Until  string

	alertType metlo.AlertType
	until     time.Time // the first moment at which it no longer holds; zero for never
	line      int
	used      int
}

// ReadIgnores reads an ignore file, and says where it is at fault.
func ReadIgnores(name string) (*Ignores, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the ignore file: %w", err)
	}
	root, err := yamlfile.Load(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	entries := yamlfile.Items(yamlfile.Get(root, "ignore"))
	if len(entries) == 0 || len(root.Content) != 2 {
		return nil, fmt.Errorf("%s: write a list of entries under ignore: and nothing else, or leave the file out", name)
	}
	list := &Ignores{name: name}
	for _, node := range entries {
		entry, err := readIgnore(node)
		if err == nil {
			err = entry.check()
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, node.Line, err)
		}
		list.entries = append(list.entries, *entry)
	}
	return list, nil
}

func readIgnore(node *yaml.Node) (*ignore, error) {
	if kind := yamlfile.Kind(node); kind != "mapping" {
		return nil, fmt.Errorf("an entry is a mapping with a reason, and this is a %s", kind)
	}
	entry := &ignore{line: node.Line}
	fields := map[string]*string{
		"alert": &entry.Alert, "type": &entry.Type, "method": &entry.Method, "host": &entry.Host, "path": &entry.Path,
		"reason": &entry.Reason, "until": &entry.Until,
	}
	for key, value := range yamlfile.Pairs(node) {
		field, known := fields[key.Value]
		if !known {
			return nil, fmt.Errorf("%q is not a part of an entry: use alert, type, method, host, path, reason and until", key.Value)
		}
		if *field = yamlfile.Text(value); *field == "" || yamlfile.Kind(value) == "null" { // lists and mappings have no text
			return nil, fmt.Errorf("%s must be a text", key.Value)
		}
	}
	return entry, nil
}

func (e *ignore) check() error {
	if strings.TrimSpace(e.Reason) == "" {
		return errors.New("the entry has no reason: say why the alert is accepted")
	}
	if e.Alert == "" && e.Type == "" && e.Method == "" && allHosts(e.Host) && allPaths(e.Path) {
		return errors.New("the entry would ignore every alert: name alert, type, method, or a host or path that is not * alone")
	}
	if e.Alert != "" && !uuidForm().MatchString(e.Alert) {
		return fmt.Errorf("%q is no id of an alert", e.Alert)
	}
	if e.Type != "" {
		kind, err := metlo.ParseAlertType(e.Type)
		if err != nil {
			return fmt.Errorf("%q is no type of alert: metlo gate -h lists them", e.Type)
		}
		e.alertType = kind
	}
	for _, pattern := range []string{e.Host, strings.TrimSuffix(e.Path, "**")} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", pattern, err)
		}
	}
	if e.Until != "" {
		day, err := time.Parse(time.DateOnly, e.Until)
		if err != nil {
			return fmt.Errorf("until: %q is no day: write it as 2026-12-31", e.Until)
		}
		e.until = day.AddDate(0, 0, 1)
	}
	return nil
}

// allHosts reports whether a pattern leaves no host out: it is absent or stars alone, or matches hosts that are quite unlike.
func allHosts(pattern string) bool {
	return strings.Trim(pattern, "*") == "" || matchesEach(matchGlob, pattern, "a", "zz.example", "10.0.0.1:80")
}

// allPaths reports whether a pattern leaves no path out: it is absent, or ** behind at most a slash, or matches paths that
// are quite unlike.
func allPaths(pattern string) bool {
	rest := strings.TrimPrefix(pattern, "/")
	return pattern == "" || strings.HasSuffix(rest, "**") && strings.Trim(rest, "*") == "" ||
		matchesEach(matchPath, pattern, "/a", "/zz/{b}/9")
}

func matchesEach(match func(pattern, text string) bool, pattern string, samples ...string) bool {
	return !slices.ContainsFunc(samples, func(sample string) bool { return !match(pattern, sample) })
}

func (e *ignore) matches(a *metlo.Alert) bool {
	endpoint := &a.APIEndpoint
	return (e.Alert == "" || strings.EqualFold(e.Alert, a.UUID)) &&
		(e.Type == "" || e.alertType == a.Type) &&
		(e.Method == "" || strings.EqualFold(e.Method, string(endpoint.Method))) &&
		(e.Host == "" || matchGlob(e.Host, endpoint.Host)) &&
		(e.Path == "" || matchPath(e.Path, endpoint.Path))
}

func matchGlob(pattern, text string) bool {
	ok, err := path.Match(pattern, text)
	return pattern == text || err == nil && ok
}

func matchPath(pattern, text string) bool {
	if start, found := strings.CutSuffix(pattern, "**"); found {
		elements := strings.Count(start, "/")
		parts := strings.SplitAfter(text, "/")
		return len(parts) > elements && matchGlob(start, strings.Join(parts[:elements], ""))
	}
	return matchGlob(pattern, text)
}

// match reports whether an entry that still holds is about the alert, and counts what each entry was good for.
func (list *Ignores) match(a *metlo.Alert, now time.Time) bool {
	if list == nil {
		return false
	}
	ignored := false
	for i := range list.entries {
		if e := &list.entries[i]; e.matches(a) {
			e.used++
			ignored = ignored || e.holds(now)
		}
	}
	return ignored
}

func (e *ignore) holds(now time.Time) bool { return e.until.IsZero() || now.Before(e.until) }

// Report says which entries are expired, and which matched nothing.
func (list *Ignores) Report(now time.Time) []string {
	if list == nil {
		return nil
	}
	var notes []string
	for i := range list.entries {
		switch e := &list.entries[i]; {
		case !e.holds(now) && e.used > 0:
			notes = append(notes, fmt.Sprintf("%s:%d: expired on %s, so that %s again: %s", list.name, e.line, e.Until, counts(e.used), e.Reason))
		case !e.holds(now):
			notes = append(notes, fmt.Sprintf("%s:%d: expired on %s and matches no alert: remove it: %s", list.name, e.line, e.Until, e.Reason))
		case e.used == 0:
			notes = append(notes, fmt.Sprintf("%s:%d: matches no alert: remove it: %s", list.name, e.line, e.Reason))
		}
	}
	return notes
}

func counts(n int) string {
	if n == 1 {
		return "1 alert counts"
	}
	return fmt.Sprintf("%d alerts count", n)
}
