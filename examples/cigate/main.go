// Cigate fails a build while open alerts at or above a severity exist. The command metlo gate does more: baselines,
// ignore files, and reports for GitLab, JUnit and SARIF.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/metlo-go/metlo"
	"github.com/metlo-go/metlo/metlotest"
)

const usage = `cigate fails a build while open alerts at or above a severity exist.

  cigate                                 any open alert of severity high
  cigate -severity medium -since 24h     raised in the last day
  cigate -github                         as annotations of a GitHub Actions run

It talks to METLO_HOST with METLO_API_KEY, or to a demo server when METLO_HOST is not set.
Exit codes: 0 clean, 1 findings, 2 could not tell, 130 interrupted.

`

// errFindings ends the program with exit code 1.
var errFindings = errors.New("findings")

type settings struct {
	severity metlo.RiskScore
	host     string
	since    time.Duration
	github   bool
}

func main() {
	s := &settings{severity: metlo.RiskHigh}
	flag.Func("severity", "lowest `severity` that counts: high, medium, low or none (default high)", func(text string) (err error) {
		s.severity, err = metlo.ParseRiskScore(text)
		return err
	})
	flag.StringVar(&s.host, "host", "", "only alerts of this `host`")
	flag.DurationVar(&s.since, "since", 0, "only alerts raised within this `time`, such as 24h")
	flag.BoolVar(&s.github, "github", false, "print findings as annotations of a GitHub Actions run")
	flag.Usage = func() { fmt.Fprint(os.Stderr, usage); flag.PrintDefaults() }
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	switch err := run(ctx, s); {
	case err == nil:
	case errors.Is(err, errFindings):
		os.Exit(1)
	case ctx.Err() != nil:
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "cigate: could not tell:", safe(err.Error()))
		os.Exit(2)
	}
}

func run(ctx context.Context, s *settings) error {
	client, err := metlo.NewClientFromEnv()
	if os.Getenv("METLO_HOST") == "" {
		fmt.Fprintln(os.Stderr, "METLO_HOST is not set: this is a demo server.")
		server := metlotest.NewServer(metlotest.Demo())
		defer server.Close()
		client, err = server.Client(), nil
	}
	if err != nil {
		return err
	}
	found, left, err := find(ctx, client, s)
	if err != nil {
		return err
	}
	for _, a := range found {
		text := safe(fmt.Sprintf("%s: %s %s%s: %s", a.Type, a.APIEndpoint.Method, a.APIEndpoint.Host, a.APIEndpoint.Path, a.Description))
		if s.github { // only percent signs are special within the message
			_, err = fmt.Printf("::error title=Metlo (%s)::%s\n", safe(string(a.RiskScore)), strings.ReplaceAll(text, "%", "%25"))
		} else {
			_, err = fmt.Printf("%s\t%s\t%s\n", safe(string(a.RiskScore)), text, a.UUID)
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d open alerts of severity %s or above; left out: %d of lower severity, %d raised before\n", len(found), s.severity, left.low, left.old)
	if len(found) > 0 {
		return errFindings
	}
	return nil
}

type leftOut struct{ low, old int }

// find compares the severity itself, because a filter would exclude severities that the SDK does not know.
func find(ctx context.Context, client *metlo.Client, s *settings) (found []metlo.Alert, left leftOut, err error) {
	filter := &metlo.AlertFilter{Statuses: []metlo.AlertStatus{metlo.StatusOpen}}
	if s.host != "" {
		filter.Hosts = []string{s.host}
		if known, err := client.Hosts.Names(ctx); err != nil || !slices.Contains(known, s.host) {
			return nil, left, errors.Join(err, fmt.Errorf("no such host: %s", s.host)) // every list in it is empty
		}
	}
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
	// An instance without traffic raises no alert either.
	if watched, err := client.Summary.HasEndpoints(ctx); err != nil || !watched {
		return nil, left, errors.Join(err, errors.New("the instance knows no endpoint"))
	}
	return nil, left, nil
}

// safe keeps text from acting on a terminal or a CI log: anybody can choose hosts and paths.
func safe(text string) string {
	quoted := strconv.Quote(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], "##", `#\#`)
}
