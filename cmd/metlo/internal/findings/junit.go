package findings

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/metlo-go/metlo/cmd/metlo/internal/safetext"
)

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type junitCase struct {
	XMLName   xml.Name      `xml:"testcase"`
	ClassName string        `xml:"classname,attr"`
	Name      string        `xml:"name,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitProblem `xml:"failure"`
	Error     *junitProblem `xml:"error"`
}

// junit writes a failed test case for each finding. It writes a test case with an error if the outcome is unknown, and
// a passed one if there are no findings. The output is valid in the schemas of Ant and of Jenkins.
func junit(w io.Writer, report *Report) error {
	tests, errorCount := report.Findings.Len(), 0
	if report.Outcome == Unknown {
		errorCount = 1
	}
	total := max(1, tests+errorCount)
	const head = "%s<testsuites>\n  <testsuite id=\"0\" package=\"metlo\" name=%q hostname=\"localhost\" timestamp=%q " +
		"tests=\"%d\" failures=\"%d\" errors=\"%d\" time=\"0.000\">\n"
	_, err := fmt.Fprintf(w, head,
		xml.Header, attribute(report.Title), report.Time.UTC().Format("2006-01-02T15:04:05"), total, tests, errorCount)
	if err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("    ", "  ")
	if err := junitProperties(encoder, report); err != nil {
		return err
	}
	if report.Outcome == Unknown {
		if err := encoder.Encode(junitCase{
			ClassName: "metlo", Name: "result unknown", Time: "0.000", Error: &junitProblem{token(report.Why), "result unknown", token(report.Why)},
		}); err != nil {
			return err
		}
	}
	for f := range report.Findings.All() {
		if err := encoder.Encode(junitCase{
			ClassName: token(f.Host), Name: junitName(f), Time: "0.000",
			Failure: &junitProblem{token(string(f.Severity) + ": " + f.Message), token(f.RuleTitle()), junitText(f)},
		}); err != nil {
			return err
		}
	}
	if report.Outcome != Unknown && tests == 0 {
		if err := encoder.Encode(junitCase{ClassName: "metlo", Name: "no findings", Time: "0.000"}); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "\n    <system-out>%s</system-out>\n    <system-err></system-err>\n  </testsuite>\n</testsuites>\n",
		attribute(strings.Join(append([]string{report.Summary}, report.Notes...), "; ")))
	return err
}

func junitProperties(encoder *xml.Encoder, report *Report) error {
	type property struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	return encoder.Encode(struct {
		XMLName xml.Name   `xml:"properties"`
		List    []property `xml:"property"`
	}{List: []property{{"instance", token(report.Instance)}, {"version", token(report.Version)}}})
}

// junitName returns the name of a test case. Names are unique, because GitLab shows only one of the test cases with the
// same class and name.
func junitName(f *Finding) string {
	name := fmt.Sprintf("%s %s: %s", f.Method, f.Path, f.RuleTitle())
	if f.occurrence > 1 {
		name += fmt.Sprintf(" (%d)", f.occurrence)
	}
	return token(name)
}

func junitText(f *Finding) string {
	text := "id " + f.ID
	if !f.Created.IsZero() {
		text += ", raised " + f.Created.UTC().Format(time.RFC3339)
	}
	if f.File != "" {
		text += fmt.Sprintf(", %s:%d", f.File, max(1, f.Line))
	}
	return token(text)
}

// token returns text as a value of the XML type token: safe, without leading, trailing or repeated blanks.
func token(text string) string { return strings.Join(strings.Fields(safetext.Line(text)), " ") }

// attribute returns text with escapes, for parts that are written without an encoder.
func attribute(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(token(text))) // writing to a strings.Builder cannot fail
	return out.String()
}
