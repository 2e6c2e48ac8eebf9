// Cigate fails a build while open alerts at or above a severity exist. The command metlo gate does more: baselines,
// ignore files, and reports for GitLab, JUnit and SARIF.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/examples/internal/example"
	"github.com/metlo-go/metlo/internal/safetext"
)

const usage = `cigate fails a build while open alerts at or above a severity exist.

  cigate                                 any open alert of severity high
  cigate -severity medium -since 24h     raised in the last day
  cigate -format github                  as annotations of a GitHub Actions run

It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 clean, 1 findings, 2 could not tell, 130 interrupted.

`

type settings struct {
	severity metlo.RiskScore
	hosts    []string
	since    time.Duration
	format   string
}

func main() {
	s := &settings{severity: metlo.RiskHigh}
	flags := flag.NewFlagSet("cigate", flag.ContinueOnError)
	flags.Func("severity", "lowest `severity` that counts: high, medium, low or none (default high)", func(text string) (err error) {
		s.severity, err = metlo.ParseRiskScore(text)
		return err
	})
	example.List(flags, &s.hosts, "host", "only alerts of this `host`; may be repeated", example.Text)
	flags.DurationVar(&s.since, "since", 0, "only alerts raised within this `time`, such as 24h")
	flags.StringVar(&s.format, "format", "plain", "`form` of the findings: plain or github")
	example.Main(flags, usage, func(ctx context.Context, out io.Writer) error {
		if s.format != "plain" && s.format != "github" {
			return &example.UsageError{Err: fmt.Errorf("-format %q: use plain or github", s.format)}
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
	found, left, err := find(ctx, client, s)
	if err != nil {
		return fmt.Errorf("could not tell: %w", err)
	}
	for _, a := range found {
		text := fmt.Sprintf("%s: %s: %s", a.Type, example.Name(&a), a.Description)
		if s.format == "github" {
			// Only a percent sign means anything within the message: safetext has taken the line breaks.
			fmt.Fprintf(out, "::error title=Metlo (%s)::%s\n", safetext.Line(a.RiskScore.String()), strings.ReplaceAll(safetext.Line(text), "%", "%25"))
		} else {
			fmt.Fprintf(out, "%s\t%s\t%s\n", safetext.Line(a.RiskScore.String()), safetext.Line(text), a.UUID)
		}
	}
	fmt.Fprintf(os.Stderr, "%d open alerts of severity %s or above; left out: %d of lower severity, %d raised before", len(found), s.severity, left.low, left.old)
	if s.hosts != nil {
		fmt.Fprint(os.Stderr, "; only hosts ", safetext.Line(strings.Join(s.hosts, ", ")))
	}
	fmt.Fprintln(os.Stderr)
	if len(found) > 0 {
		return example.ErrFindings
	}
	return nil
}

type leftOut struct{ low, old int }

// find judges the severity itself, so that one which the SDK does not know is not filtered away.
func find(ctx context.Context, client *metlo.Client, s *settings) (found []metlo.Alert, left leftOut, err error) {
	if err := example.KnownHosts(ctx, client, s.hosts); err != nil {
		return nil, left, err
	}
	filter := &metlo.AlertListOptions{Statuses: []metlo.AlertStatus{metlo.StatusOpen}, Hosts: s.hosts}
	for alert, err := range client.Alerts.All(ctx, filter) {
		switch {
		case err != nil:
			return nil, left, err
		case alert.RiskScore.Known() && !alert.RiskScore.AtLeast(s.severity):
			left.low++
		case s.since > 0 && time.Since(alert.CreatedAt) > s.since:
			left.old++
		default:
			found = append(found, alert)
		}
	}
	if len(found) > 0 {
		return found, left, nil
	}
	// An instance that has seen no traffic raises no alert either.
	if watched, err := client.Summary.HasEndpoints(ctx); err != nil || !watched {
		return nil, left, errors.Join(err, errors.New("the instance knows no endpoint"))
	}
	return nil, left, nil
}
