package apitest

import (
	_ "embed" // for the schema
	"fmt"
	"strings"
	"text/tabwriter"
)

//go:embed matrix.schema.json
var matrixSchema []byte

// MatrixSchema returns the JSON schema of a Matrix.
func MatrixSchema() []byte { return append([]byte{}, matrixSchema...) }

var accessWords = map[Access]string{
	AccessAllowed: "allowed", AccessDenied: "denied", AccessLeaks: "LEAKS", AccessUntested: "untested", AccessUnknown: "could not tell",
}

// word returns the access of a cell for a table, with a mark if the cell is not ok.
func (c *Cell) word() string {
	return accessWords[c.Access] + map[CellState]string{StateViolation: " ✗", StateUnknown: " ?", StateExcepted: " (excepted)"}[c.State]
}

// problems calls f for each cell that is not ok.
func (m *Matrix) problems(f func(e Endpoint, c *Cell)) {
	for i := range m.Rows {
		for j := range m.Rows[i].Cells {
			if c := &m.Rows[i].Cells[j]; c.State != StateOK {
				f(m.Rows[i].Endpoint, c)
			}
		}
	}
}

// notes returns the lines of a report about unused patterns and tests that did not run.
func (m *Matrix) notes() []string {
	var out []string
	for _, pattern := range m.Unused {
		out = append(out, "the policy names an endpoint that is not known: "+pattern)
	}
	for _, name := range m.NotRun {
		out = append(out, "not run: "+name)
	}
	return out
}

// Summary returns the numbers of cells by state, in one line.
func (m *Matrix) Summary() string {
	counts, cells := map[CellState]int{}, 0
	for _, row := range m.Rows {
		for _, c := range row.Cells {
			counts[c.State]++
			cells++
		}
	}
	return fmt.Sprintf("%s, %s, %s: %d ok, %s, %d could not tell, %d open, %d excepted", plural(len(m.Rows), "endpoint", "endpoints"),
		plural(len(m.Identities), "identity", "identities"), plural(cells, "cell", "cells"), counts[StateOK],
		plural(counts[StateViolation], "violation", "violations"), counts[StateUnknown], counts[StateOpen], counts[StateExcepted])
}

// plural returns a number with the noun that belongs to it.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// String returns a table of the access, the reasons of cells that are not ok, and the summary.
func (m *Matrix) String() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "endpoint\t"+strings.Join(m.Identities, "\t"))
	for _, row := range m.Rows {
		line := row.String()
		for i := range row.Cells {
			line += "\t" + row.Cells[i].word()
		}
		_, _ = fmt.Fprintln(w, line)
	}
	_ = w.Flush()
	m.problems(func(e Endpoint, c *Cell) {
		fmt.Fprintf(&b, "%s: %s as %s: %s\n", c.State, e, c.Identity, c.Reason)
	})
	for _, note := range m.notes() {
		b.WriteString(note + "\n")
	}
	return b.String() + m.Summary() + "\n"
}

// Markdown returns what String returns, in Markdown.
func (m *Matrix) Markdown() string {
	cell := strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace
	var b strings.Builder
	b.WriteString("| endpoint |")
	for _, identity := range m.Identities {
		b.WriteString(" " + cell(identity) + " |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(m.Identities)) + "\n")
	for _, row := range m.Rows {
		b.WriteString("| " + cell(row.String()) + " |")
		for i := range row.Cells {
			b.WriteString(" " + row.Cells[i].word() + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	m.problems(func(e Endpoint, c *Cell) {
		fmt.Fprintf(&b, "- %s: %s as %s: %s\n", c.State, cell(e.String()), cell(c.Identity), cell(c.Reason))
	})
	for _, note := range m.notes() {
		b.WriteString("- " + cell(note) + "\n")
	}
	return b.String() + "\n" + m.Summary() + "\n"
}

// JUnit returns a JUnit XML report with one suite for each endpoint and one case for each identity. A violation is a
// failure. An unknown cell and a test that did not run are errors. An open or excepted cell is skipped.
func (m *Matrix) JUnit() ([]byte, error) {
	var doc junitSuites
	for i := range m.Rows {
		s := junitSuite{Name: m.Rows[i].String(), Time: seconds(0)}
		for j := range m.Rows[i].Cells {
			c := &m.Rows[i].Cells[j]
			jc := junitCase{Name: c.Identity + ": " + accessWords[c.Access], Status: string(c.State), Time: seconds(0)}
			problem := &junitProblem{c.Reason, string(c.State), c.steps()}
			switch c.State {
			case StateViolation:
				jc.Failure = problem
			case StateUnknown:
				jc.Error = problem
			case StateOpen, StateExcepted:
				jc.Skipped = problem
			default:
				jc.Output = c.steps()
			}
			s.add(jc)
		}
		doc.add(s)
	}
	if len(m.NotRun) > 0 {
		s := junitSuite{Name: "not run", Time: seconds(0)}
		for _, name := range m.NotRun {
			problem := &junitProblem{"the test could not run", string(StateUnknown), ""}
			s.add(junitCase{Name: name, Status: string(StateUnknown), Time: seconds(0), Error: problem})
		}
		doc.add(s)
	}
	return doc.encode()
}

// steps returns the evidence of a cell, one line for each step.
func (c *Cell) steps() string {
	lines := make([]string, len(c.Evidence))
	for i, e := range c.Evidence {
		lines[i] = fmt.Sprintf("%s: %s: %d, %s", e.Test, e.Step, e.Status, accessWords[e.Access])
	}
	return strings.Join(lines, "\n")
}
