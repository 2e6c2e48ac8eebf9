package findings_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
)

const hostile = "\x1b[2K\r\n::error::x ##vso[task.complete result=Succeeded;]<b>\"|`\u202e\xff]]>&"

// reports are one of each outcome, with findings as a friend and as an attacker would make them.
func reports() map[string]*findings.Report {
	at := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	base := findings.Report{Title: "metlo gate", Version: "0.1.0", Instance: "https://metlo.example.com", Time: at, Summary: "a summary"}
	clean, unknown, found, attacked := base, base, base, base
	clean.Outcome = findings.Clean
	unknown.Why, unknown.Notes = "no such host: "+hostile, []string{"note " + hostile}
	found.Outcome = findings.Found
	found.Findings = []findings.Finding{
		{ID: "1", Rule: "PII Data Detected", Severity: "high", Method: "GET", Host: "shop.example.com", Path: "/users/{id}", Message: "Email", Created: at},
		{ID: "2", Rule: "PII Data Detected", Severity: "high", Method: "GET", Host: "shop.example.com", Path: "/users/{id}", Message: "Phone"},
		{ID: "3", Rule: "Open API Spec Diff", Severity: "low", Method: "POST", Host: "pay.example.com", Path: "/", File: "specs/pay.yaml", Line: 12, Message: "x"},
		{ID: "4", Rule: "Something New", Severity: "catastrophic", Host: "pay.example.com", Message: "x"},
		{ID: "5", Rule: "PII Data Detected", Severity: "none", Method: "GET", Host: "pay.example.com:8080", Path: "/a b", Message: "x"},
	}
	attacked.Outcome, attacked.Notes = findings.Found, []string{hostile}
	attacked.Findings = []findings.Finding{
		{ID: hostile, Rule: hostile, Severity: hostile, Method: hostile, Host: hostile, Path: hostile, Message: hostile, File: hostile},
		{ID: "", Host: "..", Path: "/../../etc/passwd"},
	}
	return map[string]*findings.Report{"clean": &clean, "unknown": &unknown, "found": &found, "attacked": &attacked}
}

func write(t *testing.T, format string, report *findings.Report) []byte {
	t.Helper()
	findings.Sort(report.Findings)
	var out bytes.Buffer
	require.NoError(t, findings.Write(&out, format, report))
	return out.Bytes()
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("testdata", "schemas", name))
	require.NoError(t, err)
	return s
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return value
}

func TestSARIFIsValid(t *testing.T) {
	s := schema(t, "sarif-2.1.0.json")
	for name, report := range reports() {
		t.Run(name, func(t *testing.T) { assert.NoError(t, s.Validate(decode(t, write(t, "sarif", report)))) })
	}
	assert.Error(t, s.Validate(decode(t, []byte(`{"version": "2.1.0", "runs": [{}]}`))), "the schema refuses what is wrong")
}

func TestSARIFHasPlacesAndFingerprints(t *testing.T) {
	type result struct {
		RuleID       string            `json:"ruleId"`
		Fingerprints map[string]string `json:"partialFingerprints"`
		Locations    []struct {
			Physical struct {
				Artifact struct{ URI string } `json:"artifactLocation"`
				Region   struct{ StartLine int }
			} `json:"physicalLocation"`
		}
	}
	read := func(report *findings.Report) (list []result) {
		var log struct{ Runs []struct{ Results []result } }
		require.NoError(t, json.Unmarshal(write(t, "sarif", report), &log))
		return log.Runs[0].Results
	}
	before := read(reports()["found"])
	places := make([]string, len(before))
	seen := map[string]bool{}
	for i, r := range before {
		places[i] = r.Locations[0].Physical.Artifact.URI
		assert.Positive(t, r.Locations[0].Physical.Region.StartLine)
		fingerprint := r.Fingerprints["metlo/v1"]
		assert.False(t, seen[fingerprint], "findings are told apart")
		seen[fingerprint] = true
	}
	assert.Equal(t, []string{
		"shop.example.com/users/%7Bid%7D", "shop.example.com/users/%7Bid%7D", "pay.example.com", "specs/pay.yaml", "./pay.example.com:8080/a%20b",
	}, places)

	changed := reports()["found"]
	for i := range changed.Findings {
		changed.Findings[i].ID, changed.Findings[i].Created = "another", time.Now()
	}
	slices.Reverse(changed.Findings)
	assert.Equal(t, before, read(changed), "ids, times and order do not matter")

	for _, r := range read(reports()["attacked"]) {
		assert.NotContains(t, strings.Split(r.Locations[0].Physical.Artifact.URI, "/"), "..")
	}
}

func TestGitLabIsValid(t *testing.T) {
	s := schema(t, "gitlab-codequality.json")
	for name, report := range reports() {
		t.Run(name, func(t *testing.T) {
			data := write(t, "gitlab", report)
			var issues []json.RawMessage
			require.NoError(t, json.Unmarshal(data, &issues))
			fingerprints := map[string]bool{}
			for _, issue := range issues {
				require.NoError(t, s.Validate(decode(t, issue)))
				var fields struct{ Fingerprint, Severity string }
				require.NoError(t, json.Unmarshal(issue, &fields))
				assert.Contains(t, []string{"info", "minor", "major", "critical", "blocker"}, fields.Severity)
				assert.False(t, fingerprints[fields.Fingerprint], "GitLab merges issues of one fingerprint")
				fingerprints[fields.Fingerprint] = true
			}
			assert.Equal(t, name == "clean", len(issues) == 0, "only a clean report is empty")
		})
	}
	assert.Error(t, s.Validate(decode(t, []byte(`{"description": "x"}`))), "the schema refuses what is wrong")
}

// TestJUnitIsValid asks xmllint, which is on CI machines; there is no validator of XML schemas in Go.
func TestJUnitIsValid(t *testing.T) {
	lint, err := exec.LookPath("xmllint")
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("CI") == "" {
		t.Skip("xmllint is not installed: apt-get install libxml2-utils")
	}
	require.NoError(t, err)
	check := func(schema string, data []byte) error {
		file := filepath.Join(t.TempDir(), "report.xml")
		require.NoError(t, os.WriteFile(file, data, 0o600))
		out, err := exec.Command(lint, "--nonet", "--noout", "--schema", filepath.Join("testdata", "schemas", schema), file).CombinedOutput()
		if err != nil {
			t.Log(string(out))
		}
		return err
	}
	for _, schema := range []string{"junit-ant.xsd", "junit-10.xsd"} {
		for name, report := range reports() {
			t.Run(schema+"/"+name, func(t *testing.T) { assert.NoError(t, check(schema, write(t, "junit", report))) })
		}
		assert.Error(t, check(schema, []byte("<testsuites><testsuite/></testsuites>")), "the schema refuses what is wrong")
	}
}

func TestJUnitCounts(t *testing.T) {
	tests := map[string]struct{ tests, failures, errors int }{
		"clean": {1, 0, 0}, "unknown": {1, 0, 1}, "found": {5, 5, 0}, "attacked": {2, 2, 0},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			var doc struct {
				Suite struct {
					Tests    int `xml:"tests,attr"`
					Failures int `xml:"failures,attr"`
					Errors   int `xml:"errors,attr"`
					Cases    []struct {
						Failure *struct{} `xml:"failure"`
						Error   *struct{} `xml:"error"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			require.NoError(t, xml.Unmarshal(write(t, "junit", reports()[name]), &doc))
			got := want
			got.tests, got.failures, got.errors = len(doc.Suite.Cases), 0, 0
			for _, c := range doc.Suite.Cases {
				if c.Failure != nil {
					got.failures++
				}
				if c.Error != nil {
					got.errors++
				}
			}
			assert.Equal(t, want, got)
			assert.Equal(t, []int{want.tests, want.failures, want.errors}, []int{doc.Suite.Tests, doc.Suite.Failures, doc.Suite.Errors})
		})
	}
}

// TestEveryFormatIsSafe looks for what an attacker would want in a terminal or a CI log.
func TestEveryFormatIsSafe(t *testing.T) {
	for _, format := range findings.Formats {
		for name, report := range reports() {
			t.Run(format+"/"+name, func(t *testing.T) {
				text := string(write(t, format, report))
				for line := range strings.Lines(text) {
					line = strings.TrimSuffix(line, "\n")
					for _, r := range line {
						assert.False(t, unicode.IsControl(r) && r != '\t' || unicode.Is(unicode.Cf, r), "%U in %q", r, line)
					}
					assert.NotRegexp(t, `##\w*\[`, line)
					if strings.HasPrefix(strings.TrimSpace(line), "::") {
						assert.Equal(t, "github", format)
						assert.Regexp(t, `^::(error|warning|notice) (file=[^,:]*,line=\d+,)?title=[^,:]*::\S`, line)
					}
				}
				if format == "markdown" || format == "junit" {
					assert.NotContains(t, text, "<b>", "no markup of an attacker's")
				}
			})
		}
	}
}

func TestUnknownIsNeverSilent(t *testing.T) {
	for _, format := range findings.Formats {
		assert.Contains(t, strings.ToLower(string(write(t, format, reports()["unknown"]))), "could not tell", format)
	}
}

func TestMarkdownIsBounded(t *testing.T) {
	report := reports()["found"]
	for len(report.Findings) < 20_000 {
		report.Findings = append(report.Findings, report.Findings[0])
	}
	text := write(t, "markdown", report)
	assert.Less(t, len(text), 1<<20, "GitHub shows no summary over 1 MiB")
	assert.Contains(t, string(text), "19500 findings more")
}
