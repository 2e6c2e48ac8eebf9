package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/joho/godotenv"
	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
	"github.com/metlo-go/metlo/cmd/metlo/internal/yamlfile"
)

type runFlags struct {
	allow, set, envFiles []string
	payloads             string
	globals, lenient     bool
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
	texts(cmd, &f.allow, "allow-host", "host that may be called, such as api.example.com or http://localhost:8080; required")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "`NAME=VALUE` of a variable; may be repeated. A secret belongs into an --env-file")
	cmd.Flags().StringArrayVar(&f.envFiles, "env-file", nil, "`file` with NAME=VALUE lines; may be repeated")
	cmd.Flags().BoolVar(&f.globals, "globals", false, "take global variables from the instance's configuration")
	cmd.Flags().StringVar(&f.payloads, "payload-dir", "", "`folder` of payload lists: NAME.txt is the list NAME")
	cmd.Flags().IntVar(&f.parallel, "parallel", 1, "how many tests, or payloads of a test, run at a time")
	cmd.Flags().Float64Var(&f.rate, "rate", 10, "most requests a second to one host")
	cmd.Flags().BoolVar(&f.lenient, "lenient", false, "let a test pass though a variable was empty, as the old command did")
	f.reports.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		if len(f.allow) == 0 {
			return &usageError{errors.New("which hosts may be called? --allow-host HOST"), cmd.CommandPath()}
		}
		if len(args) == 0 {
			args = []string{"metlo-tests"}
		}
		if err := f.reports.prepare(); err != nil {
			return err
		}
		return a.runTests(ctx, f, args)
	}
	return cmd
}

func (a *app) runTests(ctx context.Context, f *runFlags, names []string) error {
	report := &findings.Report{Title: "metlo test", Version: version.Number(), Instance: strings.Join(f.allow, ", "), Time: time.Now()}
	tests, results, err := a.askTests(ctx, f, names)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	outcome := apitest.Inconclusive
	if err == nil {
		outcome = apitest.Summarize(results...)
	}
	report.Findings, report.Why = testFindings(tests, results)
	report.Summary = testSummary(tests, results)
	switch {
	case err != nil:
		report.Why = message(err)
	case outcome == apitest.Passed:
		report.Outcome = findings.Clean
	case outcome == apitest.Failed:
		report.Outcome = findings.Found
	}
	if err := errors.Join(err, f.reports.writeTests(a, report, results)); err != nil {
		return fmt.Errorf("could not tell: %w", err)
	}
	a.note("%s", report.Summary)
	switch outcome {
	case apitest.Passed:
		return nil
	case apitest.Failed:
		return errFindings
	}
	return fmt.Errorf("inconclusive: %s", report.Why)
}

// askTests reads the tests and runs them.
func (a *app) askTests(ctx context.Context, f *runFlags, names []string) ([]testFile, []*apitest.Result, error) {
	tests, err := loadTests(names)
	if err != nil {
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
	if f.globals {
		client, err := a.connect()
		if err != nil {
			return tests, nil, err
		}
		globals, err := client.Testing.GlobalEnv(ctx)
		if err != nil {
			return tests, nil, err
		}
		values := map[string]string{}
		for _, v := range globals {
			values[v.Name] = v.Value.Reveal()
		}
		opts = append(opts, apitest.WithGlobalEnv(values))
	}
	configs := make([]*apitest.Config, len(tests))
	for i := range tests {
		configs[i] = tests[i].config
	}
	results, err := apitest.RunAll(ctx, configs, opts...)
	return tests, results, err
}

// variables are those of the files and flags; a later one wins.
func (f *runFlags) variables() (map[string]string, error) {
	env := map[string]string{}
	for _, name := range f.envFiles {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		values, err := godotenv.UnmarshalBytes(data)
		if err != nil {
			return nil, fmt.Errorf("%s has a line that is not NAME=VALUE", name) // its own error shows the line, which may be a secret
		}
		for key, value := range values {
			env[key] = value
		}
	}
	for _, pair := range f.set {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--set %s: write NAME=VALUE", pair)
		}
		env[name] = value
	}
	return env, nil
}

// testFindings makes a finding of each step that failed, and says why others are inconclusive.
func testFindings(tests []testFile, results []*apitest.Result) (list *findings.List, why string) {
	list = &findings.List{}
	var reasons []string
	for i, result := range results {
		if result == nil {
			continue
		}
		for _, reason := range result.Reasons {
			reasons = append(reasons, tests[i].name+": "+reason)
		}
		lines := stepLines(tests[i].name)
		for _, step := range result.Failed() {
			text := strings.Join(step.Reasons, "; ")
			if step.Outcome == apitest.Inconclusive {
				reasons = append(reasons, fmt.Sprintf("%s: %s: %s", tests[i].name, step.Name, text))
				continue
			}
			f := findings.Finding{
				ID: fmt.Sprintf("%s/%d", result.Test.ID, step.Index+1), Rule: result.Test.ID, Severity: findings.Medium,
				Method: step.Request.Method, Message: text, File: filepath.ToSlash(filepath.Clean(tests[i].name)), Line: 1,
			}
			if meta := result.Test.Meta; meta != nil {
				if meta.Name != "" {
					f.Rule = meta.Name
				}
				if meta.Severity != "" {
					f.Severity = findings.Severity(strings.ToLower(string(meta.Severity)))
				}
			}
			if u, err := url.Parse(step.Request.URL); err == nil {
				f.Host, f.Path = u.Host, u.Path
			}
			if step.Index < len(lines) {
				f.Line = lines[step.Index]
			}
			list.Add(&f)
		}
	}
	list.Sort()
	if len(reasons) > 5 {
		reasons = append(reasons[:5], fmt.Sprintf("and %d more", len(reasons)-5))
	}
	return list, strings.Join(reasons, "; ")
}

// stepLines are the lines of a test's steps in its file.
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

func testSummary(tests []testFile, results []*apitest.Result) string {
	counts := map[apitest.Outcome]int{}
	for _, result := range results {
		if result == nil {
			counts[apitest.Inconclusive]++
		} else {
			counts[result.Outcome]++
		}
	}
	return fmt.Sprintf("%s: %d passed, %d failed, %d inconclusive", output.Count(len(tests), "test"),
		counts[apitest.Passed], counts[apitest.Failed], counts[apitest.Inconclusive])
}

// writeTests is write, but that JUnit shows the tests that passed too.
func (r *reportFlags) writeTests(a *app, report *findings.Report, results []*apitest.Result) error {
	var ran []*apitest.Result
	for _, result := range results {
		if result != nil {
			ran = append(ran, result)
		}
	}
	if len(ran) == 0 {
		return r.write(a, report)
	}
	return r.writeWith(a, func(w io.Writer, format string) error {
		if format != "junit" {
			return findings.Write(w, format, report)
		}
		data, err := apitest.JUnit(ran...)
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	})
}
