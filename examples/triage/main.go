// Triage shows the open alerts by endpoint and severity, and resolves or ignores those that pass a filter. It changes
// nothing without -yes.
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
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `triage shows the open alerts by endpoint and severity, and resolves or ignores those that pass the filters.

  triage                                       the table
  triage -severity high -host shop.example.com   the table of some alerts
  triage -type NEW_ENDPOINT -ignore              what would be ignored
  triage -type NEW_ENDPOINT -ignore -yes         ignore them
  triage -host pay.example.com -resolve "masked in 1.4.2" -yes

It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 done, 1 failed or done in part, 2 wrong flags.

`

// severities are in the order of the table.
var severities = []metlo.RiskScore{metlo.RiskHigh, metlo.RiskMedium, metlo.RiskLow, metlo.RiskNone}

type settings struct {
	filter  metlo.AlertListOptions
	resolve string
	ignore  bool
	yes     bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "triage:", err)
		return 2
	}
	client, closeClient, err := connect(stderr)
	if err == nil {
		defer closeClient()
		err = triage(ctx, client, s, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "triage:", err)
		return 1
	}
	return 0
}

func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{filter: metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}}
	flags := flag.NewFlagSet("triage", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage); flags.PrintDefaults() }
	flags.Func("severity", "only alerts of this `severity`: high, medium, low or none; may be repeated", func(text string) error {
		severity, err := metlo.ParseRiskScore(text)
		s.filter.RiskScores = append(s.filter.RiskScores, severity)
		return err
	})
	flags.Func("type", "only alerts of this `type`, such as \"PII Data Detected\" or PII_DATA_DETECTED; may be repeated", func(text string) error {
		alertType, err := metlo.ParseAlertType(text)
		s.filter.AlertTypes = append(s.filter.AlertTypes, alertType)
		return err
	})
	flags.Func("host", "only alerts of this `host`; may be repeated", func(host string) error {
		s.filter.Hosts = append(s.filter.Hosts, host)
		return nil
	})
	flags.StringVar(&s.filter.APIEndpointUUID, "endpoint", "", "only alerts of the endpoint with this `UUID`")
	flags.StringVar(&s.resolve, "resolve", "", "resolve the alerts, with this `message`")
	flags.BoolVar(&s.ignore, "ignore", false, "ignore the alerts")
	flags.BoolVar(&s.yes, "yes", false, "change the alerts instead of only listing them")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	filtered := s.filter.APIEndpointUUID != "" || s.filter.RiskScores != nil || s.filter.AlertTypes != nil || s.filter.Hosts != nil
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is no flag: quote values that hold spaces", flags.Arg(0))
	case s.resolve != "" && s.ignore:
		return nil, errors.New("-resolve and -ignore exclude each other")
	case s.yes && s.resolve == "" && !s.ignore:
		return nil, errors.New("-yes needs -resolve or -ignore")
	case (s.resolve != "" || s.ignore) && !filtered:
		return nil, errors.New("-resolve and -ignore need a filter: -severity, -type, -host or -endpoint")
	}
	return s, nil
}

// connect returns a client and what to call when done with it.
func connect(stderr io.Writer) (*metlo.Client, func(), error) {
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		return server.Client(), server.Close, nil
	}
	client, err := metlo.NewClientFromEnv()
	return client, func() {}, err
}

func triage(ctx context.Context, client *metlo.Client, s *settings, out io.Writer) error {
	alerts, err := metlo.Collect(client.Alerts.All(ctx, &s.filter))
	if err != nil {
		return err
	}
	if s.resolve == "" && !s.ignore {
		return printTable(alerts, out)
	}
	return change(ctx, client, alerts, s, out)
}

// printTable writes one row for each endpoint and severity, the most severe first.
func printTable(alerts []metlo.Alert, out io.Writer) error {
	type group struct {
		severity metlo.RiskScore
		endpoint string
	}
	types := map[group][]string{}
	for _, a := range alerts {
		g := group{a.RiskScore, endpointName(&a)}
		types[g] = append(types[g], a.Type.String())
	}
	groups := make([]group, 0, len(types))
	for g := range types {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.severity), slices.Index(severities, b.severity)),
			cmp.Compare(len(types[b]), len(types[a])),
			cmp.Compare(a.endpoint, b.endpoint),
		)
	})
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "SEVERITY\tALERTS\tENDPOINT\tTYPES")
	for _, g := range groups {
		names := slices.Compact(slices.Sorted(slices.Values(types[g])))
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\n", g.severity, len(types[g]), g.endpoint, strings.Join(names, ", "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%d open alerts\n", len(alerts))
	return err
}

// change goes alert by alert, so that exactly what was listed is changed, and not what was raised a moment later.
func change(ctx context.Context, client *metlo.Client, alerts []metlo.Alert, s *settings, out io.Writer) error {
	verb, done := "resolve", 0
	if s.ignore {
		verb = "ignore"
	}
	for _, a := range alerts {
		name := fmt.Sprintf("%s  %s  %s  %s", a.UUID, a.RiskScore, a.Type, endpointName(&a))
		if !s.yes {
			fmt.Fprintln(out, "would", verb, name)
			continue
		}
		var changed *metlo.Alert
		var err error
		if s.ignore {
			changed, err = client.Alerts.Ignore(ctx, a.UUID)
		} else {
			changed, err = client.Alerts.Resolve(ctx, a.UUID, s.resolve)
		}
		switch {
		case errors.Is(err, metlo.ErrConflict) || errors.Is(err, metlo.ErrNotFound):
			fmt.Fprintln(out, "left alone, since somebody was faster:", name)
		case err != nil:
			return fmt.Errorf("%d of %d alerts changed: %w", done, len(alerts), err)
		default:
			done++
			fmt.Fprintf(out, "%s  %s\n", changed.Status, name)
		}
	}
	if s.yes {
		fmt.Fprintf(out, "%d of %d alerts changed\n", done, len(alerts))
	} else {
		fmt.Fprintf(out, "%d alerts, nothing changed: add -yes to %s them\n", len(alerts), verb)
	}
	return nil
}

func endpointName(a *metlo.Alert) string {
	return fmt.Sprintf("%s %s%s", a.APIEndpoint.Method, a.APIEndpoint.Host, a.APIEndpoint.Path)
}
