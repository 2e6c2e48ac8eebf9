package findings

import (
	"fmt"
	"io"
	"strings"

	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

// plain writes a line for each finding, with tabs between its parts.
func plain(w io.Writer, report *Report) error {
	if report.Outcome == Unknown {
		if _, err := fmt.Fprintf(w, "result unknown\t%s\n", safetext.Line(report.Why)); err != nil {
			return err
		}
	}
	var line []byte
	for f := range report.Findings.All() {
		line = append(append(line[:0], safetext.Line(string(f.Severity))...), '\t')
		line = append(append(line, safetext.Line(f.Text())...), '\t')
		line = append(line, safetext.Line(f.ID)...)
		if f.File != "" {
			line = fmt.Appendf(line, "\t%s:%d", safetext.Line(f.File), max(1, f.Line))
		}
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

var (
	githubMessage  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	githubProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// github writes workflow commands, which GitHub shows as annotations of the run. No other text begins a line.
func github(w io.Writer, report *Report) error {
	if report.Outcome == Unknown {
		if err := githubCommand(w, "error", "Metlo: result unknown", report.Why, "", 0); err != nil {
			return err
		}
	}
	for f := range report.Findings.All() {
		level := "warning"
		switch f.Severity {
		case High, "critical":
			level = "error"
		case None:
			level = "notice"
		}
		if err := githubCommand(w, level, fmt.Sprintf("Metlo: %s (%s)", f.RuleTitle(), f.Severity), f.Text(), report.file(f), f.Line); err != nil {
			return err
		}
	}
	return nil
}

func githubCommand(w io.Writer, level, title, message, file string, line int) error {
	place := ""
	if file != "" {
		place = fmt.Sprintf("file=%s,line=%d,", githubProperty.Replace(safetext.Line(file)), max(1, line))
	}
	_, err := fmt.Fprintf(w, "::%s %stitle=%s::%s\n", level, place,
		githubProperty.Replace(safetext.Line(title)), githubMessage.Replace(safetext.Line(message)))
	return err
}

// markdownRule returns the rule of a finding, with a link to its description if there is one.
func markdownRule(f *Finding) string {
	title := safetext.Markdown(f.RuleTitle())
	if rule, known := rules.Lookup(f.Rule); known {
		return fmt.Sprintf("[%s](%s)", title, rule.URL())
	}
	return title
}

// maxMarkdownRows keeps a summary readable, and under the 1 MiB that GitHub shows.
const maxMarkdownRows = 500

// markdown writes a summary of a job for GitHub, or a comment for GitLab.
func markdown(w io.Writer, report *Report) error {
	var out strings.Builder
	heading := map[Outcome]string{Unknown: "⚠️ Result unknown", Clean: "✅ Clean", Found: "❌ " + output.Count(report.Findings.Len(), "finding")}[report.Outcome]
	fmt.Fprintf(&out, "## %s: %s\n\n", safetext.Markdown(report.Title), heading)
	if report.Outcome == Unknown {
		fmt.Fprintf(&out, "%s\n\n", safetext.Markdown(report.Why))
	}
	if report.Summary != "" {
		fmt.Fprintf(&out, "%s\n\n", safetext.Markdown(report.Summary))
	}
	if report.Findings.Len() > 0 {
		out.WriteString("| Severity | Finding | Endpoint | Description |\n| --- | --- | --- | --- |\n")
	}
	rows := 0
	for f := range report.Findings.All() {
		if rows++; rows > maxMarkdownRows {
			break
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", safetext.Markdown(string(f.Severity)), markdownRule(f),
			safetext.Markdown(f.Name()), safetext.Markdown(f.Message))
	}
	if more := report.Findings.Len() - maxMarkdownRows; more > 0 {
		fmt.Fprintf(&out, "\n%s more are in the other reports.\n", output.Count(more, "finding"))
		report.warn(fmt.Sprintf("Markdown: %s left out, the least severe: a table has at most %d", output.Count(more, "finding"), maxMarkdownRows))
	}
	for i, note := range report.Notes {
		if i == 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "- %s\n", safetext.Markdown(note))
	}
	fmt.Fprintf(&out, "\n<sub>%s %s, %s, %s</sub>\n", safetext.Markdown(report.Title), safetext.Markdown(report.Version),
		safetext.Markdown(report.Instance), report.Time.UTC().Format("2006-01-02 15:04 UTC"))
	_, err := io.WriteString(w, out.String())
	return err
}
