package apitest

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Skipped  int          `xml:"skipped,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name       string          `xml:"name,attr"`
	ID         string          `xml:"id,attr,omitempty"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Skipped    int             `xml:"skipped,attr"`
	Time       string          `xml:"time,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Status    string        `xml:"status,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitProblem `xml:"failure,omitempty"`
	Error     *junitProblem `xml:"error,omitempty"`
	Skipped   *junitProblem `xml:"skipped,omitempty"`
	Output    string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit returns a JUnit XML report with one suite for each result and one case for each request.
//
// A suite has the test's id, and as properties its severity, tags, outcome and verdict. The status of a case is proven,
// uncontrolled, failed, inconclusive or skipped. An inconclusive case has an error of type inconclusive. A case is
// skipped if its step was not reached. Each reason why the test as a whole is inconclusive has a case. A case that did
// not pass shows its request as a curl command.
func JUnit(results ...*Result) ([]byte, error) {
	var doc junitSuites
	for _, r := range results {
		if r == nil {
			continue
		}
		doc.add(r.suite())
	}
	return doc.encode()
}

func (d *junitSuites) encode() ([]byte, error) {
	text, err := xml.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("apitest: junit: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func (d *junitSuites) add(s junitSuite) {
	d.Tests += s.Tests
	d.Failures += s.Failures
	d.Errors += s.Errors
	d.Skipped += s.Skipped
	d.Suites = append(d.Suites, s)
}

func (r *Result) suite() junitSuite {
	s := junitSuite{Name: r.title(), Time: seconds(r.Duration), Properties: []junitProperty{{"outcome", string(r.Outcome)}, {"verdict", string(r.Verdict)}}}
	steps := 0
	if r.Test != nil {
		s.ID, steps = r.Test.ID, len(r.Test.Test)
		if m := r.Test.Meta; m != nil {
			if m.Severity != "" {
				s.Properties = append(s.Properties, junitProperty{"severity", string(m.Severity)})
			}
			for _, tag := range m.Tags {
				s.Properties = append(s.Properties, junitProperty{"tag", tag})
			}
		}
	}
	for _, why := range r.Reasons {
		s.add(junitCase{Name: "test as a whole", Status: string(Inconclusive), Time: seconds(0), Error: &junitProblem{why, string(Inconclusive), why}})
	}
	for i := range max(steps, len(r.Results)) {
		if i >= len(r.Results) || len(r.Results[i]) == 0 {
			s.add(junitCase{
				Name: stepName(i, &r.Test.Test[i], &state{}), Status: "skipped", Time: seconds(0),
				Skipped: &junitProblem{Message: "the step was not reached"},
			})
			continue
		}
		for j := range r.Results[i] {
			s.add(r.Results[i][j].testCase())
		}
	}
	return s
}

func (s *junitSuite) add(c junitCase) {
	c.ClassName = s.Name
	s.Cases = append(s.Cases, c)
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func (s *StepResult) testCase() junitCase {
	c := junitCase{Name: s.Name, Status: string(s.Outcome), Time: seconds(0)}
	if s.Response != nil {
		c.Time = seconds(s.Response.Duration)
	}
	if s.Outcome == Passed {
		c.Status = string(s.Verdict)
		return c
	}
	p := &junitProblem{Text: strings.Join(s.Reasons, "\n")}
	if len(s.Reasons) > 0 {
		p.Message = s.Reasons[0]
	}
	c.Output = s.Curl()
	if s.Outcome == Failed {
		c.Failure = p
		return c
	}
	p.Type = string(Inconclusive)
	c.Error = p
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
