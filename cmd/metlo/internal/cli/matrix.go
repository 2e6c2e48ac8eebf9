package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

// matrixFlags holds the endpoints, results and policy of a matrix.
type matrixFlags struct {
	run             runFlags
	earlier, hosts  []string
	openapi, policy string
	fromConfig      bool
	require, format string
}

var matrixFormats = words("table", "json", "markdown", "junit")

func (a *app) testMatrix() *cobra.Command {
	f := &matrixFlags{format: "table"}
	cmd := &cobra.Command{
		Use: "matrix [FILE|FOLDER…]", Short: "Show who was proven to reach which endpoint",
		Long: "Show for every endpoint and identity what tests proved: allowed, denied, leaks another's object, untested, or could not tell.\n" +
			"The endpoints are those of the instance, or of an OpenAPI document. The results are those of earlier runs, of a run of the\n" +
			"given tests now, or of both. A policy defines who may do what.\n\n" +
			"Exit codes: 0 the policy holds, 1 a cell contradicts it, 2 unknown result, 130 interrupted.",
		Example: "  metlo test matrix --from results.json --policy policy.yaml --require all\n" +
			"  metlo test matrix tests/ --allow-host http://localhost:8080 --openapi openapi.yaml --format markdown",
	}
	f.flags(a, cmd)
	cmd.Flags().StringVar(&f.policy, "policy", "", "`file` with the policy: who may do what")
	cmd.Flags().BoolVar(&f.fromConfig, "policy-from-config", false, "take the policy from the permissions of the instance's testing configuration, for --host")
	cmd.MarkFlagsMutuallyExclusive("policy", "policy-from-config")
	words("all").one(cmd, &f.require, "require", "fail for every cell that is untested or has no rule")
	matrixFormats.one(cmd, &f.format, "format", "form of the matrix")
	cmd.RunE = f.command(a, func(m *apitest.Matrix) error {
		if err := f.write(a.out, m); err != nil {
			return err
		}
		if f.format != "table" {
			a.note("%s", m.Summary())
		}
		switch m.Outcome {
		case apitest.Passed:
			return nil
		case apitest.Failed:
			return errFindings
		}
		return errors.New("result unknown: " + m.Summary())
	})
	return cmd
}

func (a *app) testCoverage() *cobra.Command {
	f := &matrixFlags{format: "table"}
	cmd := &cobra.Command{
		Use: "coverage [FILE|FOLDER…]", Short: "Count the tested operations among the known ones",
		Long: "Count the operations for which tests proved something, and list the others. See metlo test matrix.\n\n" +
			"Exit codes: 0 all were tested or --require is not given, 1 some were not, 2 unknown result, 130 interrupted.",
		Example: "  metlo test coverage --from results.json --openapi openapi.yaml --require all",
	}
	f.flags(a, cmd)
	words("all").one(cmd, &f.require, "require", "fail if an operation was not tested")
	words("table", "json").one(cmd, &f.format, "format", "form of the output")
	cmd.RunE = f.command(a, func(m *apitest.Matrix) error {
		c := m.Coverage()
		if f.format == "json" {
			if err := json.NewEncoder(a.out).Encode(c); err != nil {
				return err
			}
		} else {
			fmt.Fprintf(a.out, "%d of %s tested\n", c.Tested, output.Count(c.Known, "operation"))
			for _, e := range c.Untested {
				fmt.Fprintf(a.out, "untested: %s\n", e)
			}
		}
		switch {
		case f.require != "" && c.Tested < c.Known:
			return errFindings
		case len(m.NotRun) > 0:
			return errors.New("result unknown: not run: " + strings.Join(m.NotRun, ", "))
		case c.Tested == 0:
			return errors.New("result unknown: no operation was tested")
		}
		return nil
	})
	return cmd
}

func (f *matrixFlags) flags(a *app, cmd *cobra.Command) {
	f.run.parallel, f.run.rate = 1, 10
	f.run.flags(cmd)
	texts(cmd, &f.earlier, "from", "file of results that metlo test run --results wrote")
	a.hostsFlag(cmd, &f.hosts, "endpoints")
	cmd.Flags().StringVar(&f.openapi, "openapi", "", "`file` with an OpenAPI document, instead of the instance's endpoints")
}

// command returns the function of a command that builds the matrix and passes it to show.
func (f *matrixFlags) command(a *app, show func(*apitest.Matrix) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx, cancel := a.withTimeout(cmd.Context())
		defer cancel()
		switch {
		case len(args) == 0 && len(f.earlier) == 0:
			return &usageError{errors.New("there are no results: name test files to run, or --from FILE"), cmd.CommandPath()}
		case len(args) > 0 && len(f.run.allow) == 0:
			return &usageError{errors.New("no host may be called: name one with --allow-host HOST"), cmd.CommandPath()}
		}
		if err := f.checkResults(args); err != nil {
			return err
		}
		in, err := f.input(ctx, a, args)
		if errors.Is(context.Cause(ctx), errInterrupted) {
			return errInterrupted
		}
		if err != nil {
			return err
		}
		m, err := apitest.NewMatrix(in)
		if err != nil {
			return err
		}
		return show(m)
	}
}

// checkResults returns an error if --results would overwrite a file that the command reads.
func (f *matrixFlags) checkResults(tests []string) error {
	if f.run.results == "" {
		return nil
	}
	return notInput("--results", f.run.results, append(append(f.run.inputs(tests), f.openapi, f.policy), f.earlier...)...)
}

func (f *matrixFlags) input(ctx context.Context, a *app, args []string) (*apitest.MatrixInput, error) {
	in := &apitest.MatrixInput{RequireAll: f.require != "", Now: time.Now()}
	for _, name := range f.earlier {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("--from: %w", err)
		}
		results, err := apitest.ParseResults(text)
		if err != nil {
			return nil, fmt.Errorf("--from %s: %w", name, err)
		}
		in.Earlier = append(in.Earlier, results...)
	}
	var err error
	if in.Endpoints, err = f.endpoints(ctx, a); err != nil {
		return nil, err
	}
	if in.Policy, err = f.readPolicy(ctx, a); err != nil {
		return nil, err
	}
	if len(args) > 0 {
		_, in.Results, err = a.askTests(ctx, &f.run, args)
	}
	return in, err
}

// endpoints returns the endpoints of the document, or those of the instance.
func (f *matrixFlags) endpoints(ctx context.Context, a *app) ([]apitest.Endpoint, error) {
	if f.openapi != "" {
		text, err := os.ReadFile(f.openapi)
		if err != nil {
			return nil, fmt.Errorf("--openapi: %w", err)
		}
		return apitest.OpenAPIEndpoints(text)
	}
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	if err := knownHosts(ctx, client, f.hosts); err != nil {
		return nil, err
	}
	var out []apitest.Endpoint
	for e, err := range client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: f.hosts}) {
		if err != nil {
			return nil, err
		}
		out = append(out, apitest.Endpoint{Method: string(e.Method), Host: e.Host, Path: e.Path})
	}
	return out, nil
}

func (f *matrixFlags) readPolicy(ctx context.Context, a *app) (*apitest.Policy, error) {
	if f.policy != "" {
		return apitest.LoadPolicy(f.policy)
	}
	if !f.fromConfig {
		return nil, nil //nolint:nilnil // there is no document
	}
	if len(f.hosts) == 0 {
		return nil, errors.New("--policy-from-config needs hosts: name them with --host HOST")
	}
	client, err := a.connect()
	if err != nil {
		return nil, err
	}
	stored, err := client.Testing.Config(ctx)
	if err != nil {
		return nil, err
	}
	config, err := apitest.ParseTestingConfig(stored.ConfigString.Reveal())
	if err != nil {
		return nil, fmt.Errorf("the instance's testing configuration: %w", err)
	}
	var endpoints []metlo.TestEndpoint
	for _, host := range f.hosts {
		list, err := client.Testing.Endpoints(ctx, host)
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, list...)
	}
	return apitest.PolicyOf(config, endpoints)
}

func (f *matrixFlags) write(w io.Writer, m *apitest.Matrix) error {
	var text string
	var err error
	switch f.format {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(m)
	case "junit":
		var report []byte
		report, err = m.JUnit()
		text = string(report)
	case "markdown":
		text = m.Markdown()
	default:
		text = m.String()
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(w, strings.NewReader(text))
	return err
}
