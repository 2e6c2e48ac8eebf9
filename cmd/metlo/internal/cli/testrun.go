package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/joho/godotenv"
	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

type runFlags struct {
	allow, set, envFiles []string
	payloads             string
	globals, lenient     bool
	require, severity    string
	tags                 []string
	rerun, results       string
	parallel             int
	rate                 float64
	reports              reportFlags
}

func (a *app) testRun() *cobra.Command {
	f := &runFlags{parallel: 1, rate: 10}
	cmd := &cobra.Command{
		Use: "run [FILE|FOLDER…]", Short: "Run tests against the hosts that you allow",
		Long: "Run test files, by default those of metlo-tests. Requests go to the hosts of --allow-host and to no other. A test that could\n" +
			"not test anything, such as for a missing variable, is inconclusive, and never a pass.\n\n" +
			"Exit codes: 0 all passed, 1 one failed, 2 one was inconclusive or could not run, 130 interrupted.",
		Example: "  metlo test run --allow-host staging.shop.example.com --env-file staging.env\n" +
			"  metlo test run tests/ --allow-host http://localhost:8080 --format junit=tests.xml --format sarif=tests.sarif",
	}
	words("controls").one(cmd, &f.require, "require", "what a pass requires besides its assertions: a control, which shows that the target works")
	f.flags(cmd)
	cmd.MarkFlagsMutuallyExclusive("require", "lenient")
	f.reports.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		if len(f.allow) == 0 {
			return &usageError{errors.New("no host may be called: name one with --allow-host HOST"), cmd.CommandPath()}
		}
		if len(args) == 0 {
			args = []string{"metlo-tests"}
		}
		if err := f.checkOutputs(args); err != nil {
			return err
		}
		return a.runTests(ctx, f, args)
	}
	return cmd
}

// checkOutputs returns an error if results and reports would overwrite an input, or each other.
func (f *runFlags) checkOutputs(tests []string) error {
	inputs := f.inputs(tests)
	if f.results != "" {
		if err := notInput("--results", f.results, inputs...); err != nil {
			return err
		}
	}
	return f.reports.prepare(append(inputs, f.results)...)
}

// inputs returns the files that the command reads.
func (f *runFlags) inputs(tests []string) []string {
	names, _ := testNames(tests) // loading the tests returns the same error
	names = append(append(names, f.rerun), f.envFiles...)
	if f.payloads != "" {
		lists, _ := filepath.Glob(filepath.Join(f.payloads, "*.txt"))
		names = append(names, lists...)
	}
	return names
}

// flags adds the flags that all commands share which run tests.
func (f *runFlags) flags(cmd *cobra.Command) {
	texts(cmd, &f.allow, "allow-host", "host that may be called, such as api.example.com or http://localhost:8080; required")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "`NAME=VALUE` of a variable; may be repeated. A secret belongs into an --env-file")
	cmd.Flags().StringArrayVar(&f.envFiles, "env-file", nil, "`file` with NAME=VALUE lines; may be repeated")
	cmd.Flags().BoolVar(&f.globals, "globals", false, "take global variables from the instance's configuration")
	cmd.Flags().StringVar(&f.payloads, "payload-dir", "", "`folder` of payload lists: NAME.txt is the list NAME, and replaces a built-in one")
	cmd.Flags().IntVar(&f.parallel, "parallel", 1, "number of tests, or payloads of a test, to run at a time")
	cmd.Flags().Float64Var(&f.rate, "rate", 10, "maximum number of requests a second to one host")
	cmd.Flags().BoolVar(&f.lenient, "lenient", false, "let a test pass even if a variable was empty, as Metlo's older command did")
	texts(cmd, &f.tags, "tag", "only tests with this tag")
	words("low", "medium", "high", "critical").one(cmd, &f.severity, "severity", "only tests of at least this severity")
	cmd.Flags().StringVar(&f.rerun, "rerun-failed", "", "`file` that --results wrote: only tests that did not pass there, or are not in it")
	cmd.Flags().StringVar(&f.results, "results", "", "`file` to write all results to, as JSON, for --rerun-failed and metlo test matrix")
}

func (a *app) runTests(ctx context.Context, f *runFlags, names []string) error {
	report := newReport("metlo test", strings.Join(f.allow, ", "))
	tests, results, err := a.askTests(ctx, f, names)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	outcome := apitest.Inconclusive
	if err == nil {
		outcome = apitest.Summarize(results...)
	}
	report.Findings, report.Notes = testFindings(tests, results)
	report.Why = firstReasons(report.Notes)
	report.Summary = apitest.SummaryLine(results...)
	switch {
	case err != nil:
		report.Why = message(err)
	case outcome == apitest.Passed:
		report.Outcome = findings.Clean
	case outcome == apitest.Failed:
		report.Outcome = findings.Found
	}
	if err := errors.Join(err, f.reports.writeTests(a, report, notRun(tests, results, err))); err != nil {
		return fmt.Errorf("result unknown: %w", err)
	}
	inconclusive := a.listTests(tests, results)
	a.note("%s", report.Summary)
	switch outcome {
	case apitest.Passed:
		return nil
	case apitest.Failed:
		return errFindings
	}
	return fmt.Errorf("result unknown: %d of %s inconclusive", inconclusive, output.Count(len(results), "test"))
}

// listTests prints a line for each test that did not pass, and returns the number of inconclusive tests. The findings
// hold the reasons of failed tests.
func (a *app) listTests(tests []testFile, results []*apitest.Result) (inconclusive int) {
	for i, result := range results {
		switch result.Outcome {
		case apitest.Failed:
			a.note("failed: %s", tests[i].label())
		case apitest.Inconclusive:
			inconclusive++
			a.fault("inconclusive: %s: %s", tests[i].label(), strings.Join(inconclusiveReasons(result), "; "))
		}
	}
	return inconclusive
}

// label returns the file of a test and the name of the test in it.
func (t *testFile) label() string {
	if t.config == nil || t.config.Meta == nil || t.config.Meta.Name == "" {
		return t.name
	}
	return t.name + ": " + t.config.Meta.Name
}

// inconclusiveReasons returns the reasons why a test, or some of its steps, are inconclusive. It returns a reason that
// several steps share once.
func inconclusiveReasons(result *apitest.Result) []string {
	var reasons []string
	for _, reason := range result.Reasons {
		reasons = append(reasons, inFlags(reason))
	}
	steps := map[string][]string{}
	for _, step := range result.Failed() {
		if step.Outcome != apitest.Inconclusive {
			continue
		}
		text := inFlags(strings.Join(step.Reasons, "; "))
		if steps[text] == nil {
			reasons = append(reasons, text)
		}
		steps[text] = append(steps[text], step.Name)
	}
	for i, text := range reasons {
		if len(steps[text]) == 1 {
			reasons[i] = steps[text][0] + ": " + text
		}
	}
	return reasons
}

// askTests reads the tests, runs those that the flags select, and writes the results. A file with faults has a result.
func (a *app) askTests(ctx context.Context, f *runFlags, names []string) ([]testFile, []*apitest.Result, error) {
	tests, err := loadTests(names)
	if err != nil {
		return nil, nil, err
	}
	if tests, err = f.selected(tests); err != nil {
		return nil, nil, err
	}
	opts := []apitest.Option{apitest.AllowHosts(f.allow...), apitest.WithParallel(f.parallel), apitest.WithRateLimit(f.rate, max(1, int(f.rate)))}
	env, err := f.variables()
	if err != nil {
		return tests, nil, err
	}
	opts = append(opts, apitest.WithEnv(env))
	if f.payloads != "" {
		opts = append(opts, apitest.WithPayloadDir(f.payloads))
	}
	if f.lenient {
		opts = append(opts, apitest.Lenient())
	}
	if f.require != "" {
		opts = append(opts, apitest.RequireControls())
	}
	if f.globals {
		client, err := a.connect()
		if err != nil {
			return tests, nil, err
		}
		globals, err := client.Testing.GlobalEnv(ctx)
		if err != nil {
			return tests, nil, err
		}
		opts = append(opts, apitest.WithGlobals(globals))
	}
	var configs []*apitest.Config
	for _, t := range tests {
		if t.faults == nil {
			configs = append(configs, t.config)
		}
	}
	ran, err := apitest.RunAll(ctx, configs, opts...)
	if ran == nil && err != nil { // invalid options; the errors of tests are in their results
		return tests, nil, err
	}
	results := make([]*apitest.Result, len(tests))
	for i, t := range tests {
		if t.faults != nil {
			results[i] = apitest.NotRun(&apitest.Config{File: t.name}, t.faults)
			continue
		}
		results[i], ran = ran[0], ran[1:]
	}
	if f.results != "" {
		return tests, results, writeFile(f.results, func(w io.Writer) error { return json.NewEncoder(w).Encode(results) })
	}
	return tests, results, nil
}

// selected returns the tests that the flags choose. It keeps files with faults, because their tests are unknown.
func (f *runFlags) selected(tests []testFile) ([]testFile, error) {
	var configs []*apitest.Config
	for _, t := range tests {
		if t.faults == nil {
			configs = append(configs, t.config)
		}
	}
	configs = apitest.Select(configs, f.tags, apitest.Severity(strings.ToUpper(f.severity)))
	if f.rerun != "" {
		text, err := os.ReadFile(f.rerun)
		if err != nil {
			return nil, fmt.Errorf("--rerun-failed: %w", err)
		}
		earlier, err := apitest.ParseResults(text)
		if err != nil {
			return nil, fmt.Errorf("--rerun-failed %s: %w", f.rerun, err)
		}
		if f.require != "" {
			configs = earlier.NotProven(configs)
		} else {
			configs = earlier.NotPassed(configs)
		}
	}
	tests = slices.DeleteFunc(tests, func(t testFile) bool { return t.faults == nil && !slices.Contains(configs, t.config) })
	if len(tests) == 0 {
		return nil, errors.New("no test is left: see --tag, --severity and --rerun-failed")
	}
	return tests, nil
}

// variables returns the variables of the files and flags. A later value replaces an earlier one.
func (f *runFlags) variables() (map[string]string, error) {
	env := map[string]string{}
	for _, name := range f.envFiles {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--env-file: %w", err)
		}
		values, err := godotenv.UnmarshalBytes(data)
		if err != nil {
			return nil, fmt.Errorf("%s has a line that is not NAME=VALUE", name) // the parser's error shows the line, which may be a secret
		}
		for key, value := range values {
			env[key] = value
		}
	}
	for _, pair := range f.set {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, errors.New("--set: write NAME=VALUE") // the argument may be a secret
		}
		env[name] = value
	}
	return env, nil
}

// testFindings returns a finding for each step that failed, and the reasons why tests are inconclusive.
func testFindings(tests []testFile, results []*apitest.Result) (list *findings.List, reasons []string) {
	list = &findings.List{}
	for i, result := range results {
		if why := inconclusiveReasons(result); len(why) > 0 {
			reasons = append(reasons, tests[i].label()+": "+strings.Join(why, "; "))
		}
		lines := stepLines(tests[i].name)
		for _, step := range result.Failed() {
			if step.Outcome == apitest.Inconclusive {
				continue
			}
			f := findings.Finding{
				Rule: rules.ForTags(nil).ID, Title: result.Test.ID,
				Severity: findings.Medium, Method: step.Request.Method, Field: result.Test.ID + " " + step.Name, Message: inFlags(strings.Join(step.Reasons, "; ")), File: filepath.ToSlash(filepath.Clean(tests[i].name)), Line: 1,
			}
			if meta := result.Test.Meta; meta != nil {
				f.Rule = rules.ForTags(meta.Tags).ID
				if meta.Name != "" {
					f.Title = meta.Name
				}
				if meta.Severity != "" {
					f.Severity = findings.Severity(strings.ToLower(string(meta.Severity)))
				}
			}
			if u, err := url.Parse(step.Request.URL); err == nil {
				f.Host, f.Path = u.Host, writtenPath(tests[i].config.Test[step.Index].Request.URL, u.Path)
			}
			if step.Index < len(lines) {
				f.Line = lines[step.Index]
			}
			f.ID = fmt.Sprintf("%s:%d", f.File, f.Line)
			list.Add(&f)
		}
	}
	list.Sort()
	return list, reasons
}

// writtenPath returns a path with variable names in place of the elements that the test fills in. A finding then stays
// the same whatever values a run used.
func writtenPath(written, path string) string {
	written, _, _ = strings.Cut(written, "?")
	from, to := strings.Split(written, "/"), strings.Split(path, "/")
	for i := 1; i < min(len(from), len(to)); i++ { // starts at the end, because the first element may stand for several
		if element := from[len(from)-i]; strings.Contains(element, "{{") {
			to[len(to)-i] = strings.NewReplacer("{{", "{", "}}", "}").Replace(element)
		}
	}
	return strings.Join(to, "/")
}

// firstReasons returns the first reasons in one line.
func firstReasons(reasons []string) string {
	if len(reasons) > 5 {
		reasons = append(slices.Clone(reasons[:5]), fmt.Sprintf("and %d more", len(reasons)-5))
	}
	return strings.Join(reasons, "; ")
}

// stepLines returns the lines of a test's steps in its file.
func stepLines(name string) []int {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil // the finding then points to the first line
	}
	root, err := yamlfile.Load(string(data))
	if err != nil {
		return nil
	}
	var lines []int
	for _, step := range yamlfile.Items(yamlfile.Get(root, "test")) {
		lines = append(lines, step.Line)
	}
	return lines
}

// notRun returns the results, or one result for each test if err prevented the run, so that a report names every test.
func notRun(tests []testFile, results []*apitest.Result, err error) []*apitest.Result {
	if err == nil || len(results) > 0 {
		return results
	}
	for _, t := range tests {
		config := t.config
		if config == nil {
			config = &apitest.Config{File: t.name}
		}
		results = append(results, apitest.NotRun(config, err))
	}
	return results
}

// writeTests writes the reports. JUnit reports have a test case for each test, other reports have only the findings.
func (r *reportFlags) writeTests(a *app, report *findings.Report, results []*apitest.Result) error {
	if len(results) == 0 {
		return r.write(a, report)
	}
	return r.writeWith(a, func(w io.Writer, format string) error {
		if format != "junit" {
			return findings.Write(w, format, report)
		}
		data, err := apitest.JUnit(results...)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
}
