package gate

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// Baseline holds the findings that were accepted: by fingerprint, or by the id of an alert.
type Baseline struct {
	name         string
	fingerprints map[[16]byte]entry
	alerts       map[[16]byte]entry
}

// entry represents the lines with one key.
type entry struct {
	accepted uint32 // number of lines
	seen     uint32 // number of findings
	line     uint32 // number of the last line
	rule     uint32 // index of the rule in rules.All, from 1; 0 if unknown
}

var uuidForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
})

// key parses a fingerprint, or the UUID of an alert, and reports whether text is one of them.
func key(text string) (key [16]byte, alert, ok bool) {
	alert = uuidForm().MatchString(text)
	if alert {
		text = strings.ReplaceAll(text, "-", "")
	}
	if len(text) != 2*len(key) {
		return key, false, false
	}
	_, err := hex.Decode(key[:], []byte(text))
	return key, alert, err == nil
}

// ReadBaseline reads a baseline. The first word of each line is a fingerprint or the id of an alert. Empty lines and
// lines that begin with # are skipped. Each line accepts one finding: two lines with one fingerprint accept two. Any
// other text is an error, because it would accept nothing, or too much by chance.
func ReadBaseline(name string) (*Baseline, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the baseline: %w: write it with --save-baseline", err)
	}
	defer file.Close()
	places := map[string]uint32{}
	for i, rule := range rules.All() {
		places[rule.ID] = uint32(i) + 1
	}
	b := &Baseline{name: name, fingerprints: map[[16]byte]entry{}, alerts: map[[16]byte]entry{}}
	lines, number := bufio.NewScanner(file), uint32(0)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		number++
		first, rest, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")), " ")
		if first == "" || strings.HasPrefix(first, "#") {
			continue
		}
		first, _, _ = strings.Cut(first, "\t")
		k, alert, ok := key(first)
		if !ok {
			return nil, fmt.Errorf("%s:%d: the line begins with neither a fingerprint nor the id of an alert: write the baseline with --save-baseline", name, number)
		}
		entries := b.fingerprints
		if alert {
			entries = b.alerts
		}
		e, known := entries[k]
		rule, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		e.line, e.rule = number, places[rule]
		if !known || !alert { // an id identifies one alert, however often it occurs
			e.accepted++
		}
		entries[k] = e
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("line %d is too long: write the baseline with --save-baseline", number+1)
		}
		return nil, fmt.Errorf("the baseline %s: %w", name, err)
	}
	return b, nil
}

// match represents the way in which a baseline contains a finding.
type match int

const (
	absent match = iota
	byAlert
	byFingerprint
)

// find counts a finding, and returns the way in which the baseline contains it.
func (b *Baseline) find(f *findings.Finding) match {
	if b == nil {
		return absent
	}
	if k, alert, ok := key(f.ID); ok && alert && b.seen(b.alerts, k) {
		return byAlert
	}
	if b.seen(b.fingerprints, f.Key()) {
		return byFingerprint
	}
	return absent
}

func (b *Baseline) seen(entries map[[16]byte]entry, k [16]byte) bool {
	e, known := entries[k]
	if known {
		e.seen++
		entries[k] = e
	}
	return known
}

// surplus reports whether there are more findings with the fingerprint of f than the baseline accepts.
func (b *Baseline) surplus(f *findings.Finding) bool {
	e := b.fingerprints[f.Key()]
	return e.seen > e.accepted
}

// limit returns the number of findings with the fingerprint of f that the baseline accepts.
func (b *Baseline) limit(f *findings.Finding) int { return int(b.fingerprints[f.Key()].accepted) }

// maxStaleLines is the maximum number of stale entries that are listed one by one.
const maxStaleLines = 5

// stale describes the entries that accept more findings than exist.
func (b *Baseline) stale(c *Criteria) (notes []string) {
	if b == nil {
		return nil
	}
	var lines []uint32
	all := rules.All()
	for _, entries := range []map[[16]byte]entry{b.fingerprints, b.alerts} {
		for _, e := range entries {
			if e.seen < e.accepted && (e.rule == 0 || c.judged(all[e.rule-1].ID)) {
				lines = append(lines, e.line)
			}
		}
	}
	slices.Sort(lines)
	for _, line := range lines[:min(len(lines), maxStaleLines)] {
		notes = append(notes, fmt.Sprintf("%s:%d: matches no %s: remove the line", b.name, line, c.noun()))
	}
	if more := len(lines) - maxStaleLines; more > 0 {
		notes = append(notes, fmt.Sprintf("%s: %d more entries match no %s: write the baseline again with --save-baseline", b.name, more, c.noun()))
	}
	return notes
}

// WriteBaseline writes a baseline that accepts the findings.
func WriteBaseline(w io.Writer, list *findings.List) error {
	out := bufio.NewWriter(w)
	if _, err := out.WriteString("# what metlo gate --baseline accepts, one finding a line: fingerprint, rule, severity, what it is about\n"); err != nil {
		return err
	}
	for f := range list.All() {
		_, err := fmt.Fprintln(out, f.Fingerprint(), rules.Slug(f.Rule), safetext.Line(string(f.Severity)), safetext.Line(f.Name()+": "+f.Message))
		if err != nil {
			return err
		}
	}
	return out.Flush()
}
