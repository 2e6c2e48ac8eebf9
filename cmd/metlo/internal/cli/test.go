package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
	"github.com/metlo-go/metlo/cmd/metlo/internal/output"
)

func (a *app) testCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "test", Aliases: []string{"tests"}, Short: "Generate and run API tests"}
	cmd.AddCommand(a.testGenerate(), a.testRun(), a.testList(), a.testMatrix(), a.testCoverage())
	return cmd
}

type generateFlags struct {
	endpoints, hosts, templates []string
	all                         bool
	folder                      string
}

func (a *app) testGenerate() *cobra.Command {
	f := &generateFlags{folder: "metlo-tests"}
	cmd := &cobra.Command{
		Use: "generate", Short: "Generate tests for endpoints", Args: cobra.NoArgs,
		Long: "Generate tests out of what Metlo knows about an endpoint, the endpoints of a host, or all. File names depend only on endpoint\n" +
			"and template, so that generating again replaces the files. Endpoints for which a template knows too little are left\n" +
			"out and counted by reason.",
		Example: "  metlo test generate --host shop.example.com --template BOLA,BROKEN_AUTHENTICATION\n" +
			"  metlo test generate --endpoint 3fa85f64-5717-4562-b3fc-2c963f66afa6 --out tests",
	}
	texts(cmd, &f.endpoints, "endpoint", "for the endpoint with this UUID")
	a.hostsFlag(cmd, &f.hosts, "endpoints")
	cmd.Flags().BoolVar(&f.all, "all", false, "for every endpoint")
	words(apitest.Templates()...).list(cmd, &f.templates, "template", "only from this template")
	cmd.Flags().StringVar(&f.folder, "out", f.folder, "`folder` to write to")
	cmd.MarkFlagsMutuallyExclusive("endpoint", "host", "all")
	cmd.RunE = a.withClient(func(ctx context.Context, client *metlo.Client, _ []string) error {
		if len(f.endpoints) == 0 && len(f.hosts) == 0 && !f.all {
			return errors.New("no endpoint is selected: use --endpoint UUID, --host HOST or --all")
		}
		if err := knownHosts(ctx, client, f.hosts); err != nil {
			return err
		}
		return a.generate(ctx, client, f)
	})
	return cmd
}

func (a *app) generate(ctx context.Context, client *metlo.Client, f *generateFlags) error {
	var err error
	if f.endpoints, err = endpointIDs(ctx, client, f.endpoints...); err != nil {
		return err
	}
	stored, err := client.Testing.Config(ctx)
	if err != nil {
		return err
	}
	config, err := apitest.ParseTestingConfig(stored.ConfigString.Reveal())
	if err != nil {
		return fmt.Errorf("the instance's testing configuration: %w", err)
	}
	if err := os.MkdirAll(f.folder, 0o755); err != nil { //nolint:gosec // tests are not secret; credentials come from variables
		return err
	}
	templates := f.templates
	if len(templates) == 0 {
		templates = apitest.Templates()
	}
	written, leftOut, missing := 0, map[string]int{}, map[string]bool{}
	for id, err := range f.ids(ctx, client) {
		if err != nil {
			return &partialError{output.Count(written, "test") + " written", err}
		}
		endpoint, err := client.Testing.Endpoint(ctx, &metlo.TestEndpointQuery{Endpoint: id})
		if err != nil {
			return &partialError{output.Count(written, "test") + " written", err}
		}
		for _, template := range templates {
			test, err := apitest.Generate(template, endpoint, config)
			if errors.Is(err, apitest.ErrNoAuthConfig) {
				leftOut[template+" needs the authentication of the host in the configuration"]++
				continue
			}
			if err != nil { // ErrNotApplicable names the endpoint too
				leftOut[message(err)]++
				continue
			}
			if err := writeTest(filepath.Join(f.folder, apitest.FileName(template, endpoint)), test); err != nil {
				return &partialError{output.Count(written, "test") + " written", err}
			}
			written++
			for _, name := range test.Placeholders() {
				missing[name] = true
			}
		}
	}
	a.note("%s in %s", output.Count(written, "test"), f.folder)
	for _, reason := range slices.Sorted(maps.Keys(leftOut)) {
		a.note("  %d left out: %s", leftOut[reason], reason)
	}
	if len(missing) > 0 {
		a.note("  to be given when they run, with --set or --env-file: %s", strings.Join(sortedKeys(missing), ", "))
	}
	if written == 0 {
		return errors.New("no test was generated")
	}
	return nil
}

// ids returns an iterator over the ids of the endpoints that the flags name.
func (f *generateFlags) ids(ctx context.Context, client *metlo.Client) iter.Seq2[string, error] {
	if len(f.endpoints) > 0 {
		return each(f.endpoints)
	}
	return func(yield func(string, error) bool) {
		for e, err := range client.Endpoints.All(ctx, &metlo.EndpointFilter{Hosts: f.hosts}) {
			if !yield(e.UUID, err) || err != nil {
				return
			}
		}
	}
}

func writeTest(name string, test *apitest.Config) error {
	data, err := test.Marshal()
	if err != nil {
		return err
	}
	return writeFile(name, func(w io.Writer) error { _, err := w.Write(data); return err })
}

func sortedKeys(set map[string]bool) []string {
	names := make([]string, 0, len(set))
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// testFile represents a test with its file, or the fault of the file.
type testFile struct {
	name   string
	config *apitest.Config
	faults error
}

// loadTests reads test files and folders of test files. It returns an error if there is no test.
func loadTests(names []string) ([]testFile, error) {
	files, err := testNames(names)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no test in %s: test files end in .yaml or .yml", strings.Join(names, ", "))
	}
	tests := make([]testFile, len(files))
	for i, name := range files {
		config, err := apitest.Load(name)
		tests[i] = testFile{name, config, err}
	}
	return tests, nil
}

// testNames returns the names of test files, including those in folders.
func testNames(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		err := filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			extension := filepath.Ext(path)
			if entry.IsDir() || path != name && extension != ".yaml" && extension != ".yml" {
				return nil
			}
			files = append(files, path)
			return nil
		})
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// testState represents a line of test list.
type testState struct {
	File     string   `json:"file"`
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Severity string   `json:"severity"`
	Requests int      `json:"requests"`
	Needs    []string `json:"needs"`
}

func (a *app) testList() *cobra.Command {
	cmd := &cobra.Command{Use: "list [FILE|FOLDER…]", Aliases: []string{"ls"}, Short: "List tests, and what they need to run"}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		p, err := a.printer()
		if err != nil {
			return err
		}
		if len(args) == 0 {
			args = []string{"metlo-tests"}
		}
		tests, err := loadTests(args)
		if err != nil {
			return err
		}
		var faults []error
		for _, t := range tests {
			faults = append(faults, t.faults)
		}
		if err := errors.Join(faults...); err != nil {
			return err
		}
		states := make([]testState, len(tests))
		for i, t := range tests {
			states[i] = testState{File: t.name, ID: t.config.ID, Requests: len(t.config.Test), Needs: append([]string{}, t.config.Placeholders()...)}
			if t.config.Meta != nil {
				states[i].Name, states[i].Severity = t.config.Meta.Name, strings.ToLower(string(t.config.Meta.Severity))
			}
		}
		return output.List(p, each(states), []output.Column[testState]{
			{Name: "file", Value: func(s *testState) string { return s.File }},
			{Name: "name", Value: func(s *testState) string { return s.Name }},
			{Name: "severity", Value: func(s *testState) string { return s.Severity }},
			{Name: "requests", Value: func(s *testState) string { return fmt.Sprint(s.Requests) }},
			{Name: "needs", Value: func(s *testState) string { return list(s.Needs) }},
		})
	}
	return a.reading(cmd)
}
