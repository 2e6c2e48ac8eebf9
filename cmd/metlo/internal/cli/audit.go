package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// The outcomes of a change that did not succeed.
const (
	outcomeLeft      = "left alone" // another user has changed the alert
	outcomeFailed    = "failed"
	outcomeUncertain = "perhaps done" // the request was sent, and no response arrived
	outcomeNotSent   = "not sent"
)

// auditEntry represents one line of an audit file.
type auditEntry struct {
	Time     time.Time `json:"time"`
	Change   string    `json:"change"`
	Alert    string    `json:"alert"`
	Endpoint string    `json:"endpoint"`
	Outcome  string    `json:"outcome"`
	Error    string    `json:"error,omitempty"`
}

// audit appends entries to a file, or discards them if there is no file.
type audit struct{ file *os.File }

func openAudit(name string) (*audit, error) {
	if name == "" {
		return &audit{}, nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--audit: %w; nothing was changed", err)
	}
	return &audit{file}, nil
}

func (l *audit) write(entry *auditEntry) error {
	if l.file == nil {
		return nil
	}
	line, err := json.Marshal(entry)
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(line, '\n'))
	return err
}

func (l *audit) close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.file.Sync(), l.file.Close())
}

// changeTally counts outcomes.
type changeTally struct {
	past                              string
	total, done, left, failed, unsent int
	uncertain                         []string
}

func (t *changeTally) add(entry *auditEntry) {
	switch entry.Outcome {
	case outcomeLeft:
		t.left++
	case outcomeFailed:
		t.failed++
	case outcomeUncertain:
		t.uncertain = append(t.uncertain, entry.Alert)
	case outcomeNotSent:
		t.unsent++
	default:
		t.done++
	}
}

// String returns a summary such as "1 of 3 alerts resolved, and perhaps ID, 1 not sent".
func (t *changeTally) String() string {
	text := fmt.Sprintf("%d of %s %s", t.done, output.Count(t.total, "alert"), t.past)
	if len(t.uncertain) > 0 {
		text += ", and perhaps " + strings.Join(t.uncertain, ", ")
	}
	for _, part := range []struct {
		n    int
		what string
	}{{t.left, outcomeLeft}, {t.failed, outcomeFailed}, {t.unsent, outcomeNotSent}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	return text
}
