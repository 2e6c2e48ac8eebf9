package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/findings"
	"github.com/metlo-go/metlo/cmd/metlo/internal/htmlreport"
	"github.com/metlo-go/metlo/cmd/metlo/internal/version"
)

type reportPageFlags struct {
	hosts, drift, results []string
	file, web             string
	evidence              bool
}

func (a *app) reportCommand() *cobra.Command {
	f := &reportPageFlags{file: "metlo-report.html"}
	cmd := &cobra.Command{
		Use: "report", Short: "Write the state of the instance as one HTML file", Args: cobra.NoArgs,
		Long: "Write one HTML file that loads nothing and runs no script: open alerts by endpoint with what to do about them, what traces\n" +
			"prove about authentication, sensitive data, risk by host and alerts over time; differences from OpenAPI documents and the\n" +
			"coverage of tests, if their files are given. It follows the reader's light or dark scheme, and prints.\n\n" +
			"Exit codes: 0 written, 2 not written or a part could not be read, which the page then shows, 130 interrupted.",
		Example: "  metlo report --file report.html\n" +
			"  metlo report --drift drift.json --results results.json --evidence\n" +
			"  metlo report --host shop.example.com --file - > shop.html",
	}
	a.hostsFlag(cmd, &f.hosts, "endpoints and alerts")
	cmd.Flags().StringVar(&f.file, "file", f.file, "`file` to write, - for the standard output")
	texts(cmd, &f.drift, "drift", "file of findings that metlo drift --format json=FILE wrote")
	texts(cmd, &f.results, "results", "file of results that metlo test run --results wrote")
	cmd.Flags().BoolVar(&f.evidence, "evidence", false, "read the traces of all endpoints, with one request for each, and not only of those with alerts")
	cmd.Flags().StringVar(&f.web, "web", "", "`address` of the instance's web pages for links, if it is not the address of the instance")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		return a.writeReport(ctx, client, f)
	})
	return cmd
}

func (a *app) writeReport(ctx context.Context, client *metlo.Client, f *reportPageFlags) error {
	if f.web != "" && htmlreport.WebAddress(f.web) == "" {
		return errors.New("--web: not an address of http or https: write one such as https://metlo.example.com")
	}
	if err := notInput("--file", f.file, slices.Concat(f.drift, f.results)...); err != nil {
		return err
	}
	data := htmlreport.New(a.instanceName(), version.Number(), time.Now())
	data.Web, data.AllLookedAt = cmp.Or(f.web, a.instanceName()), f.evidence
	if err := expand(ctx, client, &f.hosts); err != nil {
		return err
	}
	data.Scope = strings.Join(f.hosts, ", ")
	operations, err := a.readInstance(ctx, client, f, data)
	if err != nil {
		return err
	}
	if err := a.readEvidence(ctx, client, data); err != nil {
		return err
	}
	unread := data.Unread
	for _, name := range f.drift {
		drift := readDrift(name)
		data.Drift = append(data.Drift, drift)
		unread = errors.Join(unread, drift.Unknown())
	}
	if f.results != nil {
		data.Tests = a.readResults(f.results, operations)
		for _, fault := range data.Tests.Faults {
			unread = errors.Join(unread, errors.New(fault))
		}
		unread = errors.Join(unread, data.Tests.Why)
	}
	if err := a.outputFile(f.file, data.Write); err != nil {
		return err
	}
	if f.file != "-" {
		a.note("%s written", f.file)
	}
	if unread != nil {
		return fmt.Errorf("the report is written, and lacks what could not be read: %w", unread)
	}
	return nil
}

// readInstance reads the endpoints and the alerts. If results are given, it returns the operations that tests can
// cover.
func (a *app) readInstance(
	ctx context.Context, client *metlo.Client, f *reportPageFlags, data *htmlreport.Data,
) (operations []apitest.Endpoint, err error) {
	bar := a.progress("endpoints and alerts")
	defer bar.end()
	seen := map[apitest.Endpoint]bool{}
	for e, err := range client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: f.hosts}) {
		if err != nil {
			return nil, err
		}
		data.AddEndpoint(&e)
		bar.step()
		if operation := (apitest.Endpoint{Method: string(e.Method), Host: e.Host, Path: e.Path}); f.results != nil && !seen[operation] {
			seen[operation] = true
			operations = append(operations, operation)
		}
	}
	for alert, err := range client.Alerts.All(ctx, &metlo.AlertFilter{Hosts: f.hosts}) {
		if err != nil {
			return nil, err
		}
		data.AddAlert(&alert)
		bar.step()
	}
	return operations, nil
}

// readEvidence reads the details of endpoints. If an error may not be specific to one endpoint, it skips the remaining
// endpoints, and the page shows that.
func (a *app) readEvidence(ctx context.Context, client *metlo.Client, data *htmlreport.Data) error {
	ids := data.Missing()
	bar := a.progress("traces of endpoints")
	defer bar.end()
	bar.total(len(ids))
	for _, id := range ids {
		detail, err := client.Endpoints.Get(ctx, id)
		switch {
		case errors.Is(err, metlo.ErrNotFound): // deleted since it was listed
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			data.Unread = err
			return nil // the page and the last message of the command name the error
		default:
			data.AddDetail(detail)
		}
		bar.step()
	}
	return nil
}

func readDrift(name string) htmlreport.Drift {
	drift := htmlreport.Drift{File: name}
	saved, err := findings.ReadReport(name)
	if err == nil && saved.Check != driftCheck {
		err = fmt.Errorf("%s is a report of %s, which has no differences from documents or not them alone: write one with metlo drift --format json=FILE", name, saved.Check)
	}
	if err != nil {
		drift.Err = fmt.Errorf("--drift: %w", err)
		return drift
	}
	drift.Report = saved.Report()
	return drift
}

func (a *app) readResults(names []string, operations []apitest.Endpoint) *htmlreport.Tests {
	tests := &htmlreport.Tests{}
	var all apitest.Earlier
	for _, name := range names {
		text, err := a.input(name)
		var results apitest.Earlier
		if err == nil {
			results, err = apitest.ParseResults(text)
		}
		if err == nil && len(results) == 0 {
			err = errors.New("the file holds no test")
		}
		if err != nil {
			tests.Faults = append(tests.Faults, fmt.Sprintf("--results %s: %s", name, message(err)))
			continue
		}
		all = append(all, results...)
	}
	tests.Add(all)
	if len(all) == 0 {
		return tests
	}
	matrix, err := apitest.NewMatrix(&apitest.MatrixInput{Endpoints: operations, Earlier: all})
	if err != nil {
		tests.Why = fmt.Errorf("--results: %w", err)
		return tests
	}
	tests.Coverage = new(matrix.Coverage())
	return tests
}
