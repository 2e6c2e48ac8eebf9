// Cigate fails a build while open alerts at or above a severity exist.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `cigate fails a build while open alerts at or above a severity exist.

  cigate                                         any open alert of severity high
  cigate -severity medium -since 24h             raised in the last day
  cigate -save-baseline alerts.txt               accept what is open now,
  cigate -baseline alerts.txt                    and find only what is new
  cigate -format github -junit report.xml
  cigate -format gitlab > gl-code-quality-report.json

It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 clean, 1 findings, 2 could not tell.

`

const (
	clean    = 0
	findings = 1
	unknown  = 2
)

type settings struct {
	severity     metlo.RiskScore
	hosts        []string
	since        time.Time
	baseline     string
	saveBaseline string
	format       string
	junit        string
	timeout      time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "cigate: could not tell:", err)
	}
	os.Exit(code)
}

func run(ctx context.Context, args []string) (int, error) {
	s, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return clean, err
	}
	if err != nil {
		return unknown, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	client, closeClient, err := connect()
	if err != nil {
		return unknown, err
	}
	defer closeClient()
	found, err := find(ctx, client, s)
	if err != nil {
		return unknown, err
	}
	if s.saveBaseline != "" {
		if err := saveBaseline(s.saveBaseline, found); err != nil {
			return unknown, err
		}
		return clean, nil
	}
	if err := report(s, found); err != nil {
		return unknown, err
	}
	if len(found) > 0 {
		return findings, nil
	}
	return clean, nil
}

func parse(args []string) (*settings, error) {
	s := &settings{severity: metlo.RiskHigh}
	flags := flag.NewFlagSet("cigate", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(os.Stderr, usage); flags.PrintDefaults() }
	flags.Func("severity", "lowest `severity` that counts: high, medium, low or none (default high)", func(text string) (err error) {
		s.severity, err = metlo.ParseRiskScore(text)
		return err
	})
	flags.Func("host", "only alerts of this `host`; may be repeated", func(host string) error {
		s.hosts = append(s.hosts, host)
		return nil
	})
	flags.Func("since", "only alerts raised since this `time`: 2026-01-31T08:00:00Z, or an age such as 24h", func(text string) error {
		if age, err := time.ParseDuration(text); err == nil && age > 0 {
			s.since = time.Now().Add(-age)
			return nil
		}
		at, err := time.Parse(time.RFC3339, text)
		s.since = at
		return err
	})
	flags.StringVar(&s.baseline, "baseline", "", "leave out the alerts that this `file` names")
	flags.StringVar(&s.saveBaseline, "save-baseline", "", "write the alerts to this `file` and report none")
	flags.StringVar(&s.format, "format", "plain", "`form` of the findings: plain, github or gitlab")
	flags.StringVar(&s.junit, "junit", "", "also write the findings to this `file` as JUnit XML")
	flags.DurationVar(&s.timeout, "timeout", 2*time.Minute, "give up after this `time`")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is no flag", flags.Arg(0))
	case s.baseline != "" && s.saveBaseline != "":
		return nil, errors.New("-baseline and -save-baseline exclude each other: a new baseline holds what the old one held")
	case s.format != "plain" && s.format != "github" && s.format != "gitlab":
		return nil, fmt.Errorf("-format %q: use plain, github or gitlab", s.format)
	}
	return s, nil
}

// connect returns a client and what to call when done with it.
func connect() (*metlo.Client, func(), error) {
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		return server.Client(), server.Close, nil
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

// find returns the alerts that fail the build.
func find(ctx context.Context, client *metlo.Client, s *settings) ([]metlo.Alert, error) {
	known, err := readBaseline(s.baseline)
	if err != nil {
		return nil, err
	}
	// The severity is judged here, so that one which this program does not know is not filtered away.
	filter := &metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: s.hosts}
	var found []metlo.Alert
	for alert, err := range client.Alerts.All(ctx, filter) {
		if err != nil {
			return nil, err
		}
		severe := alert.RiskScore.AtLeast(s.severity) || !alert.RiskScore.Known()
		if severe && !alert.CreatedAt.Before(s.since) && !known[alert.UUID] {
			found = append(found, alert)
		}
	}
	return found, nil
}

// readBaseline takes the first word of each line as an alert's id.
func readBaseline(name string) (map[string]bool, error) {
	if name == "" {
		return nil, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the baseline: %w: write it with -save-baseline", err)
	}
	known := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if words := strings.Fields(line); len(words) > 0 {
			known[words[0]] = true
		}
	}
	return known, nil
}

func saveBaseline(name string, found []metlo.Alert) error {
	var text strings.Builder
	for _, a := range found {
		fmt.Fprintln(&text, a.UUID, a.RiskScore, oneLine(describe(&a)))
	}
	fmt.Fprintf(os.Stderr, "%d alerts accepted\n", len(found))
	return os.WriteFile(name, []byte(text.String()), 0o600)
}

func report(s *settings, found []metlo.Alert) error {
	write := map[string]func(io.Writer, []metlo.Alert) error{"plain": plain, "github": github, "gitlab": gitlab}[s.format]
	if err := write(os.Stdout, found); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d open alerts of severity %s or above\n", len(found), s.severity)
	if s.junit == "" {
		return nil
	}
	file, err := os.Create(s.junit)
	if err != nil {
		return err
	}
	return errors.Join(junit(file, found), file.Close())
}

func plain(w io.Writer, found []metlo.Alert) error {
	for _, a := range found {
		if _, err := fmt.Fprintf(w, "%s\t%s\t%s\n", a.RiskScore, oneLine(describe(&a)), a.UUID); err != nil {
			return err
		}
	}
	return nil
}

// github writes workflow commands, which GitHub shows as annotations of the run.
func github(w io.Writer, found []metlo.Alert) error {
	message := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, a := range found {
		level := "warning"
		if a.RiskScore == metlo.RiskHigh {
			level = "error"
		}
		title := fmt.Sprintf("Metlo: %s (%s)", a.Type, a.RiskScore)
		if _, err := fmt.Fprintf(w, "::%s title=%s::%s\n", level, property.Replace(title), message.Replace(describe(&a))); err != nil {
			return err
		}
	}
	return nil
}

// gitlab writes a code quality report, which GitLab shows in the merge request.
func gitlab(w io.Writer, found []metlo.Alert) error {
	type location struct {
		Path  string         `json:"path"`
		Lines map[string]int `json:"lines"`
	}
	type issue struct {
		Description string   `json:"description"`
		CheckName   string   `json:"check_name"`
		Fingerprint string   `json:"fingerprint"`
		Severity    string   `json:"severity"`
		Location    location `json:"location"`
	}
	level := map[metlo.RiskScore]string{
		metlo.RiskHigh: "critical", metlo.RiskMedium: "major", metlo.RiskLow: "minor", metlo.RiskNone: "info",
	}
	issues := make([]issue, 0, len(found))
	for _, a := range found {
		issues = append(issues, issue{
			Description: describe(&a), CheckName: a.Type.String(), Fingerprint: a.UUID,
			Severity: cmp.Or(level[a.RiskScore], "major"),
			Location: location{a.APIEndpoint.Host + a.APIEndpoint.Path, map[string]int{"begin": 1}},
		})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(issues)
}

// junit writes one failed test case for each finding, or one that passed if there is none.
func junit(w io.Writer, found []metlo.Alert) error {
	type failure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	type testCase struct {
		ClassName string   `xml:"classname,attr"`
		Name      string   `xml:"name,attr"`
		Failure   *failure `xml:"failure"`
	}
	type suite struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Cases    []testCase `xml:"testcase"`
	}
	s := suite{Name: "metlo", Tests: max(1, len(found)), Failures: len(found)}
	for _, a := range found {
		s.Cases = append(s.Cases, testCase{
			a.APIEndpoint.Host, fmt.Sprintf("%s %s: %s", a.APIEndpoint.Method, a.APIEndpoint.Path, a.Type),
			&failure{string(a.RiskScore) + ": " + a.Description, a.Type.String(), "alert " + a.UUID + ", raised " + a.CreatedAt.Format(time.RFC3339)},
		})
	}
	if len(found) == 0 {
		s.Cases = []testCase{{"metlo", "no open alerts", nil}}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	return encoder.Encode(s)
}

func describe(a *metlo.Alert) string {
	return fmt.Sprintf("%s: %s %s%s: %s", a.Type, a.APIEndpoint.Method, a.APIEndpoint.Host, a.APIEndpoint.Path, a.Description)
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
