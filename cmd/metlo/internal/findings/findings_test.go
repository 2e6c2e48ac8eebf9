package findings_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/repository"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
)

const hostile = "\x1b[2K\r\n::error::x ##vso[task.complete result=Succeeded;]<b>\"|`\u202e\xff]]>&"

// reports returns one report of each outcome, with ordinary and with malicious findings.
func reports() map[string]*findings.Report {
	at := time.Date(2026, 1, 31, 8, 0, 0, 0, time.UTC)
	base := findings.Report{Title: "metlo gate", Version: "0.1.0", Instance: "https://metlo.example.com", Time: at, Summary: "a summary"}
	clean, unknown, found, attacked := base, base, base, base
	clean.Outcome = findings.Clean
	unknown.Why, unknown.Notes = "no such host: "+hostile, []string{"note " + hostile}
	found.Outcome = findings.Found
	found.Findings = findings.NewList([]findings.Finding{
		{ID: "1", Rule: "pii-data-detected", Severity: "high", Method: "GET", Host: "shop.example.com", Path: "/users/{id}", Field: "resBody a: Email", Message: "Email", Created: at},
		{ID: "2", Rule: "pii-data-detected", Severity: "high", Method: "GET", Host: "shop.example.com", Path: "/users/{id}", Field: "resBody a: Email", Message: "Phone"},
		{ID: "3", Rule: "open-api-spec-diff", Severity: "low", Method: "POST", Host: "pay.example.com", Path: "/", File: "specs/pay.yaml", Line: 12, Message: "x"},
		{ID: "4", Rule: "something-new", Title: "Something New", Severity: "catastrophic", Host: "pay.example.com", Message: "x"},
		{ID: "5", Rule: "pii-data-detected", Severity: "none", Method: "GET", Host: "pay.example.com:8080", Path: "/a b", File: "specs/a: [b].yaml", Message: "x"},
	}...)
	attacked.Outcome, attacked.Notes = findings.Found, []string{hostile}
	attacked.Findings = findings.NewList([]findings.Finding{
		{ID: hostile, Rule: hostile, Title: hostile, Severity: hostile, Method: hostile, Host: hostile, Path: hostile, Field: hostile, Message: hostile, File: hostile},
		{ID: "", Host: "..", Path: "/../../etc/passwd", File: "../../etc/passwd"},
	}...)
	return map[string]*findings.Report{"clean": &clean, "unknown": &unknown, "found": &found, "attacked": &attacked}
}

func write(t *testing.T, format string, report *findings.Report) []byte {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, findings.Write(&out, format, report))
	return out.Bytes()
}

// schemas is the folder of the schemas that this repository publishes.
var schemas = filepath.Join("..", "..", "..", "..", "docs", "schemas")

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	return schemaFile(t, filepath.Join("testdata", "schemas", name))
}

func schemaFile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	published, err := filepath.Glob(filepath.Join(schemas, "*.json"))
	require.NoError(t, err)
	for _, file := range published { // the schemas refer to each other by their addresses
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		value := decode(t, data)
		require.NoError(t, compiler.AddResource(value.(map[string]any)["$id"].(string), value))
	}
	s, err := compiler.Compile(name)
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

func TestJSONIsValid(t *testing.T) {
	s := schemaFile(t, filepath.Join(schemas, "findings.schema.json"))
	for name, report := range reports() {
		t.Run(name, func(t *testing.T) {
			data := write(t, "json", report)
			require.NoError(t, s.Validate(decode(t, data)))
			var doc struct {
				Outcome, Reason string
				Findings        []struct{ Fingerprint, Rule, File, Help string }
			}
			require.NoError(t, json.Unmarshal(data, &doc))
			assert.Len(t, doc.Findings, report.Findings.Len())
			assert.Equal(t, name == "unknown", doc.Outcome == "could-not-tell")
			assert.Equal(t, name == "unknown", doc.Reason != "")
			for _, f := range doc.Findings {
				_, known := rules.Lookup(f.Rule)
				assert.Equal(t, known, f.Help != "", "a rule with a description has its address")
				assert.NotContains(t, f.File, "..", "files are within the repository")
			}
		})
	}
	var addresses struct {
		Schema string `json:"$schema"`
	}
	require.NoError(t, json.Unmarshal(write(t, "json", reports()["clean"]), &addresses))
	assert.Equal(t, findings.SchemaURL, addresses.Schema)
	assert.Equal(t, findings.SchemaURL, s.ID)
	for _, wrong := range []string{
		`{}`, `[]`, `{"version": 1, "check": "", "commandVersion": "", "instance": "", "time": "2026-01-31T08:00:00Z", "outcome": "could-not-tell", "summary": "", "notes": [], "findings": []}`,
	} {
		assert.Error(t, s.Validate(decode(t, []byte(wrong))), "the schema refuses what is wrong")
	}
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
		assert.Equal(t, fingerprint, r.Fingerprints["primaryLocationLineHash"], "GitHub looks at no other")
		assert.False(t, seen[fingerprint], "findings are told apart")
		seen[fingerprint] = true
	}
	assert.Equal(t, []string{
		"README.md", "README.md", "README.md", "specs/pay.yaml", "specs/a:%20%5Bb%5D.yaml",
	}, places)

	changed := reports()["found"]
	var other []findings.Finding
	for f := range changed.Findings.All() {
		again := *f
		again.ID, again.Created = "another", time.Now()
		other = append(other, again)
	}
	slices.Reverse(other)
	changed.Findings = findings.NewList(other...)
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

func assertSafe(t *testing.T, format, text string) {
	t.Helper()
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
}

// TestEveryFormatIsSafe looks for text that an attacker could use in a terminal or a CI log.
func TestEveryFormatIsSafe(t *testing.T) {
	for _, format := range findings.Formats {
		for name, report := range reports() {
			t.Run(format+"/"+name, func(t *testing.T) {
				text := string(write(t, format, report))
				assertSafe(t, format, text)
				if format == "markdown" || format == "junit" {
					assert.NotContains(t, text, "<b>", "no markup of an attacker's")
				}
			})
		}
	}
}

func TestUnknownIsNeverSilent(t *testing.T) {
	for _, format := range findings.Formats {
		text := strings.ReplaceAll(strings.ToLower(string(write(t, format, reports()["unknown"]))), "-", " ")
		want := "result unknown"
		if format == "json" {
			want = `"outcome":"could not tell"`
		}
		assert.Contains(t, text, want, format)
	}
}

func TestSARIFIsBounded(t *testing.T) {
	report := reports()["clean"]
	report.Outcome, report.Findings = findings.Found, &findings.List{}
	for i := range 25_002 {
		report.Findings.Add(&findings.Finding{Rule: "pii-data-detected", Severity: []findings.Severity{"low", "high"}[min(i, 1)], Host: "shop.example.com"})
	}
	var warnings []string
	report.Warn = func(text string) { warnings = append(warnings, text) }
	data := write(t, "sarif", report)
	assert.Equal(t, 25_000, strings.Count(string(data), `"ruleId"`), "GitHub refuses more")
	assert.NotContains(t, string(data), `"severity":"low"`, "the least severe are left out")
	assert.Contains(t, string(data), "2 findings left out")
	assert.Contains(t, string(data), "GitHub shows 5000 of 25000 results")
	assert.Len(t, warnings, 2, "the caller is told what the file leaves out")
	assert.NoError(t, schema(t, "sarif-2.1.0.json").Validate(decode(t, data)))

	report.Outcome, report.Why = findings.Unknown, "the list ended early"
	data = write(t, "sarif", report)
	assert.Contains(t, string(data), "result unknown: the list ended early", "the report names both")
	assert.Contains(t, string(data), "2 findings left out")
	assert.NoError(t, schema(t, "sarif-2.1.0.json").Validate(decode(t, data)))
}

// TestSARIFIsBoundedInBytes checks findings whose text does not compress.
func TestSARIFIsBoundedInBytes(t *testing.T) {
	report := reports()["clean"]
	report.Outcome, report.Findings = findings.Found, &findings.List{}
	noise, text := rand.NewChaCha8([32]byte{}), make([]byte, 4_000)
	const many = 4_000
	for range many {
		_, _ = noise.Read(text)
		report.Findings.Add(&findings.Finding{Rule: "pii-data-detected", Severity: "high", Message: base64.StdEncoding.EncodeToString(text)})
	}
	data := write(t, "sarif", report)
	var compressed bytes.Buffer
	out := gzip.NewWriter(&compressed)
	_, err := out.Write(data)
	require.NoError(t, errors.Join(err, out.Close()))
	assert.Less(t, compressed.Len(), 10_000_000, "GitHub rejects more")
	written := strings.Count(string(data), `"ruleId"`)
	assert.Less(t, written, many)
	assert.Greater(t, written, many/2)
	assert.Contains(t, string(data), fmt.Sprintf("%d findings left out", many-written))
}

// TestSARIFRules describes a known and an unknown rule.
func TestSARIFRules(t *testing.T) {
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct {
					Rules []struct {
						ID, Name, HelpURI string
						Help              struct{ Text, Markdown string }
						Properties        struct{ Tags []string }
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(write(t, "sarif", reports()["found"]), &log))
	list := log.Runs[0].Tool.Driver.Rules
	require.Len(t, list, 3)
	pii, unknown := list[0], list[1]
	described, _ := rules.Lookup("pii-data-detected")
	assert.Equal(t, "metlo-pii-data-detected", pii.ID)
	assert.Equal(t, "PII Data Detected", pii.Name)
	assert.Equal(t, described.URL(), pii.HelpURI)
	assert.Equal(t, described.Text(), pii.Help.Text)
	assert.Equal(t, described.Markdown(), pii.Help.Markdown)
	assert.Equal(t, []string{"security", "api", "external/cwe/cwe-359", "owasp-api3-2023"}, pii.Properties.Tags)
	assert.Equal(t, "metlo-something-new", unknown.ID)
	assert.Equal(t, "Something New", unknown.Name)
	assert.Empty(t, unknown.HelpURI)
	for _, rule := range rules.All() {
		assert.LessOrEqual(t, 2+len(rule.Categories()), 20, "GitHub rejects more tags")
	}
}

// TestFilesAreThoseOfTheRepository runs a check in a folder below the root.
func TestFilesAreThoseOfTheRepository(t *testing.T) {
	root := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(root, "readme.md"), nil, 0o600))
	report := reports()["found"]
	report.Repository = repository.Repository{Root: root, Folder: filepath.Join(root, "services", "shop")}
	report.Findings = findings.NewList(
		findings.Finding{Rule: "a", Severity: "high", File: "../specs/x.yaml", Line: 3}, findings.Finding{Rule: "b", Severity: "high", File: "../../../y.yaml", Line: 4},
		findings.Finding{Rule: "c", Severity: "high"},
	)
	type place struct {
		file string
		line int
	}
	want := []place{{"services/specs/x.yaml", 3}, {"readme.md", 1}, {"readme.md", 1}}
	var log struct {
		Runs []struct {
			Results []struct {
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(write(t, "sarif", report), &log))
	var got []place
	for _, r := range log.Runs[0].Results {
		got = append(got, place{r.Locations[0].PhysicalLocation.ArtifactLocation.URI, r.Locations[0].PhysicalLocation.Region.StartLine})
	}
	assert.Equal(t, want, got)

	var issues []struct {
		Location struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	require.NoError(t, json.Unmarshal(write(t, "gitlab", report), &issues))
	got = nil
	for _, issue := range issues {
		got = append(got, place{issue.Location.Path, issue.Location.Lines.Begin})
	}
	assert.Equal(t, want, got)
	annotations := string(write(t, "github", report))
	assert.Contains(t, annotations, "file=services/specs/x.yaml,line=3,")
	assert.Equal(t, 1, strings.Count(annotations, "file="))
}

func TestListKeepsEveryPart(t *testing.T) {
	list := []findings.Finding{
		{ID: "1", Rule: "a", Title: "A", Severity: "high", Host: "h", Path: "/p", Field: "f", Message: "m", File: "x", Line: 2},
		{ID: "00000000-0000-4000-b000-000000000001", Rule: "b", Severity: "high", Host: "h", Path: "/p", Field: "the same", Message: "the same"},
		{Rule: "c", Severity: "high", Host: "h", Path: "/p", Field: "", Message: ""},
		{Rule: "d", Severity: "high", Host: "h", Path: "", Field: "only", Message: ""},
	}
	list[0].Method, list[1].Method, list[2].Method, list[3].Method = "GET", "GET", "GET", "GET"
	i := 0
	for f := range findings.NewList(list...).All() {
		want := list[(i+3)%4] // the path comes before the rule
		assert.Equal(t, want.Fingerprint(), f.Fingerprint())
		assert.Equal(t, []string{want.ID, want.Title, want.Field, want.Message, want.File}, []string{f.ID, f.Title, f.Field, f.Message, f.File})
		i++
	}
	assert.Equal(t, 4, i)
}

// TestJUnitNamesDiffer checks that names are unique, because GitLab shows one test case for each class and name.
func TestJUnitNamesDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range regexp.MustCompile(`<testcase classname="[^"]*" name="[^"]*"`).FindAllString(string(write(t, "junit", reports()["found"])), -1) {
		assert.False(t, seen[name], name)
		seen[name] = true
	}
	assert.Len(t, seen, 5)
}

// TestListTakesLittle measures the memory of 100,000 findings, each with a distinct path and text.
func TestListTakesLittle(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector has a heap of its own")
	}
	const many = 100_000
	held := func() int {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int(stats.HeapAlloc)
	}
	add := func(list *findings.List, i int) {
		list.Add(&findings.Finding{
			ID: fmt.Sprintf("00000000-0000-4000-b000-%012d", i), Rule: "pii-data-detected", Severity: "high", Method: "GET",
			Host: fmt.Sprintf("host-%d.example.com", i%50), Path: fmt.Sprintf("/v2/tenants/%d/orders/{param1}", i),
			Message: fmt.Sprintf("Social Security Number in 'customers[].documents[%d].number' of Response Body.", i), Created: time.Now(),
		})
	}
	before := held()
	list := &findings.List{}
	for i := range many {
		add(list, i)
	}
	list.Sort()
	assert.Less(t, (held()-before)/many, 260, "bytes for each finding, of which 115 are its text")
	assert.Less(t, testing.AllocsPerRun(1, func() {
		for range list.All() {
		}
	}), 2.5*many, "an id is made when it is read")
	assert.Equal(t, many, list.Len())
	ids := map[string]bool{}
	for f := range list.All() {
		ids[f.ID] = true
	}
	assert.Len(t, ids, many)
	assert.True(t, ids["00000000-0000-4000-b000-000000099999"])
}

func TestMarkdownIsBounded(t *testing.T) {
	report := reports()["found"]
	for report.Findings.Len() < 20_000 {
		report.Findings.Add(&findings.Finding{Rule: "pii-data-detected", Severity: "high", Message: strings.Repeat("x", 100)})
	}
	text := write(t, "markdown", report)
	assert.Less(t, len(text), 1<<20, "GitHub shows no summary over 1 MiB")
	assert.Contains(t, string(text), "19500 findings more")
}

// raceDetector reports whether the race detector runs, which needs memory.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
