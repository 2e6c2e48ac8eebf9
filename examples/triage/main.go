// Triage shows the open alerts, and resolves those that pass a filter. It changes nothing without -yes. The command
// metlo alert does more.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/examples/internal/example"
	"github.com/metlo-go/metlo/internal/safetext"
)

const usage = `triage shows the open alerts, and resolves those that pass the filters.

  triage                                         the table
  triage -severity high -host shop.example.com   the table of some alerts
  triage -host pay.example.com -resolve "masked in 1.4.2" -yes

It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 done, 2 failed, done in part or wrong flags, 130 interrupted.

`

type settings struct {
	filter  metlo.AlertListOptions
	resolve string
	yes     bool
}

func main() {
	s := &settings{filter: metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}}
	flags := flag.NewFlagSet("triage", flag.ContinueOnError)
	example.List(flags, &s.filter.RiskScores, "severity", "only alerts of this `severity`: high, medium, low or none; may be repeated", metlo.ParseRiskScore)
	example.List(flags, &s.filter.AlertTypes, "type", "only alerts of this `type`, such as PII_DATA_DETECTED; may be repeated", metlo.ParseAlertType)
	example.List(flags, &s.filter.Hosts, "host", "only alerts of this `host`; may be repeated", example.Text)
	flags.StringVar(&s.filter.APIEndpointUUID, "endpoint", "", "only alerts of the endpoint with this `UUID`")
	flags.StringVar(&s.resolve, "resolve", "", "resolve the alerts, with this `message`")
	flags.BoolVar(&s.yes, "yes", false, "change the alerts instead of only listing them")
	example.Main(flags, usage, func(ctx context.Context, out io.Writer) error {
		filtered := s.filter.APIEndpointUUID != "" || s.filter.RiskScores != nil || s.filter.AlertTypes != nil || s.filter.Hosts != nil
		switch {
		case s.yes && s.resolve == "":
			return &example.UsageError{Err: errors.New("-yes needs -resolve")}
		case s.resolve != "" && !filtered:
			return &example.UsageError{Err: errors.New("-resolve needs a filter: -severity, -type, -host or -endpoint")}
		}
		return run(ctx, s, out)
	})
}

func run(ctx context.Context, s *settings, out io.Writer) error {
	client, done, err := example.Connect()
	if err != nil {
		return err
	}
	defer done()
	if err := example.KnownHosts(ctx, client, s.filter.Hosts); err != nil {
		return err
	}
	if id := s.filter.APIEndpointUUID; id != "" {
		if _, err := client.Endpoints.Get(ctx, id); err != nil {
			return err
		}
	}
	alerts, err := metlo.Collect(client.Alerts.All(ctx, &s.filter))
	if err != nil {
		return err
	}
	if !s.yes {
		return show(alerts, s, out)
	}
	// One by one, so that exactly what the filter found is changed, and not what was raised a moment later.
	changed := 0
	for _, a := range alerts {
		switch _, err := client.Alerts.Resolve(ctx, a.UUID, s.resolve); {
		case errors.Is(err, metlo.ErrConflict), errors.Is(err, metlo.ErrNotFound):
			fmt.Fprintln(out, safetext.Linef("left alone, since somebody was faster: %s  %s", a.UUID, example.Name(&a)))
		case err != nil:
			return fmt.Errorf("%d of %d alerts resolved: %w", changed, len(alerts), err)
		default:
			changed++
			fmt.Fprintln(out, safetext.Linef("resolved  %s  %s", a.UUID, example.Name(&a)))
		}
	}
	_, err = fmt.Fprintf(out, "%d of %d alerts resolved\n", changed, len(alerts))
	return err
}

func show(alerts []metlo.Alert, s *settings, out io.Writer) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "SEVERITY\tTYPE\tENDPOINT\tUUID")
	for _, a := range alerts {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", safetext.Line(a.RiskScore.String()), safetext.Line(a.Type.String()), safetext.Line(example.Name(&a)), a.UUID)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	hint := ""
	if s.resolve != "" {
		hint = ", nothing changed: add -yes to resolve them"
	}
	_, err := fmt.Fprintf(out, "%d open alerts%s\n", len(alerts), hint)
	return err
}
