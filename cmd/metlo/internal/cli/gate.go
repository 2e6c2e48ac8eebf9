package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/cmd/metlo/internal/atomicfile"
	"github.com/metlo-go/metlo/cmd/metlo/internal/drift"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/gate"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
	"github.com/metlo-go/metlo/cmd/metlo/internal/repository"
	"github.com/metlo-go/metlo/cmd/metlo/internal/rules"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
)

const gateHelp = `Fail a build while open alerts exist: exit code 0 if there is none, 1 if there is one, 2 if the result is unknown.

Reports go to files or to the standard output, even if the gate fails or its result is unknown. With --format github and no
file, GitHub shows the findings at the run; markdown=$GITHUB_STEP_SUMMARY writes the summary of the job.

A finding has a fingerprint of its rule, method, host, path and field. Baselines and the ignore file hold it, so that they
outlive the ids of alerts. A line of a baseline accepts one finding: a second one with the same fingerprint is new.

The ignore file is YAML. Every entry has a reason. * matches any text within a part, and ** any rest of a path:

  ignore:
    - fingerprint: 8f14e45fceea167a5a36dedd4bea2543
      reason: masked in 1.4.2, rollout by the end of June
      until: 2026-06-30
    - rule: new-endpoint-detected
      host: staging.example.com
      path: /v2/**
      reason: staging may grow

By default the ignore file is the .metloignore in this folder, or in the closest folder above it within the
repository.

With --drift it also compares OpenAPI documents with what the instance has seen, as metlo drift does.`

const defaultIgnoreFile = ".metloignore"

type gateFlags struct {
	criteria     gate.Criteria
	baseline     string
	saveBaseline string
	ignoreFile   string
	specDir      string
	drift        driftFlags
	reports      reportFlags
}

func (a *app) gateCommand() *cobra.Command {
	f := &gateFlags{criteria: gate.Criteria{Severity: metlo.RiskHigh, Sources: []rules.Source{rules.Alerts}}}
	cmd := &cobra.Command{
		Use: "gate", Short: "Fail a build while open alerts exist", Long: gateHelp, Args: cobra.NoArgs,
		Example: "  metlo gate --severity medium --new-since 24h\n" +
			"  metlo gate --save-baseline alerts.txt          accept what is open now,\n" +
			"  metlo gate --baseline alerts.txt               and fail for what is new\n" +
			"  metlo gate --format github --format sarif=metlo.sarif --format junit=metlo.xml",
	}
	riskScores.one(cmd, &f.criteria.Severity, "severity", "lowest severity that fails the build")
	riskScores.one(cmd, &f.criteria.Show, "show", "lowest severity that is shown, by default the one that fails")
	a.hostsFlag(cmd, &f.criteria.Hosts, "alerts")
	alertTypes.list(cmd, &f.criteria.Types, "type", "only alerts of this type")
	cmd.Flags().Var(timeFlag(&f.criteria.Since), "new-since", "only alerts raised since this time, or within this age such as 24h or 7d")
	cmd.Flags().StringVar(&f.baseline, "baseline", "", "leave out the alerts that this `file` names")
	cmd.Flags().StringVar(&f.saveBaseline, "save-baseline", "", "write the alerts to this `file` and fail for none")
	cmd.Flags().StringVar(&f.ignoreFile, "ignore-file", "", "leave out the alerts that this `file` accepts, by default the .metloignore of the repository")
	cmd.Flags().StringVar(&f.specDir, "spec-dir", "", "`folder` of the OpenAPI documents, so that reports point to their lines")
	texts(cmd, &f.drift.paths, "drift", "compare the OpenAPI documents of this file or folder with what the instance has seen")
	failOnFlag(cmd, &f.drift.failOn, "the differences of --drift that fail the build, whatever their severity")
	cmd.MarkFlagsMutuallyExclusive("baseline", "save-baseline")
	f.reports.flags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		if len(f.drift.paths) > 0 {
			if err := f.drift.check(); err != nil {
				return err
			}
			f.drift.read()
			f.criteria.Sources, f.criteria.FailOn = append(f.criteria.Sources, rules.Drift), f.drift.failOn
		} else if len(f.drift.failOn) > 0 {
			return errors.New("--fail-on is about differences from documents: name the documents with --drift")
		}
		if f.criteria.Since.After(time.Now()) {
			return fmt.Errorf("--new-since %s is in the future, so that no alert would count: use a time in the past, or an age such as 24h",
				f.criteria.Since.UTC().Format(time.RFC3339))
		}
		if f.saveBaseline != "" {
			if cmd.Flags().Changed("format") {
				return errors.New("--save-baseline writes no report: leave out --format")
			}
			if err := f.checkSaveBaseline(); err != nil {
				return err
			}
			return a.runGate(ctx, f)
		}
		if err := f.reports.prepare(f.files()...); err != nil {
			return err
		}
		return a.runGate(ctx, f)
	}
	return cmd
}

// files returns the names of the files, besides the reports, that the command reads or writes.
func (f *gateFlags) files() []string {
	names := append(f.drift.inputs(), f.baseline, f.saveBaseline, cmp.Or(f.ignoreFile, nearestIgnoreFile(), defaultIgnoreFile))
	if f.specDir != "" {
		specs, err := gate.FindSpecs(f.specDir)
		if err == nil { // an error here recurs in the gate, which returns it
			names = append(names, specs.Documents()...)
		}
	}
	return names
}

// nearestIgnoreFile returns the name of the ignore file of the repository, or an empty string if there is none.
func nearestIgnoreFile() string {
	repo, err := repository.Find(".")
	if err != nil {
		return "" // the working folder has been deleted
	}
	return repo.Nearest(defaultIgnoreFile)
}

// checkSaveBaseline returns an error if --save-baseline names a file that is not a baseline.
func (f *gateFlags) checkSaveBaseline() error {
	name := f.saveBaseline
	f.saveBaseline = "" // excluded, because files returns it too
	others := f.files()
	f.saveBaseline = name
	if slices.ContainsFunc(others, func(other string) bool { return other != "" && sameFile(other, name) }) {
		return fmt.Errorf("--save-baseline %s: the file is also read by this command: use another file", name)
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil //nolint:nilerr // there is no file to overwrite, or writing it fails with the same error
	}
	if _, err := gate.ReadBaseline(name); err != nil {
		return fmt.Errorf("--save-baseline %s: the file exists and is not a baseline: use another file, or remove it", name)
	}
	return nil
}

// gcPercent keeps a gate of 100,000 findings under 64 MiB. Frequent garbage collections are cheap here, because the
// findings hold few pointers.
const gcPercent = 25

// runGate checks the instance and writes the reports, even if the check fails. It writes no report after an interrupt.
func (a *app) runGate(ctx context.Context, f *gateFlags) error {
	defer debug.SetGCPercent(debug.SetGCPercent(gcPercent))
	report := newReport("metlo gate", a.instanceName())
	result, err := a.askGate(ctx, f)
	if errors.Is(context.Cause(ctx), errInterrupted) {
		return errInterrupted
	}
	if err == nil && f.saveBaseline != "" {
		write := func(w io.Writer) error { return gate.WriteBaseline(w, result.Findings) }
		if err := atomicfile.Write(f.saveBaseline, 0o644, write); err != nil {
			return err
		}
		a.note("%s accepted in %s", output.Count(result.Findings.Len(), strings.TrimPrefix(f.noun(), "open ")), f.saveBaseline)
		for _, note := range result.Notes {
			a.note("  %s", note)
		}
		return nil
	}
	if err != nil {
		return a.failCheck(report, &f.reports, err)
	}
	report.Outcome, report.Findings, report.Notes, report.Why = findings.Clean, result.Findings, result.Notes, result.Missed
	if result.Failing > 0 {
		report.Outcome = findings.Found
	}
	count := output.Count(result.Failing, f.noun())
	report.Summary = fmt.Sprintf("%s of severity %s or above", count, f.criteria.Severity)
	if len(f.criteria.FailOn) > 0 {
		report.Summary = fmt.Sprintf("%s: alerts of severity %s or above, and differences of %s", count, f.criteria.Severity, strings.Join(f.criteria.FailOn, ", "))
	}
	if shown := result.Findings.Len(); shown != result.Failing {
		report.Summary += fmt.Sprintf(", %d shown", shown)
	}
	if err := f.reports.write(a, report); err != nil {
		return err
	}
	return a.endCheck(report, result.Failing)
}

// failCheck writes the reports of a check that ended with an error, and returns the error of the command.
func (a *app) failCheck(report *findings.Report, reports *reportFlags, err error) error {
	report.Why = message(err) + advice(err)
	report.Summary = "result unknown"
	return errors.Join(fmt.Errorf("result unknown: %w", err), reports.write(a, report))
}

// endCheck prints the summary and the notes of a check, and returns the error for its exit code.
func (a *app) endCheck(report *findings.Report, failing int) error {
	a.note("%s", report.Summary)
	for _, note := range report.Notes {
		a.note("  %s", note)
	}
	switch {
	case failing > 0:
		return errFindings
	case a.global.demo:
		return errors.New("result unknown: this is demo data; name an instance")
	}
	return nil
}

// noun returns the singular noun for the findings that the gate counts.
func (f *gateFlags) noun() string {
	if len(f.drift.paths) > 0 {
		return "finding"
	}
	return "open alert"
}

// askGate reads the files that the flags name, and judges the open alerts and the drift findings.
func (a *app) askGate(ctx context.Context, f *gateFlags) (*gate.Result, error) {
	var err error
	if f.baseline != "" {
		if f.criteria.Baseline, err = gate.ReadBaseline(f.baseline); err != nil {
			return nil, err
		}
	}
	if name := cmp.Or(f.ignoreFile, nearestIgnoreFile()); name != "" {
		if f.criteria.Ignores, err = gate.ReadIgnores(name); err != nil {
			return nil, err
		}
	}
	if f.specDir != "" {
		if f.criteria.Specs, err = gate.FindSpecs(f.specDir); err != nil {
			return nil, err
		}
	}
	if f.drift.err != nil {
		return nil, f.drift.err
	}
	if f.criteria.Show == "" {
		f.criteria.Show = f.criteria.Severity
	}
	f.criteria.Now = time.Now()
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer client.CloseIdleConnections()
	if err := expand(ctx, client, &f.criteria.Hosts); err != nil {
		return nil, err
	}
	compared := &drift.Result{}
	if len(f.drift.paths) > 0 {
		f.drift.options.Hosts = f.criteria.Hosts
		if compared, err = a.compareDocuments(ctx, client, &f.drift); err != nil {
			return nil, err
		}
	}
	result, err := gate.Judge(&f.criteria, gate.Alerts(ctx, client, &f.criteria), infallible(compared.Findings))
	if err != nil {
		return nil, err
	}
	result.Missed = strings.Join(compared.Unknown, "; ")
	result.Notes = slices.Concat(result.Notes, compared.Unknown, compared.Notes)
	switch {
	case result.Failing > 0:
		return result, nil
	case result.Missed != "":
		return nil, errors.New(result.Missed)
	}
	// An instance without traffic has no alerts, which does not prove that nothing is wrong.
	switch watched, err := client.Summary.HasEndpoints(ctx); {
	case err != nil:
		return nil, err
	case !watched:
		return nil, errors.New("the instance has seen no traffic yet, so that it cannot have alerts: check the agents with metlo status")
	}
	return result, nil
}

// infallible returns an iterator over the findings that never yields an error.
func infallible(list *findings.List) iter.Seq2[*findings.Finding, error] {
	return func(yield func(*findings.Finding, error) bool) {
		for f := range list.All() {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// newReport returns a report without a result.
func newReport(title, instance string) *findings.Report {
	report := &findings.Report{Title: title, Version: version.Number(), Instance: instance, Time: time.Now()}
	if repo, err := repository.Find("."); err == nil {
		report.Repository = repo
	}
	return report
}

// instanceName returns the name of the instance for reports.
func (a *app) instanceName() string {
	if a.global.demo {
		return "demo server"
	}
	found, err := a.instance()
	if err != nil {
		return "no instance"
	}
	return found.Host
}

// reportFlags holds the reports to write and their files.
type reportFlags struct {
	given []string
	list  []reportFile
}

type reportFile struct {
	format string
	name   string // empty for the standard output
}

func (r *reportFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&r.given, "format", "f", []string{"plain"},
		"`form` of the findings, or FORM=FILE: "+oneOf(findings.Formats)+"; may be repeated")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(findings.Formats, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// prepare parses the flags and removes the reports of an earlier run. A run that ends early then leaves no report that
// looks like its own. It removes nothing if a report would replace another file that the command reads or writes.
func (r *reportFlags) prepare(others ...string) error {
	stdout := ""
	r.list = nil
	for _, given := range r.given {
		format, name, hasFile := strings.Cut(given, "=")
		format, err := words(findings.Formats...).read(format)
		switch {
		case err != nil:
			return fmt.Errorf("--format: %w", err)
		case hasFile && name == "":
			return fmt.Errorf("--format %s: name a file after the equals sign", given)
		case !hasFile && stdout != "":
			return fmt.Errorf("--format %s and %s would both go to the standard output: use %s=FILE", stdout, format, format)
		case !hasFile:
			stdout = format
		}
		for _, other := range r.list {
			if hasFile && other.name != "" && sameFile(other.name, name) {
				return fmt.Errorf("--format: two reports would go to %s", name)
			}
		}
		for _, other := range others {
			if hasFile && other != "" && holdsText(name) && sameFile(other, name) {
				return fmt.Errorf("--format %s: %s is also read or written by this command: use another file", given, name)
			}
		}
		r.list = append(r.list, reportFile{format, name})
	}
	return r.removeOld()
}

// removeOld removes the reports of an earlier run, so that nobody mistakes them for reports of this run.
func (r *reportFlags) removeOld() error {
	for _, report := range r.list {
		if info, err := os.Lstat(report.name); err != nil || !info.Mode().IsRegular() || isSummary(report.name) {
			continue
		}
		if err := os.Remove(report.name); err != nil {
			return err
		}
	}
	return nil
}

// holdsText reports whether writing to a name replaces or creates a regular file. Writing to devices and pipes destroys
// nothing.
func holdsText(name string) bool {
	info, err := os.Stat(name)
	return err != nil || info.Mode().IsRegular()
}

// sameFile reports whether two names refer to one file, even through links. The file need not exist.
func sameFile(x, y string) bool {
	first, err := os.Stat(x)
	if err == nil {
		if second, err := os.Stat(y); err == nil {
			return os.SameFile(first, second)
		}
	}
	return realName(x) == realName(y)
}

// realName returns the absolute name of a file, with links resolved as far as the file or its folder exists.
func realName(name string) string {
	if whole, err := filepath.Abs(name); err == nil {
		name = whole
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		return target
	}
	if folder, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
		return filepath.Join(folder, filepath.Base(name))
	}
	return filepath.Clean(name)
}

// isSummary reports whether a file is the summary to which the steps of a GitHub job append.
func isSummary(name string) bool { return name != "" && name == os.Getenv("GITHUB_STEP_SUMMARY") }

// write writes every report, even after one of them fails.
func (r *reportFlags) write(a *app, report *findings.Report) error {
	report.Warn = func(text string) { a.note("  %s", text) }
	return r.writeWith(a, func(w io.Writer, format string) error { return findings.Write(w, format, report) })
}

func (r *reportFlags) writeWith(a *app, write func(w io.Writer, format string) error) error {
	var failures []error
	for _, target := range r.list {
		content := func(w io.Writer) error { return write(w, target.format) }
		switch {
		case target.name == "":
			failures = append(failures, errors.Join(content(a.out), a.out.Flush()))
		case isSummary(target.name):
			failures = append(failures, appendTo(target.name, content))
		default:
			failures = append(failures, atomicfile.Write(target.name, 0o644, content))
		}
	}
	return errors.Join(failures...)
}

func appendTo(name string, content func(io.Writer) error) error {
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // other steps of the job write to it too
	if err != nil {
		return err
	}
	return errors.Join(content(file), file.Close())
}
