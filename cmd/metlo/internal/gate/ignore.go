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
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

// Ignores holds the findings that are accepted, each with a reason, and some until a given day.
type Ignores struct {
	name    string
	entries []ignore
}

// ignore represents an entry of the file. It matches a finding if all of its parts do.
type ignore struct {
	Alert       string
	Fingerprint string
	Rule        string
	Type        string
	Method      string
	Host        string // * matches any text without a slash
	Path        string // * matches one element, ** at the end any rest
	Field       string // * matches any text
	Reason      string
	Until       string

	rule  string    // id of the rule that Rule or Type names; empty for any
	until time.Time // time at which the entry expires; zero for never
	line  int
	used  int // number of findings that the entry matched
}

// ReadIgnores reads an ignore file. An error names the line.
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

// entryParts lists the parts of an entry that choose findings.
const entryParts = "fingerprint, alert, rule, type, method, host, path, field"

func readIgnore(node *yaml.Node) (*ignore, error) {
	if kind := yamlfile.Kind(node); kind != "mapping" {
		return nil, fmt.Errorf("an entry is a mapping with a reason, and this is a %s", kind)
	}
	entry := &ignore{line: node.Line}
	fields := map[string]*string{
		"alert": &entry.Alert, "fingerprint": &entry.Fingerprint, "rule": &entry.Rule, "type": &entry.Type, "method": &entry.Method,
		"host": &entry.Host, "path": &entry.Path, "field": &entry.Field, "reason": &entry.Reason, "until": &entry.Until,
	}
	for key, value := range yamlfile.Pairs(node) {
		field, known := fields[key.Value]
		if !known {
			return nil, fmt.Errorf("%q is not a part of an entry: use %s, reason and until", key.Value, entryParts)
		}
		if *field = yamlfile.Text(value); *field == "" || yamlfile.Kind(value) == "null" { // lists and mappings have no text
			return nil, fmt.Errorf("%s must be a text", key.Value)
		}
	}
	return entry, nil
}

func (e *ignore) check() error {
	if strings.TrimSpace(e.Reason) == "" {
		return errors.New("the entry has no reason: write why the finding is accepted")
	}
	if e.Alert+e.Fingerprint+e.Rule+e.Type+e.Method == "" && allHosts(e.Host) && allPaths(e.Path) && strings.Trim(e.Field, "*") == "" {
		return errors.New("the entry would ignore every finding: add " + entryParts + ", other than * alone")
	}
	if e.Alert != "" && !uuidForm().MatchString(e.Alert) {
		return fmt.Errorf("alert: %q is not the id of an alert: metlo alert list shows them", e.Alert)
	}
	if _, alert, ok := key(e.Fingerprint); e.Fingerprint != "" && (alert || !ok) {
		return fmt.Errorf("fingerprint: %q is not a fingerprint: metlo gate --format json shows them", e.Fingerprint)
	}
	if err := e.chooseRule(); err != nil {
		return err
	}
	for _, pattern := range []string{e.Host, strings.TrimSuffix(e.Path, "**")} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%q is not a pattern: write \\[ for a bracket", pattern)
		}
	}
	if e.Until != "" {
		day, err := time.Parse(time.DateOnly, e.Until)
		if err != nil {
			return fmt.Errorf("until: %q is not a day: write it as 2026-12-31", e.Until)
		}
		e.until = day.AddDate(0, 0, 1)
	}
	return nil
}

// chooseRule sets the rule of the entry.
func (e *ignore) chooseRule() error {
	if e.Rule != "" {
		rule, known := rules.Lookup(e.Rule)
		if !known {
			return fmt.Errorf("rule: %q is not a rule: metlo explain lists them", e.Rule)
		}
		e.rule = rule.ID
	}
	if e.Type == "" {
		return nil
	}
	kind, err := metlo.ParseAlertType(e.Type)
	if err != nil {
		return fmt.Errorf("type: %q is not a type of alert: metlo gate -h lists them", e.Type)
	}
	rule, _ := rules.Lookup(string(kind))
	if e.rule != "" && e.rule != rule.ID {
		return fmt.Errorf("rule and type name different rules, %s and %s: leave one out", e.rule, rule.ID)
	}
	e.rule = rule.ID
	return nil
}

// allHosts reports whether a pattern matches every host: it is empty, it consists of stars, or it matches hosts that
// have nothing in common.
func allHosts(pattern string) bool {
	return strings.Trim(pattern, "*") == "" || matchesEach(matchGlob, pattern, "a", "zz.example", "10.0.0.1:80")
}

// allPaths reports whether a pattern matches every path: it is empty, it is ** after at most a slash, or it matches
// paths that have nothing in common.
func allPaths(pattern string) bool {
	rest := strings.TrimPrefix(pattern, "/")
	return pattern == "" || strings.HasSuffix(rest, "**") && strings.Trim(rest, "*") == "" ||
		matchesEach(matchPath, pattern, "/a", "/zz/{b}/9")
}

func matchesEach(match func(pattern, text string) bool, pattern string, samples ...string) bool {
	return !slices.ContainsFunc(samples, func(sample string) bool { return !match(pattern, sample) })
}

func (e *ignore) matches(f *findings.Finding) bool {
	return (e.Alert == "" || strings.EqualFold(e.Alert, f.ID)) &&
		(e.rule == "" || e.rule == f.Rule) &&
		(e.Method == "" || strings.EqualFold(e.Method, f.Method)) &&
		(e.Host == "" || matchGlob(e.Host, f.Host)) &&
		(e.Path == "" || matchPath(e.Path, f.Path)) &&
		(e.Field == "" || matchText(e.Field, f.Field)) &&
		(e.Fingerprint == "" || strings.EqualFold(e.Fingerprint, f.Fingerprint()))
}

// matchText reports whether text matches a pattern in which * matches any text, including slashes.
func matchText(pattern, text string) bool {
	begin, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	if text, found = strings.CutPrefix(text, begin); !found {
		return false
	}
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], next
	}
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

// reason returns the reason for which accepted findings are left out.
func (list *Ignores) reason() string { return "in the ignore file " + list.name }

// match counts a finding for each entry that matches it, and reports whether one of them accepts it.
func (list *Ignores) match(f *findings.Finding, now time.Time) bool {
	if list == nil {
		return false
	}
	accepted := false
	for i := range list.entries {
		if e := &list.entries[i]; e.matches(f) {
			e.used++
			accepted = accepted || e.holds(now)
		}
	}
	return accepted
}

// accepts reports whether an entry that has not expired matches a finding.
func (list *Ignores) accepts(f *findings.Finding, now time.Time) bool {
	return list != nil && slices.ContainsFunc(list.entries, func(e ignore) bool { return e.holds(now) && e.matches(f) })
}

func (e *ignore) holds(now time.Time) bool { return e.until.IsZero() || now.Before(e.until) }

// expired describes the entries that have expired and match findings.
func (list *Ignores) expired(c *Criteria) (notes []string) {
	if list == nil {
		return nil
	}
	for i := range list.entries {
		if e := &list.entries[i]; !e.holds(c.Now) && e.used > 0 {
			verb := "counts"
			if e.used > 1 {
				verb = "count"
			}
			notes = append(notes, fmt.Sprintf("%s:%d: expired on %s, so that %s %s again: %s", list.name, e.line, e.Until,
				output.Count(e.used, c.noun()), verb, e.Reason))
		}
	}
	return notes
}

// stale describes the entries that match no finding.
func (list *Ignores) stale(c *Criteria) (notes []string) {
	if list == nil {
		return nil
	}
	for i := range list.entries {
		e := &list.entries[i]
		if e.used > 0 || e.rule != "" && !c.judged(e.rule) {
			continue
		}
		expired := ""
		if !e.holds(c.Now) {
			expired = "expired on " + e.Until + " and "
		}
		notes = append(notes, fmt.Sprintf("%s:%d: %smatches no %s: remove it: %s", list.name, e.line, expired, c.noun(), e.Reason))
	}
	return notes
}
