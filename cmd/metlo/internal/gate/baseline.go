package gate

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// Baseline holds the ids of alerts that were accepted.
type Baseline map[string]bool

var uuidForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
})

// ReadBaseline takes the first word of each line as an alert's id; lines that are empty or begin with # are skipped. Text
// that is no baseline is an error: it would accept nothing, or by chance too much.
func ReadBaseline(name string) (Baseline, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the baseline: %w: write it with --save-baseline", err)
	}
	defer file.Close()
	baseline, number := Baseline{}, 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		number++
		words := strings.Fields(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if !uuidForm().MatchString(words[0]) {
			return nil, fmt.Errorf("%s:%d: the line does not begin with the id of an alert: write the baseline with --save-baseline", name, number)
		}
		baseline[strings.ToLower(words[0])] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the baseline %s: %w", name, err)
	}
	return baseline, nil
}

// WriteBaseline writes a baseline that accepts the findings.
func WriteBaseline(w io.Writer, list *findings.List) error {
	out := bufio.NewWriter(w)
	if _, err := out.WriteString("# alerts that metlo gate --baseline accepts: id, severity, what it is\n"); err != nil {
		return err
	}
	for f := range list.All() {
		if _, err := fmt.Fprintln(out, f.ID, safetext.Line(string(f.Severity)), safetext.Line(f.Text())); err != nil {
			return err
		}
	}
	return out.Flush()
}
