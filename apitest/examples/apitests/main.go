// Apitests generates tests for the endpoints of a host, writes them as files and runs them.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/apitest"
)

const usage = `apitests generates tests for the endpoints of a host, writes them as files and runs them.

  apitests                       a demo Metlo and a demo shop with flaws
  apitests -fixed                the same shop without its flaws
  apitests -host api.example.com -base-url https://staging.example.com -out tests
  apitests … -templates BOLA -set USER_A_orderId=17 -set USER_B_orderId=18

It talks to METLO_HOST with METLO_API_KEY, unless it runs the demo. Requests go to the host of -base-url only.
Exit codes: 0 all tests passed, 1 findings, 2 could not tell.

`

const (
	clean    = 0
	findings = 1
	unknown  = 2
)

type settings struct {
	host, baseURL, out string
	templates          []string
	values             map[string]string
	fixed              bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "apitests: could not tell:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	s, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return clean, err
	}
	if err != nil {
		return unknown, err
	}
	client, closeAll, err := connect(ctx, s, stderr)
	if err != nil {
		return unknown, err
	}
	defer closeAll()
	tests, err := generate(ctx, client, s)
	if err != nil {
		return unknown, err
	}
	if err := write(s, tests, stderr); err != nil {
		return unknown, err
	}
	if err := runAll(ctx, client, s, tests); err != nil {
		return unknown, err
	}
	return summarize(stdout, tests)
}

func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{
		templates: []string{"BROKEN_AUTHENTICATION", "VALIDATE_AUTH_RULES", "HSTS"},
		values:    map[string]string{},
	}
	flags := flag.NewFlagSet("apitests", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	flags.StringVar(&s.host, "host", "", "the `host` whose endpoints are tested, as Metlo knows it")
	flags.StringVar(&s.baseURL, "base-url", "", "the `URL` that the tests are sent to, such as https://staging.example.com")
	flags.StringVar(&s.out, "out", "", "the `directory` for the test files (default a new temporary one)")
	flags.BoolVar(&s.fixed, "fixed", false, "run the demo shop without its flaws")
	flags.Func("templates", "the `names` of templates, comma between (default "+strings.Join(s.templates, ",")+")", func(text string) error {
		s.templates = strings.Split(text, ",")
		return nil
	})
	flags.Func("set", "fill in a placeholder: `NAME=VALUE`; may be repeated", func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("write NAME=VALUE")
		}
		s.values[name] = value
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is not a flag", flags.Arg(0))
	case (s.host == "") != (s.baseURL == ""):
		return nil, errors.New("-host and -base-url belong together: pass both or neither")
	case s.fixed && s.host != "":
		return nil, errors.New("-fixed is for the demo only: leave out -host and -base-url")
	}
	return s, nil
}

// connect returns a client and a function that closes it.
func connect(ctx context.Context, s *settings, stderr io.Writer) (*metlo.Client, func(), error) {
	if s.host == "" {
		fmt.Fprintln(stderr, "No -host: this is a demo Metlo and a demo shop.")
		return startDemo(ctx, s)
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

// test is a generated test and its result.
type test struct {
	endpoint *metlo.TestEndpoint
	template string
	config   *apitest.Config
	result   *apitest.Result
}

// generate returns a test for each endpoint and template that fit.
func generate(ctx context.Context, client *metlo.Client, s *settings) ([]*test, error) {
	endpoints, err := client.Testing.Endpoints(ctx, s.host)
	if err != nil {
		return nil, err
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("Metlo knows no endpoint of %s: spell the host as Metlo does", s.host)
	}
	rules, err := templateConfig(ctx, client)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(endpoints, func(a, b metlo.TestEndpoint) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	var tests []*test
	for i := range endpoints {
		for _, template := range s.templates {
			config, err := apitest.Generate(template, &endpoints[i], rules)
			if errors.Is(err, apitest.ErrNoAuthConfig) {
				continue
			}
			if err != nil {
				return nil, err
			}
			config.Fill(s.values)
			tests = append(tests, &test{endpoint: &endpoints[i], template: template, config: config})
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no template fits: configure the authentication of %s in Metlo", s.host)
	}
	return tests, nil
}

// templateConfig returns the testing configuration, which may be empty.
func templateConfig(ctx context.Context, client *metlo.Client) (*apitest.TestingConfig, error) {
	text, err := client.Testing.Config(ctx)
	if err != nil {
		return nil, err
	}
	return apitest.ParseTestingConfig(text.ConfigString.Reveal())
}

func write(s *settings, tests []*test, stderr io.Writer) error {
	dir := s.out
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "apitests"); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	for _, t := range tests {
		text, err := t.config.Marshal()
		if err != nil {
			return err
		}
		name := apitest.FileName(t.template, t.endpoint)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	fmt.Fprintf(stderr, "%d tests written to %s\n", len(tests), dir)
	return nil
}

// runAll runs the tests, four at a time.
func runAll(ctx context.Context, client *metlo.Client, s *settings, tests []*test) error {
	globals, err := client.Testing.GlobalEnv(ctx)
	if err != nil {
		return err
	}
	configs := make([]*apitest.Config, len(tests))
	for i, t := range tests {
		configs[i] = t.config
	}
	results, err := apitest.RunAll(ctx, configs,
		apitest.AllowHosts(s.baseURL),
		apitest.WithEnv(map[string]string{"BASE_URL": strings.TrimSuffix(s.baseURL, "/")}),
		apitest.WithGlobals(globals),
		apitest.WithParallel(4))
	for i, result := range results {
		tests[i].result = result
	}
	return err
}

// summarize prints one line per test, then why tests failed.
func summarize(w io.Writer, tests []*test) (int, error) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESULT\tTEMPLATE\tENDPOINT\tREQUESTS\tNOT PASSED")
	var results []*apitest.Result
	for _, t := range tests {
		results = append(results, t.result)
		requests := 0
		for _, runs := range t.result.Results {
			requests += len(runs)
		}
		fmt.Fprintf(table, "%s\t%s\t%s %s\t%d\t%d\n", t.result.Outcome, t.template, t.endpoint.Method, t.endpoint.Path, requests, len(t.result.Failed()))
	}
	if err := table.Flush(); err != nil {
		return unknown, err
	}
	for _, result := range results {
		if !result.Success {
			fmt.Fprintf(w, "\n%s", result)
		}
	}
	return map[apitest.Outcome]int{apitest.Passed: clean, apitest.Failed: findings, apitest.Inconclusive: unknown}[apitest.Summarize(results...)], nil
}
