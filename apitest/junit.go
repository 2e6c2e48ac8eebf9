package apitest

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name      string        `xml:"name,attr"`
	ClassName string        `xml:"classname,attr"`
	Time      string        `xml:"time,attr"`
	Failure   *junitProblem `xml:"failure,omitempty"`
	Error     *junitProblem `xml:"error,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit gives the result as a JUnit XML report with one test case per request. See the function JUnit.
func (r *Result) JUnit() ([]byte, error) {
	return JUnit(r)
}

// JUnit gives a JUnit XML report with one suite per result and one test case per request.
// A failed assertion is a failure; a step that could not be carried out is an error.
// Like Result.String it holds no header, no body and no query string.
func JUnit(results ...*Result) ([]byte, error) {
	var doc junitSuites
	for _, r := range results {
		if r != nil {
			doc.Suites = append(doc.Suites, r.suite())
		}
	}
	text, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("apitest: junit: %w", err)
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

func (r *Result) suite() junitSuite {
	s := junitSuite{Name: r.title()}
	var total time.Duration
	for _, runs := range r.Results {
		for i := range runs {
			c := runs[i].testCase()
			c.ClassName = s.Name
			s.Cases = append(s.Cases, c)
			s.Tests++
			if c.Failure != nil {
				s.Failures++
			}
			if c.Error != nil {
				s.Errors++
			}
			if runs[i].Response != nil {
				total += runs[i].Response.Duration
			}
		}
	}
	s.Time = seconds(total)
	return s
}

func (s *StepResult) testCase() junitCase {
	c := junitCase{Name: s.name(), Time: seconds(0)}
	if s.Response != nil {
		c.Time = seconds(s.Response.Duration)
	}
	if s.Success {
		return c
	}
	reasons := s.reasons()
	p := &junitProblem{Text: strings.Join(reasons, "\n")}
	if len(reasons) > 0 {
		p.Message = reasons[0]
	}
	if s.Err != nil {
		c.Error = p
	} else {
		c.Failure = p
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }
