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
	flags.StringVar(&s.baseURL, "base-url", "", "where the tests are sent: a `URL` such as https://staging.example.com")
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
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	case (s.host == "") != (s.baseURL == ""):
		return nil, errors.New("-host and -base-url belong together: what is tested, and where it runs")
	case s.fixed && s.host != "":
		return nil, errors.New("-fixed is about the demo: leave out -host and -base-url")
	}
	return s, nil
}

// connect returns a client and what to call when done with it.
func connect(ctx context.Context, s *settings, stderr io.Writer) (*metlo.Client, func(), error) {
	if s.host == "" {
		fmt.Fprintln(stderr, "No -host: this is a demo Metlo and a demo shop.")
		return startDemo(ctx, s)
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

// test is a generated test with what became of it.
type test struct {
	endpoint *metlo.TestEndpoint
	template string
	config   *apitest.Config
	missing  []string // placeholders that nobody filled in
	result   *apitest.Result
}

// generate makes a test for each endpoint and template that fit.
func generate(ctx context.Context, client *metlo.Client, s *settings) ([]*test, error) {
	endpoints, err := client.Testing.GenTestEndpoints(ctx, s.host)
	if err != nil {
		return nil, err
	}
	if len(endpoints) == 0 {
		return nil, fmt.Errorf("Metlo knows no endpoint of %s: is it spelled as in Metlo?", s.host)
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
			for i, kv := range config.Env {
				if value, ok := s.values[kv.Name]; ok {
					config.Env[i].Value = value
				}
			}
			tests = append(tests, &test{endpoint: &endpoints[i], template: template, config: config, missing: config.Placeholders()})
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no template fits: configure the authentication of %s in Metlo", s.host)
	}
	return tests, nil
}

// templateConfig reads the testing config, which may be unset.
func templateConfig(ctx context.Context, client *metlo.Client) (*apitest.TemplateConfig, error) {
	text, err := client.Testing.Config(ctx)
	if err != nil || text.ConfigString.Reveal() == "" {
		return nil, err
	}
	rules, err := apitest.ParseTestingConfig(text.ConfigString.Reveal())
	if err != nil {
		return nil, err
	}
	return rules.TemplateConfig(), nil
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
	for i, t := range tests {
		text, err := t.config.Marshal()
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%02d-%s.yaml", i+1, strings.ToLower(t.template))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	fmt.Fprintf(stderr, "%d tests written to %s\n", len(tests), dir)
	return nil
}

// runAll runs the tests whose placeholders are filled in.
func runAll(ctx context.Context, client *metlo.Client, s *settings, tests []*test) error {
	globals, err := client.Testing.GlobalEnv(ctx)
	if err != nil {
		return err
	}
	global := map[string]string{}
	for _, g := range globals {
		global[g.Name] = g.Value.Reveal()
	}
	options := []apitest.Option{
		apitest.AllowHosts(s.baseURL),
		apitest.WithEnv(map[string]string{"BASE_URL": strings.TrimSuffix(s.baseURL, "/")}),
		apitest.WithGlobalEnv(global),
		apitest.WithoutCookieJar(), // each step is a user of its own
	}
	for _, t := range tests {
		if len(t.missing) > 0 {
			continue
		}
		if t.result, err = apitest.Run(ctx, t.config, options...); err != nil {
			return err
		}
	}
	return nil
}

// summarize prints one line per test, then why tests failed.
func summarize(w io.Writer, tests []*test) (int, error) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "RESULT\tTEMPLATE\tENDPOINT\tREQUESTS\tFAILED")
	code := clean
	for _, t := range tests {
		endpoint := t.endpoint.Method.String() + " " + t.endpoint.Path
		if t.result == nil {
			fmt.Fprintf(table, "SKIP\t%s\t%s\t-\tset %s\n", t.template, endpoint, strings.Join(t.missing, ", "))
			code = max(code, unknown)
			continue
		}
		requests := 0
		for _, runs := range t.result.Results {
			requests += len(runs)
		}
		verdict := "pass"
		if !t.result.Success {
			verdict = "FAIL"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\n", verdict, t.template, endpoint, requests, len(t.result.Failed()))
	}
	if err := table.Flush(); err != nil {
		return unknown, err
	}
	for _, t := range tests {
		if t.result != nil && !t.result.Success {
			code = findings
			fmt.Fprintf(w, "\n%s", t.result)
		}
	}
	return code, nil
}
